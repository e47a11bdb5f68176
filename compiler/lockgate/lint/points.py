"""Which points of the peer space some address leads to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockgate.bitset import from_members
from lockgate.ir.prefixes import WIDTH

if TYPE_CHECKING:
    from lockgate.bitset import Bits
    from lockgate.ir.resolution import PeerSpace


def real_points(space: PeerSpace) -> Bits:
    """Return the points that some address leads to: not prefixes that others use up."""
    tree = space.tree
    left = [1 << (WIDTH[prefix.version] - prefix.length) for prefix in tree.prefixes]
    for number, prefix in enumerate(tree.prefixes):
        parent = tree.parents[number]
        if parent >= 0:
            left[parent] -= 1 << (WIDTH[prefix.version] - prefix.length)
    first = space.first_prefix
    empty = from_members(
        (first + n for n, size in enumerate(left) if not size), space.size
    )
    return space.everything & ~empty
