"""Attach programs to kernel and user functions and tracepoints: links that can be pinned.

All are made by bpf(2) itself: libbpf 1.1 makes the same calls, but its links cannot be pinned
where the program has several places.  A link of the kind perf holds its perf event, so that
nothing of this process need live on.
"""

from __future__ import annotations

import fcntl
import os
import struct
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from lockgate_runtime.bpf import Link
from lockgate_runtime.errors import BpfError
from lockgate_runtime.kernel_constants import AttachType, Command
from lockgate_runtime.libbpf import address, bpf, perf_event_open

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lockgate_runtime.bpf import Program

_DEVICES = Path("/sys/bus/event_source/devices")
_TRACING = Path("/sys/kernel/tracing")
_TRACEPOINT = 2
"""PERF_TYPE_TRACEPOINT; probes have types of their own, by number in /sys."""
_ENABLE = 0x2400
"""PERF_EVENT_IOC_ENABLE."""
_IS_RETURN = 1 << 0
_COUNTER_SHIFT = 32
"""In ``config`` of a probe: format/retprobe, and format/ref_ctr_offset of the uprobe."""
_MULTI_RETURN = 1 << 0
"""BPF_F_KPROBE_MULTI_RETURN, and the same of uprobes."""


def attach_traced(program: Program, what: str) -> Link:
    """Attach a program whose function is known since it was loaded: fentry, lsm, tp_btf, ..."""
    return attach_raw(program, "", what)


def attach_raw(program: Program, tracepoint: str, what: str) -> Link:
    """Attach to a raw tracepoint by name."""
    name = tracepoint.encode() + b"\0" if tracepoint else b""
    attributes = bytearray(struct.pack("=QII", address(name), program.fd, 0))
    return Link(bpf(Command.RAW_TRACEPOINT_OPEN, attributes, f"attach to {what}"))


def attach_tracepoint(program: Program, name: str) -> Link:
    """Attach to a tracepoint, ``subsystem/event``; ENOENT where there is none."""
    path = _TRACING / "events" / name / "id"
    what = f"attach to the tracepoint {name}"
    try:
        number = int(path.read_text())
    except OSError as error:
        raise BpfError(error.errno or 0, what) from None
    return _attach_perf(program, _perf_attributes(_TRACEPOINT, number), what)


def attach_kprobe(program: Program, function: str, *, is_return: bool) -> Link:
    """Attach to the entry of a function, or to its return."""
    what = f"attach a kprobe to {function}"
    name = function.encode() + b"\0"
    kind = _device_type("kprobe", what)
    attributes = _perf_attributes(kind, _IS_RETURN * is_return, address(name))
    return _attach_perf(program, attributes, what)


def attach_kprobes(
    program: Program, functions: Sequence[str], *, is_return: bool
) -> Link:
    """Attach to many functions by one link; the program is for that (KPROBE_MULTI)."""
    names = [name.encode() + b"\0" for name in functions]
    places = struct.pack(f"={len(names)}Q", *map(address, names))
    attributes = bytearray(
        struct.pack(
            "=IIIIIIQQQ",
            *(program.fd, 0, AttachType.KPROBE_MULTI, 0),
            *(_MULTI_RETURN * is_return, len(names), address(places), 0, 0),
        )
    )
    what = f"attach kprobes to {len(names)} functions"
    return Link(bpf(Command.LINK_CREATE, attributes, what))


def attach_uprobe(
    program: Program,
    path: str,
    offset: int,
    *,
    is_return: bool = False,
    counter: int = 0,
    cookie: int = 0,
) -> Link:
    """Attach to a place in a file; ``counter`` is where a counter of users stands in it.

    ``cookie`` is what bpf_get_attach_cookie() gives to the program.
    """
    what = f"attach a uprobe to {path} at {offset:#x}"
    name = os.fsencode(path) + b"\0"
    kind = _device_type("uprobe", what)
    config = _IS_RETURN * is_return | counter << _COUNTER_SHIFT
    attributes = _perf_attributes(kind, config, address(name), offset)
    return _attach_perf(program, attributes, what, cookie)


def attach_uprobes(
    program: Program,
    path: str,
    offsets: Sequence[int],
    *,
    is_return: bool = False,
    counters: Sequence[int] = (),
) -> Link:
    """Attach to many places of a file by one link; the program is for that (UPROBE_MULTI)."""
    name = os.fsencode(path) + b"\0"
    count = len(offsets)
    places = struct.pack(f"={count}Q", *offsets)
    counted = struct.pack(f"={count}Q", *counters) if any(counters) else b""
    cookies = struct.pack(f"={count}Q", *range(count))
    attributes = bytearray(
        struct.pack(
            "=IIIIQQQQIIII",
            *(program.fd, 0, AttachType.UPROBE_MULTI, 0),
            *(address(name), address(places), address(counted), address(cookies)),
            *(count, _MULTI_RETURN * is_return, 0, 0),
        )
    )
    what = f"attach uprobes to {count} places of {path}"
    return Link(bpf(Command.LINK_CREATE, attributes, what))


def _perf_attributes(kind: int, config: int, first: int = 0, second: int = 0) -> bytes:
    """Pack struct perf_event_attr up to ``config2``; one hit is one sample."""
    size, period = 72, 1
    head = struct.pack("=IIQQQQQ", kind, size, config, period, 0, 0, 0)
    return head + struct.pack("=IIQQ", 0, 0, first, second)


def _attach_perf(
    program: Program, attributes: bytes, what: str, cookie: int = 0
) -> Link:
    event = perf_event_open(attributes, what)
    try:
        request = struct.pack(
            "=IIIIQ", program.fd, event, AttachType.PERF_EVENT, 0, cookie
        )
        link = Link(bpf(Command.LINK_CREATE, bytearray(request.ljust(64, b"\0")), what))
        fcntl.ioctl(event, _ENABLE, 0)
    finally:
        os.close(event)
    return link


@cache
def _device_type(name: str, what: str) -> int:
    path = _DEVICES / name / "type"
    try:
        return int(path.read_text())
    except OSError as error:
        raise BpfError(
            error.errno or 0, f"{what}: this kernel has no {name}s"
        ) from None
