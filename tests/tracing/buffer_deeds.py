"""Words for workloads with long buffers, and how what is shown of one is spelled shortly."""

from __future__ import annotations

import base64
import contextlib
import ctypes
import hashlib
import mmap
import os
import random
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

_libc = ctypes.CDLL(None, use_errno=True)
_PAGES = 64
OFFSET = 100
"""Bytes of the first page that are not of the buffer whose second half is gone."""


def pattern(name: str, size: int) -> bytes:
    """Return bytes that begin with a name and repeat nowhere."""
    rest = random.Random(name).randbytes(size)  # noqa: S311  # no secret
    return (f"{name}:".encode() + rest)[:size]


def spell(data: bytes, whole: int = 0, cut_by: str = "") -> str:
    """Say what is shown of a buffer: how much, which, of how much, why not all."""
    digest = hashlib.sha256(data).hexdigest()[:16]
    return f"{len(data)} bytes {digest} of {whole} {cut_by}".strip()


def spell_argument(argument: Mapping[str, Any]) -> str:
    """Say it of an argument of an event; empty where it is no buffer."""
    cut = argument.get("truncated_bytes_arg", argument)
    if "bytes_arg" not in cut:
        return ""
    data = base64.b64decode(cut["bytes_arg"])
    whole = int(cut.get("orig_size", 0 if cut is not argument else len(data)))
    return spell(data, whole, cut.get("cut_by", ""))


def put_nowhere(data: bytes) -> None:
    """Write bytes to a descriptor that is not there."""
    with contextlib.suppress(OSError):
        os.write(-1, data)


def put_pieces(*pieces: bytes) -> None:
    """Write bytes of several places to a descriptor that is not there."""
    with contextlib.suppress(OSError):
        os.writev(-1, pieces)


def split(data: bytes, most: int) -> list[bytes]:
    """Return bytes in pieces of many sizes, empty ones among them."""
    sizes = random.Random(most)  # noqa: S311  # no secret
    pieces = [b""]
    while data:
        size = sizes.randint(0, most)
        pieces.append(data[:size])
        data = data[size:]
    return pieces


def put_beside(first: bytes, second: bytes) -> None:
    """Write bytes from one place to another, of a process that is not there."""
    vectors, kept = [], []
    for data in (first, second):
        kept.append(ctypes.create_string_buffer(data, len(data)))
        vectors.append((ctypes.c_ulong * 2)(ctypes.addressof(kept[-1]), len(data)))
    _libc.process_vm_writev(-1, vectors[0], 1, vectors[1], 1, 0)


def put_what_fits(*pieces: bytes) -> None:
    """Write bytes into a pipe that waits for nobody."""
    there, here = os.pipe2(os.O_NONBLOCK)
    os.writev(here, pieces)
    os.close(there)
    os.close(here)


def half_gone(name: str) -> bytes:
    """Return what is left of the buffer that :func:`put_half_gone` writes."""
    return pattern(name, _PAGES // 2 * mmap.PAGESIZE - OFFSET)


def put_half_gone(name: str) -> None:
    """Write a buffer whose second half is no memory any more."""
    size = _PAGES * mmap.PAGESIZE
    memory = mmap.mmap(-1, size)
    kept = half_gone(name)
    memory[OFFSET : OFFSET + len(kept)] = kept
    place = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    gone = ctypes.c_void_p(place + size // 2)
    _libc.munmap(gone, ctypes.c_size_t(size // 2))
    _libc.write(-1, ctypes.c_void_p(place + OFFSET), ctypes.c_size_t(size - OFFSET))
    os._exit(0)  # Python would unmap it once more


def put_at_once(*buffers: bytes, times: int = 4) -> None:
    """Write each buffer some times, in a thread of its own that waits for all others."""
    start = threading.Barrier(len(buffers))

    def put(data: bytes) -> None:
        start.wait()
        for _ in range(times):
            put_nowhere(data)

    threads = [threading.Thread(target=put, args=(data,)) for data in buffers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def take_all(data: bytes) -> None:
    """Read bytes out of a file into one buffer, and then into two."""
    path = Path("/lg/long")
    path.write_bytes(data)
    descriptor = os.open(path, os.O_RDONLY)
    os.read(descriptor, len(data) + 1000)
    os.lseek(descriptor, 0, os.SEEK_SET)
    os.readv(descriptor, [bytearray(70000), bytearray(len(data))])
    os.close(descriptor)
