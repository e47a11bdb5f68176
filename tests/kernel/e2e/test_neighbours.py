"""Others on the same devices, devices that come and go, and nothing left behind."""

from __future__ import annotations

import json
import shutil
import socket
import struct
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from lockgate_runtime.attach import Attachment, clsact, tcx
from lockgate_runtime.bpf import (
    AttachType,
    Link,
    Map,
    MapType,
    Program,
    ProgramType,
)
from lockgate_runtime.netlink import Filter, Netlink
from tests.kernel.e2e.bundles import HOST, Allow, Node, Pod
from tests.kernel.e2e.everywhere import the_same_everywhere
from tests.kernel.e2e.network import (
    HOST_V4,
    NO_ANSWER,
    OUTSIDE_V4,
    UPLINK,
    add_namespace,
    inside,
    ip,
    on_real_machines,
    start,
)

if TYPE_CHECKING:
    from pathlib import Path

    from tests.kernel.e2e.conftest import Bundler
    from tests.kernel.e2e.network import Network

pytestmark = pytest.mark.kernel

WEB, CLIENT, OTHER, LATE = "10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4"


def counting_program(counter: Map) -> Program:
    """Load a program of another owner: it counts packets and says TC_ACT_OK."""
    code = b"".join(
        struct.pack("<BBhi", *words)
        for words in (
            (0x62, 10, -4, 0),  # *(u32 *)(r10 - 4) = 0
            (0xBF, 0xA2, 0, 0),  # r2 = r10
            (0x07, 2, 0, -4),  # r2 += -4
            (0x18, 0x11, 0, counter.fd),  # r1 = map
            (0, 0, 0, 0),
            (0x85, 0, 0, 1),  # call bpf_map_lookup_elem
            (0x15, 0, 2, 0),  # if r0 == 0 skip two
            (0xB7, 1, 0, 1),  # r1 = 1
            (0xDB, 0x10, 0, 0),  # lock *(u64 *)(r0 + 0) += r1
            (0xB7, 0, 0, 0),  # r0 = TC_ACT_OK
            (0x95, 0, 0, 0),  # exit
        )
    )
    return Program.load(ProgramType.SCHED_CLS, "neighbour", code)


def count(counter: Map) -> int:
    """Return what the other owner's program has counted."""
    return int.from_bytes(counter.get(bytes(4)) or b"", "little")


@pytest.mark.parametrize("is_first", [True, False], ids=["before-us", "after-us"])
def test_programs_of_others_run_after_ours(
    network: Network, bundle: Bundler, is_first: bool
) -> None:
    """Attached before or after us, another's program sees what we allow, and only that."""
    pods = (
        Pod("web", (WEB,), ingress=(Allow("client"),)),
        Pod("client", (CLIENT,)),
        Pod("other", (OTHER,)),
    )
    policy = bundle(*pods)
    if not is_first:
        network.apply(policy)
    with ExitStack() as stack:
        counter = stack.enter_context(Map.create(MapType.ARRAY, "count", 4, 8, 1))
        program = stack.enter_context(counting_program(counter))
        with inside(network.host), Netlink() as netlink:
            device = netlink.device("lg-web")
            assert device
            if tcx.is_supported():
                kind = AttachType.TCX_EGRESS
                stack.enter_context(Link.create(program, device.index, kind))
            else:
                netlink.add_clsact(device.index)
                other = Filter(7, 1, "other")
                netlink.add_filter(device.index, "egress", program.fd, other)
                stack.callback(remove_filter, network.host, device.index, other)
        if is_first:
            network.apply(policy)
        assert send_many(network, "client") == MANY
        seen = count(counter)
        assert seen >= MANY
        assert send_many(network, "other") == 0
        assert count(counter) < seen + MANY // 2
        network.run("unload")
        assert send_many(network, "other") == MANY
        assert count(counter) >= seen + MANY


MANY = 50


def send_many(network: Network, source: str) -> int:
    """Send datagrams to web, and return how many arrive."""
    with (
        network.socket_in("web", socket.AF_INET, socket.SOCK_DGRAM) as receiver,
        network.socket_in(source, socket.AF_INET, socket.SOCK_DGRAM) as sender,
    ):
        receiver.bind(("", 53))
        receiver.settimeout(NO_ANSWER)
        for _ in range(MANY):
            sender.sendto(b"x", (WEB, 53))
        arrived = 0
        try:
            while arrived < MANY:
                receiver.recv(10)
                arrived += 1
        except TimeoutError:
            pass
        return arrived


