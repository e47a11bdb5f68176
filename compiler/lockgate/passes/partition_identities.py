"""Partition points into identity classes: points that no rule in force tells apart.

Before: the peer sets of all rules that judge somebody.
After:  classes, numbered in the order of their first points, and the same peer sets as
        sets of classes.

Many rules name a few peers of their own beside many that other rules name as well.  So a set
is known by how it differs from an earlier one where that is less: what the two tell apart is
told apart by the earlier one and the difference.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockgate.bitset import from_members, members
from lockgate.ir.resolution import IdentityClasses

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from lockgate.bitset import Bits

_SPARSE = 256
"""Sets of up to so many members (or so few non-members) are gone through one by one."""

_FEW = 16
"""Sets of up to so many members are gone through as they are."""

_MOST_GAPS = 200
"""So many runs of digits are cut out of a number before going through it is cheaper."""

_BATCH = 64
"""So many denser sets are read side by side: a row of digits for each."""


def partition_identities(
    size: int, peer_sets: Sequence[Bits], used: Iterable[int]
) -> tuple[IdentityClasses, dict[int, Bits]]:
    """Return the classes of ``size`` points, and each used peer set in classes."""
    known = _Differences(size, peer_sets, sorted(set(used)))
    everything = (1 << size) - 1
    marks: list[list[int]] = [[] for _ in range(size)]
    dense = []
    sparse: dict[int, list[int]] = {}
    for number, (_, bits) in known.found.items():
        count = bits.bit_count()
        if count <= _SPARSE:
            points = sparse[number] = members(bits)
        elif size - count <= _SPARSE:
            points = members(bits ^ everything)
        else:
            dense.append(bits)
            continue
        for point in points:
            marks[point].append(number)
    classes = _number([tuple(mark) for mark in marks])
    for at in range(0, len(dense), _BATCH):
        digits = [f"{bits:0{size}b}"[::-1] for bits in dense[at : at + _BATCH]]
        columns = zip(*digits, strict=True)
        classes = _number(list(zip(classes.of_point, columns, strict=True)))
    projection = _Projection(classes)
    projected: dict[int, Bits] = {}
    for number, (earlier, bits) in known.found.items():
        found = (
            projection.project_few(sparse[number])
            if number in sparse
            else projection.project(bits)
        )
        projected[number] = found ^ projected.get(earlier, 0)
    return classes, projected


class _Differences:
    """Sets as differences from earlier ones: number → (number of that one or -1, bits)."""

    def __init__(
        self, size: int, peer_sets: Sequence[Bits], numbers: Iterable[int]
    ) -> None:
        self._half = size // 2
        self._lower = (1 << self._half) - 1
        self._having: dict[tuple[int, Bits], int] = {}
        self.found: dict[int, tuple[int, Bits]] = {}
        for number in numbers:
            bits = peer_sets[number]
            count = bits.bit_count()
            earlier = self._find(number, bits) if count > _FEW else -1
            if earlier >= 0 and (bits ^ peer_sets[earlier]).bit_count() < count:
                self.found[number] = earlier, bits ^ peer_sets[earlier]
            else:
                self.found[number] = -1, bits

    def _find(self, number: int, bits: Bits) -> int:
        """Return an earlier set with the same lower or upper half of all points."""
        halves = (0, bits & self._lower), (1, bits >> self._half)
        for half in halves:
            earlier = self._having.get(half)
            if earlier is not None:
                return earlier
        for half in halves:
            self._having[half] = number
        return -1


def _number(signatures: Sequence[object]) -> IdentityClasses:
    """Give equal signatures one number, in the order of their first points."""
    numbers: dict[object, int] = {}
    representatives: list[int] = []
    of_point = []
    for point, signature in enumerate(signatures):
        number = numbers.setdefault(signature, len(representatives))
        if number == len(representatives):
            representatives.append(point)
        of_point.append(number)
    return IdentityClasses(tuple(of_point), tuple(representatives))


class _Projection:
    """Turns sets of points into sets of classes; they hold whole classes.

    Classes are numbered as their representatives are ordered, so a set of classes is the
    set of points with the digits of all other points taken out.
    """

    def __init__(self, classes: IdentityClasses) -> None:
        self._classes = classes
        self._gaps = _gaps(classes)
        self._everything = (1 << len(classes.of_point)) - 1

    def project_few(self, points: Iterable[int]) -> Bits:
        """Return the classes of a few points."""
        of_point = self._classes.of_point
        numbers = {of_point[point] for point in points}
        return from_members(numbers, len(self._classes.representatives))

    def project(self, bits: Bits) -> Bits:
        """Return the classes of the points in a set."""
        representatives = self._classes.representatives
        if bits == self._everything:
            return (1 << len(representatives)) - 1
        if len(self._gaps) <= _MOST_GAPS:
            for start, end in self._gaps:
                below = bits & (1 << start) - 1
                bits = bits >> end << start | below
            return bits
        text = bin(bits)[:1:-1].ljust(len(self._classes.of_point), "0")
        return int("".join([text[point] for point in reversed(representatives)]), 2)


def _gaps(classes: IdentityClasses) -> list[tuple[int, int]]:
    """Return the runs of points that represent no class, from the last to the first."""
    gaps = []
    end = len(classes.of_point)
    for point in reversed(classes.representatives):
        if point + 1 < end:
            gaps.append((point + 1, end))
        end = point
    return gaps
