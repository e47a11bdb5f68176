"""Build ids of files that processes mapped: which build of a library it was, whatever its name."""

from __future__ import annotations

import mmap
import os
import stat
import struct
from collections import OrderedDict
from contextlib import suppress
from typing import TYPE_CHECKING

from lockgate_runtime.tracing.elf import Binary, ElfError
from lockgate_runtime.tracing.proc import PROC

if TYPE_CHECKING:
    from pathlib import Path

_REMEMBERED = 1024
"""Files whose ids are kept."""


class BuildIds:
    """Build ids by process, path and inode; a file is read once while it is as it was."""

    def __init__(self, proc: Path = PROC) -> None:
        self._proc = proc
        self._known: OrderedDict[tuple[int, ...], bytes] = OrderedDict()

    def find(self, tgid: int, path: str, inode: int) -> bytes:
        """Return the id; empty where the file has none, or is not there any more.

        Paths are those of the process: where it has ended, the same path may be another file
        here, which the number of its inode tells.
        """
        for place in (f"{self._proc}/{tgid}/root{path}", path):
            with suppress(OSError):
                return self._read(place, inode)
        return b""

    def _read(self, place: str, inode: int) -> bytes:
        # Nobody who puts a pipe there makes us wait.
        descriptor = os.open(place, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            found = os.fstat(descriptor)
            if found.st_ino != inode or not stat.S_ISREG(found.st_mode):
                raise FileNotFoundError(place)
            key = found.st_dev, inode, found.st_size, found.st_mtime_ns
            if key not in self._known:
                self._known[key] = _read_build_id(descriptor)
                if len(self._known) > _REMEMBERED:
                    self._known.popitem(last=False)
            return self._known[key]
        finally:
            os.close(descriptor)


def _read_build_id(descriptor: int) -> bytes:
    try:
        with mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ) as content:
            return bytes.fromhex(Binary(content).build_id())
    except (ElfError, ValueError, IndexError, OverflowError, struct.error):
        return b""  # no ELF file, or one that is broken
