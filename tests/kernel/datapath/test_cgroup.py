"""Endpoints that are cgroups: the same core without a link header."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.kernel.datapath.frames import (
    ACK,
    ETH_IPV6,
    SYN,
    ethernet,
    icmp,
    ipv6,
    packet,
    tcp,
    udp,
)

if TYPE_CHECKING:
    from tests.kernel.datapath.node import Node

pytestmark = pytest.mark.kernel

FAMILIES = pytest.mark.parametrize(
    ("client", "web"),
    [("10.0.0.2", "10.0.0.1"), ("fd00::2", "fd00::1")],
    ids=["v4", "v6"],
)
TCP, UDP = 6, 17


@FAMILIES
def test_connection(node: Node, client: str, web: str) -> None:
    """Ingress policy, egress policy and replies are as on a veth."""
    assert node.passes("cgroup_ingress", packet(client, web, TCP, tcp(40000, 80, SYN)))
    assert not node.passes(
        "cgroup_ingress", packet(client, web, TCP, tcp(40000, 79, SYN))
    )
    answer = packet(web, client, TCP, tcp(80, 40000, SYN | ACK))
    assert node.passes("cgroup_egress", answer)
    assert node.passes("cgroup_ingress", packet(client, web, TCP, tcp(40000, 80, ACK)))
    assert len(node.flows()) == 1
    assert not node.passes(
        "cgroup_egress", packet(web, client, TCP, tcp(40000, 80, SYN))
    )
    assert node.passes("cgroup_egress", packet(web, client, TCP, tcp(40000, 5000, SYN)))


def test_loopback_is_no_martian(node: Node) -> None:
    """A socket may talk to itself; policy judges it."""
    node.become("client")
    assert node.passes(
        "cgroup_egress", packet("127.0.0.1", "127.0.0.1", UDP, udp(1, 2))
    )
    assert node.passes("cgroup_egress", packet("::1", "::1", UDP, udp(1, 2)))
    node.become("closed")
    assert not node.passes(
        "cgroup_egress", packet("127.0.0.1", "127.0.0.1", UDP, udp(1, 3))
    )
    assert node.drops() == {"policy": 1}


def test_malformed(node: Node) -> None:
    """What cannot be read is dropped; mapped addresses are no IPv6."""
    node.become("client")
    for frame in (
        packet("10.0.0.2", "10.0.0.1", TCP, tcp(1, 2, 0)),
        packet("::ffff:10.0.0.2", "fd00::1", TCP, tcp(1, 2, SYN)),
        ethernet(ipv6("fd00::2", "fd00::1", 135, bytes(8)), ETH_IPV6),
    ):
        assert not node.passes("cgroup_ingress", frame)
    assert node.drops() == {
        "bad_tcp_flags": 1,
        "bad_source": 1,
        "unknown_extension_header": 1,
    }


def test_neighbour_discovery(node: Node) -> None:
    """It is no more a cgroup's business than a veth's."""
    node.become("closed")
    inner = ipv6("fe80::1", "ff02::1", 58, icmp(135, payload=bytes(16)), hop_limit=255)
    assert node.passes("cgroup_egress", ethernet(inner, ETH_IPV6))


def test_no_endpoint(node: Node) -> None:
    """A cgroup that the tables do not know lets nothing through."""
    node.become("nobody")
    frame = packet("10.0.0.2", "10.0.0.1", TCP, tcp(40000, 80, SYN))
    assert not node.passes("cgroup_ingress", frame)
    assert node.drops() == {"no_endpoint": 1}
