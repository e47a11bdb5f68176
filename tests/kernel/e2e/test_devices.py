"""Devices of several kinds: VLAN devices and trunks, tunnels without link headers."""

from __future__ import annotations

import contextlib
import os
import socket
import struct
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.kernel.e2e.bundles import WORLD, Allow, Node, Pod
from tests.kernel.e2e.network import (
    NO_ANSWER,
    UPLINK,
    add_namespace,
    ip,
    start,
)
from tests.kernel.e2e.tunnel import tunnel

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.kernel.e2e.conftest import Bundler
    from tests.kernel.e2e.network import Network

pytestmark = pytest.mark.kernel

HERE = ("10.55.0.1", "fd55::1")
"""The host's addresses on the device, or the pod's gateway there."""
THERE = ("10.55.0.2", "fd55::2")
"""Who is at the other end of it."""
HOST_RULES = (Allow(WORLD, "tcp", 22), Allow(WORLD, "udp", 53))


def _address(namespace: str, device: str, addresses: tuple[str, str]) -> None:
    ip(
        namespace,
        f"addr add {addresses[0]}/24 dev {device}",
        f"addr add {addresses[1]}/64 dev {device} nodad",
        f"link set {device} up",
    )


def _has_vlans(network: Network) -> bool:
    """Whether this kernel makes VLAN devices."""
    link = f"link add link {UPLINK} name probe type vlan id 99".split()
    made = start("ip", "-n", network.host, *link).returncode == 0
    start("ip", "-n", network.host, "link", "del", "probe")
    return made


def _add_vlan(namespace: str, below: str, protocol: str, number: int) -> str:
    """Add a VLAN device, and return its name."""
    name = f"{below}.{number}"
    kind = f"type vlan proto {protocol} id {number}"
    ip(namespace, f"link add link {below} name {name} {kind}")
    return name


def _remove(namespace: str, device: str) -> None:
    ip(namespace, f"link del {device}")


@pytest.fixture(params=["802.1Q", "802.1ad"])
def vlan(
    network: Network, request: pytest.FixtureRequest
) -> Iterator[tuple[Network, str]]:
    """Connect host and outside by VLAN devices over the uplink; give the host's."""
    if not _has_vlans(network):
        pytest.skip("needs a kernel with VLAN devices, CONFIG_VLAN_8021Q")
    device = _add_vlan(network.host, UPLINK, request.param, 5)
    other = _add_vlan(network.outside, "eth0", request.param, 5)
    _address(network.host, device, HERE)
    _address(network.outside, other, THERE)
    yield network, device
    _remove(network.host, device)
    _remove(network.outside, other)


def _assert_host_policy(network: Network, far: str) -> None:
    """TCP 22 and UDP 53 come in, nothing else does; the host opens what it likes."""
    for here, there in zip(HERE, THERE, strict=True):
        assert network.tcp(far, network.host, here, 22)
        assert network.udp(far, network.host, here, 53)
        assert network.denies_tcp(far, network.host, here, 23)
        assert network.denies_udp(far, network.host, here, 54)
        assert network.denies_ping(far, here)
        assert network.tcp(network.host, far, there, 443)
        assert network.udp(network.host, far, there, 443)


@pytest.mark.parametrize("where", ["vlan-device", "trunk", "both"])
def test_host_policy_over_vlans(
    vlan: tuple[Network, str], bundle: Bundler, where: str
) -> None:
    """Sockets over 802.1Q and 802.1ad, judged at the VLAN device, below it, or twice."""
    network, device = vlan
    devices = {"vlan-device": device, "trunk": UPLINK, "both": f"{UPLINK},{device}"}
    node = Node(HERE, ingress=HOST_RULES)
    assert network.tcp(network.outside, network.host, HERE[0], 23)  # before: everything
    network.apply(bundle(node=node), "--devices", devices[where])
    _assert_host_policy(network, network.outside)


@pytest.mark.parametrize("where", ["vlan-device", "trunk"])
@pytest.mark.parametrize("protocol", ["802.1Q", "802.1ad"])
def test_pods_over_vlans(
    network: Network, bundle: Bundler, where: str, protocol: str
) -> None:
    """A pod whose addresses are behind a VLAN device of its veth, judged at either."""
    if not _has_vlans(network):
        pytest.skip("needs a kernel with VLAN devices, CONFIG_VLAN_8021Q")
    inner = _add_vlan(network.pod("web"), "eth0", protocol, 7)
    outer = _add_vlan(network.host, "lg-web", protocol, 7)
    _address(network.host, outer, HERE)
    _address(network.pod("web"), inner, THERE)
    for prefix, gateway in zip(("0.0.0.0/0", "::/0"), HERE, strict=True):
        ip(
            network.pod("web"),
            f"route del {prefix}",
            f"route add {prefix} via {gateway} dev {inner}",
        )
    interface = outer if where == "vlan-device" else "lg-web"
    web = Pod(
        "web",
        (*THERE, "10.0.0.1", "fd00::1"),
        ingress=(Allow("client", "tcp", 80), Allow("client", "udp", 53)),
        egress=(Allow("client", "tcp", 8080), Allow("client", "udp", 5353)),
        interface=interface,
    )
    client = Pod("client", ("10.0.0.2", "fd00::2"))
    with ExitStack() as ends:
        ends.callback(network.remove_pod, "web")  # its devices are others than usual
        network.apply(bundle(web, client))
        for there, own in zip(THERE, client.addresses, strict=True):
            assert network.tcp("client", "web", there, 80)
            assert network.udp("client", "web", there, 53)
            assert network.denies_tcp("client", "web", there, 81)
            assert network.denies_udp("client", "web", there, 54)
            assert network.denies_tcp("other", "web", there, 80)
            assert network.udp("web", "client", own, 5353)
            assert network.tcp("web", "client", own, 8080)
            assert network.denies_tcp("web", "client", own, 8081)
            assert network.denies_udp("web", "client", own, 5354)


