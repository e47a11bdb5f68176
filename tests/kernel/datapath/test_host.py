"""Host policies: on the host's devices, and between the host and its own endpoints."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.kernel.datapath.conftest import MEMBERS
from tests.kernel.datapath.frames import (
    ACK,
    NOBODY,
    SYN,
    ethernet,
    icmp,
    packet,
    tcp,
    udp,
)
from tests.kernel.datapath.node import CONFIG, Member, Node
from tests.kernel.datapath.worlds import POLICY_NUMBERS, build_tables

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.kernel

TCP, UDP, ICMP = 6, 17, 1
MARK = CONFIG["host_mark"]
FAMILIES = pytest.mark.parametrize("family", [0, 1], ids=["v4", "v6"])
HOST = ("10.9.0.1", "fd00:9::1")
REMOTE = ("10.9.0.2", "fd00:9::2")
WEB = ("10.0.0.1", "fd00::1")
CLIENT = ("10.0.0.2", "fd00::2")
WORLD = ("8.8.8.8", "2001:db8::8")


@pytest.fixture(scope="module")
def loaded() -> Iterator[Node]:
    """Load a node whose host is under policy."""
    host = Member(
        1, POLICY_NUMBERS["host-ingress"], POLICY_NUMBERS["host-egress"], HOST
    )
    with Node(build_tables(), {**MEMBERS, "host": host}) as node:
        yield node


def syn(source: str, destination: str, port: int) -> bytes:
    """Return the first segment of a connection."""
    return packet(source, destination, TCP, tcp(40000, port, SYN))


def syn_ack(source: str, destination: str, port: int) -> bytes:
    """Return its answer."""
    return packet(source, destination, TCP, tcp(port, 40000, SYN | ACK))


@FAMILIES
def test_from_network(node: Node, family: int) -> None:
    """Packets to the host meet its ingress policy."""
    assert node.passes("from_network", syn(REMOTE[family], HOST[family], 10250))
    assert not node.passes("from_network", syn(REMOTE[family], HOST[family], 10251))
    assert not node.passes("from_network", syn(WORLD[family], HOST[family], 10250))
    assert node.passes("to_network", syn_ack(HOST[family], REMOTE[family], 10250))
    assert not node.passes("to_network", syn_ack(HOST[family], REMOTE[family], 10251))


@FAMILIES
def test_to_network(node: Node, family: int) -> None:
    """Packets of the host meet its egress policy."""
    assert node.passes("to_network", syn(HOST[family], REMOTE[family], 443))
    assert not node.passes("to_network", syn(HOST[family], WORLD[family], 443))
    assert node.passes("from_network", syn_ack(REMOTE[family], HOST[family], 443))
    assert not node.passes("from_network", syn_ack(WORLD[family], HOST[family], 443))


@FAMILIES
def test_forwarded_packets(node: Node, family: int) -> None:
    """What is neither to nor from the host is not judged here."""
    for hook in ("from_network", "to_network"):
        assert node.passes(hook, syn(WORLD[family], WEB[family], 9999))
        assert node.passes(hook, syn(WEB[family], WORLD[family], 9999))
    assert not node.flows("flows_new")


@FAMILIES
def test_masqueraded_packets(node: Node, family: int) -> None:
    """What leaves with the host's address but is marked is not the host's; it is answered."""
    frame = syn(HOST[family], WORLD[family], 9999)
    assert not node.passes("to_network", frame)
    assert not node.passes("from_network", syn_ack(WORLD[family], HOST[family], 9999))
    assert node.passes("to_network", frame, mark=MARK)
    assert node.passes("from_network", syn_ack(WORLD[family], HOST[family], 9999))
    assert node.passes("to_network", frame, mark=MARK)
    # The host's own packet is not let through by that.
    assert not node.passes("to_network", frame)


@FAMILIES
def test_marks(node: Node, family: int) -> None:
    """What comes in through a hook is marked, and keeps the rest of its mark."""
    node.become("client")
    other = 0x123
    for hook, frame in (
        ("from_endpoint", syn(CLIENT[family], WORLD[family], 80)),
        ("from_network", syn(WORLD[family], WEB[family], 80)),
    ):
        run = node.run(hook, frame, mark=other)
        assert int.from_bytes(run.context[8:12], "little") == other | MARK
    run = node.run("to_network", syn(WEB[family], WORLD[family], 80), mark=other)
    assert int.from_bytes(run.context[8:12], "little") == other


@FAMILIES
def test_endpoint_to_its_host(node: Node, family: int) -> None:
    """The endpoint's egress policy and the host's ingress policy must both let it."""
    assert node.passes("from_endpoint", syn(WEB[family], HOST[family], 22))
    assert node.passes("to_endpoint", syn_ack(HOST[family], WEB[family], 22))
    assert node.passes(
        "from_endpoint", packet(WEB[family], HOST[family], TCP, tcp(40000, 22))
    )
    node.clear()
    assert not node.passes("from_endpoint", syn(WEB[family], HOST[family], 23))  # host
    assert not node.passes("from_endpoint", syn(WEB[family], HOST[family], 2222))  # web
    node.become("client")
    assert not node.passes("from_endpoint", syn(CLIENT[family], HOST[family], 22))
    assert node.drops() == {"policy": 3}


@FAMILIES
def test_host_to_its_endpoint(node: Node, family: int) -> None:
    """The host's egress policy and the endpoint's ingress policy must both let it."""
    assert node.passes("to_endpoint", syn(HOST[family], WEB[family], 80))
    assert node.passes("from_endpoint", syn_ack(WEB[family], HOST[family], 80))
    node.clear()
    assert not node.passes("to_endpoint", syn(HOST[family], WEB[family], 81))
    node.become("client")
    assert not node.passes("to_endpoint", syn(HOST[family], CLIENT[family], 80))


@FAMILIES
def test_masqueraded_to_an_endpoint(node: Node, family: int) -> None:
    """A marked packet with the host's address does not meet the host's egress policy."""
    frame = syn(HOST[family], WEB[family], 81)
    assert not node.passes("to_endpoint", frame)
    node.clear()
    assert node.passes("to_endpoint", frame, mark=MARK)


def test_established_flow_is_judged_by_both(node: Node) -> None:
    """A memo at the endpoint does not spare the host's judgement."""
    for _ in range(2):
        node.passes("from_endpoint", syn(WEB[0], HOST[0], 22))
        node.passes("to_endpoint", syn_ack(HOST[0], WEB[0], 22))
        node.passes("from_endpoint", packet(WEB[0], HOST[0], TCP, tcp(40000, 22)))
    keys = [key for key in node.flows() if key[36:40] == bytes(4)]
    assert len(keys) == 1
    for key in keys:
        node.maps["flows"].delete(key)
        node.maps["endpoints"].set(bytes(4), bytes(40))  # host: policies 0 and 0
    try:
        before = node.counter(0)[0]
        node.passes("from_endpoint", packet(WEB[0], HOST[0], TCP, tcp(40000, 22)))
        assert node.counter(0)[0] == before + 1
    finally:
        node.restore_endpoints()


