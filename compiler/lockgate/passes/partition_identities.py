"""Partition points into identity classes: points that no rule in force tells apart.

Before: the peer sets of all rules that judge somebody.
After:  classes, numbered in the order of their first points, and the same peer sets as
        sets of classes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockgate.bitset import from_members, members
from lockgate.ir.resolution import IdentityClasses

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from lockgate.bitset import Bits

_SPARSE = 512
"""Sets of up to so many members (or so few non-members) are gone through one by one."""

_BATCH = 64
"""So many denser sets are read side by side: a row of digits for each."""


def partition_identities(
    size: int, peer_sets: Sequence[Bits], used: Iterable[int]
) -> tuple[IdentityClasses, dict[int, Bits]]:
    """Return the classes of ``size`` points, and each used peer set in classes."""
    used = sorted(set(used))
    everything = (1 << size) - 1
    marks: list[list[int]] = [[] for _ in range(size)]
    dense = []
    for number in used:
        bits = peer_sets[number]
        count = bits.bit_count()
        if count > _SPARSE and size - count > _SPARSE:
            dense.append(bits)
            continue
        for point in members(bits if count <= _SPARSE else bits ^ everything):
            marks[point].append(number)
    classes = _number([tuple(mark) for mark in marks])
    for at in range(0, len(dense), _BATCH):
        digits = [f"{bits:0{size}b}"[::-1] for bits in dense[at : at + _BATCH]]
        columns = zip(*digits, strict=True)
        classes = _number(list(zip(classes.of_point, columns, strict=True)))
    return classes, {n: _project(peer_sets[n], classes, everything) for n in used}


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


def _project(bits: Bits, classes: IdentityClasses, everything: Bits) -> Bits:
    """Return the classes of the points in a set; it holds whole classes."""
    count = len(classes.representatives)
    if bits == everything:
        return (1 << count) - 1
    if bits.bit_count() <= _SPARSE:
        of_point = classes.of_point
        return from_members({of_point[point] for point in members(bits)}, count)
    text = bin(bits)[:1:-1].ljust(len(classes.of_point), "0")
    chosen = "".join([text[point] for point in reversed(classes.representatives)])
    return int(chosen, 2)
