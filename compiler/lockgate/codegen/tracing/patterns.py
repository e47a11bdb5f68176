"""The strings that a dimension's tests look for, each with the selectors that ask for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockgate.codegen.tracing.automaton import Pattern
from lockgate.ir.tracing_selectors import Comparison

if TYPE_CHECKING:
    from lockgate.ir.site import Dimension


def patterns_of(dimension: Dimension) -> list[Pattern]:
    """Return the patterns of a dimension of strings."""
    found = []
    for test in dimension.tests:
        comparison = test.comparison
        if comparison is Comparison.SUBSTRING_IGNORE_CASE:
            comparison = Comparison.SUBSTRING
        found += [
            Pattern(comparison, encode(text), 1 << test.selector)
            for text in dict.fromkeys(test.texts)
        ]
    return found


def encode(text: str) -> bytes:
    """Return the bytes of a value; what YAML could not read as text stands as surrogates."""
    return text.encode("utf-8", "surrogateescape")
