"""Read what an object holds: its programs and their size, its maps and theirs.

ELF (elf(5)) says where the functions are; BTF (kernel: Documentation/bpf/btf.rst) describes
each map of the section ``.maps`` as a variable whose members are its parameters.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_INSTRUCTION = 8
_EXECUTABLE = 1 << 2
_SYMBOL_TABLE, _FUNCTION, _GLOBAL = 2, 2, 1
_SUBPROGRAMS = ".text"
_DESCRIPTOR = 4
"""Size of a value that is a map, as user space sees it."""

_PTR, _ARRAY, _STRUCT, _UNION, _TYPEDEF, _VAR, _DATASEC = 2, 3, 4, 5, 8, 14, 15
_MODIFIERS = (_TYPEDEF, 9, 10, 11, 18)  # typedef, volatile, const, restrict, type tag
_TAIL_FIXED = {1: 4, _ARRAY: 12, _VAR: 4, 17: 4}
_TAIL_PER_MEMBER = {_STRUCT: 12, _UNION: 12, 6: 8, 13: 8, _DATASEC: 12, 19: 12}

_MAP_KINDS = {
    1: "hash",
    2: "array",
    3: "prog_array",
    5: "percpu_hash",
    6: "percpu_array",
    7: "stack_trace",
    9: "lru_hash",
    10: "lru_percpu_hash",
    11: "lpm_trie",
    12: "array_of_maps",
    22: "queue",
    27: "ringbuf",
}
"""Enum bpf_map_type, what our programs use of it."""


class ElfProgram(NamedTuple):
    """A program: its section (libbpf's word for the hook) and its own instructions."""

    name: str
    section: str
    size: int


class ElfMap(NamedTuple):
    """A map as the object declares it; sizes in bytes."""

    name: str
    kind: str
    key_size: int
    value_size: int
    max_entries: int


class Elf(NamedTuple):
    """What an object holds; ``instructions`` are those of all programs and functions."""

    programs: tuple[ElfProgram, ...]
    maps: tuple[ElfMap, ...]
    instructions: int


class _Section(NamedTuple):
    name: str
    type: int
    flags: int
    link: int
    content: bytes


def read_elf(content: bytes) -> Elf:
    """Read a little-endian BPF object that our own compiler made."""
    sections = _read_sections(content)
    code = [s for s in sections if s.flags & _EXECUTABLE]
    programs = sorted(_programs(sections), key=lambda program: program.name)
    btf = next((s.content for s in sections if s.name == ".BTF"), None)
    return Elf(
        tuple(programs),
        tuple(sorted(_Btf(btf).maps())) if btf else (),
        sum(len(s.content) for s in code) // _INSTRUCTION,
    )


def _read_sections(content: bytes) -> list[_Section]:
    if content[:6] != b"\x7fELF\x02\x01":
        raise ValueError("not a little-endian 64-bit ELF object")
    (table,) = struct.unpack_from("<Q", content, 0x28)
    width, count, names = struct.unpack_from("<HHH", content, 0x3A)
    headers = [
        struct.unpack_from("<IIQQQQIIQQ", content, table + i * width)
        for i in range(count)
    ]
    strings = headers[names][4]
    return [
        _Section(
            _string(content, strings + name),
            kind,
            flags,
            link,
            content[offset : offset + size],
        )
        for name, kind, flags, _, offset, size, link, _, _, _ in headers
    ]


def _programs(sections: list[_Section]) -> Iterator[ElfProgram]:
    for table in sections:
        if table.type != _SYMBOL_TABLE:
            continue
        names = sections[table.link].content
        for symbol in struct.iter_unpack("<IBBHQQ", table.content):
            name, kind, _, index, _, size = symbol
            if kind != (_GLOBAL << 4 | _FUNCTION):
                continue
            section = sections[index].name
            if section != _SUBPROGRAMS:
                yield ElfProgram(_string(names, name), section, size // _INSTRUCTION)


class _Type(NamedTuple):
    """A BTF type; ``size`` is the size or the type that it refers to, by kind."""

    name: str
    kind: int
    size: int
    tail: bytes


class _Btf:
    """The types of one object."""

    def __init__(self, content: bytes) -> None:
        head, types, length, strings = struct.unpack_from("<IIII", content, 4)
        self._strings = content[head + strings :]
        self._types = [_Type("", 0, 0, b"")]  # type 0 is void
        at, end = head + types, head + types + length
        while at < end:
            name, info, size = struct.unpack_from("<III", content, at)
            kind, members = info >> 24 & 0x1F, info & 0xFFFF
            tail = _TAIL_FIXED.get(kind, 0) + members * _TAIL_PER_MEMBER.get(kind, 0)
            at += 12
            self._types.append(
                _Type(_string(self._strings, name), kind, size, content[at : at + tail])
            )
            at += tail

    def maps(self) -> Iterator[ElfMap]:
        """Yield the variables of the section ``.maps``."""
        for section in self._types:
            if section.kind != _DATASEC or section.name != ".maps":
                continue
            for variable, _, _ in struct.iter_unpack("<III", section.tail):
                yield self._map(self._types[variable])

    def _map(self, variable: _Type) -> ElfMap:
        members = self._members(self._resolve(variable.size))
        return ElfMap(
            variable.name,
            _MAP_KINDS[self._number(members["type"])],
            self._size_of("key", members),
            self._size_of("value", members),
            self._number(members["max_entries"]) if "max_entries" in members else 0,
        )

    def _members(self, structure: _Type) -> dict[str, int]:
        return {
            _string(self._strings, name): kind
            for name, kind, _ in struct.iter_unpack("<III", structure.tail)
        }

    def _size_of(self, what: str, members: Mapping[str, int]) -> int:
        """Return the bytes of key or value: ``__type(key, ...)`` or ``__uint(key_size, ...)``."""
        if what == "value" and "values" in members:
            return _DESCRIPTOR
        if what in members:
            return self._width(self._resolve(members[what]).size)
        name = f"{what}_size"
        return self._number(members[name]) if name in members else 0

    def _number(self, kind: int) -> int:
        """Return what ``__uint`` hides: the elements of the array that it points to."""
        array = self._resolve(self._resolve(kind).size)
        return int(struct.unpack_from("<III", array.tail)[2])

    def _width(self, kind: int) -> int:
        found = self._resolve(kind)
        if found.kind == _PTR:
            return 8
        if found.kind == _ARRAY:
            element, _, count = struct.unpack_from("<III", found.tail)
            return self._width(element) * int(count)
        return found.size

    def _resolve(self, kind: int) -> _Type:
        """Look through names and qualifiers of a type."""
        found = self._types[kind]
        while found.kind in _MODIFIERS:
            found = self._types[found.size]
        return found


def _string(content: bytes, start: int) -> str:
    return content[start : content.index(b"\0", start)].decode()
