"""Tracing planes come in force and leave as the network's do: whole, and by one write."""

from __future__ import annotations

import json
import os
import struct
import subprocess
import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from lockgate_runtime.bpf import Map
from lockgate_runtime.pins import Pins, list_folder
from lockgate_runtime.tracing.layout import CGROUP, PROCESS
from lockgate_runtime.tracing.proc import cgroup_root
from tests.kernel.e2e.bundles import Allow, Pod
from tests.kernel.e2e.network import IS_EMULATED
from tests.kernel.e2e.stage import Stage
from tests.kernel.e2e.traced import (
    CLASS,
    DENYING,
    DENYING_BY_RETURN,
    HITS,
    IDLE_HITS,
    KEY,
    OTHER_KEY,
    Trace,
    acting,
    hits_of,
    hooks,
    traced_bundle,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.kernel.e2e.conftest import Bundler
    from tests.kernel.e2e.network import Network

pytestmark = pytest.mark.kernel

the_same_everywhere = pytest.mark.skipif(
    IS_EMULATED, reason="the host's kernel is asked; a guest needs too long"
)
"""For what depends on no kernel: emulated machines have fifteen minutes for all tests."""

STEPS = (
    "recover",
    "survey",
    "state",
    "load",
    "sensor",
    "load tracing",
    "place",
    "self-test",
    "arm",
    "classify",
    "trace site_0",
    "switch",
    "switched",
    "settled",
)
PODS = (
    Pod("web", ("10.0.0.1",), ingress=(Allow("client", "udp", 53),)),
    Pod("client", ("10.0.0.2",)),
)


@pytest.fixture
def first(tmp_path: Path) -> Path:
    """Give a bundle that counts."""
    return traced_bundle(tmp_path / "first", Trace())


@pytest.fixture
def second(tmp_path: Path) -> Path:
    """Give another one."""
    return traced_bundle(tmp_path / "second", Trace(key=OTHER_KEY))


@pytest.fixture(scope="module")
def stage(built: Network, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Give the process whose children die."""
    with Stage(built, tmp_path_factory.mktemp("stage")) as stage:
        yield stage


def links(network: Network) -> list[int]:
    """Return the generations that have links."""
    pins = Pins(network.root)
    return [
        number
        for number in pins.generation_numbers()
        if list_folder(pins.generation(number) / "tracing" / "links")
    ]


def test_one_after_the_other(network: Network, first: Path, second: Path) -> None:
    """Each hit belongs to one generation; only what acts, or may act, is attached."""
    network.apply(first)
    assert acting(network.root) == [1]
    network.apply(second)
    assert acting(network.root) == [2]
    assert links(network) == [2]
    network.run("rollback")
    assert acting(network.root) == [1]
    assert links(network) == [1]
    network.run("unload")
    assert not network.root.exists()
    assert acting(network.root) == []


@the_same_everywhere
def test_processes_are_classified_before_hooks_are_attached(
    network: Network, first: Path, second: Path
) -> None:
    """What runs already has its class in the place of the new generation."""
    network.apply(first)
    os.getsid(os.getpid())
    assert hits_of(network.root, 1)[CLASS] == 2001
    network.apply(second)
    os.getsid(os.getpid())
    assert hits_of(network.root, 2)[CLASS] == 2002


def test_processes_are_classified_when_they_execute(
    network: Network, first: Path, second: Path
) -> None:
    """By the generations that are armed, whichever of the two places they have."""
    network.apply(first)
    _, place = classes_of_a_child(network)
    assert place == 1001, "the first generation is in place 1"
    within = 60
    network.apply(second, "--confirm-within", f"{within}s")
    assert classes_of_a_child(network) == (1002, 1001)
    network.run("confirm")
    assert classes_of_a_child(network)[0] == 1002


def classes_of_a_child(network: Network) -> tuple[int, ...]:
    """Execute something; return its classes by place, once it has any."""
    with subprocess.Popen(["/bin/sleep", "30"]) as child:
        try:
            with Map.pinned(Pins(network.root).map("processes")) as processes:
                for _ in range(100):
                    value = processes.get(struct.pack("=Q", child.pid))
                    classes = PROCESS.unpack(value)["binary"] if value else b""
                    # A fork has its parent's classes, which user space gave (2000 and more).
                    found = struct.unpack("=2I", bytes(classes)) if classes else ()
                    if any(1000 < one < 2000 for one in found):
                        return found
                    time.sleep(0.02)
        finally:
            child.kill()
    return ()


@the_same_everywhere
def test_confirmed_or_fallen_back(network: Network, first: Path, second: Path) -> None:
    """Until it is confirmed both are attached; when the time is up, the old one acts."""
    network.apply(first)
    within = 2
    network.apply(second, "--confirm-within", f"{within}s")
    assert acting(network.root) == [2]
    assert links(network) == [1, 2]
    os.getsid(os.getpid())
    assert hits_of(network.root, 1)[IDLE_HITS] > 0, "attached, and not in force"
    time.sleep(within)
    assert acting(network.root) == [1], "the kernel went back by itself"
    network.apply(second, "--confirm-within", "60s")
    assert acting(network.root) == [3]
    network.run("confirm")
    assert acting(network.root) == [3]
    assert links(network) == [3]


@the_same_everywhere
def test_swapped_under_load(network: Network, first: Path, second: Path) -> None:
    """While bundles are exchanged each call is counted by exactly one generation."""
    network.apply(first)
    before = hits_of(network.root, 1)[HITS]
    calls, stopping = 0, threading.Event()

    def call() -> None:
        nonlocal calls
        while not stopping.is_set():
            os.getsid(os.getpid())
            calls += 1

    caller = threading.Thread(target=call)
    caller.start()
    counted: dict[int, int] = {}
    swaps = 6
    try:
        for number in range(swaps):
            network.apply(first if number % 2 else second)
            for generation in Pins(network.root).generation_numbers():
                found = hits_of(network.root, generation)
                counted |= {generation: found[HITS]} if found else {}
    finally:
        stopping.set()
        caller.join()
    last = max(counted)
    counted[last] = hits_of(network.root, last)[HITS]
    assert len(counted) == 1 + swaps
    assert all(counted.values()), "each was in force"
    assert sum(counted.values()) - before == calls


@the_same_everywhere
def test_killed_at_each_step_one_policy_acts(
    network: Network, first: Path, second: Path, stage: Stage
) -> None:
    """Before the switch the old one, after it the new one; never none, never both."""
    network.apply(first)
    number = 1
    for step in STEPS:
        died = stage.run("apply", str(second), "--node", "node-1", die_at=step)
        assert died.returncode == -9, (step, died.stderr)
        found = acting(network.root)
        assert len(found) == 1, step
        assert (found[0] != number) == (step in ("switched", "settled")), step
        number = found[0]
        network.apply(first)
        (number,) = acting(network.root)
        assert links(network) == [number], step
    stage.run("apply", str(second), "--node", "node-1", die_at="switch")
    network.run("unload")
    assert not network.root.exists()
    assert acting(network.root) == []


@the_same_everywhere
def test_killed_at_each_step_of_the_first_apply(
    network: Network, first: Path, stage: Stage
) -> None:
    """Nothing was traced, and nothing is; the next apply works."""
    for step in ("sensor", "load tracing", "arm", "switch"):
        died = stage.run("apply", str(first), "--node", "node-1", die_at=step)
        assert died.returncode == -9, (step, died.stderr)
        assert not acting(network.root), step
    network.apply(first)
    assert len(acting(network.root)) == 1


@the_same_everywhere
def test_no_memory_changes_nothing(
    network: Network, first: Path, second: Path, stage: Stage
) -> None:
    """The kernel refuses one call after the other: an error, and the old one acts."""
    network.apply(first)
    calls = stage.run("apply", str(first), "--node", "node-1").calls
    (number,) = acting(network.root)
    step = calls // 12
    for call in range(int(calls * 0.3), int(calls * 0.8), step):
        refused = stage.run("apply", str(second), "--node", "node-1", fail_at=call)
        assert refused.returncode == 2, refused.stderr
        assert "E5" in refused.stderr
        assert acting(network.root) == [number]
    network.apply(second)
    assert acting(network.root) != [number]


@the_same_everywhere
def test_a_plane_does_not_end_by_accident(
    network: Network, first: Path, bundle: Bundler
) -> None:
    """A bundle without the plane that is in force is refused, unless one says so."""
    judging = bundle(*PODS)
    network.apply(first)
    refused = network.run("apply", str(judging), "--node", "node-1", check=False)
    assert refused.returncode == 1
    assert "E5141" in refused.stderr
    assert "--drop-plane tracing" in refused.stderr
    assert acting(network.root) == [1]
    network.apply(judging, "--drop-plane", "tracing")
    assert acting(network.root) == []
    refused = network.run("apply", str(first), "--node", "node-1", check=False)
    assert "--drop-plane network" in refused.stderr
    assert network.denies_udp("client", "web", "10.0.0.1", 54)
    network.apply(first, "--drop-plane", "network")
    assert len(acting(network.root)) == 1
    network.run("rollback")
    assert acting(network.root) == []
    assert network.denies_udp("client", "web", "10.0.0.1", 54)


@the_same_everywhere
def test_both_planes_switch_together(network: Network, tmp_path: Path) -> None:
    """One bundle judges packets and traces."""
    both = traced_bundle(tmp_path / "both", Trace(), PODS)
    network.apply(both)
    assert acting(network.root) == [1]
    assert network.denies_udp("client", "web", "10.0.0.1", 54)
    assert network.udp("client", "web", "10.0.0.1", 53)


@the_same_everywhere
def test_another_kernel(network: Network, tmp_path: Path) -> None:
    """A bundle for other kernels is refused with what would help."""
    other = traced_bundle(tmp_path / "other", Trace(release="4.19.0-1-amd64"))
    refused = network.run("apply", str(other), "--node", "node-1", check=False)
    assert refused.returncode == 1
    assert "E5140" in refused.stderr
    assert "lockgate target record" in refused.stderr
    assert not network.root.exists()


DEED = {
    "policy": KEY,
    "mode": "enforce",
    "source": "kill.yaml:9:5",
    "action": "kill",
    "is_narrowed": False,
    "binaries": [],
    "parents": [],
    "pids": [],
    "namespaces": [],
    "capabilities": [],
}


@the_same_everywhere
def test_guard(network: Network, tmp_path: Path) -> None:
    """A policy that would kill everybody is refused; one for a binary is not."""
    everybody = traced_bundle(tmp_path / "everybody", Trace(deeds=(DEED,)))
    refused = network.run("apply", str(everybody), "--node", "node-1", check=False)
    assert refused.returncode == 1
    assert "E5145" in refused.stderr
    assert "kill.yaml:9:5" in refused.stderr
    assert "would kill init" in refused.stderr
    assert not network.root.exists()
    network.apply(everybody, "--unguarded")
    network.run("unload")
    nginx = {"comparison": "Equal", "values": ["/usr/sbin/nginx"], "is_negated": False}
    one = traced_bundle(tmp_path / "one", Trace(deeds=(DEED | {"binaries": [nginx]},)))
    network.apply(one)


@pytest.mark.parametrize("trace", [DENYING, DENYING_BY_RETURN], ids=("lsm", "fmod_ret"))
def test_denials(network: Network, tmp_path: Path, trace: Trace) -> None:
    """An operation of our own is denied; apply said that it tried."""
    if not hooks()[trace.stand]:
        pytest.skip(f"no {trace.stand} here")
    denying = traced_bundle(tmp_path / "denying", trace)
    done = network.run("apply", str(denying), "--node", "node-1", "-o", "json")
    assert json.loads(done.stdout)["self_tests"] == [trace.stand]
    with pytest.raises(PermissionError):
        os.getsid(os.getpid())
    assert hits_of(network.root, 1)[HITS] == 1
    network.run("unload")
    for _ in range(100):
        try:
            os.getsid(os.getpid())
            break
        except PermissionError:
            time.sleep(0.05)
    os.getsid(os.getpid())


@the_same_everywhere
def test_set_mode(network: Network, first: Path) -> None:
    """The mode of a policy changes at once, by its name or its key."""
    nothing = network.run("set-mode", "count", "enforce", check=False)
    assert "E5034" in nothing.stderr
    network.apply(first)
    for name, mode in (("count", "enforce"), (KEY, "monitor")):
        done = network.run("set-mode", name, mode, "-o", "json")
        before = "monitor" if mode == "enforce" else "enforce"
        changed = {"policy": KEY, "mode": mode, "before": before}
        assert json.loads(done.stdout) == {"changed": [changed]}
        status = json.loads(network.run("status", "-o", "json").stdout)
        assert status["tracing"]["policies"][0]["mode"] == mode
    refused = network.run("set-mode", "cont", "enforce", check=False)
    assert refused.returncode == 2
    assert "E5149" in refused.stderr
    assert "did you mean count?" in refused.stderr


@pytest.mark.parametrize("trace", [DENYING, DENYING_BY_RETURN], ids=("lsm", "fmod_ret"))
def test_monitored_then_enforced(
    network: Network, tmp_path: Path, trace: Trace
) -> None:
    """In monitor mode nothing is denied; from the next call on it is."""
    if not hooks()[trace.stand]:
        pytest.skip(f"no {trace.stand} here")
    monitored = replace(trace, mode="monitor")
    network.apply(traced_bundle(tmp_path / "monitored", monitored))
    os.getsid(os.getpid())
    assert hits_of(network.root, 1)[HITS] == 1
    network.run("set-mode", "count", "enforce")
    with pytest.raises(PermissionError):
        os.getsid(os.getpid())
    network.run("set-mode", "count", "monitor")
    os.getsid(os.getpid())


@the_same_everywhere
def test_guard_of_modes(network: Network, tmp_path: Path) -> None:
    """A policy that monitors is let through; to let it enforce is what is refused."""
    deeds = (DEED | {"mode": "monitor"},)
    network.apply(traced_bundle(tmp_path / "everybody", Trace(deeds=deeds)))
    refused = network.run("set-mode", "count", "enforce", check=False)
    assert refused.returncode == 1
    assert "E5145" in refused.stderr
    network.run("set-mode", "count", "enforce", "--unguarded")


@the_same_everywhere
def test_status(network: Network, first: Path) -> None:
    """What is traced, its hooks and links, and what was lost, are told."""
    network.apply(first)
    said = network.run("status").stdout
    assert "      1  TracingPolicy/count" in said
    assert "1 links," in said
    tracing = json.loads(network.run("status", "-o", "json").stdout)["tracing"]
    assert tracing["has_sensor"]
    assert tracing["sites"] == [
        {
            "program": "site_0",
            "stand": "tracepoint",
            "functions": ["syscalls/sys_enter_getsid"],
            "links": 1,
        }
    ]
    (link,) = network.root.glob("v*/generations/1/tracing/links/*")
    link.unlink()
    assert "site_0 is not attached" in network.run("status").stdout


@the_same_everywhere
def test_verify(network: Network, first: Path, tmp_path: Path) -> None:
    """The verifier is asked about tracing programs, too, and for this kernel."""
    done = network.run("verify", str(first), "-o", "json")
    rows = {
        (row["object"], row["program"]): row["is_accepted"]
        for row in json.loads(done.stdout)["programs"]
    }
    for wanted in (("site_0", "site_0"), ("classify", "classify_all")):
        assert rows[wanted]
    assert rows["process", "process_exec"]
    other = traced_bundle(tmp_path / "other", Trace(release="4.19.0-1-amd64"))
    refused = network.run("verify", str(other), check=False)
    assert "E5140" in refused.stderr


@the_same_everywhere
def test_no_bpf_among_the_security_modules(
    network: Network, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bundle that denies at LSM hooks is refused where nobody would ask it."""
    from lockgate_runtime.tracing import plane

    monkeypatch.setattr(plane, "read_security_modules", lambda: ("landlock", "yama"))
    denying = traced_bundle(tmp_path / "denying", DENYING)
    refused = network.run("apply", str(denying), "--node", "node-1", check=False)
    assert refused.returncode == 2
    assert "E5142" in refused.stderr
    assert "boot with lsm=landlock,yama,bpf" in refused.stderr
    assert not network.root.exists()


POD, OTHER_POD = (
    "0f3c41d2-8f0e-4d6a-9d5e-6c1f2a3b4c5d",
    "1f3c41d2" + "-0000" * 3 + "-" + "0" * 12,
)
CONTAINER = "ab" * 32


@the_same_everywhere
def test_workloads(network: Network, tmp_path: Path) -> None:
    """Cgroups of pods, containers and units have their classes when hooks are attached."""
    root = cgroup_root()
    if root is None:
        pytest.skip("no cgroup2 here")
    top = root / f"lockgate-{os.getpid()}"
    slice_ = "kubepods-burstable-pod{}.slice"
    pod = top / slice_.format(POD.replace("-", "_"))
    other = top / slice_.format(OTHER_POD.replace("-", "_"))
    folders = {
        pod: 3,
        pod / f"cri-containerd-{CONTAINER}.scope": 4,
        other: 7,
        top / "ssh.service": 2,
        top: 1,
    }
    workloads = {
        "hosts": {"": 5, "node-1": 1},
        "unknown_pods": {"": 7},
        "cgroups": {f"/{top.name}/ssh.service": 2},
        "pods": [{"uid": POD, "class": 3, "containers": {CONTAINER: 4}}],
    }
    for folder in folders:
        folder.mkdir(parents=True, exist_ok=True)
    try:
        network.apply(traced_bundle(tmp_path / "one", Trace(workloads=workloads)))
        assert {f: workload(network, f)[1] for f in folders} == folders
        made = pod / "later.scope"
        made.mkdir()
        folders[made] = 3
        assert workload(network, made)[1] == 3, "the kernel takes the parent's"
        network.apply(
            traced_bundle(
                tmp_path / "two", Trace(workloads=workloads | {"hosts": {"": 9}})
            )
        )
        assert workload(network, top) == (9, 1)
        network.apply(traced_bundle(tmp_path / "three", Trace()))
        network.run("rollback")
        assert workload(network, top)[0] == 9
    finally:
        for folder in sorted(folders, key=lambda f: -len(f.parts)):
            folder.rmdir()


def workload(network: Network, folder: Path) -> tuple[int, ...]:
    """Return the classes of a cgroup, by place."""
    with Map.pinned(Pins(network.root).map("cgroups")) as cgroups:
        value = cgroups.get(folder.stat().st_ino.to_bytes(8, "little"))
    assert value, folder
    return struct.unpack("=2I", bytes(CGROUP.unpack(value)["workload"]))
