"""However one generation of tracing follows another, each call belongs to exactly one of them."""

from __future__ import annotations

import errno
import os
import subprocess
import threading
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import pytest

from lockgate_runtime.pins import Pins
from lockgate_runtime.slot import read_slot
from tests.kernel.e2e.everywhere import the_same_everywhere
from tests.kernel.e2e.stage import Stage
from tests.kernel.e2e.traced import (
    HITS,
    acting,
    hits_of,
    links,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.kernel.e2e.network import Network

pytestmark = pytest.mark.kernel

WITHIN = 2
"""Seconds until an unconfirmed generation is left."""


@pytest.fixture(scope="module")
def stage(built: Network, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Give the process whose children fail."""
    with Stage(built, tmp_path_factory.mktemp("stage")) as stage:
        yield stage


def in_force(network: Network) -> int:
    """Return the generation that acts, without calling anything that is counted."""
    status = network.told("status")
    return int(status["generation"])


@contextmanager
def counted(network: Network) -> Iterator[Callable[[], None]]:
    """Call getsid(2) all the time; at the end each call was counted, and once.

    Yields a function that notes what the generations have counted: before one is removed.
    """
    found: dict[int, int] = {}
    before = dict(found)
    calls, is_ended = 0, threading.Event()

    def note() -> None:
        for number in Pins(network.root).generation_numbers():
            hits = hits_of(network.root, number)
            if hits:
                found[number] = hits[HITS]

    def call() -> None:
        nonlocal calls
        while not is_ended.is_set():
            os.getsid(os.getpid())
            calls += 1

    note()
    before.update(found)
    caller = threading.Thread(target=call)
    caller.start()
    try:
        yield note
    finally:
        is_ended.set()
        caller.join()
    note()
    assert calls
    assert sum(found.values()) - sum(before.values()) == calls


@the_same_everywhere
@pytest.mark.usefixtures("short_turns")
def test_back_and_forth_under_load(network: Network, first: Path, second: Path) -> None:
    """A rollback while one waits, after it was confirmed, and one that the deadline makes."""
    network.apply(first)
    with counted(network) as note:
        network.apply(second, "--confirm-within", "60s")
        network.run("rollback")
        assert links(network) == [1]
        note()
        network.apply(second, "--confirm-within", "60s")
        network.run("confirm")
        assert links(network) == [3]
        network.run("rollback")
        assert links(network) == [1], "attached again"
        note()
        network.apply(second, "--confirm-within", f"{WITHIN}s")
        assert links(network) == [1, 4]
        time.sleep(WITHIN + 0.2)
        assert in_force(network) == 1
        note()
        network.run("gc")
        assert links(network) == [1]
    assert not read_slot(Pins(network.root)).is_handed_over


@the_same_everywhere
@pytest.mark.parametrize("error", ["E2BIG", "ENOSPC", "EACCES"])
def test_refused_by_the_kernel(
    network: Network, first: Path, second: Path, stage: Stage, error: str
) -> None:
    """Whatever the kernel answers, and when: an error, no traceback, and the old one acts."""
    network.apply(first)
    calls = stage.run("apply", str(first), "--node", "node-1").calls
    (number,) = acting(network.root)
    for part in (0.45, 0.6):
        refused = stage.run(
            *("apply", str(second), "--node", "node-1"),
            fail_at=int(calls * part),
            error=getattr(errno, error),
        )
        assert refused.returncode in (1, 2), refused.stderr
        assert "error[E5" in refused.stderr
        assert "Traceback" not in refused.stderr
        assert acting(network.root) == [number]
        assert links(network) == [number]


@the_same_everywhere
def test_a_full_disk(network: Network, first: Path, second: Path) -> None:
    """Nothing is changed where what it says about itself cannot be kept."""
    with small_disk(network.state):
        network.apply(first)
        fill(network.state / "filler")
        refused = network.run("apply", str(second), "--node", "node-1", check=False)
        assert refused.returncode == 2
        assert "error[E5037]" in refused.stderr, refused.stderr
        assert acting(network.root) == [1]
        assert links(network) == [1]
        (network.state / "filler").unlink()
        network.apply(second)
        assert acting(network.root) == [2]
        network.reset()


def fill(file: Path) -> None:
    """Write until no page is left."""
    with file.open("wb", buffering=0) as filler, suppress(OSError):
        while filler.write(bytes(4096)):
            pass


@contextmanager
def small_disk(folder: Path) -> Iterator[None]:
    """Mount a file system of a megabyte."""
    folder.mkdir(parents=True, exist_ok=True)
    options = ("-t", "tmpfs", "-o", "size=1m", "tmpfs")
    subprocess.run(["mount", *options, str(folder)], check=True)  # noqa: S603, S607  # root's
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)  # noqa: S603, S607  # root's


@the_same_everywhere
def test_all_at_once(network: Network, first: Path, second: Path, stage: Stage) -> None:
    """Applies and changes of modes wait for each other, and nothing of theirs is mixed."""
    network.apply(first)
    running = [
        stage.start(*words)
        for words in (
            ("apply", str(second), "--node", "node-1"),
            ("set-mode", "count", "enforce", "--unguarded"),
            ("apply", str(first), "--node", "node-1"),
        )
    ]
    for one in running:
        ended = one.wait()
        # The other bundle has no policy of that name.
        assert ended.returncode == 0 or "E5149" in ended.stderr, ended.stderr
    (number,) = acting(network.root)
    assert number == 3
    assert links(network) == [number]
