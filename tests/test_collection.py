"""lockgate.collection: no collection while compiling, nor where the process is to end."""

from __future__ import annotations

import gc
import subprocess
import sys
from pathlib import Path

import pytest

from lockgate import collection
from lockgate.collection import without_collection
from tests.places import PACKAGES


@pytest.mark.parametrize("is_ending", [False, True])
def test_collection_is_held_and_given_back(
    is_ending: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nested or not; a process that is to end does not look through all it has again."""
    monkeypatch.setattr(collection, "_last", [] if is_ending else None)
    assert gc.isenabled()
    try:
        with without_collection():
            with without_collection():
                assert not gc.isenabled()
            assert not gc.isenabled()
        assert gc.isenabled() is not is_ending
    finally:
        gc.enable()


def test_the_exit_code_survives_a_full_disk() -> None:
    """What could not be written is not tried again aloud at the end."""
    code = (
        "from lockgate.collection import end_process_after as end\n"
        "end(lambda: len([print('lost')]) + 2)"
    )
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(  # noqa: S603 - our own code
            [sys.executable, "-c", code],
            env=PACKAGES,
            stdout=full,
            stderr=subprocess.PIPE,
            check=False,
        )
    assert (done.returncode, done.stderr) == (3, b"")
