"""Read a ring buffer through the memory that the kernel shares: no call for each record.

``kernel/bpf/ringbuf.c``: a page with the position of the reader, which is ours to write, one with
that of the writers, then the data, mapped twice so that no record is torn at its end.  A record
is eight bytes, the first four of them its length and two flags, and what was written, rounded up
to eight bytes.  Writers reserve in order and finish in any; who is busy stops the reader.
"""

from __future__ import annotations

import mmap
import platform
import select

_BUSY, _DISCARDED = 1 << 31, 1 << 30
_HEAD = 8
_PAGE = mmap.PAGESIZE


def is_ordered() -> bool:
    """Whether this processor lets others see writes, and itself does reads, in program order.

    Python has no fences; where they are needed, libbpf reads.
    """
    return platform.machine() in ("x86_64", "s390x")


class RingMemory:
    """The reader's side of a ring of ``size`` bytes; ``fd`` is its map.

    ``most`` is how many records one :meth:`take` returns.
    """

    def __init__(self, fd: int, size: int, most: int = 4096) -> None:
        self._most, self._size = most, size
        shared, both = mmap.MAP_SHARED, mmap.PROT_READ | mmap.PROT_WRITE
        self._own = mmap.mmap(fd, _PAGE, shared, both)
        self._memory = mmap.mmap(
            fd, _PAGE + 2 * size, shared, mmap.PROT_READ, offset=_PAGE
        )
        # One word of 64 or 32 bits each, read and written at once.
        self._taken = memoryview(self._own)[:8].cast("Q")
        self._written = memoryview(self._memory)[:8].cast("Q")
        self._heads = memoryview(self._memory).cast("I")
        self._poll = select.poll()
        self._poll.register(fd, select.POLLIN)

    def take(self, milliseconds: int) -> list[bytes]:
        """Wait for records, at most so long, and return them, oldest first.

        Writers need not wake who waits: what is there is taken in any case.
        """
        records = self._take()
        if not records and milliseconds:
            self._poll.poll(milliseconds)
            records = self._take()
        return records

    def close(self) -> None:
        """Let go of the memory; the map and what is in it stay."""
        for view in (self._taken, self._written, self._heads):
            view.release()
        self._own.close()
        self._memory.close()

    def _take(self) -> list[bytes]:
        records = []
        memory, heads, last = self._memory, self._heads, self._size - 1
        at, end = self._taken[0], self._written[0]
        for _ in range(self._most):
            if at >= end:
                break
            start = _PAGE + (at & last)
            length = heads[start >> 2]
            if length & _BUSY:
                break
            if length & _DISCARDED:
                length &= ~_DISCARDED
            else:
                begin = start + _HEAD
                records.append(memory[begin : begin + length])
            at += (_HEAD + length + 7) & ~7
        # Only now may writers have the room.
        self._taken[0] = at
        return records
