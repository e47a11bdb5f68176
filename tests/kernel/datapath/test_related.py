"""ICMP errors about a connection pass with it; others are ICMP as any."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lockgate_runtime import layout
from tests.kernel.datapath.frames import (
    ACK,
    SYN,
    authentication,
    extension,
    fragment6,
    icmp,
    icmp_of,
    ipv4,
    ipv6,
    packet,
    sctp,
    tcp,
    udp,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.kernel.datapath.node import Node

pytestmark = pytest.mark.kernel

TCP, UDP, SCTP = 6, 17, 132
ADDRESSES = {
    4: ("10.0.0.2", "10.0.0.1", "172.16.0.1"),
    6: ("fd00::2", "fd00::1", "fd00:ff::1"),
}
ERRORS = [(4, 3), (4, 4), (4, 11), (4, 12), (6, 1), (6, 2), (6, 3), (6, 4)]


def ip(
    family: int, source: str, destination: str, protocol: int, payload: bytes
) -> bytes:
    """Return a packet without a link header."""
    build = ipv4 if family == 4 else ipv6
    return build(source, destination, protocol, payload)


def error(sender: str, receiver: str, kind: int, about: bytes) -> bytes:
    """Return a frame with an ICMP error about a packet."""
    return packet(sender, receiver, icmp_of(sender), icmp(kind, payload=about))


@pytest.mark.parametrize(("family", "kind"), ERRORS)
def test_errors_about_a_flow(node: Node, family: int, kind: int) -> None:
    """They pass in both directions, from whoever sends them, whoever's packet it was."""
    client, web, router = ADDRESSES[family]
    ask, answer = tcp(40000, 80, SYN), tcp(80, 40000, SYN | ACK)
    # Nothing is related before there is a flow.
    about_answer = ip(family, web, client, TCP, answer)[: -12 or None]
    about_ask = ip(family, client, web, TCP, ask)
    assert not node.passes("to_endpoint", error(router, web, kind, about_answer))
    assert not node.passes("from_endpoint", error(web, client, kind, about_ask))
    assert node.passes("to_endpoint", packet(client, web, TCP, ask))
    assert node.passes("to_endpoint", error(router, web, kind, about_answer))
    assert node.passes("to_endpoint", error(client, web, kind, about_answer))
    assert node.passes("from_endpoint", error(web, client, kind, about_ask))


@pytest.mark.parametrize(("family", "kind"), ERRORS)
def test_errors_about_something_else(node: Node, family: int, kind: int) -> None:
    """Another port, protocol, address or direction is no relation."""
    client, web, router = ADDRESSES[family]
    other = "10.0.0.9" if family == 4 else "fd00::9"
    assert node.passes("to_endpoint", packet(client, web, TCP, tcp(40000, 80, SYN)))
    for about in (
        ip(family, web, client, TCP, tcp(80, 40001)),
        ip(family, web, client, TCP, tcp(81, 40000)),
        ip(family, web, client, UDP, udp(80, 40000)),
        ip(family, web, other, TCP, tcp(80, 40000)),
        ip(family, other, client, TCP, tcp(80, 40000)),
        ip(family, client, web, TCP, tcp(40000, 80)),
        ip(family, web, client, TCP, b"\0\x50\x9c"),
        b"",
        b"\0" * 48,
    ):
        assert not node.passes("to_endpoint", error(router, web, kind, about)), about


@pytest.mark.parametrize("family", [4, 6])
def test_errors_about_other_protocols(node: Node, family: int) -> None:
    """UDP, SCTP and echo have errors, too."""
    client, web, router = ADDRESSES[family]
    kind = 3 if family == 4 else 1
    echo, echo_protocol = (8, 1) if family == 4 else (128, 58)
    reply = 0 if family == 4 else 129
    for protocol, ask, answer in (
        (UDP, udp(40000, 53), udp(53, 40000)),
        (SCTP, sctp(40000, 80, 1), sctp(80, 40000, 2)),
        (echo_protocol, icmp(echo, 0, 9), icmp(reply, 0, 9)),
    ):
        about = ip(family, web, client, protocol, answer)
        assert not node.passes("to_endpoint", error(router, web, kind, about))
        assert node.passes("to_endpoint", packet(client, web, protocol, ask))
        assert node.passes("to_endpoint", error(router, web, kind, about)), protocol


