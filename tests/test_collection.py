"""lockgate.collection: no collection while compiling, nor where the process is to end."""

from __future__ import annotations

import gc

import pytest

from lockgate import collection
from lockgate.collection import without_collection


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
