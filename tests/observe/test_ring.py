"""The reader of the ring, on the running kernel."""

from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lockgate_runtime.bpf import Map, MapType, Program, ProgramType
from lockgate_runtime.errors import NodeError
from lockgate_runtime.libbpf import RingBuffer
from lockgate_runtime.observe.ring import Ring
from lockgate_runtime.observe.ring_memory import RingMemory

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.kernel

RING_BYTES = 4096 * 4


@pytest.fixture
def pin() -> Iterator[Path]:
    """Pin a ring of our own."""
    folder = Path(f"/sys/fs/bpf/lgring{os.getpid()}")
    folder.mkdir()
    path = folder / "events"
    try:
        with Map.create(MapType.RINGBUF, "lgring", 0, 0, RING_BYTES) as ring:
            ring.pin(path)
        yield path
    finally:
        path.unlink(missing_ok=True)
        folder.rmdir()


@pytest.fixture
def writer(pin: Path) -> Iterator[Program]:
    """Load a program that writes the first 32 bytes of its packet into the ring."""

    def instruction(code: int, registers: int, offset: int, value: int) -> bytes:
        return struct.pack("<BBhi", code, registers, offset, value)

    with Map.pinned(pin) as ring:
        program = b"".join(
            (
                instruction(0xB7, 0x02, 0, 0),  # r2 = 0
                instruction(0xBF, 0xA3, 0, 0),  # r3 = r10
                instruction(0x07, 0x03, 0, -32),  # r3 -= 32
                instruction(0xB7, 0x04, 0, 32),  # r4 = 32
                instruction(0x85, 0, 0, 26),  # skb_load_bytes(r1, r2, r3, r4)
                instruction(0x55, 0x00, 7, 0),  # if r0 != 0 goto exit
                instruction(0x18, 0x11, 0, ring.fd),  # r1 = ring
                instruction(0, 0, 0, 0),
                instruction(0xBF, 0xA2, 0, 0),  # r2 = r10
                instruction(0x07, 0x02, 0, -32),  # r2 -= 32
                instruction(0xB7, 0x03, 0, 32),  # r3 = 32
                instruction(0xB7, 0x04, 0, 0),  # r4 = 0
                instruction(0x85, 0, 0, 130),  # ringbuf_output(r1, r2, r3, r4)
                instruction(0x95, 0, 0, 0),  # exit
            )
        )
        with Program.load(ProgramType.SCHED_CLS, "lgring", program) as loaded:
            yield loaded


def packet(number: int) -> bytes:
    """Make a frame that begins with a number."""
    return struct.pack("<Q", number).ljust(64, b"\0")


def test_records_come_in_order(pin: Path, writer: Program) -> None:
    """What the kernel wrote is read once, oldest first."""
    with Ring(pin) as ring:
        assert ring.take(0) == []
        for number in range(5):
            assert writer.test_run(packet(number)).value == 0
        taken = [struct.unpack_from("<Q", record)[0] for record in ring.take(0)]
        assert taken == [0, 1, 2, 3, 4]
        assert ring.take(0) == []


def test_what_nobody_reads_is_dropped_and_old_records_stay(
    pin: Path, writer: Program
) -> None:
    """A full ring refuses new records; after reading there is room again."""
    written = 0
    while writer.test_run(packet(written)).value == 0:
        written += 1
        assert written < RING_BYTES
    with Ring(pin) as ring:
        records = ring.take(0)
        assert len(records) == written
        assert struct.unpack_from("<Q", records[-1])[0] == written - 1
        assert writer.test_run(packet(0)).value == 0
        assert len(ring.take(0)) == 1


def test_there_is_one_reader(pin: Path) -> None:
    """A second reader is told so, and may read when the first has ended."""
    with Ring(pin), pytest.raises(NodeError, match="another process"):
        Ring(pin)
    with Ring(pin):
        pass


def test_nothing_loaded_is_an_error_that_says_so(tmp_path: Path) -> None:
    """No pin, no events."""
    with pytest.raises(NodeError, match="nothing is loaded"):
        Ring(tmp_path / "maps/events")


def test_a_ring_that_is_gone(pin: Path, writer: Program) -> None:
    """What is left in it is taken, whatever is at its place by now; then it is over."""
    with Ring(pin) as ring:
        assert ring.take(0) == []
        pin.unlink()
        writer.test_run(packet(1))
        assert len(ring.take(0)) == 1
        with Map.create(MapType.RINGBUF, "lgring", 0, 0, RING_BYTES) as another:
            another.pin(pin)
        assert ring.take(0) == []
        writer.test_run(packet(2))
        assert (len(ring.take(0)), ring.is_over) == (1, False)
        assert (ring.take(0), ring.is_over) == ([], True)
    with Ring(pin) as ring:
        assert ring.take(0) + ring.take(0) == []
        assert not ring.is_over


def test_both_readers_read_the_same(pin: Path, writer: Program) -> None:
    """Through shared memory and through libbpf, one after the other, in one ring."""
    with Map.pinned(pin) as ring:
        mapped = RingMemory(ring.fd, RING_BYTES)
        called = RingBuffer(ring.fd)
        for number in range(1500):  # more than once round
            writer.test_run(packet(number))
            reader = (mapped, called)[number // 100 % 2]
            taken = [struct.unpack_from("<Q", one)[0] for one in reader.take(0)]
            assert taken == [number]
        mapped.close()
        called.close()
