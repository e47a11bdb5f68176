"""Read the pinned ring buffer of events.

A ring has one reader: what it takes, no other sees.  A second reader at the same time would
tear the stream apart, so a lock on the folder of the pin keeps it out; the lock goes with
the process.
"""

from __future__ import annotations

import fcntl
import os
from typing import TYPE_CHECKING

from lockgate_runtime.bpf import Map
from lockgate_runtime.errors import NodeError
from lockgate_runtime.libbpf import RingBuffer
from lockgate_runtime.observe.ring_memory import RingMemory, is_ordered

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType


class Ring:
    """The ring at a pin; a context manager.  ``most`` records are taken at once."""

    def __init__(self, pin: Path, most: int = 4096) -> None:
        self._lock = _lock(pin.parent)
        try:
            self._map = Map.pinned(pin)
            self._buffer = _open_buffer(self._map, most)
        except BaseException:
            os.close(self._lock)
            raise

    def take(self, milliseconds: int) -> list[bytes]:
        """Wait for records, at most so long, and return what is there, oldest first."""
        return self._buffer.take(milliseconds)

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
