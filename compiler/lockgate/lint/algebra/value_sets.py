"""Sets of values of one variable, closed under meeting and taking away.

Words are infinitely many (a label may have any value, or be absent): a set of them is
finite, or all but finitely many.  Numbers (addresses, ports) are unions of ranges.
"""

from __future__ import annotations

from typing import NamedTuple

ABSENT = "\0absent"
"""The value of a label that is not there; no label has it."""


class Words(NamedTuple):
    """``members``, or with ``is_rest`` everything but them."""

    members: frozenset[str]
    is_rest: bool = False

    @property
    def is_empty(self) -> bool:
        """Whether nothing is in it."""
        return not self.is_rest and not self.members

    def meet(self, other: Words) -> Words:
        """Return what is in both."""
        if self.is_rest and other.is_rest:
            return Words(self.members | other.members, True)
        if self.is_rest:
            return Words(other.members - self.members)
        if other.is_rest:
            return Words(self.members - other.members)
        return Words(self.members & other.members)

    def without(self, other: Words) -> Words:
        """Return what is in this one only."""
        return self.meet(Words(other.members, not other.is_rest))

    def has(self, word: str) -> bool:
        """Whether a word is in it."""
        return (word in self.members) is not self.is_rest

    def example(self) -> str:
        """Return a member: absence before any word, a word that nobody named last."""
        if self.has(ABSENT):
            return ABSENT
        return "\0other" if self.is_rest else min(self.members)


class Ranges(NamedTuple):
    """Half-open ranges, sorted, neither touching nor overlapping."""

    ranges: tuple[tuple[int, int], ...]

    @classmethod
    def of(cls, ranges: list[tuple[int, int]]) -> Ranges:
        """Return the union of any ranges."""
        found: list[tuple[int, int]] = []
        for start, end in sorted(ranges):
            if found and start <= found[-1][1]:
                found[-1] = (found[-1][0], max(end, found[-1][1]))
            elif start < end:
                found.append((start, end))
        return cls(tuple(found))

    @property
    def is_empty(self) -> bool:
        """Whether nothing is in it."""
        return not self.ranges

    def meet(self, other: Ranges) -> Ranges:
        """Return what is in both."""
        found = []
        mine, yours = self.ranges, other.ranges
        i = j = 0
        while i < len(mine) and j < len(yours):
            start = max(mine[i][0], yours[j][0])
            end = min(mine[i][1], yours[j][1])
            if start < end:
                found.append((start, end))
            if mine[i][1] < yours[j][1]:
                i += 1
            else:
                j += 1
        return Ranges(tuple(found))

    def without(self, other: Ranges) -> Ranges:
        """Return what is in this one only."""
        found = []
        for start, end in self.ranges:
            at = start
            for first, last in other.ranges:
                if last <= at or first >= end:
                    continue
                if first > at:
                    found.append((at, first))
                at = last
            if at < end:
                found.append((at, end))
        return Ranges(tuple(found))

    def example(self) -> int:
        """Return the last member: the one that few others name."""
        return self.ranges[-1][1] - 1


Values = Words | Ranges
"""What a variable may be; its kind never changes."""

ANY_WORD = Words(frozenset(), True)
"""Every word, absence too."""
