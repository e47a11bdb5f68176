"""Ports as people write them: ranges."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def merge_ports(ports: Iterable[int]) -> tuple[tuple[int, int], ...]:
    """Return sorted ports as ranges, both ends included."""
    ranges: list[tuple[int, int]] = []
    for port in sorted(set(ports)):
        if ranges and ranges[-1][1] + 1 == port:
            ranges[-1] = ranges[-1][0], port
        else:
            ranges.append((port, port))
    return tuple(ranges)
