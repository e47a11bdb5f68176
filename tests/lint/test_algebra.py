"""Sets of values, and boxes of them, against a plain look at every packet."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockgate.lint.algebra.boxes import (
    Box,
    Effort,
    TooHardError,
    find_cover,
    join,
    meets,
)
from lockgate.lint.algebra.value_sets import Ranges, Words

WORDS = ("a", "b", "c")
OTHER = "z"
"""A word that no set names: it stands for all of those."""

NUMBERS = range(12)
VARIABLES = (("subject", "k8s", "x"), ("peer", "k8s", "y"), ("address",))

words = st.builds(Words, st.frozensets(st.sampled_from(WORDS)), st.booleans())
ranges = st.builds(
    Ranges.of,
    st.lists(st.tuples(st.integers(0, 11), st.integers(0, 12)), max_size=3),
)


def _in(values: Words | Ranges, value: str | int) -> bool:
    if isinstance(values, Words):
        return values.has(str(value))
    return any(start <= int(value) < end for start, end in values.ranges)


@given(words, words)
def test_words(one: Words, other: Words) -> None:
    """Each operation is what it says for every word."""
    for word in (*WORDS, OTHER):
        assert one.meet(other).has(word) == (one.has(word) and other.has(word))
        assert one.without(other).has(word) == (one.has(word) and not other.has(word))
    everything = (*WORDS, OTHER)
    assert one.is_empty == (not any(one.has(word) for word in everything))
    if not one.is_empty:
        assert one.has(one.example())


@given(ranges, ranges)
def test_ranges(one: Ranges, other: Ranges) -> None:
    """Each operation is what it says for every number, and keeps the form."""
    for number in NUMBERS:
        assert _in(one.meet(other), number) == (_in(one, number) and _in(other, number))
        assert _in(one.without(other), number) == (
            _in(one, number) and not _in(other, number)
        )
    assert one.is_empty == (not any(_in(one, number) for number in NUMBERS))
    for some in (one, one.meet(other), one.without(other)):
        assert Ranges.of(list(some.ranges)) == some
    if not one.is_empty:
        assert _in(one, one.example())


def _boxes(with_all: bool) -> st.SearchStrategy[Box]:
    kinds = {
        VARIABLES[0]: words.filter(lambda values: not values.is_empty),
        VARIABLES[1]: words.filter(lambda values: not values.is_empty),
        VARIABLES[2]: ranges.filter(lambda values: not values.is_empty),
    }
    if with_all:
        return st.fixed_dictionaries(kinds)  # type: ignore[arg-type]  # words and ranges
    return st.fixed_dictionaries({}, optional=kinds)  # type: ignore[arg-type]  # as above


def _packets() -> list[tuple[str | int, ...]]:
    everything = (*WORDS, OTHER)
    return list(product(everything, everything, NUMBERS))


PACKETS = _packets()


def _holds(box: Box, packet: tuple[str | int, ...]) -> bool:
    return all(_in(box[v], packet[VARIABLES.index(v)]) for v in box)


@given(_boxes(True), st.lists(_boxes(False), max_size=6))
def test_cover(box: Box, covers: list[Box]) -> None:
    """Boxes cover another one exactly where each packet in it is in one of them."""
    numbered = [(cover, number) for number, cover in enumerate(covers)]
    used = find_cover(box, numbered, Effort(10_000))
    inside = [packet for packet in PACKETS if _holds(box, packet)]
    assert (used is not None) == all(
        any(_holds(cover, packet) for cover in covers) for packet in inside
    )
    if used is not None:
        needed = [covers[number] for number in used]
        assert all(any(_holds(c, packet) for c in needed) for packet in inside)


def test_giving_up() -> None:
    """A question that may take no look has no answer."""
    with pytest.raises(TooHardError):
        find_cover({}, [({}, 0)], Effort(1))
    assert find_cover({}, [({}, 0)], Effort(2)) == {0}


@given(_boxes(False), _boxes(False))
def test_join(one: Box, other: Box) -> None:
    """The box of both conditions holds the packets in both."""
    joined = join(one, other)
    both = [p for p in PACKETS if _holds(one, p) and _holds(other, p)]
    assert meets(one, other) == bool(both)
    assert [p for p in PACKETS if joined is not None and _holds(joined, p)] == both
