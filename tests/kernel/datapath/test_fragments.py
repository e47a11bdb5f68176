"""Later fragments are judged by their first, and go nowhere without it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.kernel.datapath.frames import (
    DESTINATION,
    ETH_IPV6,
    FRAGMENT,
    SYN,
    ethernet,
    extension,
    fragment6,
    icmp,
    ipv4,
    ipv6,
    tcp,
    udp,
)
from tests.kernel.datapath.node import HZ

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.kernel.datapath.node import Node

pytestmark = pytest.mark.kernel

MORE = 0x2000
TCP, UDP = 6, 17


def fragment(
    offset: int,
    payload: bytes,
    *,
    more: bool = True,
    number: int = 9,
    protocol: int = UDP,
    source: str = "10.0.0.2",
) -> bytes:
    """Return an IPv4 fragment to web, at an offset in bytes."""
    field = (MORE if more else 0) | offset // 8
    return ethernet(
        ipv4(
            source,
            "10.0.0.1",
            protocol,
            payload,
            fragment=field,
            identification=number,
        )
    )


def fragment_6(
    offset: int,
    payload: bytes,
    *,
    more: bool = True,
    number: int = 9,
    protocol: int = UDP,
    source: str = "fd00::2",
) -> bytes:
    """Return the same in IPv6."""
    inner = fragment6(protocol, payload, offset=offset, more=more, number=number)
    return ethernet(ipv6(source, "fd00::1", FRAGMENT, inner), ETH_IPV6)


BOTH = pytest.mark.parametrize("build", [fragment, fragment_6], ids=["ipv4", "ipv6"])
FIRST = udp(40000, 53, bytes(16), length=48)
DENIED = udp(40000, 54, bytes(16), length=48)


@BOTH
def test_later_ones_follow_their_first(node: Node, build: Callable[..., bytes]) -> None:
    """They pass after a first that passed, however many, and as one flow."""
    assert node.passes("to_endpoint", build(0, FIRST))
    assert node.passes("to_endpoint", build(24, bytes(8)))
    assert node.passes("to_endpoint", build(32, bytes(8), more=False))
    (flow,) = node.flows("flows_new").values()
    assert flow["packets"] == 3


@BOTH
def test_later_ones_of_a_denied_first(node: Node, build: Callable[..., bytes]) -> None:
    """They are denied by the policy that denied the first."""
    for offset in (0, 24, 32):
        assert not node.passes("to_endpoint", build(offset, DENIED))
    assert node.drops() == {"policy": 3}


@BOTH
def test_no_first(node: Node, build: Callable[..., bytes]) -> None:
    """Without a first, or with that of another packet, sender or endpoint, they are dropped."""
    assert not node.passes("to_endpoint", build(24, bytes(8)))
    node.passes("to_endpoint", build(0, FIRST))
    assert not node.passes("to_endpoint", build(24, bytes(8), number=10))
    other = "10.0.0.3" if build is fragment else "fd00::3"
    assert not node.passes("to_endpoint", build(24, bytes(8), source=other))
    if build is fragment:  # of IPv6 fragments only the first tells the protocol
        assert not node.passes("to_endpoint", build(24, bytes(8), protocol=TCP))
    assert node.drops() == {"fragment_without_head": 3 + (build is fragment)}


@BOTH
def test_a_first_that_is_too_old(node: Node, build: Callable[..., bytes]) -> None:
    """After half a minute the first is forgotten."""
    node.passes("to_endpoint", build(0, FIRST))
    node.age_fragments(31 * HZ)
    assert not node.passes("to_endpoint", build(24, bytes(8)))
    assert node.drops() == {"fragment_without_head": 1}


@BOTH
def test_tiny_first(node: Node, build: Callable[..., bytes]) -> None:
    """A first fragment that ends within the transport header is dropped (RFC 1858)."""
    node.become("client")
    whole = tcp(40000, 80, SYN)
    for size in (8, 16):
        assert not node.passes("to_endpoint", build(0, whole[:size], protocol=TCP))
    assert node.drops().keys() <= {"bad_fragment", "truncated"}
    assert sum(node.drops().values()) == 2


@BOTH
def test_later_one_over_the_header(node: Node, build: Callable[..., bytes]) -> None:
    """A later fragment that would overwrite the ports or flags is dropped (RFC 3128)."""
    node.become("client")
    whole = tcp(40000, 80, SYN, bytes(4))
    assert node.passes("to_endpoint", build(0, whole, protocol=TCP))
    for offset in (8, 16):
        assert not node.passes("to_endpoint", build(offset, bytes(8), protocol=TCP))
    assert node.drops() == {"bad_fragment": 2}
    assert node.passes("to_endpoint", build(24, bytes(8), protocol=TCP))


@BOTH
def test_past_the_largest_packet(node: Node, build: Callable[..., bytes]) -> None:
    """A fragment beyond 65,535 bytes is dropped."""
    node.passes("to_endpoint", build(0, FIRST))
    assert not node.passes("to_endpoint", build(65528, bytes(16), more=False))
    assert node.drops() == {"bad_fragment": 1}


@BOTH
def test_echo_in_fragments(node: Node, build: Callable[..., bytes]) -> None:
    """A fragmented echo request is an echo request in every part."""
    kind, protocol = (8, 1) if build is fragment else (128, 58)
    first = icmp(kind, identifier=77, payload=bytes(16))
    assert node.passes("to_endpoint", build(0, first, protocol=protocol))
    assert node.passes("to_endpoint", build(24, bytes(8), protocol=protocol))
    node.clear()
    first = icmp(kind + 1, payload=bytes(16))
    assert not node.passes("to_endpoint", build(0, first, protocol=protocol))
    assert not node.passes("to_endpoint", build(24, bytes(8), protocol=protocol))


def test_fragments_of_neighbour_discovery(node: Node) -> None:
    """They are never right (RFC 6980)."""
    node.become("client")
    inner = fragment6(58, icmp(135, payload=bytes(16)), more=True)
    frame = ethernet(
        ipv6("fe80::1", "fd00::1", FRAGMENT, inner, hop_limit=255), ETH_IPV6
    )
    assert not node.passes("to_endpoint", frame)
    assert node.drops() == {"bad_neighbour_discovery": 1}


def test_an_atomic_fragment(node: Node) -> None:
    """A fragment header on a whole packet changes nothing (RFC 6946)."""
    for port, expected in ((53, True), (54, False)):
        inner = fragment6(UDP, udp(40000, port), more=False)
        frame = ethernet(ipv6("fd00::2", "fd00::1", FRAGMENT, inner), ETH_IPV6)
        assert node.passes("to_endpoint", frame) == expected
    assert not node.maps["fragments"].get(
        next(node.maps["fragments"].keys(), bytes(44))
    )


def test_headers_behind_the_fragment_header(node: Node) -> None:
    """Those of the first are read, those of a later one are no headers."""
    first = fragment6(DESTINATION, extension(UDP, FIRST), more=True)
    frame = ethernet(ipv6("fd00::2", "fd00::1", FRAGMENT, first), ETH_IPV6)
    assert node.passes("to_endpoint", frame)
    assert node.passes(
        "to_endpoint", fragment_6(32, bytes(8), protocol=DESTINATION, number=7)
    )


def test_spoofed_first_is_of_no_use(node: Node) -> None:
    """A later fragment with a borrowed source is dropped at the sender's hook."""
    frame = ethernet(
        ipv4("10.0.0.2", "8.8.8.8", UDP, FIRST, fragment=MORE, identification=3)
    )
    later = ethernet(
        ipv4("10.0.0.2", "8.8.8.8", UDP, bytes(8), fragment=3, identification=3)
    )
    assert not node.passes("from_endpoint", frame)
    assert not node.passes("from_endpoint", later)
    assert node.drops() == {"spoofed_source": 2}


def test_a_first_that_was_sent_is_none_that_came(node: Node) -> None:
    """A first fragment at one hook does not vouch for what arrives at the other."""
    assert not node.passes("from_endpoint", fragment(0, FIRST))
    assert not node.passes("to_endpoint", fragment(24, bytes(8)))
    assert node.drops() == {"spoofed_source": 1, "fragment_without_head": 1}
