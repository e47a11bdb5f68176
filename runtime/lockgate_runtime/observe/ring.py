"""Read the pinned ring buffer of events.

A ring has one reader: what it takes, no other sees.  A second reader at the same time would
tear the stream apart, so a lock on the folder of the pin keeps it out; the lock goes with
the process.  A ring outlives its pin for as long as somebody reads it, but nobody writes to it
after ``unload``: who follows goes over to the next one (:func:`wait_for_next`).
"""

from __future__ import annotations

import fcntl
import os
import sys
import time
from typing import TYPE_CHECKING

from lockgate_runtime.bpf import Map
from lockgate_runtime.errors import NodeError
from lockgate_runtime.libbpf import RingBuffer
from lockgate_runtime.observe.ring_memory import RingMemory, is_ordered

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import TracebackType

    from lockgate_runtime.pins import Pins

_PAUSE = 0.2
"""Seconds between two looks for the next ring."""


class Ring:
    """The ring at a pin; a context manager.  ``most`` records are taken at once."""

    def __init__(self, pin: Path, most: int = 4096) -> None:
        self._lock = _lock(pin.parent)
        self._pin, self._inode = pin, _inode(pin)
        self._is_left = False
        self.is_over = False
        """Whether another ring, or none, is at the pin, and nothing is left in this one."""
        try:
            self._map = Map.pinned(pin)
            self._buffer = _open_buffer(self._map, most)
        except BaseException:
            os.close(self._lock)
            raise

    def take(self, milliseconds: int) -> list[bytes]:
        """Wait for records, at most so long, and return what is there, oldest first."""
        records = self._buffer.take(milliseconds)
        if not records:
            # Programs that were hit before they were detached may still write: ask once more.
            self.is_over = self._is_left
            self._is_left = _inode(self._pin) != self._inode
        return records

    def close(self) -> None:
        """Leave the ring to the next reader; what is in it stays."""
        self._buffer.close()
        self._map.close()
        os.close(self._lock)

    def __enter__(self) -> Ring:
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self.close()


def wait_for_next(pins: Pins, is_stopped: Callable[[], bool] = lambda: False) -> None:
    """Wait until an apply has made the next ring; tell people on standard error.

    Returns without one when ``is_stopped``.
    """
    pin = pins.map("events")
    if not pin.exists():
        print(
            f"nothing is loaded below {pins.root} any more: waiting for the next apply",
            file=sys.stderr,
            flush=True,
        )
    while not is_stopped():
        # All maps are there once the apply that makes them has ended.
        if pin.exists() and not pins.is_busy:
            print("going on with what was applied anew", file=sys.stderr, flush=True)
            return
        time.sleep(_PAUSE)


def _inode(pin: Path) -> int | None:
    """Return what tells a pin from others at the same place; None where there is none."""
    try:
        return pin.stat().st_ino
    except OSError:
        return None


def _open_buffer(ring: Map, most: int) -> RingMemory | RingBuffer:
    if is_ordered():
        return RingMemory(ring.fd, ring.info.max_entries, most)
    return RingBuffer(ring.fd, most)


def _lock(folder: Path) -> int:
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError:
        raise NodeError(
            "E5034", "nothing is loaded here", "apply a bundle first: lockgate apply"
        ) from None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise NodeError(
            "E5039",
            "another process is reading the events",
            "end it first, or let it write --out FILE and read that: --from FILE --follow",
        ) from None
    return descriptor
