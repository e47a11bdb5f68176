"""Sets of small numbers as Python integers: bit ``i`` is set when ``i`` is a member.

The interpreter works on thirty members at a time, so sets of thousands of peers are
joined and met in a fraction of a microsecond.  What is slow is going through the members
one by one, and that is what this module does well.
"""

from __future__ import annotations

from itertools import compress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Bits = int

_FEW = 16
"""Up to so many members are peeled off bit by bit; more are found in the binary text."""

_DENSE = 32
"""Where one in so many is a member, all digits are gone through at once."""

_FLAGS = bytes.maketrans(b"01", b"\0\1")

_MANY_SETS = 48
"""From so many sets on, blocks are found member by member."""


def members(bits: Bits) -> list[int]:
    """Return the members in rising order."""
    count = bits.bit_count()
    if count <= _FEW:
        found = []
        while bits:
            lowest = bits & -bits
            found.append(lowest.bit_length() - 1)
            bits ^= lowest
        return found
    text = bin(bits)[:1:-1]
    if count * _DENSE >= len(text):
        flags = text.encode().translate(_FLAGS)
        return list(compress(range(len(flags)), flags))
    found = []
    at = text.find("1")
    while at >= 0:
        found.append(at)
        at = text.find("1", at + 1)
    return found


def lowest(bits: Bits) -> int:
    """Return the smallest member of a set that is not empty."""
    return (bits & -bits).bit_length() - 1


def from_members(numbers: Iterable[int], size: int) -> Bits:
    """Return the set of some numbers below ``size``."""
    octets = bytearray((size >> 3) + 1)
    for number in numbers:
        octets[number >> 3] |= 1 << (number & 7)
    return int.from_bytes(octets, "little")


def from_ranges(ranges: Sequence[tuple[int, int]], size: int) -> Bits:
    """Return the set of all numbers in some half-open ranges below ``size``."""
    if len(ranges) <= _FEW:
        bits = 0
        for start, end in ranges:
            bits |= (1 << end) - (1 << start)
        return bits
    flags = bytearray(b"0") * (size + 1)
    for start, end in ranges:
        flags[start:end] = b"1" * (end - start)
    flags.reverse()
    return int(flags, 2)


def split(universe: Bits, sets: Sequence[tuple[Bits, int]]) -> list[tuple[Bits, int]]:
    """Split a universe into the blocks that no set tells apart.

    Each set comes with a tag; a block's tag joins (bitwise or) those of the sets that it
    is in.  Tags of different sets must have no bit in common.
    """
    if len(sets) >= _MANY_SETS:
        return _split_by_member(universe, sets)
    blocks = [(universe, 0)] if universe else []
    for bits, tag in sets:
        after = []
        for block, tags in blocks:
            inside = block & bits
            if not inside:
                after.append((block, tags))
            elif inside == block:
                after.append((block, tags | tag))
            else:
                after.append((inside, tags | tag))
                after.append((block ^ inside, tags))
        blocks = after
    return blocks


def _split_by_member(
    universe: Bits, sets: Sequence[tuple[Bits, int]]
) -> list[tuple[Bits, int]]:
    """Gather each member's tags; a set of more than half is noted by what it lacks."""
    size = universe.bit_length()
    half = universe.bit_count() // 2
    common = 0
    tags_of: dict[int, int] = {}
    for bits, tag in sets:
        inside = bits & universe
        if inside.bit_count() > half:
            common ^= tag
            inside ^= universe
        for member in members(inside):
            tags_of[member] = tags_of.get(member, 0) ^ tag
    blocks: dict[int, list[int]] = {}
    for member, tags in tags_of.items():
        blocks.setdefault(common ^ tags, []).append(member)
    found = {tags: from_members(block, size) for tags, block in blocks.items()}
    rest = universe & ~from_members(tags_of, size)
    if rest:
        found[common] = found.get(common, 0) | rest
    return [(block, tags) for tags, block in found.items()]
