"""The strings that a dimension's tests look for, each with the selectors that ask for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockgate.codegen.tracing.automaton import Pattern
from lockgate.ir.site import Facet
from lockgate.ir.tracing_selectors import Comparison

if TYPE_CHECKING:
    from lockgate.ir.site import Dimension

HEAD = 8
"""Bytes of the first name of a path by which paths are told apart at first."""


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


def heads_of(dimension: Dimension) -> tuple[dict[int, int], int]:
    """Return who may match by the head of a path's first name, and who whatever it is.

    A prefix or an equal path fixes the first name if it goes on behind it with a slash;
    everything else says nothing about it.  Head 0 is the root directory itself.
    """
    heads: dict[int, int] = {}
    anyone = 0
    for test in dimension.tests:
        bit = 1 << test.selector
        names = [head_of(encode(text), test.comparison) for text in test.texts]
        if dimension.facet is not Facet.PATH or test.is_negated or None in names:
            anyone |= bit
            continue
        for name in names:
            if name is not None:
                heads[name] = heads.get(name, 0) | bit
    return heads, anyone


def head_of(path: bytes, comparison: Comparison) -> int | None:
    """Return the head of the first name that a path must have; None where it may be any."""
    if not path.startswith(b"/"):
        return None
    name, slash, _ = path[1:].partition(b"/")
    is_whole = bool(slash) or comparison is Comparison.EQUAL
    if comparison not in (Comparison.EQUAL, Comparison.PREFIX):
        return None
    if not is_whole and len(name) < HEAD:
        return None
    return int.from_bytes(name[:HEAD], "little")
