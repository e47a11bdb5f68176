"""lockgate_runtime.frames: what a test packet looks like."""

from __future__ import annotations

import struct
from ipaddress import ip_address

import pytest

from lockgate_runtime.frames import ICMP, ICMPV6, SCTP, TCP, UDP, build_frame

V4 = (ip_address("10.0.0.1"), ip_address("10.0.0.2"))
V6 = (ip_address("fd00::1"), ip_address("fd00::2"))


@pytest.mark.parametrize("protocol", [TCP, UDP, SCTP])
def test_ports_stand_where_they_belong(protocol: int) -> None:
    """Source port fresh, destination port as asked; IPv4 header with its checksum."""
    frame = build_frame(*V4, protocol, 443, 20001)
    assert frame[12:14] == b"\x08\x00"
    header = frame[14:34]
    assert (header[9], header[12:16], header[16:20]) == (
        protocol,
        V4[0].packed,
        V4[1].packed,
    )
    total = sum(struct.unpack("!10H", header))
    assert (total & 0xFFFF) + (total >> 16) == 0xFFFF
    assert struct.unpack("!H", header[2:4])[0] == len(frame) - 14
    assert struct.unpack("!HH", frame[34:38]) == (20001, 443)


def test_ipv6_has_its_length() -> None:
    """The payload length is that of what follows the header."""
    frame = build_frame(*V6, UDP, 53, 20001)
    assert frame[12:14] == b"\x86\xdd"
    assert struct.unpack("!H", frame[18:20])[0] == len(frame) - 14 - 40


@pytest.mark.parametrize(
    ("addresses", "protocol", "error", "network"),
    [(V4, ICMP, 3, 20), (V6, ICMPV6, 1, 40)],
)
def test_an_icmp_error_quotes_a_packet(
    addresses: tuple[object, object], protocol: int, error: int, network: int
) -> None:
    """An error quotes a packet in the other direction; an echo has an identifier."""
    source, destination = (ip_address(str(a)) for a in addresses)
    frame = build_frame(source, destination, protocol, error, 20001)
    quoted = frame[14 + network + 8 :]
    assert destination.packed + source.packed in quoted[:network]
    echo = build_frame(source, destination, protocol, 8 if protocol == 1 else 128, 7)
    assert struct.unpack("!H", echo[14 + network + 4 : 14 + network + 6]) == (7,)


def test_an_unknown_protocol_is_refused() -> None:
    """Nobody guesses what a packet of another protocol looks like."""
    with pytest.raises(ValueError, match="no frame of IP protocol 47"):
        build_frame(*V4, 47, 0, 1)