def remove_filter(host: str, index: int, other: Filter) -> None:
    """Take the other owner's filter away, and the qdisc with it."""
    with inside(host), Netlink() as netlink:
        netlink.remove_filter(index, "egress", other)
        netlink.remove_clsact(index)


def test_clsact_is_removed_only_when_it_was_ours(
    network: Network, bundle: Bundler
) -> None:
    """Filters of others, and the qdisc they are in, stay when we unload."""
    with inside(network.host), Netlink() as netlink:
        device = netlink.device("lg-web")
        assert device
        place = Attachment("clsact", "to_endpoint", device.index)
        pin = network.root / place.name
        network.root.mkdir()
        code = struct.pack("<BBhiBBhi", 0xB7, 0, 0, -1, 0x95, 0, 0, 0)
        with Program.load(ProgramType.SCHED_CLS, "stub", code) as program:
            clsact.attach(program, place, pin, netlink, "")
            assert clsact.is_attached(place, pin, netlink)
            pin.unlink()  # as a process that died could leave it
            clsact.attach(program, place, pin, netlink, "")
            assert len(netlink.filters(device.index, "egress")) == 1
            other = Filter(7, 1, "other")
            netlink.add_filter(device.index, "egress", program.fd, other)
            clsact.detach(place, pin, netlink)
            assert not clsact.is_attached(place, pin, netlink)
            assert netlink.filters(device.index, "egress") == [other]
            netlink.remove_filter(device.index, "egress", other)
            clsact.attach(program, place, pin, netlink, "")
            clsact.detach(place, pin, netlink)
            assert netlink.add_clsact(device.index)  # it was gone


def test_an_endpoint_that_comes_and_goes(network: Network, bundle: Bundler) -> None:
    """Not there yet, there, gone, there again: each apply takes what it finds."""
    pods = (
        Pod("late", (LATE,), ingress=(Allow("client"),)),
        Pod("client", (CLIENT,)),
        Pod("other", (OTHER,)),
    )
    policy = bundle(*pods)
    network.apply(policy)
    status = network.told("status")
    assert [row["name"] for row in status["absent"]] == ["late"]
    for _ in range(2):
        network.add_pod("late", LATE)
        network.apply(policy)
        assert network.tcp("client", "late", LATE)
        assert network.denies_tcp("other", "late", LATE)
        network.remove_pod("late")
        said = json.loads(network.run("gc", "-o", "json").stdout)
        assert len(said["results"]) == said["summary"]["removed"] == 2
        assert network.tcp("client", "other", OTHER)
    assert len(list(network.root.glob("v*/links/*-to_endpoint-*"))) == 2


def test_unload_leaves_nothing(
    network: Network, bundle: Bundler, tmp_path: Path
) -> None:
    """No pin, no state, no filter, no qdisc, and packets pass."""
    pods = (Pod("web", (WEB,), ingress=()), Pod("client", (CLIENT,)))
    node = Node((HOST_V4,), ingress=())
    qdiscs = start("tc", "-n", network.host, "qdisc", "show").stdout
    network.apply(bundle(*pods, node=node))
    assert network.denies_tcp("client", "web", WEB)
    assert network.denies_tcp(network.outside, network.host, HOST_V4)
    network.run("unload")
    assert network.tcp("client", "web", WEB)
    assert network.tcp(network.outside, network.host, HOST_V4)
    assert not network.root.exists()
    assert not network.state.exists()
    assert start("tc", "-n", network.host, "qdisc", "show").stdout == qdiscs
    seen = start("nsenter", f"--net=/run/netns/{network.host}", "bpftool", "net").stdout
    assert "lg-" not in seen
    assert network.run("unload").returncode == 0


def test_unload_leaves_pins_of_others(network: Network, bundle: Bundler) -> None:
    """A root that is shared, such as the whole BPF file system, is not ours to empty."""
    network.apply(bundle(Pod("web", (WEB,), ingress=())))
    with Map.create(MapType.ARRAY, "other", 4, 8, 1) as other:
        pin = network.root / "other"
        other.pin(pin)
    network.run("unload")
    assert [place.name for place in network.root.iterdir()] == ["other"]
    assert network.tcp("client", "web", WEB)
    broken = bundle(Pod("web", (WEB,), ingress=()))
    network.state = pin / "state"  # cannot be written
    refused = network.run("apply", str(broken), "--node", "node-1", check=False)
    assert refused.returncode == 2
    assert [place.name for place in network.root.iterdir()] == ["other"]
    pin.unlink()


