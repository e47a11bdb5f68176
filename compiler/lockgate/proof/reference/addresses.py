"""Prefixes as pairs of numbers: an address is inside where it lies between the two."""

from __future__ import annotations

from functools import cache
from ipaddress import IPv4Address, IPv6Address, ip_network

Address = IPv4Address | IPv6Address


@cache
def edges(text: str) -> tuple[int, int, int]:
    """Return the IP version of a prefix, its first and its last address."""
    network = ip_network(text, strict=False)
    return (
        network.version,
        int(network.network_address),
        int(network.broadcast_address),
    )


def contains(text: str, position: tuple[int, int]) -> bool:
    """Tell whether a prefix holds an address, given as IP version and number."""
    version, first, last = edges(text)
    return version == position[0] and first <= position[1] <= last
