"""Processes are of pods, containers and hosts, by their cgroups."""

from __future__ import annotations

import json
import os
import struct
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from lockgate.driver import Settings, compile_policies, write_outputs
from lockgate_runtime.bpf import Map
from lockgate_runtime.pins import Pins
from lockgate_runtime.state import State
from lockgate_runtime.tracing.layout import CGROUP
from lockgate_runtime.tracing.proc import cgroup_root
from lockgate_runtime.tracing.stream import EventStream
from lockgate_runtime.tracing.tracing_status import read_counters
from tests.kernel.e2e.bundles import CACHE
from tests.kernel.e2e.everywhere import the_same_everywhere
from tests.kernel.e2e.test_tracing_kept import links_of
from tests.kernel.e2e.traced import (
    Trace,
    traced_bundle,
)
from tests.targets.running import running_kernel

if TYPE_CHECKING:
    from tests.kernel.e2e.network import Network

pytestmark = pytest.mark.kernel


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
        pytest.skip("needs cgroups of version 2: mount -t cgroup2 none /sys/fs/cgroup")
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
        one = traced_bundle(tmp_path / "one", Trace(workloads=workloads))
        done = network.run("apply", str(one), "--node", "node-1")
        assert "1 pods here are not in the bundle's snapshot" in done.stdout
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
    """Return the numbers of a cgroup's classes, by place."""
    with Map.pinned(Pins(network.root).map("cgroups")) as cgroups:
        value = cgroups.get(folder.stat().st_ino.to_bytes(8, "little"))
    assert value, folder
    ids = struct.unpack("=2I", bytes(CGROUP.unpack(value)["workload"]))
    return tuple(id_ >> 1 for id_ in ids)


WATCHED = """apiVersion: cilium.io/v1alpha1
kind: TracingPolicy
metadata: {name: sessions}
spec:
  podSelector: {matchLabels: {app: web}}
  containerSelector: {matchLabels: {name: main}}
  tracepoints:
  - {subsystem: syscalls, event: sys_enter_getsid}
---
apiVersion: v1
kind: Pod
metadata:
  name: web-5d9f7c6b8-x2x4z
  namespace: shop
  uid: POD
  labels: {app: web, pod-template-hash: 5d9f7c6b8}
  ownerReferences: [{kind: ReplicaSet, name: web-5d9f7c6b8, controller: true}]
spec: {nodeName: node-1, containers: [{name: main, image: web:1}, {name: side}]}
status:
  phase: Running
  containerStatuses:
  - {name: main, containerID: containerd://CONTAINER, image: docker.io/shop/web:1}
  - {name: side, containerID: containerd://OTHER}
"""
OTHER_CONTAINER = "cd" * 32


@the_same_everywhere
def test_events_of_pods(network: Network, tmp_path: Path) -> None:
    """From policy and snapshot to events: who is in the pod is told of, by the pod's names."""
    root = cgroup_root()
    if root is None:
        pytest.skip("needs cgroups of version 2: mount -t cgroup2 none /sys/fs/cgroup")
    bundle = compile_here(tmp_path)
    top = root / f"lockgate-{os.getpid()}"
    slice_ = top / "kubepods.slice"
    pods = {
        name: slice_
        / f"kubepods-pod{uid.replace('-', '_')}.slice"
        / f"cri-containerd-{id_}.scope"
        for name, uid, id_ in (
            ("main", POD, CONTAINER),
            ("side", POD, "12" * 32),
            ("restarted", POD, "ef" * 32),
        )
    }
    stranger = slice_ / f"kubepods-pod{OTHER_POD.replace('-', '_')}.slice"
    folders = [*pods.values(), top / "ssh.service"]
    for folder in folders:
        folder.mkdir(parents=True, exist_ok=True)
    try:
        network.apply(bundle)
        stranger.mkdir()
        inner = pods["main"] / "inner"
        inner.mkdir()
        state = State(network.root, network.state)
        with EventStream(Pins(network.root), state, "node-1", frozenset()) as stream:

            def told(*places: Path) -> list[dict[str, Any]]:
                ask_session(*places)
                return sessions(stream)

            (hit,) = told(pods["main"])
            pod = hit["process"]["pod"]
            assert pod == {
                "namespace": "shop",
                "name": "web-5d9f7c6b8-x2x4z",
                "uid": POD,
                "pod_labels": {"app": "web", "pod-template-hash": "5d9f7c6b8"},
                "workload": "web",
                "workload_kind": "Deployment",
                "container": {
                    "id": f"containerd://{CONTAINER}",
                    "name": "main",
                    "image": {"name": "docker.io/shop/web:1"},
                },
            }
            assert "workload_unknown" not in hit
            assert told(top / "ssh.service") == []
            assert told(pods["side"]) == []
            assert len(told(inner)) == 1, "what is made below is of the same"
            assert told(pods["main"], pods["side"]) == [], "who has moved is not"
            assert len(told(pods["side"], pods["main"])) == 1
            for unknown in (stranger, pods["restarted"]):
                (hit,) = told(unknown)
                assert hit["workload_unknown"], "it may be, and counts as selected"
            assert hit["process"]["pod"]["name"] == "web-5d9f7c6b8-x2x4z"
        counters = read_counters(Pins(network.root))
        assert counters["unclassified"] == 2
    finally:
        for found, _, _ in os.walk(top, topdown=False):
            Path(found).rmdir()