def test_error_about_own_packet(node: Node) -> None:
    """What web sent and a router could not deliver comes back to it."""
    node.become("web")
    sent = udp(50000, 53)
    assert node.passes("from_endpoint", packet("10.0.0.1", "8.8.8.8", UDP, sent))
    about = ipv4("10.0.0.1", "8.8.8.8", UDP, sent)
    assert node.passes("to_endpoint", error("172.16.0.1", "10.0.0.1", 11, about))
    node.become("closed")
    assert not node.passes("to_endpoint", error("172.16.0.1", "10.0.0.1", 11, about))


def test_error_about_a_cut_flow(node: Node) -> None:
    """What is cut has no relations."""
    node.passes("to_endpoint", packet("10.0.0.2", "10.0.0.1", TCP, tcp(40000, 80, SYN)))
    (key,) = node.flows("flows_new")
    node.change_flow("flows_new", key, flags=layout.FLOW_IS_CUT)
    about = ipv4("10.0.0.1", "10.0.0.2", TCP, tcp(80, 40000))
    assert not node.passes("to_endpoint", error("172.16.0.1", "10.0.0.1", 3, about))


@pytest.mark.parametrize("family", [4, 6])
def test_error_that_ends_before(node: Node, family: int) -> None:
    """Bytes behind the IP packet, where a link pads, are no part of the error."""
    client, web, router = ADDRESSES[family]
    assert node.passes("to_endpoint", packet(client, web, TCP, tcp(40000, 80, SYN)))
    about = ip(family, web, client, TCP, tcp(80, 40000))
    frame = bytearray(error(router, web, 3 if family == 4 else 1, about))
    assert node.passes("to_endpoint", bytes(frame))
    size = 20 + 8 + 20 + 7 if family == 4 else 8 + 40 + 7
    at = 16 if family == 4 else 18
    frame[at : at + 2] = size.to_bytes(2, "big")
    assert not node.passes("to_endpoint", bytes(frame))


def test_error_to_somebody_else(node: Node) -> None:
    """It is for who sent what it is about, not for another address of the endpoint."""
    node.passes("to_endpoint", packet("10.0.0.2", "10.0.0.1", TCP, tcp(40000, 80, SYN)))
    about = ipv4("10.0.0.1", "10.0.0.2", TCP, tcp(80, 40000))
    assert node.passes("to_endpoint", error("172.16.0.1", "10.0.0.1", 3, about))
    assert not node.passes("to_endpoint", error("172.16.0.1", "10.0.0.101", 3, about))


@pytest.mark.parametrize("family", [4, 6])
def test_error_from_an_endpoint_goes_to_the_sender(node: Node, family: int) -> None:
    """One connection is no licence to send errors about it to all the world."""
    client, web, router = ADDRESSES[family]
    kind = 3 if family == 4 else 1
    assert node.passes("to_endpoint", packet(client, web, TCP, tcp(40000, 80, SYN)))
    about = ip(family, client, web, TCP, tcp(40000, 80, SYN))
    assert not node.passes("from_endpoint", error(web, router, kind, about))
    assert node.passes("from_endpoint", error(web, client, kind, about))
    assert node.drops() == {"policy": 1}


def test_error_about_a_later_fragment(node: Node) -> None:
    """It has no ports; what stands where they would be is not taken for them."""
    node.passes("to_endpoint", packet("10.0.0.2", "10.0.0.1", TCP, tcp(40000, 80, SYN)))
    about = ipv4("10.0.0.1", "10.0.0.2", TCP, tcp(80, 40000), fragment=5)
    assert not node.passes("to_endpoint", error("172.16.0.1", "10.0.0.1", 3, about))


