"""What paths of cgroups say: pods in all forms of the kubelet, containers, units, the host."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lockgate_runtime.tracing.cgroup_names import CgroupName, describe, name_cgroup
from lockgate_runtime.tracing.pod_names import read_pod_names
from lockgate_runtime.tracing.workloads import Workloads

if TYPE_CHECKING:
    from pathlib import Path

UID = "0f3c41d2-8f0e-4d6a-9d5e-6c1f2a3b4c5d"
HASH = "8f" * 16
ID, OTHER = "ab" * 32, "cd" * 32
_BURSTABLE = "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable"
SLICE = f"{_BURSTABLE}-pod{UID.replace('-', '_')}.slice"


@pytest.mark.parametrize(
    ("path", "pod", "container", "runtime"),
    [
        (f"{SLICE}/cri-containerd-{ID}.scope", UID, ID, "containerd"),
        (f"{SLICE}/crio-{ID}.scope", UID, ID, "cri-o"),
        (f"{SLICE}/docker-{ID}.scope", UID, ID, "docker"),
        (f"/kubepods/besteffort/pod{UID}/{ID}", UID, ID, "containerd"),
        (SLICE, UID, "", ""),
        (f"/kubepods/burstable/pod{HASH}/{ID}", HASH, ID, "containerd"),
        # What runs inside of a container is of that container.
        (f"{SLICE}/crio-{ID}.scope/system.slice/ssh.service", UID, ID, "cri-o"),
        (f"/kubepods/pod{UID}/{ID}/docker/{OTHER}", UID, ID, "containerd"),
        # A node that is itself a container.
        (
            f"/docker/{OTHER}/kubelet/kubepods/pod{UID}/{ID}",
            UID,
            ID,
            "containerd",
        ),
    ],
)
def test_pods(path: str, pod: str, container: str, runtime: str) -> None:
    """The pod's uid and the first container below it."""
    found = name_cgroup(path)
    assert found == CgroupName(pod, container, runtime, "", is_pod=True)


def test_no_pods() -> None:
    """Units and containers of nobody's pod are the host's; the kubelet's own folders are not."""
    assert name_cgroup("/") == CgroupName()
    assert name_cgroup("/system.slice/ssh.service") == CgroupName(unit="ssh.service")
    assert name_cgroup(f"/system.slice/docker-{ID}.scope").is_pod is False
    assert name_cgroup(f"/machine.slice/libpod-{ID}.scope").runtime == "podman"
    assert name_cgroup("/kubepods.slice") == CgroupName(is_pod=True)
    assert name_cgroup("/kubelet.slice/kubelet-kubepods.slice").is_pod


def test_classes() -> None:
    """A container's class, else its pod's, else that of unknown pods; else the host's."""
    found = Workloads(1, 2, {UID: 3}, {ID: 4}, {"/batch.slice/a": 5})
    wanted = {
        "/": 1,
        "/system.slice/ssh.service": 1,
        f"/system.slice/docker-{OTHER}.scope": 1,
        f"/system.slice/docker-{ID}.scope": 4,
        "/kubepods.slice/kubepods-burstable.slice": 2,
        f"/kubepods/pod{HASH}/{OTHER}": 2,
        SLICE: 3,
        f"{SLICE}/crio-{OTHER}.scope": 3,
        f"{SLICE}/crio-{ID}.scope/init.scope": 4,
        "/batch.slice/a/b": 5,
        "/batch.slice/ab": 1,
    }
    assert {path: found.class_of(path) for path in wanted} == wanted


def test_names_of_pods(tmp_path: Path) -> None:
    """What the snapshot says of a pod is shown; of others what the path says."""
    path = tmp_path / "pods.json"
    path.write_text(
        f'[{{"namespace": "shop", "name": "web", "uid": "{UID}", "containers": '
        f'{{"{ID}": {{"id": "containerd://{ID}", "name": "main"}}}}}}]'
    )
    pods = read_pod_names(path)
    known = describe(f"{SLICE}/docker-{ID}.scope", pods)["pod"]
    assert (known["name"], known["container"]["name"]) == ("web", "main")
    other = describe(f"/kubepods/pod{HASH}/{OTHER}", pods)["pod"]
    assert other == {"uid": HASH, "container": {"id": f"containerd://{OTHER}"}}
    elsewhere = describe(f"/strange/{ID}", pods)["pod"]
    assert elsewhere["name"] == "web", "a container's id is enough"
    assert describe("/system.slice/a.service", pods) == {"systemd_unit": "a.service"}
    path.write_text("{}")
    assert read_pod_names(path).by_uid == {}
