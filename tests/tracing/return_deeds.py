"""More words for workloads: calls whose returns are watched."""

from __future__ import annotations

import contextlib
import ctypes
import mmap
import os
import shutil
import socket
import subprocess
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

from tests.tracing.credential_deeds import leave

if TYPE_CHECKING:
    from collections.abc import Callable

_libc = ctypes.CDLL(None, use_errno=True)
_GETPGID, _GETSID = 121, 124


def accept(port: int) -> None:
    """Accept a connection that this process itself makes."""
    place = ("127.0.0.1", port)
    with socket.create_server(place) as listener, socket.create_connection(place):
        listener.accept()[0].close()


def getpgid(number: int) -> None:
    """Ask for the group of a process, which there need not be."""
    _libc.syscall(_GETPGID, ctypes.c_long(number))


def getsid(number: int) -> None:
    """Ask for the session of a process, which there need not be."""
    _libc.syscall(_GETSID, ctypes.c_long(number))


def open_only(path: str) -> None:
    """Open a file that may not be there."""
    with contextlib.suppress(OSError):
        os.close(os.open(path, os.O_RDONLY))


def give_up(path: str) -> None:
    """Have a file, open it, and fail if that is refused."""
    Path(path).touch()
    os.close(os.open(path, os.O_RDONLY))


def send_by_child(
    port: int, *, space: str = "", is_own: bool = False, is_untracked: bool = False
) -> None:
    """Let a child without capabilities send, by this process's socket or by its own."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ours:
        if is_untracked:
            ours.getsockname()
            ours.setsockopt(socket.SOL_SOCKET, socket.SO_PRIORITY, 0)
        child = os.fork()
        if not child:
            if space:
                leave(space)
            os.setresuid(65534, 65534, 65534)
            used = socket.socket(socket.AF_INET, socket.SOCK_DGRAM) if is_own else ours
            used.connect(("127.0.0.1", port))
            used.send(b"x")
            os._exit(0)
        _, status = os.waitpid(child, 0)
    if status:
        os._exit(os.WTERMSIG(status))


def send_by_program(program: str, port: int, *, is_own: bool = False) -> None:
    """Let another program send, by this process's socket or by its own."""
    if not Path(program).exists():
        shutil.copy("/bin/bash", program)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ours:
        ours.connect(("127.0.0.1", port))
        where = f"/dev/udp/127.0.0.1/{port}" if is_own else f"&{ours.fileno()}"
        command = (program, "-c", f"echo x >{where}")
        subprocess.run(command, check=True, pass_fds=[ours.fileno()])  # noqa: S603  # ours


def rest_at_once(tasks: int) -> None:
    """Let many threads sleep together, twice: more than a probe of returns has room for."""

    def sleep() -> None:
        for _ in range(2):
            time.sleep(0.2)

    threads = [threading.Thread(target=sleep) for _ in range(tasks)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def by_thread(act: Callable[[int], None], number: int) -> None:
    """Let another thread do it."""
    thread = threading.Thread(target=act, args=(number,))
    thread.start()
    thread.join()


def by_child(act: Callable[[str], None], path: str) -> None:
    """Let a child do it, whatever becomes of it."""
    child = os.fork()
    if not child:
        act(path)
        os._exit(0)
    os.waitpid(child, 0)


def fill(path: str) -> None:
    """Write a file."""
    Path(path).write_text("whole")


def empty(path: str) -> None:
    """Take a file's content away."""
    descriptor = os.open(path, os.O_WRONLY)
    os.ftruncate(descriptor, 0)


def check(path: str) -> None:
    """See that a file still has its content."""
    if Path(path).read_text() != "whole":
        os._exit(97)


def call_of_32_bits(number: int) -> None:
    """Make a system call as 32-bit programs do, with no arguments to speak of."""
    code = b"\x53\x31\xdb\x31\xc9\x31\xd2\x31\xf6\x31\xff"  # push rbx; all arguments 0
    code += b"\xb8" + number.to_bytes(4, "little") + b"\xcd\x80\x5b\xc3"  # int 0x80
    page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    page.write(code)
    ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(page)))()