@the_same_everywhere
def test_host_devices_are_left_when_nothing_selects_the_host(
    network: Network, bundle: Bundler
) -> None:
    """A host policy that goes away takes its attachments along; named devices are taken."""
    web = Pod("web", (WEB,))
    closed = bundle(web, node=Node((HOST_V4,), ingress=()))
    network.apply(closed, "--devices", UPLINK)
    assert network.denies_tcp(network.outside, network.host, HOST_V4)
    assert network.tcp(network.host, network.outside, OUTSIDE_V4)
    network.apply(bundle(web))
    assert network.tcp(network.outside, network.host, HOST_V4)
    assert not list(network.root.glob("v*/links/*-from_network-*"))
    wrong = network.run(
        "apply", str(closed), "--node", "node-1", "--devices", "nope", check=False
    )
    assert (wrong.returncode, "E5025" in wrong.stderr) == (2, True)


@the_same_everywhere
def test_named_devices(network: Network, bundle: Bundler, tmp_path: Path) -> None:
    """A document or a list names the device of an endpoint, whatever its route says."""
    pods = (
        Pod("web", (WEB,), ingress=(), interface="lg-web", node=None),
        Pod("client", (CLIENT,), egress=(), node="elsewhere"),
    )
    policy = bundle(*pods)
    network.apply(policy)
    assert network.denies_tcp("client", "web", WEB)
    assert network.tcp("client", network.host, HOST_V4)  # not on this node
    listed = tmp_path / "endpoints.json"
    listed.write_text(
        '[{"namespace": "default", "name": "client", "interface": "lg-client"}]'
    )
    network.apply(policy, "--endpoints", str(listed))
    assert network.denies_tcp("client", network.host, HOST_V4)
    listed.write_text('[{"name": "nobody", "interface": "lg-client"}]')
    wrong = network.run(
        "apply",
        str(policy),
        "--endpoints",
        str(listed),
        "--node",
        "node-1",
        check=False,
    )
    assert (wrong.returncode, "E5014" in wrong.stderr) == (1, True)


@the_same_everywhere
def test_guard_keeps_the_connection(network: Network, bundle: Bundler) -> None:
    """A policy that would cut the operator off is refused; another one is not."""
    web = Pod("web", (WEB,))
    closed = bundle(web, node=Node((HOST_V4,), ingress=(Allow("web"),)))
    opened = bundle(web, node=Node((HOST_V4,), ingress=(Allow("world", "tcp", 22),)))
    guard = ("--guard", "tcp/22", "--guard-peer", OUTSIDE_V4)
    refused = network.run("apply", str(closed), "--node", "node-1", *guard, check=False)
    assert refused.returncode == 1
    assert "E5035" in refused.stderr
    assert "default-deny/ingress#host" in refused.stderr
    assert not network.root.exists()
    network.apply(opened, *guard)
    assert network.tcp(network.outside, network.host, HOST_V4, 22)


@on_real_machines
@the_same_everywhere
def test_guard_knows_the_session_that_applies(
    network: Network, bundle: Bundler
) -> None:
    """As sshd leaves it in the environment."""
    web = Pod("web", (WEB,))
    closed = bundle(web, node=Node((HOST_V4,), ingress=(Allow("web"),)))
    session = start(
        "env",
        f"SSH_CONNECTION={OUTSIDE_V4} 50000 {HOST_V4} 22",
        *network.command("apply", str(closed), "--node", "node-1", "--guard", "tcp/22"),
    )
    assert (session.returncode, "E5035" in session.stderr) == (1, True)


@the_same_everywhere
def test_a_wrong_node_is_an_error_that_names_the_right_one(
    network: Network, bundle: Bundler
) -> None:
    """A typing mistake in --node must not leave the node open."""
    wrong = network.run("apply", str(bundle()), "--node", "node-2", check=False)
    assert wrong.returncode == 1
    assert "E5013" in wrong.stderr
    assert "--node node-1?" in wrong.stderr