def test_groups_and_broadcasts_reach_the_host(node: Node) -> None:
    """They are delivered here, so the host's policy judges them; DHCP of the host as well."""
    for group in ("255.255.255.255", "224.0.0.251"):
        assert not node.passes(
            "from_network", packet(WORLD[0], group, UDP, udp(1, 5353))
        )
    assert not node.passes(
        "from_network", packet(WORLD[1], "ff02::fb", UDP, udp(1, 5353))
    )
    assert not node.passes(
        "to_network", packet(NOBODY, "255.255.255.255", UDP, udp(68, 67))
    )
    assert node.drops() == {"policy": 4}
    passes_by = packet(WORLD[0], "240.0.0.9", UDP, udp(1, 5353))
    assert node.passes("from_network", passes_by), "it is somebody else's address"


def test_other_protocols_of_the_link(node: Node) -> None:
    """LLDP and ARP pass on the host's devices; a broken IP packet does not."""
    for hook in ("from_network", "to_network"):
        assert node.passes(hook, ethernet(bytes(46), 0x88CC))
        assert node.passes(hook, ethernet(bytes(28), 0x806))
        assert not node.passes(hook, ethernet(bytes(46), 0x800))
    assert node.drops() == {"bad_header": 2}


def test_echo_of_the_host(node: Node) -> None:
    """The host answers where its policy lets ask."""
    assert node.passes("from_network", packet(WORLD[0], HOST[0], ICMP, icmp(8, 0, 3)))
    assert node.passes("to_network", packet(HOST[0], WORLD[0], ICMP, icmp(0, 0, 3)))
    assert not node.passes("to_network", packet(HOST[0], WORLD[0], ICMP, icmp(8, 0, 3)))