@the_same_everywhere
def test_other_pods_attach_nothing(network: Network, tmp_path: Path) -> None:
    """Another snapshot, the same policy: its program goes on, and knows the pods that are."""
    root = cgroup_root()
    if root is None:
        pytest.skip("needs cgroups of version 2: mount -t cgroup2 none /sys/fs/cgroup")
    bundle = compile_here(tmp_path / "one")
    others = WATCHED.replace("POD", OTHER_POD).replace("CONTAINER", OTHER_CONTAINER)
    pod = "---" + WATCHED.partition("---")[2]
    was = pod.replace("app: web", "app: db").replace("name: web", "name: db")
    other_bundle = compile_here(tmp_path / "two", others + was)
    top = root / f"lockgate-{os.getpid()}"
    folders = [
        top / "kubepods.slice" / f"kubepods-pod{uid.replace('-', '_')}.slice" / scope
        for uid, scope in (
            (POD, f"cri-containerd-{CONTAINER}.scope"),
            (OTHER_POD, f"cri-containerd-{OTHER_CONTAINER}.scope"),
        )
    ]
    for folder in folders:
        folder.mkdir(parents=True)
    try:
        network.apply(bundle)
        first = links_of(network, 1)
        assert told_in(network, folders) == [1, 1], "nobody knows the other pod"
        network.apply(other_bundle)
        assert links_of(network, 2) == first
        assert told_in(network, folders) == [0, 1]
        network.apply(bundle)
        network.run("rollback")
        assert told_in(network, folders) == [0, 1]
    finally:
        for found, _, _ in os.walk(top, topdown=False):
            Path(found).rmdir()


def told_in(network: Network, folders: list[Path]) -> list[int]:
    """Return how many events there are of a session that is asked for in each cgroup."""
    state = State(network.root, network.state)
    with EventStream(Pins(network.root), state, "node-1", frozenset()) as stream:
        found = []
        for folder in folders:
            ask_session(folder)
            found.append(len(sessions(stream)))
        return found


TOLD = "process_tracepoint"
FEW = 100


def sessions(stream: EventStream) -> list[dict[str, Any]]:
    """Return the policy's hits so far; others may be busy here, and fill the ring meanwhile."""
    lines = stream.take(200)
    while len(more := stream.take(0)) > FEW:
        lines += more
    hits = [line[TOLD] for line in map(json.loads, lines + more) if TOLD in line]
    return [hit for hit in hits if hit["policy_name"] == "sessions"]


def ask_session(*places: Path) -> None:
    """Let a child go from cgroup to cgroup, and then ask for its session."""
    child = os.fork()
    if child == 0:
        for place in places:
            (place / "cgroup.procs").write_text(str(os.getpid()))
        os.getsid(0)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0


def compile_here(folder: Path, text: str = WATCHED) -> Path:
    """Compile the policy with its snapshot for the running kernel."""
    text = text.replace("POD", POD).replace("CONTAINER", CONTAINER)
    source = folder / "policy.yaml"
    folder.mkdir(exist_ok=True)
    source.write_text(text.replace("OTHER", "12" * 32))
    settings = Settings(cache=CACHE, targets=lambda: [running_kernel()])
    compilation = compile_policies([source], settings=settings)
    assert compilation.ok, [d.message for d in compilation.diagnostics.found]
    write_outputs(compilation, folder / "bundle", settings)
    return folder / "bundle"