# ---------------------------------------------------------------- no link headers


@pytest.fixture
def tunneled(network: Network) -> Iterator[Network]:
    """Connect the host by a tun device to a namespace ``far``."""
    _require_tunnels()
    far = f"{network.name}-far"
    add_namespace(far)
    with ExitStack() as ends:
        ends.callback(start, "ip", "netns", "del", far)
        ends.enter_context(tunnel((network.host, "tun0"), (far, "tun0")))
        _address(network.host, "tun0", HERE)
        _address(far, "tun0", THERE)
        ip(far, "route add default dev tun0", "route add ::/0 dev tun0")
        with _unloaded(network):
            yield network


def test_host_policy_on_a_tunnel(tunneled: Network, bundle: Bundler) -> None:
    """A device without link headers (as WireGuard's) is judged like any other."""
    network, far = tunneled, f"{tunneled.name}-far"
    node = Node(HERE, ingress=HOST_RULES)
    assert network.tcp(far, network.host, HERE[0], 23)  # before: everything
    network.apply(bundle(node=node), "--devices", f"{UPLINK},tun0")
    _assert_host_policy(network, far)


def test_a_pod_behind_a_tunnel(tunneled: Network, bundle: Bundler) -> None:
    """An endpoint's device may be a tunnel: its policies hold, its source is checked."""
    network, far = tunneled, f"{tunneled.name}-far"
    guest = Pod(
        "guest",
        THERE,
        ingress=(Allow("client", "tcp", 80), Allow("client", "udp", 53)),
        egress=(Allow("client", "tcp", 8080),),
        interface="tun0",
    )
    client = Pod("client", ("10.0.0.2", "fd00::2"))
    network.apply(bundle(guest, client))
    for there, own in zip(THERE, client.addresses, strict=True):
        assert network.tcp("client", far, there, 80)
        assert network.udp("client", far, there, 53)
        assert network.denies_tcp("client", far, there, 81)
        assert network.denies_udp("client", far, there, 54)
        assert network.denies_tcp("other", far, there, 80)
        assert network.tcp(far, "client", own, 8080)
        assert network.denies_tcp(far, "client", own, 8081)
    before = _drops(network)
    ip(far, "addr add 10.55.0.9/32 dev tun0")
    with (
        network.socket_in(far, socket.AF_INET, socket.SOCK_DGRAM) as sender,
        network.socket_in("client", socket.AF_INET, socket.SOCK_DGRAM) as receiver,
    ):
        receiver.bind(("", 8080))
        receiver.settimeout(NO_ANSWER)
        sender.bind(("10.55.0.9", 0))
        sender.sendto(b"x", (client.addresses[0], 8080))
        with pytest.raises(TimeoutError):
            receiver.recv(10)
    assert _drops(network)["spoofed_source"] == before.get("spoofed_source", 0) + 1


def test_no_packet_hides_in_a_tunnel(network: Network, bundle: Bundler) -> None:
    """What would be another packet behind an Ethernet header is judged as what it is.

    Its source, 8.0.69.0, has the type of IPv4 where a frame has its type, and the first two
    bytes of a header behind that: UDP to port 53, which the policy would let in.
    """
    _require_tunnels()
    far = f"{network.name}-far"
    add_namespace(far)
    with ExitStack() as ends:
        ends.callback(start, "ip", "netns", "del", far)
        _, wire = ends.enter_context(tunnel((far, "tun0"), (network.host, "tun0")))
        _address(network.host, "tun0", HERE)
        ends.enter_context(_unloaded(network))
        network.apply(bundle(node=Node(HERE, ingress=HOST_RULES)), "--devices", "tun0")
        size = int.from_bytes(socket.inet_aton(HERE[0])[:2], "big")
        datagram = _udp(1000, 53, size - 20)
        hidden = _ipv4(THERE[0], HERE[0], datagram, checksum=14 + size - 20)
        shown = _ipv4("8.0.69.0", HERE[0], b"", size=14 + size)[:14] + hidden
        assert shown[12:20] == socket.inet_aton("8.0.69.0") + socket.inet_aton(HERE[0])
        os.write(wire, shown)
        assert _drops(network) == {"policy": 1}
        os.write(wire, _ipv4(THERE[0], HERE[0], _udp(1000, 53)))
        os.write(wire, _ipv4(THERE[0], HERE[0], _udp(1000, 54)))
        assert _drops(network) == {"policy": 2}


@contextlib.contextmanager
def _unloaded(network: Network) -> Iterator[None]:
    """Unload while the devices are still there."""
    yield
    network.run("unload")


def _require_tunnels() -> None:
    if not Path("/dev/net/tun").exists():
        pytest.skip("needs /dev/net/tun, of a kernel with CONFIG_TUN")


def _drops(network: Network) -> dict[str, int]:
    status = network.told("status")
    return {row["reason"]: row["packets"] for row in status["drops"] if row["packets"]}


def _udp(source: int, destination: int, size: int = 12) -> bytes:
    return struct.pack(">HHHH", source, destination, size, 0).ljust(size, b"x")


def _ipv4(
    source: str, target: str, payload: bytes, *, size: int = 0, checksum: int = 0
) -> bytes:
    size = size or 20 + len(payload)
    head = struct.pack(">BBHHHBBH", 0x45, 0, size, 1, 0, 64, 17, checksum)
    return head + socket.inet_aton(source) + socket.inet_aton(target) + payload
