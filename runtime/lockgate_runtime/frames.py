"""Build Ethernet frames that a policy can be asked about, one packet of each protocol.

Checksums of IPv4 headers are right; those of transport headers are not, for nobody looks
at them in a test run.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ipaddress import IPv4Address, IPv6Address

    Address = IPv4Address | IPv6Address

ICMP, TCP, UDP, ICMPV6, SCTP = 1, 6, 17, 58, 132

_ETHERNET = b"\x02\0\0\0\0\1" + b"\x02\0\0\0\0\2"
_TYPES = {4: b"\x08\x00", 6: b"\x86\xdd"}
_HOP_LIMIT = 64
_TCP_SYN = 0x02
_SCTP_INIT = 1
_ERRORS = {ICMP: (3, 4, 11, 12), ICMPV6: (1, 2, 3, 4)}


def build_frame(
    source: Address, destination: Address, protocol: int, port: int, fresh: int
) -> bytes:
    """Return a frame that opens a flow (or is one packet of ICMP).

    ``port`` is the destination port, for ICMP the type.  ``fresh`` (a source port, for ICMP
    the identifier) tells flows apart.
    """
    payload = _transport(source, destination, protocol, port, fresh)
    return (
        _ETHERNET
        + _TYPES[source.version]
        + _network(source, destination, protocol, payload)
    )


def build_bare_frame(source: Address, destination: Address, protocol: int) -> bytes:
    """Return a frame of a protocol that has no ports: a few bytes behind the IP header."""
    return (
        _ETHERNET
        + _TYPES[source.version]
        + _network(source, destination, protocol, bytes(8))
    )


def transport_offset(version: int) -> int:
    """Return where the transport header begins in the frames that are built here."""
    return len(_ETHERNET) + 2 + (20 if version == 4 else 40)  # IP


def _transport(
    source: Address, destination: Address, protocol: int, port: int, fresh: int
) -> bytes:
    match protocol:
        case 6:
            return struct.pack(
                "!HHIIBBHHH", fresh, port, 1, 0, 5 << 4, _TCP_SYN, 1024, 0, 0
            )
        case 17:
            return struct.pack("!HHHH", fresh, port, 12, 0) + b"ping"
        case 132:
            chunk = struct.pack("!BBHIIHHI", _SCTP_INIT, 0, 20, 1, 65536, 1, 1, 1)
            return struct.pack("!HHII", fresh, port, 0, 0) + chunk
        case 1 | 58:
            head = struct.pack("!BBHHH", port, 0, 0, fresh, 1)
            if port not in _ERRORS[protocol]:
                return head + b"ping"
            # An error quotes the packet that it is about: here one that nobody sent.
            quoted = struct.pack("!HHHH", fresh, 9, 8, 0)
            return head + _network(destination, source, UDP, quoted)
    raise ValueError(f"no frame of IP protocol {protocol} is known")


def _network(
    source: Address, destination: Address, protocol: int, payload: bytes
) -> bytes:
    if source.version == 6:
        head = struct.pack("!IHBB", 6 << 28, len(payload), protocol, _HOP_LIMIT)
        return head + source.packed + destination.packed + payload
    length = 20 + len(payload)
    head = struct.pack("!BBHHHBB", 0x45, 0, length, 1, 0, _HOP_LIMIT, protocol)
    addresses = source.packed + destination.packed
    total = sum(struct.unpack("!9H", head + addresses))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return head + struct.pack("!H", ~total & 0xFFFF) + addresses + payload
