"""More words for workloads: calls whose returns are watched."""

from __future__ import annotations

import contextlib
import ctypes
import os
import socket
from pathlib import Path

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
