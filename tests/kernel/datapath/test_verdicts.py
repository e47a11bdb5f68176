"""Every cell of the tables, as packets."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lockgate.ir.policy import Protocol
from lockgate.ir.tables import Outcome
from tests.kernel.datapath.frames import (
    ETH_IPV4,
    ETH_IPV6,
    SYN,
    ethernet,
    icmp,
    ipv4,
    ipv6,
    packet,
    sctp,
    tcp,
    udp,
)
from tests.kernel.datapath.worlds import (
    CLIENT,
    HOST,
    POLICIES,
    REMOTE_NODE,
    STRANGER,
    WORLD,
    decide,
)

if TYPE_CHECKING:
    from tests.kernel.datapath.node import Node

pytestmark = pytest.mark.kernel

PEERS = {
    WORLD: ("8.8.8.8", "2001:db8::8"),
    CLIENT: ("10.0.0.2", "fd00::2"),
    STRANGER: ("10.0.0.3", "fd00::3"),
    HOST: ("10.9.0.1", "fd00:9::1"),
    REMOTE_NODE: ("10.9.0.2", "fd00:9::2"),
}
PASSING = (Outcome.ALLOW, Outcome.AUDIT)
OWN = ("10.0.0.1", "fd00::1")


def _transport(protocol: int, port: int) -> bytes:
    match protocol:
        case Protocol.TCP:
            return tcp(40000, port, SYN)
        case Protocol.UDP:
            return udp(40000, port)
        case Protocol.SCTP:
            return sctp(40000, port, chunk=1)
        case Protocol.ICMP | Protocol.ICMPV6:
            return icmp(port)
    return bytes(16)


def _interesting(protocol: int) -> list[int]:
    if protocol in (Protocol.ICMP, Protocol.ICMPV6):
        # Not the types that are no policy's business, see test_signalling.py.
        return [0, 3, 8, 9, 128, 129, 200, 255]
    if protocol not in (Protocol.TCP, Protocol.UDP, Protocol.SCTP):
        return [0]
    borders = {1, 256, 65535}
    for _, rules in POLICIES.values():
        for rule in rules or ():
            if rule.protocol == protocol:
                borders |= {rule.first - 1, rule.first, rule.last, rule.last + 1}
    return sorted(border for border in borders if 0 <= border <= 65535)


PROTOCOLS = (*(p for p in Protocol if p not in (Protocol.AH, Protocol.IGMP)), 254, 143)


@pytest.mark.parametrize("family", [0, 1], ids=["ipv4", "ipv6"])
@pytest.mark.parametrize("direction", ["ingress", "egress"])
def test_every_boundary(node: Node, direction: str, family: int) -> None:
    """At each port border, for each peer, the packet meets what the plain rules say."""
    checked = 0
    for peer, addresses in PEERS.items():
        for protocol in PROTOCOLS:
            if family == 1 and protocol == 254:  # no protocol, an experimental header
                continue
            for port in _interesting(protocol):
                node.clear()
                theirs, own = addresses[family], OWN[family]
                source, destination = theirs, own
                hook = "to_endpoint"
                if direction == "egress":
                    source, destination, hook = own, theirs, "from_endpoint"
                seen = node.passes(
                    hook,
                    packet(source, destination, protocol, _transport(protocol, port)),
                )
                of_family = Protocol.ICMPV6 if family else Protocol.ICMP
                judged = protocol
                if (
                    protocol in (Protocol.ICMP, Protocol.ICMPV6)
                    and protocol != of_family
                ):
                    judged = 300  # a protocol number, not ICMP of this family
                expected = decide(f"web-{direction}", peer, judged, port) in PASSING
                assert seen == expected, (peer, protocol, port)
                checked += 1
    assert checked > 300


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("192.0.2.0", STRANGER),
        ("192.0.2.15", STRANGER),
        ("192.0.2.16", WORLD),
        ("192.0.1.255", WORLD),
        ("198.18.0.0", CLIENT),
        ("198.19.255.255", CLIENT),
        ("198.20.0.0", WORLD),
        ("198.17.255.255", WORLD),
        ("198.18.7.7", STRANGER),
        ("198.18.7.8", CLIENT),
        ("2001:db8:1::", CLIENT),
        ("2001:db8:1:ffff:ffff:ffff:ffff:ffff", CLIENT),
        ("2001:db8:2::", WORLD),
        ("fd00::2", CLIENT),
        ("fd00::4", WORLD),
    ],
)
def test_longest_prefix(node: Node, source: str, expected: int) -> None:
    """An address is what its longest prefix says, at and beside every border."""
    own = OWN[":" in source]
    for protocol, port in ((Protocol.TCP, 80), (Protocol.UDP, 53)):
        seen = node.passes(
            "to_endpoint", packet(source, own, protocol, _transport(protocol, port))
        )
        assert seen == (decide("web-ingress", expected, protocol, port) in PASSING)


@pytest.mark.parametrize("vlans", [(7,), (7, 8)])
def test_vlan_tags(node: Node, vlans: tuple[int, ...]) -> None:
    """One or two tags within the frame change nothing; three are not looked through."""
    for family, kind, build in ((0, ETH_IPV4, ipv4), (1, ETH_IPV6, ipv6)):
        theirs, own = PEERS[CLIENT][family], OWN[family]
        for port, expected in ((80, True), (79, False)):
            inner = build(theirs, own, Protocol.TCP, tcp(40000, port, SYN))
            frame = ethernet(inner, kind, vlans)
            assert node.passes("to_endpoint", frame) == expected
            if len(vlans) == 2:
                assert not node.passes(
                    "to_endpoint", ethernet(inner, kind, (*vlans, 9))
                )


def test_counters_count_the_deciding_rule(node: Node) -> None:
    """Each forward packet adds itself and its bytes to the decision that it met."""
    frame = packet("10.0.0.2", "10.0.0.1", 6, tcp(40000, 80, SYN))
    allow, deny = 2, 2 + len(POLICIES["web-ingress"][1] or ())
    before = node.counter(allow), node.counter(deny)
    for _ in range(3):
        node.passes("to_endpoint", frame)
    node.passes("to_endpoint", packet("10.0.0.3", "10.0.0.1", 6, tcp(40000, 80, SYN)))
    packets, size = node.counter(allow)
    assert (packets - before[0][0], size - before[0][1]) == (3, 3 * len(frame))
    packets, size = node.counter(deny)
    assert (packets - before[1][0], size - before[1][1]) == (1, len(frame))


def test_unenforced_outcomes_are_denied_with_their_reason(node: Node) -> None:
    """What needs a proxy or a handshake is denied, as nobody gives one."""
    for port in (91, 92):
        frame = packet("10.0.0.2", "10.0.0.1", 6, tcp(40000, port, SYN))
        assert not node.passes("to_endpoint", frame)
    assert node.drops() == {"unenforced": 2}
