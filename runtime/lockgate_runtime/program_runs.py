"""Run a loaded program on a packet, without a network: BPF_PROG_TEST_RUN of bpf(2).

Once, with all that the kernel gives back, or again and again, with its answer alone.
EINVAL is the kernel's refusal to run (a short frame), never a verdict: ``BpfError``.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lockgate_runtime.kernel_constants import Command
from lockgate_runtime.libbpf import address, bpf, prepare_bpf

if TYPE_CHECKING:
    from lockgate_runtime.bpf import Program

    Buffer = bytes | bytearray

_FORM = "=IIIIQQIIIIQQIIII"
_WHAT = "run a program on a test packet"
_VALUE, _SIZE_IN, _SIZE_OUT, _DURATION = 1, 2, 3, 9
"""Which words of the attributes hold what changes, and what the kernel writes."""


@dataclass(frozen=True, slots=True)
class TestRun:
    """What one run gave back; ``duration`` is ns for one repetition."""

    __test__ = False  # not a test class of pytest

    value: int
    data: bytes
    context: bytes
    duration: int


def run_test(fd: int, data: bytes, context: bytes, repeat: int, room: int) -> TestRun:
    """Run the program of a descriptor; see :meth:`lockgate_runtime.bpf.Program.test_run`."""
    out = bytearray(len(data) + room)
    context_out = bytearray(context)
    attributes = _attributes(fd, data, out, context, context_out, repeat)
    bpf(Command.PROG_TEST_RUN, attributes, _WHAT)
    words = memoryview(attributes).cast("I")
    return TestRun(
        value=words[_VALUE],
        data=bytes(out[: words[_SIZE_OUT]]),
        context=bytes(context_out),
        duration=words[_DURATION],
    )


def run_alone(fd: int, context: bytes = b"") -> int:
    """Run a program of type SYSCALL, which gets no packet; return what it returned."""
    attributes = _attributes(fd, b"", b"", context, b"")
    bpf(Command.PROG_TEST_RUN, attributes, "run a program")
    return memoryview(attributes).cast("I")[_VALUE]


class RepeatedRun:
    """Runs of one program again and again, with a packet changed in place.

    What a packet becomes is not given back, only what the program returns.
    """

    def __init__(self, program: Program, context: bytes, room: int = 256) -> None:
        self.packet = bytearray(room)
        self._kept = program, context  # the kernel is told where they are
        self._attributes = _attributes(program.fd, self.packet, b"", context, b"")
        self._words = memoryview(self._attributes).cast("I")
        self._words[_SIZE_IN] = 0  # nothing is loaded yet
        self._call = prepare_bpf(Command.PROG_TEST_RUN, self._attributes)

    def load(self, packet: bytes) -> None:
        """Take another packet; it may then be changed in :attr:`packet`."""
        self.packet[: len(packet)] = packet
        self._words[_SIZE_IN] = len(packet)

    def run(self) -> int:
        """Run it once; return what the program returned."""
        words = self._words
        words[_SIZE_OUT] = 0  # the kernel writes it, and would take it for a limit
        if self._call() < 0:
            bpf(Command.PROG_TEST_RUN, self._attributes, _WHAT)
        return words[_VALUE]


def _attributes(  # union bpf_attr, its part ``test``
    fd: int,
    data: Buffer,
    data_out: Buffer,
    context: Buffer,
    context_out: Buffer,
    repeat: int = 0,
) -> bytearray:
    places = address(data), address(data_out)
    contexts = len(context), len(context_out), address(context), address(context_out)
    sizes = len(data), len(data_out)
    return bytearray(
        struct.pack(_FORM, fd, 0, *sizes, *places, repeat, 0, *contexts, 0, 0, 0, 0)
    )
