"""lockgate.bitset: sets of numbers as integers."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lockgate import bitset
from lockgate.bitset import from_members, from_ranges, lowest, members, split

SETS = st.sets(st.integers(0, 900))


def test_a_set_in_the_middle_makes_two_blocks() -> None:
    """Each block is tagged with the sets that it is in."""
    assert sorted(split(0b1111, [(0b0110, 1), (0b0010, 2)])) == [
        (0b0010, 3),
        (0b0100, 1),
        (0b1001, 0),
    ]


@given(SETS)
def test_members_come_back(numbers: set[int]) -> None:
    """Sparse or dense, all members are found, in order."""
    bits = from_members(numbers, 901)
    assert members(bits) == sorted(numbers)
    assert bits == sum(1 << number for number in numbers)
    if numbers:
        assert lowest(bits) == min(numbers)


@given(
    st.lists(st.tuples(st.integers(0, 99), st.integers(0, 99)).map(sorted), max_size=40)
)
def test_ranges_are_joined(ranges: list[list[int]]) -> None:
    """Few ranges or many: the union of all."""
    wanted = {n for start, end in ranges for n in range(start, end)}
    assert members(from_ranges([(a, b) for a, b in ranges], 100)) == sorted(wanted)


@given(st.integers(0, 1 << 120), st.lists(st.integers(0, 1 << 130), max_size=60))
def test_blocks_are_what_no_set_tells_apart(universe: int, some: list[int]) -> None:
    """Both ways of splitting agree with looking at each member."""
    sets = [(bits, 1 << place) for place, bits in enumerate(some)]
    wanted: dict[int, int] = {}
    for member in members(universe):
        tags = sum(tag for bits, tag in sets if bits >> member & 1)
        wanted[tags] = wanted.get(tags, 0) | 1 << member
    expected = sorted((bits, tags) for tags, bits in wanted.items())
    assert sorted(split(universe, sets)) == expected
    assert sorted(bitset._split_by_member(universe, sets)) == expected
