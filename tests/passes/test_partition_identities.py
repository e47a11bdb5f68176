"""lockgate.passes.partition_identities: points that no rule tells apart."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lockgate.bitset import members
from lockgate.ir.verify import verify_classes
from lockgate.passes.partition_identities import partition_identities


def test_points_in_the_same_sets_are_one_class() -> None:
    """Five points, two overlapping sets, four classes."""
    classes, sets = partition_identities(5, [0b00011, 0b00110], [0, 1])
    assert classes.of_point == (0, 1, 2, 3, 3)
    assert classes.representatives == (0, 1, 2, 3)
    assert sets == {0: 0b0011, 1: 0b0110}


def test_what_a_rule_adds_of_its_own_is_a_class() -> None:
    """Two rules share forty peers, and each has one more."""
    shared = (1 << 40) - 1
    classes, sets = partition_identities(
        50, [shared | 1 << 45, shared | 1 << 47], [0, 1]
    )
    assert classes.representatives == (0, 40, 45, 47)
    assert sets == {0: 0b0101, 1: 0b1001}


@st.composite
def _spaces(draw: st.DrawFn) -> tuple[int, list[int]]:
    """Draw sets small, large and dense, some of them nearly the same as others."""
    size = draw(st.sampled_from([1, 7, 64, 900]))
    everything = (1 << size) - 1
    some = st.integers(0, everything)
    blocky = st.builds(
        lambda a, b: (1 << max(a, b)) - (1 << min(a, b)), *[st.integers(0, size)] * 2
    )
    sets = draw(
        st.lists(st.one_of(some, blocky, blocky.map(everything.__xor__)), max_size=12)
    )
    for place in draw(st.lists(st.integers(0, 11), max_size=6)):
        few = draw(st.sets(st.integers(0, size - 1), max_size=3))
        if place < len(sets):
            sets.append(sets[place] ^ sum(1 << point for point in few))
    return size, sets


@given(_spaces())
def test_classes_split_no_set_and_are_the_coarsest(
    space: tuple[int, list[int]],
) -> None:
    """Two points are one class just where all sets agree on them."""
    size, sets = space
    classes, projected = partition_identities(size, sets, range(len(sets)))
    verify_classes(classes, sets)
    signatures = {tuple(b >> p & 1 for b in sets) for p in classes.representatives}
    assert len(signatures) == len(classes.representatives)
    for number, bits in enumerate(sets):
        wanted = sorted({classes.of_point[point] for point in members(bits)})
        assert members(projected[number]) == wanted
