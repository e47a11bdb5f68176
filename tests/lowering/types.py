"""A small kernel's types, written down in words: for targets that tests invent."""

from __future__ import annotations

import gzip
import json
import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lockgate.targets.btf import Kind
from lockgate.targets.target import Target, load_target

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@dataclass
class Types:
    """Builds BTF: every method returns the number of the type that it adds."""

    types: list[bytes] = field(default_factory=list)
    text: bytearray = field(default_factory=lambda: bytearray(b"\0"))

    def _add(
        self, name: str, kind: Kind, last: int, count: int = 0, rest: bytes = b""
    ) -> int:
        head = struct.pack("<III", self._name(name), kind << 24 | count, last)
        self.types.append(head + rest)
        return len(self.types)

    def _name(self, name: str) -> int:
        if not name:
            return 0
        place = len(self.text)
        self.text += name.encode() + b"\0"
        return place

    def number(self, name: str, size: int = 4, *, is_signed: bool = True) -> int:
        """Add a number."""
        bits = struct.pack("<I", (1 << 24 if is_signed else 0) | 8 * size)
        return self._add(name, Kind.INT, size, rest=bits)

    def structure(self, name: str, members: Mapping[str, int]) -> int:
        """Add a struct; every member takes 8 bytes."""
        rest = b"".join(
            struct.pack("<III", self._name(member), number, 64 * place)
            for place, (member, number) in enumerate(members.items())
        )
        return self._add(name, Kind.STRUCT, 8 * len(members), len(members), rest)

    def pointer(self, target: int) -> int:
        """Add a pointer."""
        return self._add("", Kind.POINTER, target)

    def array(self, target: int, count: int) -> int:
        """Add an array."""
        return self._add("", Kind.ARRAY, 0, rest=struct.pack("<III", target, 1, count))

    def function(self, name: str, returns: int, *parameters: int) -> int:
        """Add a function."""
        rest = b"".join(
            struct.pack("<II", self._name(f"p{i}"), number)
            for i, number in enumerate(parameters)
        )
        prototype = self._add("", Kind.PROTOTYPE, returns, len(parameters), rest)
        return self._add(name, Kind.FUNCTION, prototype)

    def blob(self) -> bytes:
        """Return the whole."""
        body = b"".join(self.types)
        header = struct.pack(
            "<HBBIIIII",
            0xEB9F,
            1,
            0,
            24,
            0,
            len(body),
            len(body),
            len(self.text),
        )
        return header + body + bytes(self.text)


def write_target(
    folder: Path,
    types: Types,
    functions: list[str],
    *,
    hooks: set[str],
    modules: str = "capability,bpf",
    tracepoints: dict[str, list[list[Any]]] | None = None,
) -> Target:
    """Write a target with these functions, and open it."""
    texts = {
        "btf/vmlinux": types.blob(),
        "functions": "".join(f"{name}\n" for name in functions).encode(),
        "symbols": "".join(f"{name}\n" for name in functions).encode(),
        "injection": b"",
        "tracepoints.json": json.dumps(tracepoints or {}).encode(),
    }
    for name, data in texts.items():
        path = folder / f"{name}.gz"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress(data))
    target = {
        "version": 1,
        "release": "6.99",
        "machine": "x86_64",
        "hooks": dict.fromkeys(hooks, True),
        "helpers": {"kprobe": []},
        "security_modules": modules.split(","),
        "options": {},
        "modules": [],
    }
    (folder / "target.json").write_text(json.dumps(target))
    return load_target("small", folder)
