"""The ring's memory as the kernel lays it out, in a file: what is whole is read, once, in order."""

from __future__ import annotations

import mmap
import os
import struct
from typing import TYPE_CHECKING

import pytest

from lockgate_runtime.observe.ring_memory import RingMemory

if TYPE_CHECKING:
    from collections.abc import Iterator

SIZE = mmap.PAGESIZE
BUSY, DISCARDED = 1 << 31, 1 << 30


class Writers:
    """What the kernel does with the memory of a ring; its data are there once, not twice."""

    def __init__(self, descriptor: int) -> None:
        os.truncate(descriptor, 2 * mmap.PAGESIZE + 2 * SIZE)
        self.memory = mmap.mmap(descriptor, 0)
        self.end = 0

    def write(self, data: bytes, flags: int = 0) -> int:
        """Write a record; return where its head is."""
        at, written = self.end, struct.pack("=II", len(data) | flags, 0) + data
        self.end += (len(written) + 7) & ~7
        for copy in (0, SIZE):
            for place, byte in enumerate(written, at % SIZE):
                if place + copy < 2 * SIZE:
                    self.memory[2 * mmap.PAGESIZE + place + copy] = byte
        struct.pack_into("=Q", self.memory, mmap.PAGESIZE, self.end)
        return at

    def commit(self, at: int, length: int) -> None:
        """End a record that was busy."""
        for copy in (0, SIZE):
            place = 2 * mmap.PAGESIZE + at % SIZE + copy
            struct.pack_into("=I", self.memory, place, length)

    @property
    def taken(self) -> int:
        """How far the reader says that it is."""
        return int(struct.unpack_from("=Q", self.memory)[0])


@pytest.fixture
def writers() -> Iterator[tuple[Writers, int]]:
    """Make a ring in memory."""
    descriptor = os.memfd_create("ring")
    try:
        yield Writers(descriptor), descriptor
    finally:
        os.close(descriptor)


def test_records_are_taken_in_order_and_only_once(
    writers: tuple[Writers, int],
) -> None:
    """What was discarded is left out; the room is given back."""
    ring, descriptor = writers
    reader = RingMemory(descriptor, SIZE, most=2)
    ring.write(b"first")
    ring.write(b"discarded", DISCARDED)
    ring.write(b"third")
    assert reader.take(0) == [b"first"], "two records at most, one was discarded"
    assert reader.take(0) == [b"third"]
    assert reader.take(0) == []
    assert ring.taken == ring.end
    reader.close()


def test_who_is_busy_stops_the_reader(writers: tuple[Writers, int]) -> None:
    """What was written after it waits, and is not torn out of its turn."""
    ring, descriptor = writers
    reader = RingMemory(descriptor, SIZE)
    ring.write(b"done")
    busy = ring.write(b"busy....", BUSY)
    ring.write(b"later")
    assert reader.take(0) == [b"done"]
    assert ring.taken == busy
    assert reader.take(0) == []
    ring.commit(busy, 8)
    assert reader.take(0) == [b"busy....", b"later"]
    reader.close()


def test_records_go_over_the_end(writers: tuple[Writers, int]) -> None:
    """Rounds and rounds, with lengths that meet the end at every place."""
    ring, descriptor = writers
    reader = RingMemory(descriptor, SIZE)
    for number in range(400):
        sent = [bytes([number % 251]) * (number * 7 % 90 + k) for k in range(3)]
        for data in sent:
            ring.write(data)
        assert reader.take(0) == sent
    assert ring.taken == ring.end > 8 * SIZE
    reader.close()
