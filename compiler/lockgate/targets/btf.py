"""BPF Type Format: the types, functions and members of a kernel (Documentation/bpf/btf.rst).

A kernel has some 150,000 types.  One pass finds where each begins; a type is decoded when
somebody asks for it.  A module's BTF goes on where that of ``vmlinux`` ends, in type
numbers as in strings ("split BTF").
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property
from typing import NamedTuple

MAGIC = 0xEB9F
_HEADER = struct.Struct("<HBBIIIII")
_TYPE = struct.Struct("<III")
_MEMBER = struct.Struct("<III")
_PARAMETER = struct.Struct("<II")
_ENUMERATOR = struct.Struct("<Ii")
_ARRAY = struct.Struct("<III")


class BtfError(ValueError):
    """These bytes are no BTF that we understand."""


class Kind(IntEnum):
    """``BTF_KIND_*`` of include/uapi/linux/btf.h."""

    VOID = 0
    INT = 1
    POINTER = 2
    ARRAY = 3
    STRUCT = 4
    UNION = 5
    ENUM = 6
    FORWARD = 7
    TYPEDEF = 8
    VOLATILE = 9
    CONST = 10
    RESTRICT = 11
    FUNCTION = 12
    PROTOTYPE = 13
    VARIABLE = 14
    SECTION = 15
    FLOAT = 16
    DECLARATION_TAG = 17
    TYPE_TAG = 18
    ENUM64 = 19


_PER_ENTRY = {
    Kind.STRUCT: 12,
    Kind.UNION: 12,
    Kind.ENUM: 8,
    Kind.PROTOTYPE: 8,
    Kind.SECTION: 12,
    Kind.ENUM64: 12,
}
_FIXED = {Kind.INT: 4, Kind.ARRAY: 12, Kind.VARIABLE: 4, Kind.DECLARATION_TAG: 4}
_SIZES = tuple(
    (_FIXED.get(kind, 0), _PER_ENTRY.get(kind, 0)) for kind in map(Kind, range(20))
)
_TRANSPARENT = frozenset(
    {Kind.TYPEDEF, Kind.VOLATILE, Kind.CONST, Kind.RESTRICT, Kind.TYPE_TAG}
)
_COMPOSITE = frozenset({Kind.STRUCT, Kind.UNION})


class Member(NamedTuple):
    """A member of a struct or union: its place in bits, its width in bits if a bit field."""

    name: str
    type: int
    offset: int
    width: int


class Parameter(NamedTuple):
    """A parameter of a function."""

    name: str
    type: int


@dataclass(frozen=True, slots=True)
class Type:
    """One type; what a field means depends on the kind, as in the kernel.

    ``size`` is in bytes (struct, union, int, enum, float); ``target`` is the type that a pointer,
    typedef, qualifier, function, variable or array leads to, or what a prototype returns.
    """

    number: int
    kind: Kind
    name: str
    size: int = 0
    target: int = 0
    is_signed: bool = False
    members: tuple[Member, ...] = ()
    parameters: tuple[Parameter, ...] = ()
    values: tuple[tuple[str, int], ...] = ()
    count: int = 0


_VOID = Type(0, Kind.VOID, "void")


class Btf:
    """The types of a kernel or, on top of ``base``, of one of its modules."""

    def __init__(self, data: bytes, base: Btf | None = None) -> None:
        if len(data) < _HEADER.size:
            raise BtfError("too short for a header")
        magic, version, _, header, type_at, type_size, text_at, text_size = (
            _HEADER.unpack_from(data)
        )
        if magic != MAGIC or version != 1:
            raise BtfError(f"magic {magic:#x}, version {version}")
        if header + max(type_at + type_size, text_at + text_size) > len(data):
            raise BtfError("cut off")
        self._types = data[header + type_at : header + type_at + type_size]
        self._text = data[header + text_at : header + text_at + text_size]
        self._base = base
        self._first = base.end if base else 1
        self._first_text = base.text_end if base else 0
        self._offsets = self._find_types()
        self._decoded: dict[int, Type] = {}

    @property
    def end(self) -> int:
        """The number after the last type."""
        return self._first + len(self._offsets)

    @property
    def text_end(self) -> int:
        """The offset after the last string."""
        return self._first_text + len(self._text)

    def _find_types(self) -> list[int]:
        """Return where each type begins."""
        types, offsets, at, end = self._types, [], 0, len(self._types)
        sizes = _SIZES
        unpack = struct.Struct("<I").unpack_from
        try:
            while at < end:
                offsets.append(at)
                (information,) = unpack(types, at + 4)
                fixed, each = sizes[information >> 24 & 0x1F]
                at += 12 + fixed + each * (information & 0xFFFF)
        except (struct.error, IndexError):
            raise BtfError("a type of an unknown kind") from None
        if at != end:
            raise BtfError("the last type is cut off")
        return offsets

    # ------------------------------------------------------------ look up

    def type(self, number: int) -> Type:
        """Return a type by its number; KeyError for one that is not there."""
        if number < self._first:
            return self._base.type(number) if self._base else _VOID
        found = self._decoded.get(number)
        if found is None:
            if number >= self.end:
                raise KeyError(number)
            found = self._decoded[number] = self._decode(number)
        return found

    def is_own(self, number: int) -> bool:
        """Whether a type is a module's own, and not the kernel's."""
        return self._base is not None and number >= self._first

    def find(self, name: str, *kinds: Kind) -> Type | None:
        """Return the first type of one of these kinds with a name, this module's first."""
        for number in self._by_name.get(name, ()):
            found = self.type(number)
            if found.kind in kinds:
                return found
        return self._base.find(name, *kinds) if self._base else None

    def function(self, name: str) -> Type | None:
        """Return the prototype of a function."""
        found = self.find(name, Kind.FUNCTION)
        return None if found is None else self.type(found.target)

    def functions(self) -> list[str]:
        """Return the names of all functions of this BTF, without those of its base."""
        return [
            self.type(number).name
            for number, at in enumerate(self._offsets, self._first)
            if self._types[at + 7] & 0x1F == Kind.FUNCTION
        ]

    def strip(self, number: int) -> Type:
        """Return what a type is without typedefs and qualifiers."""
        found = self.type(number)
        while found.kind in _TRANSPARENT:
            found = self.type(found.target)
        return found

    def pointee(self, number: int) -> Type | None:
        """Return what a pointer points to, stripped; None where it is no pointer."""
        found = self.strip(number)
        return self.strip(found.target) if found.kind is Kind.POINTER else None

    def member(self, composite: Type, name: str) -> Member | None:
        """Return a member by name, also of a struct or union without a name inside."""
        for member in composite.members:
            if member.name == name:
                return member
            inner = self.strip(member.type)
            if not member.name and inner.kind in _COMPOSITE:
                found = self.member(inner, name)
                if found is not None:
                    return found._replace(offset=member.offset + found.offset)
        return None

    def spell(self, number: int) -> str:
        """Return a type as C writes it, for messages."""
        found = self.type(number)
        match found.kind:
            case Kind.POINTER:
                inner = self.spell(found.target)
                return inner + ("*" if inner.endswith("*") else " *")
            case Kind.CONST | Kind.VOLATILE | Kind.RESTRICT:
                return f"{found.kind.name.lower()} {self.spell(found.target)}"
            case Kind.TYPE_TAG:
                return self.spell(found.target)
            case Kind.STRUCT | Kind.UNION | Kind.ENUM | Kind.ENUM64:
                word = "enum" if found.kind is Kind.ENUM64 else found.kind.name.lower()
                return f"{word} {found.name or '{...}'}"
            case Kind.FORWARD:
                return f"struct {found.name}"
            case Kind.ARRAY:
                return f"{self.spell(found.target)}[{found.count}]"
            case Kind.PROTOTYPE:
                return "a function"
        return found.name

    # ------------------------------------------------------------ decode

    @cached_property
    def _by_name(self) -> dict[str, tuple[int, ...]]:
        """The numbers of the types of each name."""
        found: dict[int, tuple[int, ...]] = {}
        types = self._types
        unpack = struct.Struct("<I").unpack_from
        for number, at in enumerate(self._offsets, self._first):
            (name,) = unpack(types, at)
            if name:
                found[name] = (*found.get(name, ()), number)
        names: dict[str, tuple[int, ...]] = {}
        for offset, numbers in found.items():
            text = self._string(offset)
            names[text] = (*names.get(text, ()), *numbers)
        return names

    def _string(self, offset: int) -> str:
        if offset < self._first_text and self._base is not None:
            return self._base._string(offset)  # the same class
        begin = offset - self._first_text
        end = self._text.find(b"\0", begin)
        if not 0 <= begin < len(self._text) or end < 0:
            raise BtfError(f"no string at {offset}")
        return self._text[begin:end].decode(errors="replace")

    def _decode(self, number: int) -> Type:
        at = self._offsets[number - self._first]
        name_at, information, last = _TYPE.unpack_from(self._types, at)
        kind = Kind(information >> 24 & 0x1F)
        count, flag = information & 0xFFFF, bool(information >> 31)
        name, at = self._string(name_at), at + _TYPE.size
        match kind:
            case Kind.INT:
                (bits,) = struct.unpack_from("<I", self._types, at)
                return Type(number, kind, name, last, is_signed=bool(bits >> 24 & 1))
            case Kind.STRUCT | Kind.UNION:
                members = self._members(at, count, has_widths=flag)
                return Type(number, kind, name, last, members=members)
            case Kind.ENUM | Kind.ENUM64:
                values = self._enumerators(at, count, kind)
                return Type(number, kind, name, last, is_signed=flag, values=values)
            case Kind.ARRAY:
                target, _, length = _ARRAY.unpack_from(self._types, at)
                return Type(number, kind, name, target=target, count=length)
            case Kind.PROTOTYPE:
                raw = _PARAMETER.iter_unpack(self._types[at : at + 8 * count])
                parameters = tuple(Parameter(self._string(n), t) for n, t in raw)
                return Type(number, kind, name, target=last, parameters=parameters)
            case Kind.FLOAT | Kind.SECTION:
                return Type(number, kind, name, last)
            case Kind.FORWARD:
                return Type(number, kind, name)
        return Type(number, kind, name, target=last)

    def _members(self, at: int, count: int, *, has_widths: bool) -> tuple[Member, ...]:
        found = []
        for name, kind, offset in _MEMBER.iter_unpack(
            self._types[at : at + 12 * count]
        ):
            width = offset >> 24 if has_widths else 0
            place = offset & 0xFFFFFF if has_widths else offset
            found.append(Member(self._string(name), kind, place, width))
        return tuple(found)

    def _enumerators(
        self, at: int, count: int, kind: Kind
    ) -> tuple[tuple[str, int], ...]:
        if kind is Kind.ENUM:
            raw = _ENUMERATOR.iter_unpack(self._types[at : at + 8 * count])
            return tuple((self._string(name), value) for name, value in raw)
        wide = _MEMBER.iter_unpack(self._types[at : at + 12 * count])
        return tuple((self._string(n), high << 32 | low) for n, low, high in wide)
