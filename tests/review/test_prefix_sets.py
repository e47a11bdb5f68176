"""Sets of addresses are printed exactly, and briefly."""

from __future__ import annotations

from ipaddress import ip_network
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from lockgate.review.prefix_sets import merge, outside, prefixes_of, print_addresses

SIZE = 1 << 8
SHIFT = 24
"""Sets of the first octets are small enough to be gone through."""

OCTETS = st.sets(st.integers(0, SIZE - 1))


def _ranges(octets: set[int]) -> list[tuple[int, int, int]]:
    return [(4, o << SHIFT, (o + 1 << SHIFT) - 1) for o in sorted(octets)]


def _octets(text: str) -> set[int]:
    """Return the first octets that a printed term means."""
    term, _, excepts = text.partition(" except ")
    found = _of_prefix(term)
    for prefix in filter(None, excepts.split(", ")):
        assert _of_prefix(prefix) < found, "an exception is a part"
        found -= _of_prefix(prefix)
    return found


def _of_prefix(text: str) -> set[int]:
    network = ip_network(text)
    first, last = int(network[0]) >> SHIFT, int(network[-1]) >> SHIFT
    return set(range(first, last + 1))


@given(OCTETS)
def test_terms_mean_the_set(octets: set[int]) -> None:
    """Terms are disjoint, and together they are the set."""
    terms = [_octets(text) for text in print_addresses(_ranges(octets))]
    assert set().union(*terms) == octets
    assert sum(map(len, terms)) == len(octets)


@given(OCTETS)
def test_terms_are_no_more_than_prefixes(octets: set[int]) -> None:
    """Exceptions are written where they save prefixes, and only there."""
    ranges = _ranges(octets)
    texts = print_addresses(ranges)
    count = sum(1 + text.count(",") + text.count("except") for text in texts)
    assert count <= len(prefixes_of(ranges))


@given(OCTETS)
def test_prefixes_are_the_fewest(octets: set[int]) -> None:
    """No two of them are the halves of one."""
    prefixes = prefixes_of(_ranges(octets))
    found = {o for prefix in prefixes for o in _of_prefix(str(prefix))}
    assert found == octets
    parents = [prefix.supernet() for prefix in prefixes if prefix.prefixlen]
    assert len(parents) == len(set(parents))


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 9))))
def test_merge_and_outside(some: list[tuple[int, int]]) -> None:
    """Merged ranges have a gap between them; what is outside is the rest."""
    ranges = [(first, first + more) for first, more in some]
    merged = merge(ranges)
    inside = {n for first, last in ranges for n in range(first, last + 1)}
    assert {n for first, last in merged for n in range(first, last + 1)} == inside
    assert all(one[1] + 1 < other[0] for one, other in pairwise(merged))
    rest = outside(merged, 0, 60)
    assert {n for a, b in rest for n in range(a, b + 1)} == set(range(61)) - inside


def test_both_families_are_the_world() -> None:
    """One family alone is not."""
    v4, v6 = (4, 0, 2**32 - 1), (6, 0, 2**128 - 1)
    assert print_addresses([v4, v6]) == ["world"]
    assert print_addresses([v4]) == ["0.0.0.0/0"]
    assert print_addresses([v6]) == ["::/0"]
    assert print_addresses([]) == []
