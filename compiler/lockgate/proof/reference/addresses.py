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


def contains(text: str, address: Address | None) -> bool:
    """Tell whether an address is in a prefix; none is in no prefix."""
    if address is None:
        return False
    version, first, last = edges(text)
    return version == address.version and first <= int(address) <= last
