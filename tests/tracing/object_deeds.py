"""What the children of the tests do with objects of the kernel."""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import mmap
import os
import socket
import struct
from pathlib import Path

MODULES = Path()
"""Where modules of the running kernel are: the guest says it."""

_libc = ctypes.CDLL(None, use_errno=True)
_INIT_MODULE, _DELETE_MODULE, _PERF_EVENT_OPEN, _BPF = 175, 176, 298, 321
_SET_FLAGS, _IS_UP = 0x8914, 1  # SIOCSIFFLAGS, IFF_UP
_MAP_CREATE, _PROGRAM_LOAD = 0, 5
_EXIT = struct.pack("<BBhi", 0xB7, 0, 0, 0) + struct.pack("<BBhi", 0x95, 0, 0, 0)


def _call(number: int, *arguments: object) -> int:
    return int(_libc.syscall(ctypes.c_long(number), *arguments))


def load(name: str) -> None:
    """Load a module that the host has put among the test's files."""
    data = (MODULES / f"{name}.ko").read_bytes()
    if _call(_INIT_MODULE, data, ctypes.c_ulong(len(data)), b""):
        raise OSError(ctypes.get_errno(), "init_module")


def unload(name: str) -> None:
    """Remove a module."""
    _call(_DELETE_MODULE, name.encode(), ctypes.c_uint(os.O_NONBLOCK))


def up(name: str) -> None:
    """Switch a network device on, if there is one."""
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one,
        contextlib.suppress(OSError),
    ):
        fcntl.ioctl(one, _SET_FLAGS, struct.pack("<16sh14x", name.encode(), _IS_UP))


def connect_unix(path: bytes) -> None:
    """Connect to a unix socket where nobody listens."""
    with socket.socket(socket.AF_UNIX) as one, contextlib.suppress(OSError):
        one.connect(path)


def bind_unix(path: bytes) -> None:
    """Bind a unix socket to a path whose directory is not there."""
    with socket.socket(socket.AF_UNIX) as one, contextlib.suppress(OSError):
        one.bind(path)


def bpf_map(name: bytes) -> None:
    """Make a map."""
    attributes = struct.pack("<5III16s", 2, 4, 8, 1, 0, 0, 0, name)
    _call(
        _BPF,
        ctypes.c_int(_MAP_CREATE),
        attributes.ljust(128, b"\0"),
        ctypes.c_uint(128),
    )


def bpf_program(name: bytes) -> None:
    """Load a program that does nothing."""
    text, licence = (
        ctypes.create_string_buffer(_EXIT),
        ctypes.create_string_buffer(b"GPL"),
    )
    attributes = struct.pack(
        "<IIQQIIQII16s",
        1,
        2,
        ctypes.addressof(text),
        ctypes.addressof(licence),
        0,
        0,
        0,
        0,
        0,
        name,
    )
    _call(
        _BPF,
        ctypes.c_int(_PROGRAM_LOAD),
        attributes.ljust(128, b"\0"),
        ctypes.c_uint(128),
    )


def perf_probe(symbol: bytes) -> None:
    """Open an event of perf that is a probe at a function."""
    kind = int(Path("/sys/bus/event_source/devices/kprobe/type").read_text())
    name = ctypes.create_string_buffer(symbol)
    # type, size, config, period, sample_type, read_format, flags, wakeup, bp_type, kprobe_func
    attributes = struct.pack(
        "<IIQQQQQIIQQ", kind, 128, 0, 0, 0, 0, 0, 0, 0, ctypes.addressof(name), 0
    )
    _call(
        _PERF_EVENT_OPEN,
        attributes.ljust(128, b"\0"),
        ctypes.c_int(-1),
        ctypes.c_int(0),
        ctypes.c_int(-1),
        ctypes.c_ulong(0),
    )


def call_32(number: int, *arguments: int) -> None:
    """Make a system call as a 32-bit program does, with int 0x80 (x86-64)."""
    code = b"\x53\xb8" + struct.pack("<I", number)
    first, second, *_ = (*arguments, 0, 0)
    code += b"\xbb" + struct.pack("<i", first) + b"\xb9" + struct.pack("<i", second)
    code += b"\xcd\x80\x5b\xc3"
    page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    page.write(code)
    address = ctypes.addressof(ctypes.c_char.from_buffer(page))
    ctypes.CFUNCTYPE(ctypes.c_long)(address)()


def change_policy(policy: int) -> None:
    """Ask how this process is scheduled, and say so first: SCHED_RESET_ON_FORK is 0x40000000."""
    os.sched_setscheduler(0, policy, os.sched_param(0))
    os.sched_getscheduler(0)
