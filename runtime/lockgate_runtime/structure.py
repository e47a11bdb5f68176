"""A C structure with its packing: little-endian, natural alignment, padding written as fields."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from functools import cached_property

_CODES = {"u8": "B", "u16": "H", "u32": "I", "u64": "Q"}
_WIDTHS = {"u8": 1, "u16": 2, "u32": 4, "u64": 8}


@dataclass(frozen=True)
class Field:
    """One member: a C type (``u8`` ... ``u64``), how many of it, and what it means."""

    name: str
    type: str
    meaning: str
    count: int = 1


@dataclass(frozen=True)
class Structure:
    """A C structure and its packing."""

    name: str
    meaning: str
    fields: tuple[Field, ...]

    @cached_property
    def _struct(self) -> struct.Struct:
        def code(f: Field) -> str:
            return _CODES[f.type] if f.count == 1 else f"{f.count * _WIDTHS[f.type]}s"

        return struct.Struct("<" + "".join(map(code, self.fields)))

    @property
    def size(self) -> int:
        """Size in bytes, as in C."""
        return self._struct.size

    def pack(self, /, **values: int | bytes) -> bytes:
        """Pack by name; what is not given is zero.  Arrays are given as ``bytes``."""
        unknown = values.keys() - {f.name for f in self.fields}
        if unknown:
            raise TypeError(f"struct {self.name} has no field {sorted(unknown)}")
        flat: list[int | bytes] = []
        for f in self.fields:
            zero: int | bytes = 0 if f.count == 1 else b""
            flat.append(values.get(f.name, zero))
        return self._struct.pack(*flat)

    def offset(self, name: str) -> int:
        """Return where a member begins, in bytes."""
        place = 0
        for f in self.fields:
            if f.name == name:
                return place
            place += _WIDTHS[f.type] * f.count
        raise KeyError(name)

    def unpack(self, data: bytes) -> dict[str, int | bytes]:
        """Unpack to a dictionary; arrays are ``bytes``, padding is left out."""
        values = self._struct.unpack(data[: self.size])
        return {
            f.name: value
            for f, value in zip(self.fields, values, strict=True)
            if not f.name.startswith("pad")
        }
