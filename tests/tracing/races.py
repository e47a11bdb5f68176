"""Words for workloads: memory is rewritten while a call reads it, and what came of the call.

Each raises OSError where a file or a listener says something else than it should.
"""

from __future__ import annotations

import ctypes
import errno
import mmap
import os
import signal
import socket
import struct
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

CALLS = 200
MOST_CALLS = 6000
"""So many calls; more until all has been seen, as far as the ring has room for their events.

No clock ends it: that of a machine that is short of time leaps.
"""
_CONTENT = "content"
_libc = ctypes.CDLL(None, use_errno=True)


@contextmanager
def rewritten(first: bytes, second: bytes) -> Iterator[tuple[int, mmap.mmap]]:
    """Yield memory (address, bytes) that another process makes the one and the other in turn."""
    (at,) = (i for i, (a, b) in enumerate(zip(first, second, strict=True)) if a != b)
    shared = mmap.mmap(-1, mmap.PAGESIZE)
    shared[: len(first)] = first
    writer = os.fork()
    if not writer:
        while True:
            shared[at] = second[at]
            shared[at] = first[at]
    try:
        yield ctypes.addressof(ctypes.c_char.from_buffer(shared)), shared
    finally:
        os.kill(writer, signal.SIGKILL)
        os.waitpid(writer, 0)


def race_path(free: str, denied: str, *, is_denied: bool) -> None:
    """Truncate a file by a path that is rewritten; who denies one of both keeps its content."""
    opened = {make(path).stat().st_ino: 0 for path in (free, denied)}
    one, other = opened
    names = {one: free, other: denied}
    refused = changed = 0
    with rewritten(free.encode() + b"\0", denied.encode() + b"\0") as (address, shared):
        for call in range(MOST_CALLS):
            if (
                call >= CALLS
                and changed
                and all((opened[one], refused or opened[other]))
            ):
                break
            descriptor = _libc.open(ctypes.c_void_p(address), os.O_WRONLY | os.O_TRUNC)
            now = shared[: len(free)]
            if descriptor < 0:
                expect(ctypes.get_errno() == errno.EPERM, "another error")
                refused += 1
                continue
            inode = os.fstat(descriptor).st_ino
            os.close(descriptor)
            opened[inode] += 1
            changed += now != names[inode].encode()
    expect(opened[one] > 0, "the path that is allowed was never opened")
    expect(changed > 0, "nobody rewrote a path during a call")
    expect((refused > 0) == is_denied, f"{refused} calls were refused")
    expect((opened[other] == 0) == is_denied, f"it was opened {opened[other]} times")
    kept = other_name(denied).read_text()
    expect((kept == _CONTENT) == is_denied, f"the file has {kept!r}")


def make(path: str) -> Path:
    """Make a file that may not be opened by its name: it is written by another one."""
    other = other_name(path)
    other.parent.mkdir(parents=True, exist_ok=True)
    other.write_text(_CONTENT)
    os.link(other, path)
    return other


def other_name(path: str) -> Path:
    """Return the other name of a file."""
    return Path(f"{path}-other")


def race_address(free: int, denied: int, *, is_denied: bool) -> None:
    """Connect to an address that is rewritten; who denies one of both leaves its listener alone."""
    first, second = (
        struct.pack("=H", socket.AF_INET) + struct.pack("!H4s8x", port, b"\x7f\0\0\1")
        for port in (free, denied)
    )
    refused = 0
    accepted = {free: 0, denied: 0}
    with (
        _listening(free) as one,
        _listening(denied) as other,
        rewritten(first, second) as (address, _),
    ):
        for call in range(MOST_CALLS):
            if call >= CALLS and accepted[free] and (refused or accepted[denied]):
                break
            with socket.socket() as caller:
                place = ctypes.c_void_p(address)
                if _libc.connect(caller.fileno(), place, len(first)):
                    expect(ctypes.get_errno() == errno.EPERM, "another error")
                    refused += 1
                for port, listener in ((free, one), (denied, other)):
                    accepted[port] += _accepts(listener)
    expect(accepted[free] > 0, "the address that is allowed was never reached")
    expect((refused > 0) == is_denied, f"{refused} calls were refused")
    expect((accepted[denied] == 0) == is_denied, f"{accepted[denied]} were accepted")


def truncate(path: str, *, is_killed: bool) -> None:
    """Truncate a file in a child; it is empty then, whether or not the child was killed."""
    made = make(path)
    child = os.fork()
    if not child:
        os.open(path, os.O_WRONLY | os.O_TRUNC)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    expect(os.WIFSIGNALED(status) == is_killed, f"it ended with {status:#x}")
    expect(made.read_text() == "", "the file has its content")


def reach(port: int, *, is_killed: bool) -> None:
    """Connect in a child; the listener is reached, whether or not the child was killed."""
    with _listening(port) as listener:
        child = os.fork()
        if not child:
            socket.create_connection(("127.0.0.1", port)).close()
            os._exit(0)
        _, status = os.waitpid(child, 0)
        expect(os.WIFSIGNALED(status) == is_killed, f"it ended with {status:#x}")
        expect(_accepts(listener), "nobody came")


@contextmanager
def _listening(port: int) -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", port)) as listener:
        listener.setblocking(False)
        yield listener


def _accepts(listener: socket.socket) -> bool:
    try:
        listener.accept()[0].close()
    except BlockingIOError:
        return False
    return True


def expect(holds: bool, what: str) -> None:
    """Raise OSError unless it holds."""
    if not holds:
        print(what, flush=True)
        raise OSError(errno.EPROTO, what)
