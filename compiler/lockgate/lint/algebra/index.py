"""Which of many boxes hold a packet, or could meet a box: a set of numbers for each question.

For each variable and each of its values there is the set of boxes that admit it, so a
question is the meet of a few sets.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING

from lockgate.bitset import from_members
from lockgate.lint.algebra.boxes import whole
from lockgate.lint.algebra.value_sets import ABSENT, Ranges, Words

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from lockgate.bitset import Bits
    from lockgate.lint.algebra.boxes import Box, Variable
    from lockgate.lint.algebra.value_sets import Values

_MOST_EDGES = 1 << 13
"""With more different ranges than so many, a variable is left to those who ask."""

_MOST_PARTS = 64
"""A set of more parts than so many is taken to meet everything."""


class BoxIndex:
    """An index of boxes by their places in a sequence."""

    def __init__(self, boxes: Sequence[Box]) -> None:
        size = len(boxes)
        conditions: dict[Variable, list[tuple[int, Values]]] = {}
        for number, box in enumerate(boxes):
            for variable, values in box.items():
                conditions.setdefault(variable, []).append((number, values))
        self._everything = (1 << size) - 1
        self._words: dict[Variable, _OfWords] = {}
        self._ranges: dict[Variable, _OfRanges] = {}
        for variable, some in conditions.items():
            of_words = [(n, v) for n, v in some if isinstance(v, Words)]
            of_ranges = [(n, v) for n, v in some if isinstance(v, Ranges)]
            if of_words:
                self._words[variable] = _OfWords(of_words, size)
            elif sum(len(values.ranges) for _, values in of_ranges) <= _MOST_EDGES:
                self._ranges[variable] = _OfRanges(of_ranges, size)
        # What a packet without any fact is in: there may be as many facts as rules.
        self._without_facts = self._everything
        self._others = []
        for variable, index in self._words.items():
            if variable[0] == "fact":
                self._without_facts &= index.admitting(ABSENT)
            else:
                self._others.append((variable, index))

    def at_example(self, box: Box) -> Bits:
        """Return the boxes that hold one packet of a box.

        Variables that the box leaves open are absent there, or the last of their numbers.
        """
        found = self._everything
        facts = [variable for variable in box if variable[0] == "fact"]
        if not facts:
            found = self._without_facts
        else:
            for variable, index in self._words.items():
                if variable[0] == "fact":
                    found &= index.admitting("yes" if variable in box else ABSENT)
        for variable, index in self._others:
            values = box.get(variable)
            word = ABSENT if values is None else str(values.example())
            found &= index.admitting(word)
        for variable, of_ranges in self._ranges.items():
            values = box.get(variable) or whole(variable)
            found &= of_ranges.admitting(int(values.example()))
        return found

    def meeting(self, box: Box) -> Bits:
        """Return the boxes that could have something in common with a box; not too few."""
        found = self._everything
        for variable, values in box.items():
            if isinstance(values, Words):
                index = self._words.get(variable)
                if index is not None:
                    found &= index.meeting(values)
            elif variable in self._ranges:
                found &= self._ranges[variable].meeting(values)
        return found


class _OfWords:
    """Boxes by what they say of one variable that is a word."""

    def __init__(self, conditions: Iterable[tuple[int, Words]], size: int) -> None:
        positive: dict[str, list[int]] = {}
        negative: dict[str, list[int]] = {}
        having: list[int] = []
        for number, values in conditions:
            if not values.is_rest:
                having.append(number)
            for word in values.members:
                (negative if values.is_rest else positive).setdefault(word, []).append(
                    number
                )
        self._finite = from_members(having, size)
        self._open = ((1 << size) - 1) & ~self._finite
        self._positive = {w: from_members(some, size) for w, some in positive.items()}
        self._negative = {w: from_members(some, size) for w, some in negative.items()}

    def admitting(self, word: str) -> Bits:
        """Return the boxes that admit a word."""
        return self._open & ~self._negative.get(word, 0) | self._positive.get(word, 0)

    def meeting(self, values: Words) -> Bits:
        """Return the boxes that admit some word of a set; not too few."""
        if values.is_rest or len(values.members) > _MOST_PARTS:
            return self._open | self._finite
        found = 0
        for word in values.members:
            found |= self.admitting(word)
        return found


class _OfRanges:
    """Boxes by what they say of one variable that is a number."""

    def __init__(self, conditions: Sequence[tuple[int, Ranges]], size: int) -> None:
        self._open = (1 << size) - 1
        edges = {0}
        for number, values in conditions:
            self._open &= ~(1 << number)
            for start, end in values.ranges:
                edges |= {start, end}
        self._edges = sorted(edges)
        change: dict[int, Bits] = {}
        for number, values in conditions:
            for start, end in values.ranges:
                change[start] = change.get(start, 0) ^ 1 << number
                change[end] = change.get(end, 0) ^ 1 << number
        self._sets = []
        here = self._open
        for edge in self._edges:
            here ^= change.get(edge, 0)
            self._sets.append(here)

    def admitting(self, value: int) -> Bits:
        """Return the boxes that admit a number."""
        return self._sets[bisect_right(self._edges, value) - 1]

    def meeting(self, values: Ranges) -> Bits:
        """Return the boxes that admit some number of a set; not too few."""
        found = self._open
        parts = 0
        for start, end in values.ranges:
            first = bisect_right(self._edges, start) - 1
            last = bisect_right(self._edges, end - 1)
            parts += last - first
            if parts > _MOST_PARTS:
                return -1
            for some in self._sets[first:last]:
                found |= some
        return found
