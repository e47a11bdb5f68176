"""Where the arguments of statically defined probes are: the text of their notes.

SystemTap's ``sys/sdt.h`` lets the compiler write each as ``SIZE@OPERAND``, a negative size for a
signed number: on x86-64 ``-4@%edi``, ``8@-16(%rbp)``, ``1@table(%rbp,%rax,8)``, ``-4@$5``; on arm64
``-4@x0``, ``8@[sp, 16]``, ``-4@5``.
"""

from __future__ import annotations

import re

from lockgate.ir.placement import Operand
from lockgate.lowering.registers import find_register

_SIZES = (1, 2, 4, 8)
_NUMBER = r"[+-]?(?:0x[0-9a-fA-F]+|\d+)"
_START = re.compile(r"\s*(?P<size>-?\d+)@")
_X86_64 = re.compile(
    rf"(?:\$(?P<constant>{_NUMBER})"
    rf"|%(?P<register>\w+)"
    rf"|(?P<offset>{_NUMBER})?\(%(?P<base>\w+)(?:,\s*%(?P<index>\w+)(?:,\s*(?P<scale>[1248]))?)?\))"
    r"(?=\s|$)"
)
_AARCH64 = re.compile(
    rf"(?:(?P<constant>{_NUMBER})"
    rf"|(?P<register>[a-z]\w*)"
    rf"|\[(?P<base>\w+)(?:,\s*(?:(?P<offset>{_NUMBER})|(?P<index>[a-z]\w*)))?\])"
    r"(?=\s|$)"
)
_OPERANDS = {"x86_64": _X86_64, "aarch64": _AARCH64}


class ProbeArgumentError(Exception):
    """An argument whose place is in no form that is known; the text says which."""


def parse_probe_arguments(text: str, machine: str) -> tuple[Operand, ...]:
    """Return where each argument of a probe is.

    >>> parse_probe_arguments("-4@$5", "x86_64")[0].constant
    5
    """
    found, at = [], 0
    form = _OPERANDS.get(machine)
    while form and at < len(text.rstrip()):
        start = _START.match(text, at)
        operand = form.match(text, start.end()) if start else None
        size = abs(int(start["size"])) if start else 0
        if start is None or operand is None or size not in _SIZES:
            raise ProbeArgumentError(text[at:].strip())
        found.append(
            _operand(operand, size, machine, is_signed=start["size"][0] == "-")
        )
        at = operand.end()
    return tuple(found)


def _operand(
    match: re.Match[str], size: int, machine: str, *, is_signed: bool
) -> Operand:
    parts = match.groupdict()
    if parts["constant"] is not None:
        number = int(parts["constant"], 0)
        return Operand(constant=number, size=size, is_signed=is_signed)
    is_memory = parts["register"] is None
    base = find_register(parts["register"] or parts["base"], machine)
    index = find_register(parts["index"], machine) if parts["index"] else None
    if base is None or (parts["index"] and index is None):
        # A register of floating point, or a symbol: neither stands in struct pt_regs.
        raise ProbeArgumentError(match.group())
    return Operand(
        base.member,
        int(parts["offset"] or "0", 0),
        index.member if index else "",
        int(parts.get("scale") or 1),
        is_memory,
        size,
        is_signed,
        0 if is_memory else base.shift,
    )
