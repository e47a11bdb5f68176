"""Numbers collapse to intervals that no test tells apart; each has its set of selectors.

Before: a dimension whose tests compare numbers.  After: the starts of the intervals in
ascending order, the first one the least number, and for each who goes on.  A program finds the
interval by halving, so there are a power of two of them; those at the end that are not needed
begin at the greatest number.
"""

from __future__ import annotations

import struct
from bisect import bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lockgate.codegen.tracing.masks import allowed, everyone, pack
from lockgate.ir.tracing_selectors import Comparison

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lockgate.ir.site import Dimension, Test

_ROOMS = 8, 128, 1024
_SIGN = 1 << 63
_MOST = (1 << 64) - 1


@dataclass(frozen=True, slots=True)
class Intervals:
    """Starts (as the program compares them: unsigned, signed ones shifted) and rows."""

    starts: tuple[int, ...]
    rows: tuple[int, ...]

    def pack_starts(self) -> bytes:
        """Return the starts as ``u64 starts[]``."""
        return struct.pack(f"<{len(self.starts)}Q", *self.starts)

    def pack_rows(self, words: int) -> bytes:
        """Return the rows as ``struct mask rows[]``."""
        return b"".join(pack(row, words) for row in self.rows)


def collapse(
    dimension: Dimension, selectors: int, *, is_signed: bool, is_raw: bool = False
) -> Intervals:
    """Return the intervals of a dimension of numbers in a site of so many selectors.

    ``is_raw``: rows say which tests hold as they are written, not who goes on.
    """
    shift = _SIGN if is_signed else 0
    wanted = {
        test.selector: _apart(
            (max(0, first + shift), min(_MOST, last + shift))
            for first, last in _ranges(test, is_signed=is_signed)
        )
        for test in dimension.tests
    }
    bounds = {0}
    for ranges in wanted.values():
        for first, last in ranges:
            bounds |= {first, last + 1} - {_MOST + 1}

    def row_at(number: int) -> int:
        matched = 0
        for selector, ranges in wanted.items():
            place = bisect_right(ranges, (number, _MOST)) - 1
            if place >= 0 and number <= ranges[place][1]:
                matched |= 1 << selector
        return matched if is_raw else allowed(dimension, matched, everyone(selectors))

    starts: list[int] = []
    rows: list[int] = []
    for start in sorted(bounds):
        row = row_at(start)
        if not rows or rows[-1] != row:
            starts.append(start)
            rows.append(row)
    unused = room_for(dimension) - len(starts)
    starts += [_MOST] * unused
    rows += [row_at(_MOST)] * unused
    return Intervals(tuple(starts), tuple(rows))


def _apart(ranges: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the same numbers in ascending ranges that do not meet."""
    found: list[tuple[int, int]] = []
    for first, last in sorted(ranges):
        if found and first <= found[-1][1] + 1:
            found[-1] = found[-1][0], max(last, found[-1][1])
        elif first <= last:
            found.append((first, last))
    return found


def room_for(dimension: Dimension) -> int:
    """Return for how many intervals a program has room: so it outlives other values."""
    ranges = sum(max(1, len(test.ranges)) for test in dimension.tests)
    room = next((room for room in _ROOMS if room >= 2 * ranges + 2), _ROOMS[-1])
    while room < 2 * ranges + 2:
        room *= 2
    return room


def _ranges(test: Test, *, is_signed: bool) -> list[tuple[int, int]]:
    least, most = (-_SIGN, _SIGN - 1) if is_signed else (0, _MOST)
    if test.comparison is Comparison.GREATER:
        first = min(found.first for found in test.ranges) + 1
        return [(first, most)] if first <= most else []
    if test.comparison is Comparison.LESS:
        last = max(found.last for found in test.ranges) - 1
        return [(least, last)] if last >= least else []
    return [(found.first, found.last) for found in test.ranges]
