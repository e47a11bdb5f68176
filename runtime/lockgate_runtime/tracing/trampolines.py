"""Room for programs at a function: a trampoline of the kernel takes 38 of them, whosever they are.

Entry, return and denial count together (BPF_MAX_TRAMP_LINKS in include/linux/bpf.h).  The kernel
says so only when the 39th is attached (E2BIG); here all are counted before the first is.
"""

from __future__ import annotations

import errno
import struct
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from lockgate_runtime.bpf import Link, Program
from lockgate_runtime.errors import BpfError, NodeError
from lockgate_runtime.kernel_constants import Command
from lockgate_runtime.libbpf import bpf

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

MOST = 38
"""Programs that one function takes."""

_TRACING_LINK = 2
"""BPF_LINK_TYPE_TRACING: fentry, fexit, fmod_ret and lsm."""
_NAMED = 5


class Place(NamedTuple):
    """A function by the number of its BTF object and its own in it; (0, 0) is none."""

    types: int
    function: int


class Trampoline(NamedTuple):
    """A program that stands at a function already."""

    place: Place
    program: int


def check_room(programs: Sequence[tuple[str, Program]]) -> None:
    """E5151 where a function has no room for the programs that would be attached to it."""
    wanted: Counter[Place] = Counter()
    names: dict[Place, str] = {}
    for name, program in programs:
        place = place_of(program)
        if place.function:
            wanted[place] += 1
            names[place] = name
    if not wanted:
        return
    there = list(trampolines())
    for place, count in sorted(wanted.items()):
        standing = [each.program for each in there if each.place == place]
        if len(standing) + count > MOST:
            raise _full(names[place], count, standing)


def trampolines() -> Iterator[Trampoline]:
    """Yield all programs that stand at functions now."""
    number = 0
    while True:
        attributes = bytearray(struct.pack("=III", number, 0, 0))
        try:
            bpf(Command.LINK_GET_NEXT_ID, attributes, "look for links")
        except BpfError as error:
            if error.errno != errno.ENOENT:
                raise
            return
        (number,) = struct.unpack_from("=I", attributes, 4)
        try:
            descriptor = bpf(
                Command.LINK_GET_FD_BY_ID,
                bytearray(struct.pack("=III", number, 0, 0)),
                "open a link",
            )
        except BpfError as error:
            if error.errno != errno.ENOENT:  # it has just gone
                raise
            continue
        with Link(descriptor) as link:
            found = link.information(64)
        kind, program = struct.unpack_from("=I4xI", found)
        types, function = struct.unpack_from("=II", found, 20)  # behind attach_type
        if kind == _TRACING_LINK:
            yield Trampoline(Place(types, function), program)


def place_of(program: Program) -> Place:
    """Return the function that a program is for (struct bpf_prog_info, its last two members)."""
    return Place(*struct.unpack_from("=II", program.information(232), 220))


def _full(name: str, count: int, standing: Sequence[int]) -> NodeError:
    programs = ", ".join(str(number) for number in standing[:_NAMED])
    more = ", ..." if len(standing) > _NAMED else ""
    return NodeError(
        "E5151",
        f"{name}: a function takes {MOST} programs; {len(standing)} stand there (numbers "
        f"{programs}{more}), and {count} would come; nothing was changed",
        "see whose they are (bpftool prog show id NUMBER), and detach some",
    )
