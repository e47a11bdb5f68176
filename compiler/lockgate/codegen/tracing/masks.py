"""Sets of selectors as words of 64 bits, as the programs have them."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lockgate.ir.site import Dimension

WORD = (1 << 64) - 1


def mask_of(selectors: Iterable[int]) -> int:
    """Return a set of selectors as one number, bit by bit."""
    mask = 0
    for selector in selectors:
        mask |= 1 << selector
    return mask


def split(mask: int, words: int) -> list[int]:
    """Return the words of a mask, the first selectors first."""
    return [mask >> 64 * word & WORD for word in range(words)]


def pack(mask: int, words: int) -> bytes:
    """Return a mask as ``struct mask`` has it."""
    return struct.pack(f"<{words}Q", *split(mask, words))


def spell(mask: int, words: int) -> str:
    """Return a mask as C initialises it.

    >>> spell(5, 1)
    '{ { 0x5ULL } }'
    """
    return "{ { " + ", ".join(f"{word:#x}ULL" for word in split(mask, words)) + " } }"


def used(dimension: Dimension) -> int:
    """Return the selectors that ask something in a dimension."""
    return mask_of(test.selector for test in dimension.tests)


def negated(dimension: Dimension) -> int:
    """Return the selectors whose question is turned round."""
    return mask_of(test.selector for test in dimension.tests if test.is_negated)


def allowed(dimension: Dimension, matched: int, everyone: int) -> int:
    """Return who goes on where the tests of ``matched`` hold as they are written."""
    asking = used(dimension)
    return (matched ^ negated(dimension)) & asking | (everyone & ~asking)


def everyone(count: int) -> int:
    """Return the set of all selectors of a site."""
    return (1 << count) - 1
