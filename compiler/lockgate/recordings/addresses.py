"""Addresses of recordings: the same ones come again and again."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address

Address = IPv4Address | IPv6Address


@lru_cache(1 << 16)
def parse_address(text: str) -> Address | None:
    """Return an address; None where the text is none."""
    try:
        return ip_address(text)
    except ValueError:
        return None