HEADERS: dict[str, Callable[[int], tuple[int, bytes]]] = {
    "options": lambda last: (60, extension(last, b"")),
    "two options": lambda last: (
        0,
        extension(60, extension(last, b"", body=bytes(14))),
    ),
    "authentication": lambda last: (51, authentication(last, b"")),
    "first fragment": lambda last: (44, fragment6(last, b"", more=True)),
    "options and fragment": lambda last: (
        60,
        extension(44, fragment6(last, b"", more=True)),
    ),
}


@pytest.mark.parametrize("name", HEADERS)
def test_error_about_a_packet_with_extension_headers(node: Node, name: str) -> None:
    """The ports stand behind them; the error may end eight bytes after they begin."""
    client, web, router = ADDRESSES[6]
    assert node.passes("to_endpoint", packet(client, web, TCP, tcp(40000, 80, SYN)))
    first, headers = HEADERS[name](TCP)
    for port, is_ours in ((40000, True), (40001, False)):
        about = ipv6(web, client, first, headers + tcp(80, port)[:8], length=1200)
        assert node.passes("to_endpoint", error(router, web, 1, about)) == is_ours
    for size in range(40, 40 + len(headers) + 8):
        cut = ipv6(web, client, first, headers + tcp(80, 40000))[:size]
        assert not node.passes("to_endpoint", error(router, web, 1, cut)), size


def test_error_about_a_packet_with_options(node: Node) -> None:
    """IPv4 options move the ports, and the length in the header counts."""
    client, web, router = ADDRESSES[4]
    assert node.passes("to_endpoint", packet(client, web, TCP, tcp(40000, 80, SYN)))
    for options in (b"\1" * 4, b"\x44\x0c\x05\0" + bytes(8), b"\1" * 40):
        about = ipv4(web, client, TCP, tcp(80, 40000)[:8], options=options, total=1200)
        assert node.passes("to_endpoint", error(router, web, 3, about))
        assert not node.passes("to_endpoint", error(router, web, 3, about[:-1]))
        wrong = about[:20] + about[-8:] + options
        assert not node.passes("to_endpoint", error(router, web, 3, wrong))


OTHERS: dict[str, Callable[[int], tuple[int, bytes]]] = {
    "later fragment": lambda last: (44, fragment6(last, b"", offset=8, more=True)),
    "routing with segments left": lambda last: (
        43,
        extension(last, b"", body=b"\0\1" + bytes(20)),
    ),
    "mobility": lambda last: (135, extension(last, b"")),
    "nine headers": lambda last: (
        60,
        extension(60, b"") * 8 + extension(last, b""),
    ),
}


@pytest.mark.parametrize("name", OTHERS)
def test_error_about_a_packet_that_nobody_reads(node: Node, name: str) -> None:
    """What would be dropped itself, or has no ports, has no relations."""
    client, web, router = ADDRESSES[6]
    assert node.passes("to_endpoint", packet(client, web, TCP, tcp(40000, 80, SYN)))
    first, headers = OTHERS[name](TCP)
    about = ipv6(web, client, first, headers + tcp(80, 40000))
    assert not node.passes("to_endpoint", error(router, web, 1, about))


def test_error_with_a_borrowed_source(node: Node) -> None:
    """An endpoint sends errors from its own address only."""
    node.passes("to_endpoint", packet("10.0.0.2", "10.0.0.1", TCP, tcp(40000, 80, SYN)))
    about = ipv4("10.0.0.2", "10.0.0.1", TCP, tcp(40000, 80))
    assert not node.passes("from_endpoint", error("172.16.0.1", "10.0.0.2", 3, about))
    assert node.drops() == {"spoofed_source": 1}
