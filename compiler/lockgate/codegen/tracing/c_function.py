"""A function in C out of the lines of its body, laid out as the kernel's style has it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_DECLARATION = re.compile(r"[us](8|16|32|64) \w+ = ")


def spell_function(head: str, lines: Iterable[str], result: str) -> str:
    r"""Return a function that returns ``result``; declarations stand first in it.

    >>> spell_function("u64 f(void)", ["u64 at = 1;", "at = (s32)at;"], "at")
    'u64 f(void)\n{\n\tu64 at = 1;\n\n\tat = (s32)at;\n\treturn at;\n}\n'
    >>> spell_function("u64 f(void)", ["u64 at = 1;"], "at")
    'u64 f(void)\n{\n\treturn 1;\n}\n'
    """
    lines = list(lines)
    declared = [line for line in lines if _DECLARATION.match(line)]
    rest = [line for line in lines if line not in declared]
    if result == "at" and len(declared) == 1 and not rest:
        # What is declared only to be returned needs no name.
        return _spell(head, [f"return {declared[0].partition(' = ')[2]}"])
    return _spell(head, [*declared, "", *rest, f"return {result};"])


def _spell(head: str, lines: Iterable[str]) -> str:
    body = "".join(f"\t{line}\n" if line else "\n" for line in lines)
    return f"{head}\n{{\n{body}}}\n"
