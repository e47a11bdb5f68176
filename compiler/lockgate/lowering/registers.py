"""Registers of the machines that programs run on, as members of ``struct pt_regs``.

Names are those of assemblers (System V psABI for x86-64, AAPCS64 for arm64); members those of
``lib/tracing/context.h``.
"""

from __future__ import annotations

import re
from typing import NamedTuple

_X86_64 = {
    "ax": ("rax", "eax", "ax", "al"),
    "bx": ("rbx", "ebx", "bx", "bl"),
    "cx": ("rcx", "ecx", "cx", "cl"),
    "dx": ("rdx", "edx", "dx", "dl"),
    "si": ("rsi", "esi", "si", "sil"),
    "di": ("rdi", "edi", "di", "dil"),
    "bp": ("rbp", "ebp", "bp", "bpl"),
    "sp": ("rsp", "esp", "sp", "spl"),
    "ip": ("rip", "eip"),
    "flags": ("rflags", "eflags"),
    **{f"r{n}": (f"r{n}", f"r{n}d", f"r{n}w", f"r{n}b") for n in range(8, 16)},
}
"""Members, with the names of their 8, 4, 2 and 1 lowest bytes."""

_HIGH = {"ah": "ax", "bh": "bx", "ch": "cx", "dh": "dx"}
_ARM = re.compile(r"(?P<kind>[xw])(?P<number>[12]?\d|30)")
_ARM_NAMES = {"sp": "sp", "pc": "pc", "pstate": "pstate", "fp": "x29", "lr": "x30"}


class Register(NamedTuple):
    """A member of ``struct pt_regs``; the bytes of it that are meant, and what is below them."""

    member: str
    size: int = 8
    shift: int = 0


def _x86_64() -> dict[str, Register]:
    found = {
        name: Register(member, size)
        for member, names in _X86_64.items()
        for name, size in zip(names, (8, 4, 2, 1), strict=False)
    }
    return found | {name: Register(member, 1, 8) for name, member in _HIGH.items()}


_NAMED = _x86_64()

ARGUMENTS = {
    "x86_64": ("di", "si", "dx", "cx", "r8", "r9"),
    "aarch64": tuple(f"regs[{number}]" for number in range(8)),
}
"""Where functions find their first arguments, by machine."""

RETURNED = {"x86_64": "ax", "aarch64": "regs[0]"}
"""Where functions leave what they return."""


def find_register(name: str, machine: str) -> Register | None:
    """Return the register of a name; None where the machine has none of it.

    >>> find_register("eax", "x86_64")
    Register(member='ax', size=4, shift=0)
    >>> find_register("w3", "aarch64")
    Register(member='regs[3]', size=4, shift=0)
    """
    if machine == "x86_64":
        return _NAMED.get(name)
    if machine != "aarch64":
        return None
    name = _ARM_NAMES.get(name, name)
    match = _ARM.fullmatch(name)
    if match:
        return Register(f"regs[{match['number']}]", 8 if match["kind"] == "x" else 4)
    return Register(name) if name in ("sp", "pc", "pstate") else None
