"""Words of the rows about who acts: users, capabilities, namespaces, children and their numbers."""

from __future__ import annotations

import ctypes
import errno
import os
import struct
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_SYSCALL_CAPSET = 126
_CAPABILITY_VERSION = 0x20080522
"""include/uapi/linux/capability.h, version 3."""
_libc = ctypes.CDLL(None, use_errno=True)

_SPACES = {
    "uts": 0x04000000,
    "ipc": 0x08000000,
    "mnt": 0x00020000,
    "pid": 0x20000000,
    "net": 0x40000000,
    "user": 0x10000000,
    "cgroup": 0x02000000,
    "time": 0x00000080,
}


def be(pid: int) -> None:
    """Go on in a child with a chosen number, and end with it."""
    for _ in range(50):
        Path("/proc/sys/kernel/ns_last_pid").write_text(str(pid - 1))
        child = os.fork()
        if child == pid:
            _go_on_in(child)
        if not child:
            if os.getpid() == pid:
                return
            os._exit(0)
        os.waitpid(child, 0)  # somebody else took the number, and may give it back
    raise OSError(errno.EBUSY, "the number is taken")


def leave(space: str) -> None:
    """Go on in a namespace of its own; in one of numbers or times it is a child that does."""
    leave_for_children(space)
    if space in ("pid", "time"):
        begin()


def be_user(number: int) -> None:
    """Be somebody, without any capability."""
    os.setresuid(number, number, number)


def hold(effective: int, permitted: int, inheritable: int) -> None:
    """Have no other capabilities than these, each set as bits by number."""
    words = [
        bits >> shift & 0xFFFFFFFF
        for shift in (0, 32)
        for bits in (effective, permitted, inheritable)
    ]
    head = struct.pack("=Ii", _CAPABILITY_VERSION, 0)
    if _libc.syscall(_SYSCALL_CAPSET, head, struct.pack("=6I", *words)):
        raise OSError(ctypes.get_errno(), "capset")


def drop_capabilities() -> None:
    """Have no capability."""
    hold(0, 0, 0)


def leave_for_children(space: str) -> None:
    """Let children be in a namespace of their own."""
    if _libc.unshare(_SPACES[space]):
        raise OSError(ctypes.get_errno(), "unshare")


def _go_on_in(child: int) -> None:
    """Wait for a child, and end as it does."""
    _, status = os.waitpid(child, 0)
    os._exit(os.waitstatus_to_exitcode(status))


def begin() -> None:
    """Go on in a child."""
    child = os.fork()
    if child:
        _go_on_in(child)


def begin_apart(act: Callable[[], object]) -> None:
    """Act in a grandchild whose parent has ended before."""
    here, there = os.pipe()
    if not os.fork():
        parent = os.getpid()
        if not os.fork():
            while os.getppid() == parent:
                time.sleep(0.001)
            act()
            os.write(there, b"x")
        os._exit(0)
    os.close(there)
    os.wait()
    os.read(here, 1)


def enter_beside(act: Callable[[], object]) -> None:
    """Act in a namespace of numbers, as a child of nobody in there."""
    leave_for_children("pid")
    here, there = os.pipe()
    first = os.fork()
    if not first:
        os.read(here, 1)
        os._exit(0)
    second = os.fork()
    if not second:
        act()
        os._exit(0)
    os.waitpid(second, 0)
    os.write(there, b"x")
    os.waitpid(first, 0)
