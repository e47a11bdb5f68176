"""Files that people name, read within bounds: none is endless, none is a device.

A regular file, a pipe (``<(kubectl get ...)``, a FIFO) and standard input are read; a
device and a socket are refused before they are opened, since opening some of them does
something.  What is refused is an ``OSError`` whose text says why.
"""

from __future__ import annotations

import errno
import mmap
import os
import stat
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from lockgate.faults import Fault

if TYPE_CHECKING:
    from collections.abc import Iterator

    Data = bytes | mmap.mmap

LARGEST = 1 << 30
"""Most bytes of one file or stream: the snapshot of a hundred thousand pods has fewer."""

_MAPPED = 1 << 20
"""Files from this size on are mapped, so that a large snapshot costs no memory of ours."""

_CHUNK = 1 << 20
"""Bytes of a stream that are read at once."""

_NOTHING = os.makedev(1, 3)
"""Linux' number of /dev/null (admin-guide/devices.txt)."""

_KINDS = (
    (stat.S_ISCHR, "it is a device"),
    (stat.S_ISBLK, "it is a device"),
    (stat.S_ISSOCK, "it is a socket"),
    (stat.S_ISDIR, os.strerror(errno.EISDIR)),
)


@contextmanager
def open_file(name: str | Path) -> Iterator[BinaryIO]:
    """Open a file or a pipe to read."""
    path = Path(name)
    _check_kind(path.stat(), name)
    with path.open("rb") as file:
        _check_kind(os.fstat(file.fileno()), name)
        yield file


def standard_input() -> BinaryIO:
    """Return standard input, which may have been closed."""
    if sys.stdin is None:
        raise OSError(errno.EBADF, "standard input is closed")
    return sys.stdin.buffer


def read_file(name: str | Path) -> Data:
    """Return what a file or a pipe holds."""
    with open_file(name) as file:
        return read_stream(file, name)


def read_stream(file: BinaryIO, name: str | Path = "<stdin>") -> Data:
    """Return what an open file holds; a large one is mapped.

    A stream that is no text (it has a NUL) is not read further: that may never end.
    """
    status = os.fstat(file.fileno())
    if stat.S_ISREG(status.st_mode):
        if status.st_size > LARGEST:
            raise _too_large(name)
        if status.st_size >= _MAPPED:
            return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    chunks: list[bytes] = []
    size = 0
    while chunk := file.read(_CHUNK):
        chunks.append(chunk)
        size += len(chunk)
        if size > LARGEST:
            raise _too_large(name)
        if b"\0" in chunk:
            break
    return b"".join(chunks)


def read_text(path: str | Path) -> str:
    """Return the text of a file of settings; a Fault (E1002) where it is none."""
    data = bytes(read_file(path)[:])
    at = data.find(b"\0")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        at = error.start
    if at < 0:
        return text
    line = 1 + data.count(b"\n", 0, at)
    message = f"{path}, line {line}: byte 0x{data[at]:02x} is no text of UTF-8"
    raise Fault("E1002", message, "save the file as UTF-8")


def _check_kind(status: os.stat_result, name: str | Path) -> None:
    if status.st_rdev == _NOTHING and stat.S_ISCHR(status.st_mode):
        return  # /dev/null holds nothing, and does nothing
    for is_kind, what in _KINDS:
        if is_kind(status.st_mode):
            raise OSError(errno.EINVAL, what, str(name))


def _too_large(name: str | Path) -> OSError:
    what = f"it has more than {LARGEST >> 20} MiB"
    return OSError(errno.EFBIG, what, str(name))
