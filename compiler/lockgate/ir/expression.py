"""Expressions over the arguments of a hook (``CelExpr``), with the type of every part."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


class NumberType(Enum):
    """What a part of an expression is; the values are C's words."""

    TRUTH = "bool"
    SIGNED_64 = "s64"
    UNSIGNED_64 = "u64"
    SIGNED_32 = "s32"
    UNSIGNED_32 = "u32"


@dataclass(frozen=True, slots=True)
class Expression:
    """A part: an ``operator`` over others, or a leaf.

    ``operator`` is C's word (``==``, ``&``, ``cast``), ``argument`` or ``literal``; ``number`` is
    the place of the argument or the literal itself.
    """

    operator: str
    type: NumberType
    parts: tuple[Expression, ...] = ()
    number: int = 0

    def leaves(self, operator: str) -> Iterator[Expression]:
        """Yield the leaves of a kind, from left to right."""
        if self.operator == operator:
            yield self
        for part in self.parts:
            yield from part.leaves(operator)

    def moved(self, places: Mapping[int, int]) -> Expression:
        """Return the same over arguments that stand elsewhere."""
        if self.operator == ARGUMENT:
            return replace(self, number=places[self.number])
        return replace(self, parts=tuple(part.moved(places) for part in self.parts))


ARGUMENT, LITERAL, CAST = "argument", "literal", "cast"
