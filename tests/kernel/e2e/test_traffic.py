"""What pods may do under a policy, with real sockets."""

from __future__ import annotations

import socket
import struct
from typing import TYPE_CHECKING

import pytest

from lockgate.ir.tables import Outcome
from tests.kernel.e2e.bundles import HOST, WORLD, Allow, Node, Pod
from tests.kernel.e2e.network import (
    CLIENT,
    GATEWAY_V4,
    HOST_V4,
    HOST_V6,
    NO_ANSWER,
    OTHER,
    OUTSIDE_V4,
    OUTSIDE_V6,
    PATIENCE,
    WEB,
    Network,
    inside,
    sh,
)

if TYPE_CHECKING:
    from tests.kernel.e2e.conftest import Bundler

pytestmark = pytest.mark.kernel


def drops(network: Network) -> dict[str, int]:
    """Return dropped packets by reason."""
    status = network.told("status")
    return {row["reason"]: row["packets"] for row in status["drops"]}


@pytest.mark.parametrize("family", [0, 1], ids=["ipv4", "ipv6"])
def test_ingress_lets_in_only_what_it_allows(
    network: Network, bundle: Bundler, family: int
) -> None:
    """TCP 80 and UDP 53 from one pod, echo from another; nothing else; answers pass."""
    echo = "icmpv6" if family else "icmp"
    web = Pod(
        "web",
        WEB,
        ingress=(
            Allow("client", "tcp", 80),
            Allow("client", "udp", 53),
            Allow("other", echo),
        ),
    )
    pods = (web, Pod("client", CLIENT), Pod("other", OTHER))
    address = WEB[family]
    assert network.tcp("other", "web", address)  # before: everything
    network.apply(bundle(*pods))
    assert network.tcp("client", "web", address, 80)
    assert network.udp("client", "web", address, 53)
    assert network.ping("other", address)
    assert network.denies_tcp("client", "web", address, 81)
    assert network.denies_tcp("other", "web", address, 80)
    assert network.denies_udp("client", "web", address, 54)
    assert network.denies_udp("other", "web", address, 53)
    assert network.denies_ping("client", address)
    assert network.tcp("web", "other", OTHER[family], 80)  # and its answers come in
    assert network.tcp("client", "other", OTHER[family], 80)


@pytest.mark.parametrize("family", [0, 1], ids=["ipv4", "ipv6"])
def test_egress_lets_out_only_what_it_allows(
    network: Network, bundle: Bundler, family: int
) -> None:
    """A pod may reach the outside at one port, and another pod; not the host."""
    pods = (
        Pod("web", WEB),
        Pod("client", CLIENT, egress=(Allow("web"), Allow(WORLD, "tcp", 443))),
    )
    outside = (OUTSIDE_V4, OUTSIDE_V6)[family]
    host = (HOST_V4, HOST_V6)[family]
    network.apply(bundle(*pods))
    assert network.tcp("client", "web", WEB[family], 8080)
    assert network.tcp("client", network.outside, outside, 443)
    assert network.denies_tcp("client", network.outside, outside, 80)
    assert network.denies_tcp("client", network.host, host, 443)
    assert network.tcp("web", network.host, host, 443)
    assert network.tcp(network.outside, "client", CLIENT[family], 22)


def test_every_address_of_the_host_is_the_host(
    network: Network, bundle: Bundler
) -> None:
    """Also one that no snapshot knows: the gateway that the pods use, a second one."""
    sh(f"ip -n {network.host} addr replace 203.0.113.7/32 dev lo")
    pods = (Pod("client", CLIENT, egress=(Allow(HOST, "tcp", 80),)), Pod("web", WEB))
    network.apply(bundle(*pods))
    for address in (GATEWAY_V4, HOST_V4, HOST_V6, "203.0.113.7"):
        assert network.tcp("client", network.host, address, 80), address
        assert network.denies_tcp("client", network.host, address, 81), address
    assert network.denies_tcp("client", network.outside, OUTSIDE_V4, 80)


def test_a_spoofed_source_is_dropped(network: Network, bundle: Bundler) -> None:
    """A pod that takes another's address gets nothing through, for a reason of its own."""
    pods = (Pod("web", WEB), Pod("client", CLIENT))
    network.apply(bundle(*pods))
    with inside(f"{network.name}-client"):
        sender = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
    header = struct.pack(
        ">BBHHHBBH4s4s",
        *(0x45, 0, 32, 1, 0, 64, 17, 0),
        socket.inet_aton("10.0.0.99"),
        socket.inet_aton(WEB[0]),
    )
    datagram = struct.pack(">HHHH", 1000, 53, 12, 0) + b"evil"
    with (
        sender,
        network.socket_in("web", socket.AF_INET, socket.SOCK_DGRAM) as receiver,
    ):
        receiver.bind(("", 53))
        receiver.settimeout(NO_ANSWER)
        sender.sendto(header + datagram, (WEB[0], 0))
        with pytest.raises(TimeoutError):
            receiver.recv(100)
        honest = header[:12] + socket.inet_aton(CLIENT[0]) + header[16:]
        sender.sendto(honest + datagram, (WEB[0], 0))
        assert receiver.recv(100) == b"evil"
    assert drops(network)["spoofed_source"] >= 1


