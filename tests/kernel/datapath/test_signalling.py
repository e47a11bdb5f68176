"""Sources that may be used, and the few packets that are no policy's business."""

from __future__ import annotations

import pytest

from lockgate_runtime import layout
from tests.kernel.datapath.conftest import MEMBERS
from tests.kernel.datapath.frames import (
    ETH_IPV6,
    HOP_BY_HOP,
    NOBODY,
    SYN,
    ethernet,
    extension,
    icmp,
    ipv4,
    ipv6,
    packet,
    tcp,
    udp,
)
from tests.kernel.datapath.node import Member, Node
from tests.kernel.datapath.worlds import build_tables

pytestmark = pytest.mark.kernel

TCP, UDP, ICMPV6, IGMP = 6, 17, 58, 2
SEGMENT = tcp(40000, 5000, SYN)


@pytest.mark.parametrize(
    ("source", "destination", "own"),
    [
        ("10.0.0.1", "10.0.0.2", True),
        ("10.0.0.101", "10.0.0.2", True),
        ("10.0.0.2", "10.0.0.2", False),
        ("10.0.0.102", "10.0.0.2", False),
        ("10.9.0.1", "10.0.0.2", False),
        ("8.8.8.8", "10.0.0.2", False),
        ("fd00::1", "fd00::2", True),
        ("fd00::101", "fd00::2", True),
        ("fd00::2", "fd00::2", False),
        ("fd00:0:0:1::1", "fd00::2", False),
        ("fe80::1", "fd00::2", False),
    ],
)
def test_sources(node: Node, source: str, destination: str, own: bool) -> None:
    """An endpoint sends from its own addresses only, the second ones among them."""
    assert (
        node.passes("from_endpoint", packet(source, destination, TCP, SEGMENT)) == own
    )
    assert node.drops() == ({} if own else {"spoofed_source": 1})


def test_an_endpoint_without_an_address() -> None:
    """No address is not every address."""
    members = {"host": MEMBERS["host"], "bare": Member(301, 0, 1)}
    with Node(build_tables(), members) as node:
        node.become("bare")
        for source, destination in (("10.0.0.1", "10.0.0.2"), ("fd00::1", "fd00::2")):
            frame = packet(source, destination, TCP, SEGMENT)
            assert not node.passes("from_endpoint", frame)
        assert node.drops() == {"spoofed_source": 2}


def test_an_endpoint_that_may_use_any_source() -> None:
    """A router's endpoint can be told to be believed; absurd sources stay absurd."""
    free = Member(301, 0, 1, flags=layout.ENDPOINT_ACCEPTS_ANY_SOURCE)
    with Node(build_tables(), {"host": MEMBERS["host"], "free": free}) as node:
        node.become("free")
        assert node.passes("from_endpoint", packet("9.9.9.9", "10.0.0.2", TCP, SEGMENT))
        frame = packet("127.0.0.1", "10.0.0.2", TCP, SEGMENT)
        assert not node.passes("from_endpoint", frame)
        assert node.drops() == {"bad_source": 1}


def test_dhcp(node: Node) -> None:
    """A client asks from no address; policy judges that too."""
    v4 = packet(NOBODY, "255.255.255.255", UDP, udp(68, 67))
    v6 = packet("fe80::5", "ff02::1:2", UDP, udp(546, 547))
    assert node.passes("from_endpoint", v4)
    assert node.passes("from_endpoint", v6)
    for wrong in (udp(68, 68), udp(67, 67), udp(546, 547)):
        frame = packet(NOBODY, "255.255.255.255", UDP, wrong)
        assert not node.passes("from_endpoint", frame)
    assert node.drops() == {"bad_source": 3}
    node.reset_drops()
    assert not node.passes(
        "from_endpoint", packet("fe80::5", "ff02::1:2", UDP, udp(546, 53))
    )
    assert not node.passes(
        "from_endpoint", packet("fd00::2", "ff02::1:2", UDP, udp(546, 547))
    )
    assert node.drops() == {"spoofed_source": 2}
    node.clear()
    node.reset_drops()
    node.become("closed")
    assert not node.passes("from_endpoint", v4)
    assert not node.passes("from_endpoint", v6)
    assert node.drops() == {"policy": 2}


