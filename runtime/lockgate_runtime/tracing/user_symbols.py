"""Names of addresses in programs: the file that is mapped there, and its function.

What is mapped where is read from /proc when the first address of a process is asked for, and
remembered for those that come when it has ended: whoever ended before is not known.
"""

from __future__ import annotations

import mmap
import struct
from bisect import bisect_right
from collections import OrderedDict
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from lockgate_runtime.tracing.elf import Binary, ElfError
from lockgate_runtime.tracing.proc import PROC

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_K = TypeVar("_K")
_V = TypeVar("_V")

_PROCESSES = 256
_FILES = 32
"""So many are remembered at once."""
_MOST = 1 << 19
"""So many functions of one file have names: whoever wrote it may not fill our memory."""


class UserSymbol(NamedTuple):
    """A place in a file: ``offset`` is that in the file, ``name`` the function's, if known."""

    name: str
    offset: int
    module: str


class _Mapping(NamedTuple):
    start: int
    end: int
    offset: int
    file: tuple[str, int]
    path: str
    span: str


class UserSymbols:
    """Symbols of programs; ``is_running`` says whether an image of a process is there still."""

    def __init__(
        self,
        is_running: Callable[[int, int], bool] = lambda _tgid, _start: True,
        proc: Path = PROC,
    ) -> None:
        self._is_running = is_running
        self._proc = proc
        self._processes: OrderedDict[tuple[int, int], list[_Mapping]] = OrderedDict()
        self._files: OrderedDict[tuple[str, int], _Functions] = OrderedDict()

    def find(self, tgid: int, start: int, address: int) -> UserSymbol | None:
        """Return what an address of an image is; None where nobody can know any more."""
        key = tgid, start
        mapping = _covering(self._processes.get(key, ()), address)
        if mapping is None:
            mappings = self._read(tgid)
            # Asked behind the reading: else it could be of a program that came after.
            if mappings and self._is_running(tgid, start):
                _remember(self._processes, key, mappings, _PROCESSES)
                mapping = _covering(mappings, address)
        if mapping is None:
            return None
        offset = address - mapping.start + mapping.offset
        functions = self._functions(tgid, mapping)
        return UserSymbol(functions.find(offset), offset, mapping.path)

    def _read(self, tgid: int) -> list[_Mapping]:
        try:
            lines = (self._proc / str(tgid) / "maps").read_text(errors="replace")
        except OSError:
            return []
        found = []
        for line in lines.splitlines():
            span, _, offset, device, inode, *path = line.split(maxsplit=5)
            start, end = (int(number, 16) for number in span.split("-"))
            file = device, int(inode)
            name = path[0] if path else "[anonymous]"
            found.append(_Mapping(start, end, int(offset, 16), file, name, span))
        return found

    def _functions(self, tgid: int, mapping: _Mapping) -> _Functions:
        if not mapping.file[1]:
            return _NO_FUNCTIONS
        found = self._files.get(mapping.file)
        if found is None:
            path = self._proc / str(tgid) / "map_files" / mapping.span
            found = _read_functions(path)
            if found is None:
                return _NO_FUNCTIONS
            _remember(self._files, mapping.file, found, _FILES)
        return found


class _Functions:
    """The functions of a file, by where they begin in it."""

    def __init__(self, found: list[tuple[int, int, bytes]]) -> None:
        found.sort()
        self._starts = [row[0] for row in found]
        self._rows = found

    def find(self, offset: int) -> str:
        """Return whose code stands at a place of the file."""
        place = bisect_right(self._starts, offset) - 1
        if place < 0:
            return ""
        start, size, name = self._rows[place]
        is_inside = offset < start + size or not size
        return name.decode(errors="replace") if is_inside else ""


_NO_FUNCTIONS = _Functions([])


def _read_functions(path: Path) -> _Functions | None:
    """Read the functions of a file; None where it cannot be opened (any more)."""
    try:
        with (
            path.open("rb") as file,
            mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content,
        ):
            return _Functions(list(islice(Binary(content).placed_functions(), _MOST)))
    except (ElfError, ValueError, IndexError, OverflowError, struct.error):
        return (
            _NO_FUNCTIONS  # no ELF file, or one that is broken: it has no names for us
        )
    except OSError:
        return None


def _covering(mappings: list[_Mapping] | tuple[()], address: int) -> _Mapping | None:
    return next((m for m in mappings if m.start <= address < m.end), None)


def _remember(kept: OrderedDict[_K, _V], key: _K, value: _V, most: int) -> None:
    kept[key] = value
    if len(kept) > most:
        kept.popitem(last=False)