def test_host_policy_judges_pods_and_outside(network: Network, bundle: Bundler) -> None:
    """The host takes 22 from outside and 80 from a pod, and opens connections anywhere."""
    node = Node(
        (HOST_V4, HOST_V6),
        ingress=(Allow(WORLD, "tcp", 22), Allow("client", "tcp", 80)),
    )
    pods = (Pod("client", CLIENT), Pod("web", WEB))
    network.apply(bundle(*pods, node=node))
    for host, outside, pod in (
        (HOST_V4, OUTSIDE_V4, WEB[0]),
        (HOST_V6, OUTSIDE_V6, WEB[1]),
    ):
        assert network.tcp(network.outside, network.host, host, 22)
        assert network.denies_tcp(network.outside, network.host, host, 80)
        assert network.tcp("client", network.host, host, 80)
        assert network.denies_tcp("client", network.host, host, 22)
        assert network.denies_tcp("web", network.host, host, 80)
        assert network.tcp(network.host, network.outside, outside, 443)
        assert network.tcp(network.host, "web", pod, 443)
        assert network.tcp(network.outside, "web", pod, 80)  # only forwarded


def test_audit_passes_and_counts(network: Network, bundle: Bundler) -> None:
    """What an audited policy would deny passes, and its rule counts it."""
    web = Pod("web", WEB, ingress=(Allow("client"),), default=Outcome.AUDIT)
    pods = (web, Pod("client", CLIENT), Pod("other", OTHER))
    network.apply(bundle(*pods))
    assert network.tcp("other", "web", WEB[0])
    status = network.told("status")
    counted = {row["name"]: row["packets"] for row in status["rules"]}
    assert counted["default-deny/ingress#web"] >= 1


@pytest.mark.parametrize("size", [14, 15, 20, 33], ids=lambda size: f"{size}-bytes")
def test_short_frames_are_dropped(network: Network, bundle: Bundler, size: int) -> None:
    """An Ethernet frame that ends within the IP header never reaches the other side."""
    pods = (Pod("client", CLIENT), Pod("web", WEB))
    network.apply(bundle(*pods))
    before = drops(network)
    with inside(f"{network.name}-client"):
        raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    with raw:
        raw.bind(("eth0", 0))
        packet = bytes.fromhex("4500002800010000401100000a0000020a000001") + bytes(20)
        raw.send((b"\xff" * 6 + b"\x02" + bytes(5) + b"\x08\x00" + packet)[:size])
    after = drops(network)
    told = {name: after[name] - before.get(name, 0) for name in after}
    assert sum(told.values()) == 1, told
    assert set(told) & {"truncated", "bad_header", "bad_length"}


def test_vlan_tags_do_not_hide_a_packet(network: Network, bundle: Bundler) -> None:
    """A tagged frame is judged by what is inside: its spoofed source is seen."""
    pods = (Pod("client", CLIENT), Pod("web", WEB))
    network.apply(bundle(*pods))
    with inside(f"{network.name}-client"):
        raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    inner = struct.pack(
        ">BBHHHBBH4s4s",
        *(0x45, 0, 32, 1, 0, 64, 17, 0),
        socket.inet_aton("10.0.0.99"),
        socket.inet_aton(WEB[0]),
    ) + struct.pack(">HHHH", 1000, 53, 12, 0)
    with raw:
        raw.bind(("eth0", 0))
        addresses = b"\xff" * 6 + b"\x02" + bytes(5)
        raw.send(addresses + b"\x81\x00\x00\x05" + b"\x08\x00" + inner + b"evil")
        raw.send(
            addresses
            + b"\x88\xa8\x00\x05\x81\x00\x00\x06"
            + b"\x08\x00"
            + inner
            + b"evil"
        )
    assert drops(network)["spoofed_source"] == 2


def test_sctp(network: Network, bundle: Bundler) -> None:
    """SCTP has ports of its own; a kernel without it skips this."""
    try:
        socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_SCTP).close()
    except OSError as error:
        pytest.skip(f"needs a kernel with SCTP, CONFIG_IP_SCTP: {error.strerror}")
    web = Pod("web", WEB, ingress=(Allow("client", "sctp", 3868),))
    pods = (web, Pod("client", CLIENT), Pod("other", OTHER))
    network.apply(bundle(*pods))

    def sctp(source: str, port: int) -> bool:
        wait = PATIENCE if (source, port) == ("client", 3868) else NO_ANSWER
        connection = network.connect(
            source, "web", WEB[0], port, socket.IPPROTO_SCTP, wait
        )
        if connection is None:
            return False
        with connection:
            return connection.exchange()

    assert sctp("client", 3868)
    assert not sctp("client", 3869)
    assert not sctp("other", 3868)


def test_an_endpoint_with_many_addresses(network: Network, bundle: Bundler) -> None:
    """A third address is the pod's too, as source and for its policy."""
    more = (*CLIENT, "10.0.1.2")
    pods = (Pod("client", more), Pod("web", WEB, ingress=(Allow("client"),)))
    sh(
        f"ip -n {network.name}-client addr add 10.0.1.2/32 dev eth0",
        f"ip -n {network.host} route add 10.0.1.2/32 dev lg-client",
    )
    network.apply(bundle(*pods))
    with network.socket_in("client", socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.bind(("10.0.1.2", 0))
        with network.socket_in("web", socket.AF_INET, socket.SOCK_DGRAM) as receiver:
            receiver.bind(("", 53))
            receiver.settimeout(PATIENCE)
            sender.sendto(b"x", (WEB[0], 53))
            assert receiver.recvfrom(10)[1][0] == "10.0.1.2"
    sh(f"ip -n {network.name}-client addr del 10.0.1.2/32 dev eth0")
