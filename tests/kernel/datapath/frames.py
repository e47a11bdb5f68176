"""Frames written by hand: every header a function that takes its payload."""

from __future__ import annotations

import struct
from functools import cache
from ipaddress import ip_address

from lockgate.ir.policy import Protocol

MAC = bytes.fromhex("020000000001020000000002")

ETH_IPV4, ETH_ARP, ETH_VLAN, ETH_IPV6, ETH_QINQ = 0x800, 0x806, 0x8100, 0x86DD, 0x88A8

NOBODY = "0.0.0.0"  # noqa: S104  # the address of who has none

FIN, SYN, RST, PSH, ACK, URG = 1, 2, 4, 8, 16, 32

HOP_BY_HOP, ROUTING, FRAGMENT, AUTHENTICATION, DESTINATION = 0, 43, 44, 51, 60


@cache
def packed(address: str) -> bytes:
    """Return an address as packets carry it."""
    return ip_address(address).packed


def ethernet(
    payload: bytes, kind: int = ETH_IPV4, vlans: tuple[int, ...] = ()
) -> bytes:
    """Return a frame; ``vlans`` are tags within it, the outermost first."""
    tags = b""
    for i, vlan in enumerate(vlans):
        outer = ETH_QINQ if i == 0 and len(vlans) > 1 else ETH_VLAN
        tags += struct.pack(">HH", outer, vlan)
    return MAC + tags + struct.pack(">H", kind) + payload


def ipv4(
    source: str,
    destination: str,
    protocol: int,
    payload: bytes,
    *,
    options: bytes = b"",
    identification: int = 1,
    fragment: int = 0,
    ttl: int = 64,
    version_ihl: int | None = None,
    total: int | None = None,
) -> bytes:
    """Return an IPv4 packet; ``fragment`` is the whole field (flags and offset / 8)."""
    size = 20 + len(options)
    return (
        struct.pack(
            ">BBHHHBBH4s4s",
            0x40 | size // 4 if version_ihl is None else version_ihl,
            0,
            size + len(payload) if total is None else total,
            identification,
            fragment,
            ttl,
            protocol,
            0,
            packed(source),
            packed(destination),
        )
        + options
        + payload
    )


def ipv6(
    source: str,
    destination: str,
    protocol: int,
    payload: bytes,
    *,
    hop_limit: int = 64,
    length: int | None = None,
    version: int = 6,
) -> bytes:
    """Return an IPv6 packet."""
    return (
        struct.pack(
            ">IHBB16s16s",
            version << 28,
            len(payload) if length is None else length,
            protocol,
            hop_limit,
            packed(source),
            packed(destination),
        )
        + payload
    )


def extension(following: int, payload: bytes, *, body: bytes = bytes(6)) -> bytes:
    """Return an options or routing header (``body``: 6 bytes, or 6 + 8 n) and what follows."""
    return struct.pack(">BB", following, (len(body) + 2) // 8 - 1) + body + payload


def authentication(following: int, payload: bytes) -> bytes:
    """Return an AH of 24 bytes and what follows."""
    return struct.pack(">BBHII12s", following, 4, 0, 1, 1, bytes(12)) + payload


def fragment6(
    following: int, payload: bytes, *, offset: int = 0, more: bool, number: int = 7
) -> bytes:
    """Return an IPv6 fragment header (offset in bytes) and what follows."""
    return struct.pack(">BBHI", following, 0, offset | more, number) + payload


def tcp(
    source: int,
    destination: int,
    flags: int = ACK,
    payload: bytes = b"",
    *,
    offset: int = 5,
) -> bytes:
    """Return a TCP segment."""
    head = struct.pack(
        ">HHIIBBHHH", source, destination, 1, 1, offset << 4, flags, 8192, 0, 0
    )
    return head + payload


def udp(
    source: int, destination: int, payload: bytes = b"", *, length: int | None = None
) -> bytes:
    """Return a UDP datagram."""
    size = 8 + len(payload) if length is None else length
    return struct.pack(">HHHH", source, destination, size, 0) + payload


def sctp(source: int, destination: int, chunk: int = 0) -> bytes:
    """Return an SCTP packet with one chunk (0 data, 1 INIT, 6 ABORT, ...)."""
    return struct.pack(">HHIIBBHQ", source, destination, 1, 0, chunk, 0, 12, 0)


def icmp(kind: int, code: int = 0, identifier: int = 0, payload: bytes = b"") -> bytes:
    """Return an ICMP or ICMPv6 message."""
    return struct.pack(">BBHHH", kind, code, 0, identifier, 1) + payload


def packet(
    source: str, destination: str, protocol: int, payload: bytes, **how: int
) -> bytes:
    """Return a frame with an IP packet of the addresses' family."""
    if ":" in source:
        return ethernet(ipv6(source, destination, protocol, payload, **how), ETH_IPV6)
    return ethernet(ipv4(source, destination, protocol, payload, **how))  # type: ignore[arg-type]  # only whole numbers are given


def icmp_of(address: str) -> int:
    """Return the ICMP that goes with the address' family."""
    return Protocol.ICMPV6 if ":" in address else Protocol.ICMP
