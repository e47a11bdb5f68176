"""Print sets of addresses as the fewest prefixes that a person would write.

>>> print_addresses([(4, 0, 2**32 - 1), (6, 0, 2**128 - 1)])
['world']
>>> ten = int(IPv4Address("10.0.0.0"))
>>> print_addresses([(4, ten, ten + 5)])
['10.0.0.0/30', '10.0.0.4/31']
>>> print_addresses([(4, ten, ten + 2**24 - 256 - 1)])
['10.0.0.0/8 except 10.255.255.0/24']
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import TYPE_CHECKING

from lockgate.ir.prefixes import WIDTH

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

WORLD = "world"
"""Every address outside, of both families."""

Range = tuple[int, int, int]
"""IP version, first and last address as numbers."""

Prefix = IPv4Network | IPv6Network
_Ranges = list[tuple[int, int]]
_Key = tuple[int, int]


def print_addresses(ranges: Iterable[Range]) -> list[str]:
    """Return what to call a set of addresses; all of both families are the world."""
    merged = {version: merge(ranges_of) for version, ranges_of in _split(ranges)}
    if all(merged.get(version) == _every(version) for version in WIDTH):
        return [WORLD]
    return [text for version, some in merged.items() for text in _print(some, version)]


def prefixes_of(ranges: Iterable[Range]) -> list[Prefix]:
    """Return the fewest prefixes that hold exactly these addresses, sorted."""
    found: list[Prefix] = []
    for version, some in _split(ranges):
        make = IPv4Network if version == 4 else IPv6Network  # IP version
        plain = _plain(merge(some), (0, 0), WIDTH[version])
        found += [make((value, length)) for value, length in plain]
    return found


def merge(ranges: Iterable[tuple[int, int]]) -> _Ranges:
    """Join ranges that touch."""
    found: _Ranges = []
    for first, last in sorted(ranges):
        if found and found[-1][1] + 1 >= first:
            found[-1] = found[-1][0], max(last, found[-1][1])
        else:
            found.append((first, last))
    return found


def outside(ranges: Sequence[tuple[int, int]], first: int, last: int) -> _Ranges:
    """Return what a range holds besides some merged ranges."""
    found = []
    for start, end in ranges:
        if start > first:
            found.append((first, min(start - 1, last)))
        first = max(first, end + 1)
    if first <= last:
        found.append((first, last))
    return found


def _split(ranges: Iterable[Range]) -> list[tuple[int, _Ranges]]:
    found: dict[int, _Ranges] = {}
    for version, first, last in ranges:
        found.setdefault(version, []).append((first, last))
    return sorted(found.items())


def _every(version: int) -> _Ranges:
    return [(0, (1 << WIDTH[version]) - 1)]


def _print(ranges: _Ranges, version: int) -> list[str]:
    """Print each prefix with its exceptions."""
    make = IPv4Network if version == 4 else IPv6Network  # IP version
    texts = []
    for key, excepts in _best(ranges, (0, 0), WIDTH[version]):
        text = str(make(key))
        if excepts:
            text += " except " + ", ".join(str(make(some)) for some in excepts)
        texts.append(text)
    return texts


def _bounds(key: _Key, width: int) -> tuple[int, int]:
    value, length = key
    return value, value + (1 << width - length) - 1


def _clip(ranges: Sequence[tuple[int, int]], first: int, last: int) -> _Ranges:
    return [
        (max(start, first), min(end, last))
        for start, end in ranges
        if end >= first and start <= last
    ]


def _halves(key: _Key, width: int) -> tuple[_Key, _Key]:
    value, length = key
    return (value, length + 1), (value + (1 << width - length - 1), length + 1)


def _plain(ranges: _Ranges, key: _Key, width: int) -> list[_Key]:
    """Return the prefixes below ``key`` that hold what is in merged ranges there."""
    first, last = _bounds(key, width)
    inside = _clip(ranges, first, last)
    if not inside:
        return []
    if inside == [(first, last)]:
        return [key]
    return [
        found for half in _halves(key, width) for found in _plain(inside, half, width)
    ]


def _best(ranges: _Ranges, key: _Key, width: int) -> list[tuple[_Key, list[_Key]]]:
    """Return prefixes with exceptions: the way with the fewest prefixes in all."""
    first, last = _bounds(key, width)
    inside = _clip(ranges, first, last)
    if not inside:
        return []
    if inside == [(first, last)]:
        return [(key, [])]
    split = [
        found for half in _halves(key, width) for found in _best(inside, half, width)
    ]
    excepts = _plain(outside(inside, first, last), key, width)
    cost = sum(1 + len(some) for _, some in split)
    return [(key, excepts)] if 1 + len(excepts) < cost else split


__all__ = [
    "WORLD",
    "IPv4Address",
    "IPv6Address",
    "merge",
    "outside",
    "prefixes_of",
    "print_addresses",
]