def test_pods_behind_a_bridge(network: Network, bundle: Bundler) -> None:
    """Where all pods share a subnet on a bridge, each one's port is found by its address."""
    names, addresses = ("one", "two"), ("10.244.0.11", "10.244.0.12")
    made = start("ip", "-n", network.host, "link", "add", "cni0", "type", "bridge")
    if "Unknown device type" in made.stderr:
        pytest.skip("needs a kernel with bridges, CONFIG_BRIDGE")
    ip(
        network.host,
        "addr add 10.244.0.1/24 dev cni0",
        "link set cni0 up",
    )
    for name, address in zip(names, addresses, strict=True):
        space = f"{network.name}-{name}"
        add_namespace(space)
        network.pods.append(name)
        ip(
            network.host,
            f"link add lg-{name} type veth peer name eth0 netns {space}",
            f"link set lg-{name} master cni0",
            f"link set lg-{name} up",
        )
        ip(
            space,
            f"addr add {address}/24 dev eth0",
            "link set eth0 up",
            "route add default via 10.244.0.1",
        )
        assert network.tcp(network.host, name, address)
    pods = (
        Pod("one", addresses[:1], ingress=(Allow(HOST),)),
        Pod("two", addresses[1:]),
    )
    closed = bundle(*pods)
    # As after a while in which nobody spoke.
    forget = "link set cni0 type bridge fdb_flush"
    ip(network.host, "neigh flush dev cni0", forget)
    network.apply(closed)
    assert network.denies_tcp("two", "one", addresses[0])
    assert network.tcp(network.host, "one", addresses[0])
    ip(network.host, forget)
    network.apply(closed)
    assert network.denies_tcp("two", "one", addresses[0])
    assert network.tcp("one", "two", addresses[1])
    # One that stays silent, whatever it is asked, is enforced where it was: by what is new.
    ip(f"{network.name}-one", "link set eth0 arp off")
    ip(network.host, "neigh flush dev cni0", forget)
    network.apply(bundle(replace(pods[0], ingress=()), pods[1]))
    ip(f"{network.name}-one", "link set eth0 arp on")
    assert network.denies_tcp("two", "one", addresses[0])
    assert network.denies_tcp(network.host, "one", addresses[0])
    network.run("unload")
    assert network.tcp("two", "one", addresses[0])
    ip(network.host, "link del cni0")


def test_an_endpoint_that_is_not_found_stays_enforced_where_it_was(
    network: Network, bundle: Bundler
) -> None:
    """While its device is there; again and again, without our names, and said aloud."""
    late = Pod("late", (LATE,), ingress=(Allow("client"),))
    client = Pod("client", (CLIENT,))
    network.add_pod("late", LATE)
    network.apply(bundle(late, client))
    ip(network.host, f"route del {LATE}/32 dev lg-late")
    closed = bundle(replace(late, ingress=()), client)
    place = ("--node", "node-1")
    planned = network.told("apply", str(closed), *place, "--dry-run")
    assert [row["where"] for row in planned["kept"]] == ["lg-late"]
    for _ in range(2):
        answer = network.answer("apply", str(closed), *place)
        (said,) = answer["results"]
        assert [row["name"] for row in said["kept"]] == ["late"]
        assert [row["name"] for row in said["absent"]] == []
        (warning,) = answer["diagnostics"]
        assert (warning["code"], warning["severity"]) == ("W5001", "warning")
        assert "default/late is enforced at lg-late as before" in warning["message"]
        assert not [name for name in said["detached"] if name in said["attached"]]
        shutil.rmtree(network.state)  # it decides nothing
    network.apply(closed)
    status = network.run("status").stdout
    assert "lg-late (as before: " in status
    ip(network.host, f"route add {LATE}/32 dev lg-late")
    assert network.denies_tcp("client", "late", LATE)
    # Found again, elsewhere addressed, or gone with its device: nothing is kept.
    assert not network.told("apply", str(closed), *place)["kept"]
    ip(network.host, f"route del {LATE}/32 dev lg-late")
    moved = bundle(replace(late, addresses=("10.0.0.44",), ingress=()))
    said = network.told("apply", str(moved), *place)
    assert ([row["name"] for row in said["absent"]], said["kept"]) == (["late"], [])
    ip(network.host, f"route add {LATE}/32 dev lg-late")
    network.apply(closed)
    network.remove_pod("late")
    said = network.told("apply", str(closed), *place)
    assert ([row["name"] for row in said["absent"]], said["kept"]) == (["late"], [])
    assert len(said["detached"]) == 2


def test_a_pod_that_is_elsewhere_is_not_looked_for_on_the_uplink(
    network: Network, bundle: Bundler
) -> None:
    """The way to a pod that is not here yet is the default route: nothing is attached there."""
    network.apply(bundle(Pod("away", ("203.0.113.9",), ingress=())))
    status = network.told("status")
    assert status["attachments"] == []
    assert UPLINK in status["absent"][0]["why"]
