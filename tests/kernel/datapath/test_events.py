"""What user space is told, and how little of it a flood can cause."""

from __future__ import annotations

import struct

import pytest

from lockgate_runtime.layout import ENUMERATIONS, EVENT_VERSION
from tests.kernel.datapath.conftest import MEMBERS
from tests.kernel.datapath.frames import ACK, FIN, SYN, icmp, packet, tcp
from tests.kernel.datapath.node import HZ, Node, mapped
from tests.kernel.datapath.worlds import POLICIES, build_tables

pytestmark = pytest.mark.kernel

TCP = 6
ALLOW_80, DENY = 3000, 3000 + len(POLICIES["web-ingress"][1] or ())


@pytest.fixture
def node(node: Node) -> Node:
    """Return a node without events."""
    node.events()
    return node


def syn(port: int, source: str = "10.0.0.2", own: str = "10.0.0.1") -> bytes:
    """Return the first segment of a connection."""
    return packet(source, own, TCP, tcp(40000, port, SYN))


def name(event: dict[str, int | bytes], field: str) -> str:
    """Return an enumeration value of an event by name."""
    return ENUMERATIONS["event_kind" if field == "kind" else field][int(event[field])]


@pytest.mark.parametrize(
    ("source", "own", "family"),
    [("10.0.0.2", "10.0.0.1", 4), ("fd00::2", "fd00::1", 6)],
)
def test_first_packet(node: Node, source: str, own: str, family: int) -> None:
    """The first packet of a flow is told with all that is known of it, later ones are not."""
    frame = syn(80, source, own)
    for _ in range(3):
        node.passes("to_endpoint", frame)
    (event,) = node.events()
    time = int(event.pop("time"))
    assert time > 0
    assert event == {
        "version": EVENT_VERSION,
        "kind": 0,
        "hook": 1,
        "direction": 0,
        "outcome": 1,
        "reason": 0,
        "flow_state": 0,
        "tcp_flags": SYN,
        "source": mapped(source),
        "destination": mapped(own),
        "source_port": 40000,
        "destination_port": 80,
        "protocol": TCP,
        "family": family,
        "length_of_tail": 0,
        "source_identity": 301,
        "destination_identity": 300,
        "endpoint": node.attachment("web"),
        "interface": 1,
        "rule": ALLOW_80,
        "generation": 1,
        "packets": 1,
        "bytes": len(frame),
    }


def test_egress_event(node: Node) -> None:
    """Identities stand with their addresses, whoever is judged."""
    node.passes("from_endpoint", packet("10.0.0.1", "10.0.0.2", TCP, tcp(1, 5000, SYN)))
    (event,) = node.events()
    assert (event["source_identity"], event["destination_identity"]) == (300, 301)
    assert (event["source_port"], event["destination_port"]) == (1, 5000)
    assert name(event, "direction") == "egress"


def test_denials_are_aggregated(node: Node) -> None:
    """A denied flow is told at once, then once a second with what came meanwhile."""
    for _ in range(50):
        node.passes("to_endpoint", syn(79))
    (event,) = node.events()
    assert (name(event, "outcome"), name(event, "reason")) == ("deny", "policy")
    assert (event["rule"], event["packets"]) == (DENY, 1)
    node.age_reports(HZ)
    node.passes("to_endpoint", syn(79))
    (event,) = node.events()
    assert (event["packets"], event["bytes"]) == (50, 50 * 54)
    node.passes("to_endpoint", syn(78))
    assert len(node.events()) == 1


def test_audit_and_unenforced(node: Node) -> None:
    """A denial that audit suspends says so; so does a rule that nobody enforces."""
    assert node.passes("to_endpoint", syn(90))
    assert not node.passes("to_endpoint", syn(91))
    audit, unenforced = node.events()
    assert name(audit, "outcome") == "audit"
    assert (name(unenforced, "outcome"), name(unenforced, "reason")) == (
        "redirect",
        "unenforced",
    )


def test_icmp_event(node: Node) -> None:
    """Type and code stand where ports would."""
    node.passes("to_endpoint", packet("10.0.0.2", "10.0.0.1", 1, icmp(8, 3, 77)))
    (event,) = node.events()
    assert (event["source_port"], event["destination_port"]) == (8, 3)


def test_unreadable_packets(node: Node) -> None:
    """What has no addresses is told by its reason, once for many."""
    for _ in range(10):
        node.passes("to_endpoint", syn(80)[:12] + b"\x88\xcc" + bytes(40))
        node.passes("to_endpoint", syn(80)[:12] + b"\x08\x00\x55" + bytes(40))
    seen = {name(event, "reason"): event for event in node.events()}
    assert seen.keys() == {"unknown_protocol", "bad_header"}
    assert all(event["family"] == 0 for event in seen.values())


def test_end_of_a_flow(node: Node) -> None:
    """A closed connection is told with all its packets, in its initiator's direction."""
    client, web = "10.0.0.2", "10.0.0.1"
    for flags, is_answer in (
        (SYN, False),
        (SYN | ACK, True),
        (ACK, False),
        (FIN | ACK, False),
        (FIN | ACK, True),
        (ACK, False),
    ):
        if is_answer:
            assert node.passes(
                "from_endpoint", packet(web, client, TCP, tcp(80, 40000, flags))
            )
        else:
            assert node.passes(
                "to_endpoint", packet(client, web, TCP, tcp(40000, 80, flags))
            )
    _, end = node.events()
    assert name(end, "kind") == "flow_end"
    assert (end["packets"], end["bytes"]) == (5, 5 * 54)
    assert end["source"] == mapped(client)
    assert end["destination"] == mapped(web)
    assert (end["source_port"], end["destination_port"]) == (40000, 80)
    assert (end["source_identity"], end["destination_identity"]) == (301, 300)
    assert (end["rule"], end["endpoint"]) == (ALLOW_80, node.attachment("web"))
    assert (name(end, "flow_state"), name(end, "direction")) == ("closing", "ingress")


def test_flood(node: Node) -> None:
    """A CPU tells at most its rate a second; the rest is counted as lost."""
    with Node(
        build_tables(), MEMBERS, event_rate=20, jiffies_per_second=1 << 20
    ) as slow:
        slow.become("web")
        budget = slow.maps["event_budget"]
        budget.set(bytes(4), bytes(budget.width))
        for port in range(1000, 1200):
            slow.passes("to_endpoint", syn(port))
        told = len(slow.events())
        lost = sum(
            n for _, _, n in struct.iter_unpack("<IIQ", budget.get(bytes(4)) or b"")
        )
        cpus = len(budget.get(bytes(4)) or b"") // 16
        assert told <= 20 * cpus
        assert told + lost == 200
