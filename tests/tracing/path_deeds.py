"""What the children of the tests do with files whose paths are out of the ordinary."""

from __future__ import annotations

import ctypes
import os
import socket
from pathlib import Path

ROOM = Path("/lg/mnt/names")
"""Files on a file system of its own, where one read is one event."""

_MNT_DETACH = 2
_MS_BIND = 4096
_libc = ctypes.CDLL(None, use_errno=True)


def read_at(*places: str) -> None:
    """Read files below ROOM, which are made first."""
    for place in places:
        path = ROOM / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        descriptor = os.open(path, os.O_RDONLY)
        os.read(descriptor, 1)
        os.close(descriptor)


def read_beyond(top: str, count: int, length: int = 200) -> None:
    """Read a file below so many directories that no string has room for its path."""
    (ROOM / top).mkdir(parents=True, exist_ok=True)
    os.chdir(ROOM / top)
    for _ in range(count):
        Path("d" * length).mkdir(exist_ok=True)
        os.chdir("d" * length)
    Path("x").touch()
    descriptor = os.open("x", os.O_RDONLY)
    os.read(descriptor, 1)
    os.close(descriptor)


def read_nameless() -> None:
    """Read a pipe, a socket, and files in memory: four reads of what has no path."""
    reader, writer = os.pipe()
    os.write(writer, b"x")
    os.read(reader, 1)
    one, other = socket.socketpair()
    os.write(one.fileno(), b"x")
    os.read(other.fileno(), 1)
    memory = os.memfd_create("names")
    os.read(memory, 1)
    counter = os.eventfd(1)
    os.read(counter, 8)


def list_folder(path: str) -> None:
    """Read a directory."""
    with os.scandir(path) as entries:
        list(entries)


def mount_at(place: str) -> None:
    """Mount a file system of its own below ROOM, for this child's mount namespace alone."""
    _leave_mounts()
    (ROOM / place).mkdir(parents=True, exist_ok=True)
    _call("mount", b"none", os.fsencode(ROOM / place), b"tmpfs", 0, None)


def bind(source: str, place: str) -> None:
    """Bind a file or directory below ROOM to another, for this child alone."""
    _leave_mounts()
    names = (os.fsencode(ROOM / source), os.fsencode(ROOM / place))
    _call("mount", *names, None, _MS_BIND, None)


def overlay(place: str) -> None:
    """Mount an overlay of two directories below ROOM, for this child alone."""
    _leave_mounts()
    layers = [ROOM / place / name for name in ("lower", "upper", "work", "merged")]
    for layer in layers:
        layer.mkdir(parents=True, exist_ok=True)
    lower, upper, work, merged = map(str, layers)
    options = f"lowerdir={lower},upperdir={upper},workdir={work}".encode()
    _call("mount", b"none", merged.encode(), b"overlay", 0, options)


def detached(place: str, name: str) -> None:
    """Read a file and its directory, whose file system is mounted nowhere any more."""
    mount_at(place)
    (ROOM / place / name).touch()
    folder = os.open(ROOM / place, os.O_RDONLY)
    descriptor = os.open(ROOM / place / name, os.O_RDONLY)
    _call("umount2", os.fsencode(ROOM / place), _MNT_DETACH)
    os.read(descriptor, 1)
    with os.scandir(folder) as entries:
        list(entries)


def from_outside(place: str, root: str) -> None:
    """Read a file that was opened before the root was changed to a directory beside it."""
    path = ROOM / place
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    descriptor = os.open(path, os.O_RDONLY)
    (ROOM / root).mkdir(parents=True, exist_ok=True)
    os.chroot(ROOM / root)
    os.chdir("/")
    os.read(descriptor, 1)


def _leave_mounts() -> None:
    _call("unshare", 0x20000)
    _call("mount", None, b"/", None, 1 << 18 | 1 << 14, None)


def _call(name: str, *arguments: object) -> None:
    if getattr(_libc, name)(*arguments):
        raise OSError(ctypes.get_errno(), name)
