"""What is malformed, absurd or unknown is dropped, each with its own reason."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import pytest

from lockgate_runtime.errors import BpfError
from tests.kernel.datapath.frames import (
    ACK,
    DESTINATION,
    ETH_IPV4,
    ETH_IPV6,
    FIN,
    HOP_BY_HOP,
    NOBODY,
    PSH,
    ROUTING,
    RST,
    SYN,
    URG,
    authentication,
    ethernet,
    extension,
    icmp,
    ipv4,
    ipv6,
    packet,
    sctp,
    tcp,
    udp,
)

if TYPE_CHECKING:
    from tests.kernel.datapath.node import Node

pytestmark = pytest.mark.kernel

TCP, UDP, ICMP, ICMPV6, SCTP = 6, 17, 1, 58, 132
CLIENT4, WEB4, CLIENT6, WEB6 = "10.0.0.2", "10.0.0.1", "fd00::2", "fd00::1"
SEGMENT = tcp(40000, 80, SYN)


def v4(payload: bytes = SEGMENT, protocol: int = TCP, **how: int) -> bytes:
    """Return a frame from the client to web."""
    return ethernet(ipv4(CLIENT4, WEB4, protocol, payload, **how))  # type: ignore[arg-type]  # only whole numbers are given


def v6(payload: bytes = SEGMENT, protocol: int = TCP, **how: int) -> bytes:
    """Return the same in IPv6."""
    return ethernet(ipv6(CLIENT6, WEB6, protocol, payload, **how), ETH_IPV6)


def with_options(options: bytes) -> bytes:
    """Return a frame with IPv4 options."""
    return ethernet(ipv4(CLIENT4, WEB4, TCP, SEGMENT, options=options))


def chained(
    *headers: tuple[int, bytes], last: int = TCP, payload: bytes = SEGMENT
) -> bytes:
    """Return a frame with extension headers: pairs of type and body."""
    following = last
    for kind, body in reversed(headers):
        payload = extension(following, payload, body=body)
        following = kind
    return v6(payload, following)


BODY = bytes(6)
FINE = {
    "ipv4": v4(),
    "ipv6": v6(),
    "ipv4 with padding": v4() + bytes(6),
    "ipv6 with padding": v6() + bytes(6),
    "no-op options": with_options(b"\1" * 40),
    "options that end": with_options(b"\1\0\x83\3"),
    "a timestamp option": with_options(b"\x44\x0c\x05\0" + bytes(8)),
    "tcp options": v4(tcp(40000, 80, SYN, bytes(40), offset=15)),
    "syn ack": v4(tcp(40000, 80, SYN | ACK)),
    "fin ack": v4(tcp(40000, 80, FIN | ACK)),
    "rst": v4(tcp(40000, 80, RST)),
    "rst ack": v4(tcp(40000, 80, RST | ACK)),
    "urgent push": v4(tcp(40000, 80, ACK | PSH | URG)),
    "congestion flags": v4(tcp(40000, 80, SYN | 0xC0)),
    "udp": v4(udp(40000, 53, b"x"), UDP),
    "udp with bytes behind it": v4(udp(40000, 53, b"xx", length=9), UDP),
    "hop-by-hop": chained((HOP_BY_HOP, BODY)),
    "routing without segments": chained((ROUTING, BODY)),
    "all options": chained(
        (HOP_BY_HOP, BODY),
        (DESTINATION, BODY),
        (ROUTING, BODY),
        (DESTINATION, bytes(14)),
    ),
    "authentication": v6(authentication(TCP, SEGMENT), 51),
    "seven headers": chained(*[(DESTINATION, BODY)] * 7),
    "long options": chained((DESTINATION, bytes(6 + 8 * 255))),
    "sctp": v4(sctp(40000, 80, 1), SCTP),
    "echo": v4(icmp(8), ICMP),
    "echo over ipv6": v6(icmp(128), ICMPV6),
}


@pytest.mark.parametrize("name", FINE)
def test_what_is_unusual_but_right(node: Node, name: str) -> None:
    """It passes where the policy allows it, and is denied by policy where it does not."""
    assert node.passes("to_endpoint", FINE[name])
    node.clear()
    node.become("closed")
    assert not node.passes("to_endpoint", FINE[name])
    assert node.drops() == {"policy": 1}


def test_what_was_reserved_once_is_a_matter_of_policy(node: Node) -> None:
    """Clouds number pods from 240.0.0.0/4, and the kernel routes it."""
    assert not node.passes("to_endpoint", packet("240.0.0.1", WEB4, TCP, SEGMENT))
    assert node.drops() == {"policy": 1}


def _hide_length(frame: bytes, at: int, value: int) -> bytes:
    return frame[:at] + struct.pack(">H", value) + frame[at + 2 :]


BAD = {
    # --- IPv4
    "version 5": ("bad_header", v4(version_ihl=0x55)),
    "version 0": ("bad_header", v4(version_ihl=0x05)),
    "header of 16 bytes": ("bad_header", v4(version_ihl=0x44)),
    "header of 0 bytes": ("bad_header", v4(version_ihl=0x40)),
    "total length 0": ("bad_length", v4(total=0)),
    "total length below the header": ("bad_length", v4(total=19)),
    "total length below options": ("bad_length", v4(version_ihl=0x4F)),
    "total length beyond the frame": ("truncated", v4(total=41)),
    "loose source route": (
        "bad_header",
        with_options(b"\x83\x07\x04\x08\x08\x08\x08\0"),
    ),
    "strict source route": (
        "bad_header",
        with_options(b"\x89\x07\x04\x08\x08\x08\x08\0"),
    ),
    "source route after others": (
        "bad_header",
        with_options(b"\1\x44\x04\x05\0\x83\x07\x04\x08\x08\x08\x08"),
    ),
    "option of length 0": ("bad_header", with_options(b"\x44\0\0\0")),
    "option of length 1": ("bad_header", with_options(b"\x44\1\0\0")),
    "option beyond the header": ("bad_header", with_options(b"\x44\5\5\0")),
    "option without a length": ("bad_header", with_options(b"\1\1\1\x44")),
    # --- IPv6
    "ipv6 version 4": ("bad_header", v6(version=4)),
    "payload beyond the frame": ("truncated", v6(length=21)),
    "payload of nothing": ("bad_transport_header", v6(length=0)),
    "options beyond the payload": (
        "bad_length",
        v6(extension(TCP, SEGMENT, body=bytes(6))[:8], DESTINATION, length=7),
    ),
    "nine headers": ("too_many_extension_headers", chained(*[(DESTINATION, BODY)] * 9)),
    "mobility": ("unknown_extension_header", chained((135, BODY))),
    "host identity": ("unknown_extension_header", chained((139, BODY))),
    "shim": ("unknown_extension_header", chained((140, BODY))),
    "experiment": ("unknown_extension_header", chained((253, BODY))),
    "other experiment": ("unknown_extension_header", chained((254, BODY))),
    "hop-by-hop not first": (
        "unknown_extension_header",
        chained((DESTINATION, BODY), (HOP_BY_HOP, BODY)),
    ),
    "routing with segments left": (
        "unknown_extension_header",
        chained((ROUTING, b"\0\1" + bytes(20))),
    ),
    # --- TCP
    "offset 4": ("bad_transport_header", v4(tcp(40000, 80, SYN, offset=4))),
    "offset 0": ("bad_transport_header", v4(tcp(40000, 80, SYN, offset=0))),
    "offset beyond the segment": (
        "bad_transport_header",
        v4(tcp(40000, 80, SYN, offset=6)),
    ),
    "half a tcp header": ("bad_transport_header", v4(SEGMENT, total=39)),
    "no flags": ("bad_tcp_flags", v4(tcp(40000, 80, 0))),
    "only fin": ("bad_tcp_flags", v4(tcp(40000, 80, FIN))),
    "syn fin": ("bad_tcp_flags", v4(tcp(40000, 80, SYN | FIN))),
    "syn rst": ("bad_tcp_flags", v4(tcp(40000, 80, SYN | RST))),
    "syn fin ack": ("bad_tcp_flags", v4(tcp(40000, 80, SYN | FIN | ACK))),
    "fin rst": ("bad_tcp_flags", v4(tcp(40000, 80, FIN | RST | ACK))),
    "christmas tree": ("bad_tcp_flags", v4(tcp(40000, 80, FIN | PSH | URG))),
    "ipv6 no flags": ("bad_tcp_flags", v6(tcp(40000, 80, 0))),
    # --- UDP, SCTP, ICMP
    "udp length 7": ("bad_transport_header", v4(udp(40000, 53, length=7), UDP)),
    "udp length 0": ("bad_transport_header", v6(udp(40000, 53, length=0), UDP)),
    "udp longer than ip": ("bad_transport_header", v4(udp(40000, 53, length=9), UDP)),
    "half a udp header": ("bad_transport_header", v4(udp(40000, 53), UDP, total=27)),
    "half an sctp header": (
        "bad_transport_header",
        v4(sctp(40000, 80, 1), SCTP, total=35),
    ),
    "half an icmp header": ("bad_transport_header", v4(icmp(8), ICMP, total=27)),
    # --- addresses
    "multicast source": ("bad_source", packet("224.0.0.1", WEB4, TCP, SEGMENT)),
    "broadcast source": ("bad_source", packet("255.255.255.255", WEB4, TCP, SEGMENT)),
    "loopback source": ("bad_source", packet("127.0.0.1", WEB4, TCP, SEGMENT)),
    "source in no network": ("bad_source", packet("0.1.2.3", WEB4, TCP, SEGMENT)),
    "no source": ("bad_source", packet(NOBODY, WEB4, TCP, SEGMENT)),
    "no source, udp": ("bad_source", packet(NOBODY, WEB4, UDP, udp(40000, 53))),
    "loopback destination": (
        "bad_destination",
        packet(CLIENT4, "127.0.0.1", TCP, SEGMENT),
    ),
    "no destination": ("bad_destination", packet(CLIENT4, NOBODY, TCP, SEGMENT)),
    "ipv6 multicast source": ("bad_source", packet("ff02::1", WEB6, TCP, SEGMENT)),
    "ipv6 loopback source": ("bad_source", packet("::1", WEB6, TCP, SEGMENT)),
    "ipv6 no source": ("bad_source", packet("::", WEB6, TCP, SEGMENT)),
    "mapped source": ("bad_source", packet("::ffff:10.0.0.2", WEB6, TCP, SEGMENT)),
    "mapped destination": (
        "bad_destination",
        packet(CLIENT6, "::ffff:10.0.0.1", TCP, SEGMENT),
    ),
    "ipv6 loopback destination": (
        "bad_destination",
        packet(CLIENT6, "::1", TCP, SEGMENT),
    ),
    # --- the link
    "another ethertype": ("unknown_protocol", ethernet(bytes(46), 0x88CC)),
    "ieee 802.3": ("unknown_protocol", ethernet(bytes(46), 46)),
    "a tag without a packet": ("unknown_protocol", ethernet(bytes(46), 0x88B5, (7,))),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_wrong(node: Node, name: str) -> None:
    """It is dropped on its way to an endpoint that lets everything in, with its reason."""
    reason, frame = BAD[name]
    node.become("client")
    assert not node.passes("to_endpoint", frame)
    assert node.drops() == {reason: 1}
    assert not node.flows("flows_new")


@pytest.mark.parametrize("frame", [v4(), v6(), v4(udp(1, 53, b"xyz"), UDP)])
def test_every_truncation(node: Node, frame: bytes) -> None:
    """A frame cut anywhere before its end is dropped; a refusal to run it is no verdict."""
    judged = 0
    for size in range(14, len(frame)):
        try:
            assert not node.passes("to_endpoint", frame[:size]), size
            judged += 1
        except BpfError:
            # BPF_PROG_TEST_RUN takes no IP frame without a whole IP header.
            assert size < 14 + (40 if frame[12:14] == b"\x86\xdd" else 20)
    assert judged >= 11
    assert node.drops() == {"truncated": judged}


def test_link_protocols(node: Node) -> None:
    """ARP passes, tagged or not."""
    node.become("closed")
    for vlans in ((), (7,), (7, 8)):
        for hook in ("from_endpoint", "to_endpoint"):
            assert node.passes(hook, ethernet(bytes(28), 0x806, vlans))


def test_no_endpoint(node: Node) -> None:
    """A device that the tables do not know lets nothing through."""
    node.become("nobody")
    for hook in ("from_endpoint", "to_endpoint"):
        assert not node.passes(hook, v4())
        assert not node.passes(hook, ethernet(bytes(28), 0x806))
    assert node.drops() == {"no_endpoint": 4}


def test_protocol_without_ports(node: Node) -> None:
    """ESP is judged by its number, and an empty packet of IPv6 too."""
    node.become("client")
    assert node.passes("to_endpoint", v6(bytes(16), 50))
    assert node.passes("to_endpoint", v6(b"", 59))
    assert node.passes("to_endpoint", v4(b"", 50))
    node.clear()
    node.become("closed")
    assert not node.passes("to_endpoint", v6(bytes(16), 50))
    assert node.drops() == {"policy": 1}


def test_icmp_of_the_other_family(node: Node) -> None:
    """ICMPv6 in IPv4 has no type; it is another protocol, which web does not take."""
    assert not node.passes("to_endpoint", v4(icmp(128), ICMPV6))
    assert not node.passes("to_endpoint", v6(icmp(8), ICMP))
    assert node.drops() == {"policy": 2}


@pytest.mark.parametrize("kind", [ETH_IPV4, ETH_IPV6])
def test_the_wrong_family(node: Node, kind: int) -> None:
    """An ethertype that lies about the version is a bad header."""
    node.become("client")
    inner = (
        ipv6(CLIENT6, WEB6, TCP, SEGMENT)
        if kind == ETH_IPV4
        else ipv4(CLIENT4, WEB4, TCP, SEGMENT) + bytes(20)
    )
    assert not node.passes("to_endpoint", ethernet(inner, kind))
    assert node.drops() == {"bad_header": 1}