def _ndp(
    kind: int, *, source: str = "fe80::1", hop_limit: int = 255, code: int = 0
) -> bytes:
    message = icmp(kind, code, payload=bytes(16))
    inner = ipv6(source, "ff02::1", ICMPV6, message, hop_limit=hop_limit)
    return ethernet(inner, ETH_IPV6)


@pytest.mark.parametrize("hook", ["from_endpoint", "to_endpoint"])
def test_neighbour_discovery(node: Node, hook: str) -> None:
    """It passes even where nothing may, if no router can have forwarded it."""
    node.become("closed")
    for kind in range(133, 138):
        assert node.passes(hook, _ndp(kind))
        assert node.passes(hook, _ndp(kind, source="::"))
        assert not node.passes(hook, _ndp(kind, hop_limit=254))
        assert not node.passes(hook, _ndp(kind, code=1))
    assert node.drops() == {"bad_neighbour_discovery": 10}


def test_discovery_does_not_leave_the_cluster(node: Node) -> None:
    """To an address of the world the host would forward it, so policy judges it."""

    def ndp(source: str, destination: str) -> bytes:
        message = icmp(136, payload=bytes(16))
        inner = ipv6(source, destination, ICMPV6, message, hop_limit=255)
        return ethernet(inner, ETH_IPV6)

    node.become("closed")
    for near in ("fe80::9", "ff02::1:ff00:1", "fd00:9::1", "fd00:9::2", "fd00::2"):
        assert node.passes("from_endpoint", ndp("fd00::3", near)), near
    for far in ("2001:db8::1", "ff0e::1"):
        assert not node.passes("from_endpoint", ndp("fd00::3", far))
        assert not node.passes("from_endpoint", ndp("fd00::2", far))
        assert not node.passes("from_endpoint", ndp("::", far))
    assert node.drops() == {"policy": 2, "spoofed_source": 4}
    assert node.passes("to_endpoint", ndp("2001:db8::1", "fd00::3"))


@pytest.mark.parametrize("kind", [130, 131, 132, 143])
def test_multicast_listeners(node: Node, kind: int) -> None:
    """MLD passes on its link; from elsewhere it is judged as any ICMPv6."""
    node.become("closed")

    def mld(source: str, hop_limit: int) -> bytes:
        message = extension(ICMPV6, icmp(kind, payload=bytes(16)), body=b"\5\2\0\0\1\0")
        inner = ipv6(source, "ff02::16", HOP_BY_HOP, message, hop_limit=hop_limit)
        return ethernet(inner, ETH_IPV6)

    assert node.passes("from_endpoint", mld("fe80::1", 1))
    assert node.passes("from_endpoint", mld("::", 1))
    assert not node.passes("from_endpoint", mld("fe80::1", 2))
    assert not node.passes("from_endpoint", mld("fd00::3", 1))
    assert node.drops() == {"spoofed_source": 1, "policy": 1}


def test_igmp(node: Node) -> None:
    """IGMP with one hop to a group passes; otherwise it is a protocol like others."""
    node.become("closed")

    def igmp(destination: str, ttl: int) -> bytes:
        return ethernet(ipv4("10.0.0.3", destination, IGMP, bytes(8), ttl=ttl))

    assert node.passes("from_endpoint", igmp("224.0.0.22", 1))
    assert not node.passes("from_endpoint", igmp("224.0.0.22", 2))
    assert not node.passes("from_endpoint", igmp("8.8.8.8", 1))
    assert node.drops() == {"policy": 2}


def test_multicast_and_broadcast_are_the_world(node: Node) -> None:
    """Who may send to the world may send there; who may not, may not."""
    for group in ("224.0.0.251", "255.255.255.255", "ff02::fb"):
        own = "fd00::1" if ":" in group else "10.0.0.1"
        assert node.passes("from_endpoint", packet(own, group, UDP, udp(5353, 53)))
        assert not node.passes(
            "from_endpoint", packet(own, group, UDP, udp(5353, 5353))
        )
    assert node.drops() == {"policy": 3}
