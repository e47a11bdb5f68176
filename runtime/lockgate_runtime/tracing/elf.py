"""Find places in a binary of user space: functions by symbol, and probes by their notes.

Uprobes take offsets in the file.  ELF (elf(5)) gives addresses, and the program headers say
which part of the file is mapped there.  A statically defined probe is a note of the section
``.note.stapsdt``: the address of a nop, of a counter that switches the probe on, and where its
arguments are.
"""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from stat import S_ISREG
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import mmap
    from collections.abc import Iterator
    from pathlib import Path

_LOAD = 1
_SYMBOLS, _DYNAMIC_SYMBOLS, _NOTE = 2, 11, 7
_FUNCTION, _INDIRECT_FUNCTION = 2, 10
_PROBE = 3
"""Type of a note of stapsdt (NT_STAPSDT)."""


class ElfError(Exception):
    """A file in which no place can be found; the text says why."""


class UserProbe(NamedTuple):
    """A statically defined probe; ``offset`` and ``semaphore`` are places in the file.

    ``semaphore`` is 0 where the probe has none; ``arguments`` is the note's own text, such as
    ``-4@%edi 8@8(%rsp)``.
    """

    provider: str
    name: str
    offset: int
    semaphore: int
    arguments: str


class _Section(NamedTuple):
    name: str
    type: int
    address: int
    offset: int
    size: int
    link: int


def read_binary(path: Path) -> bytes:
    """Read a file that may be a binary; ElfError for what is none and may never end.

    Raises OSError as ``open`` does.
    """
    # A pipe without a writer would be waited for at open already, and /dev/zero has no end.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        if not S_ISREG(os.fstat(file.fileno()).st_mode):
            raise ElfError("it is no regular file")
        return file.read()


@dataclass(frozen=True)
class Binary:
    """A little-endian 64-bit ELF file, in memory."""

    content: bytes | mmap.mmap

    def __post_init__(self) -> None:
        if self.content[:6] != b"\x7fELF\x02\x01":
            raise ElfError("it is no little-endian 64-bit ELF file")

    def function(self, symbol: str) -> int:
        """Return where a function begins in the file, or ``NAME+BYTES`` is; ElfError if nowhere."""
        bare, plus, behind = symbol.partition("+")
        try:
            distance = int(behind, 0) if plus else 0
        except ValueError:
            raise ElfError(f"'{behind}' of '{symbol}' is no number") from None
        wanted = bare.encode()
        for name, value, _ in self._functions():
            if name == wanted:
                return self.file_offset(value + distance)
        raise ElfError(f"it has no function {bare}")

    def functions(self) -> Iterator[bytes]:
        """Yield the names of its functions."""
        return (name for name, _, _ in self._functions())

    def placed_functions(self) -> Iterator[tuple[int, int, bytes]]:
        """Yield (place in the file, size, name) of its functions."""
        segments = list(self._segments())
        for name, value, size in self._functions():
            for mapped, length, offset in segments:
                if mapped <= value < mapped + length:
                    yield value - mapped + offset, size, name

    def probes(self) -> Iterator[UserProbe]:
        """Yield the statically defined probes, in the order of the notes."""
        sections = list(self._sections())
        base = next((s.address for s in sections if s.name == ".stapsdt.base"), 0)
        for section in sections:
            if section.type == _NOTE and section.name == ".note.stapsdt":
                notes = self.content[section.offset : section.offset + section.size]
                yield from self._read_notes(notes, base)

    def section(self, name: str) -> bytes:
        """Return the bytes of a section; ElfError where there is none."""
        for section in self._sections():
            if section.name == name:
                end = section.offset + section.size
                return bytes(self.content[section.offset : end])
        raise ElfError(f"it has no section {name}")

    def build_id(self) -> str:
        """Return the identity that the linker gave it, in hexadecimal; "" for none."""
        for section in self._sections():
            if section.name == ".note.gnu.build-id":
                name_size, size = struct.unpack_from(
                    "=II", self.content, section.offset
                )
                at = section.offset + 12 + _padded(name_size)
                return self.content[at : at + size].hex()
        return ""

    def file_offset(self, address: int) -> int:
        """Turn an address into a place in the file; ElfError where nothing is mapped."""
        for mapped, length, offset in self._segments():
            if mapped <= address < mapped + length:
                return address - mapped + offset
        raise ElfError(f"no part of it is mapped at {address:#x}")

    def _segments(self) -> Iterator[tuple[int, int, int]]:
        """Yield (address, length, place in the file) of what is mapped."""
        (start,) = struct.unpack_from("=Q", self.content, 32)
        size, count = struct.unpack_from("=HH", self.content, 54)
        for number in range(count):
            header = struct.unpack_from("=IIQQQQ", self.content, start + number * size)
            kind, _flags, offset, mapped, _physical, length = header
            if kind == _LOAD:
                yield mapped, length, offset

    def _sections(self) -> Iterator[_Section]:
        (start,) = struct.unpack_from("=Q", self.content, 40)
        size, count, names = struct.unpack_from("=HHH", self.content, 58)
        if not start or not count:
            return
        rows = [
            struct.unpack_from("=IIQQQQI", self.content, start + i * size)
            for i in range(count)
        ]
        texts = rows[names][4]
        for name, kind, _flags, address, offset, length, link in rows:
            text = _text(self.content, texts + name).decode(errors="replace")
            yield _Section(text, kind, address, offset, length, link)

    def _functions(self) -> Iterator[tuple[bytes, int, int]]:
        sections = list(self._sections())
        for section in sections:
            if section.type not in (_SYMBOLS, _DYNAMIC_SYMBOLS):
                continue
            texts = sections[section.link].offset
            end = section.offset + section.size
            for at in range(section.offset, end, 24):
                name, info, _, index, value, size = struct.unpack_from(
                    "=IBBHQQ", self.content, at
                )
                if index and info & 15 in (_FUNCTION, _INDIRECT_FUNCTION):
                    yield _text(self.content, texts + name), value, size

    def _read_notes(self, notes: bytes, base: int) -> Iterator[UserProbe]:
        at = 0
        while at + 12 <= len(notes):
            name_size, size, kind = struct.unpack_from("=III", notes, at)
            body = at + 12 + _padded(name_size)
            if kind == _PROBE and notes[at + 12 : at + 19] == b"stapsdt":
                place, linked_base, semaphore = struct.unpack_from("=QQQ", notes, body)
                provider, name, arguments, *_ = notes[body + 24 : body + size].split(
                    b"\0"
                )
                # Prelink moves code and leaves notes: the base tells how far.
                moved = base - linked_base if base else 0
                yield UserProbe(
                    provider.decode(),
                    name.decode(),
                    self.file_offset(place + moved),
                    self.file_offset(semaphore + moved) if semaphore else 0,
                    arguments.decode(errors="replace"),
                )
            at = body + _padded(size)


def _text(content: bytes | mmap.mmap, at: int) -> bytes:
    return content[at : content.find(b"\0", at)]


def _padded(size: int) -> int:
    return size + 3 & ~3
