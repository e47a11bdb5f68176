"""Tell the programs of a generation whose each cgroup is: a pod's container, a unit, the host.

The compiler numbers *workload classes*, sets of workloads that no selector tells apart, and
writes in ``workloads.json`` which pods, containers and nodes are of which class::

    {"hosts": {"": 1, "node-1": 2}, "unknown_pods": {"": 3},
     "pods": [{"uid": "0f3c...", "class": 4, "containers": {"4be1...": 5}}],
     "cgroups": {"/system.slice/batch.service": 6}}

What is in no pod is the host's, by the node's name (``""``: any other).  Below a cgroup of the
kubelet it is some pod's: the one of that uid, or an unknown one; a container that is not known is
of its pod's class.  ``cgroups`` are documents of kind Endpoint, by path, with all below them.
Class 0 is a cgroup of which nothing is known.  A cgroup that is made later has its parent's class
(the kernel's part), so that a new pod is an unknown pod, until the next apply.
"""

from __future__ import annotations

import errno
import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from lockgate_runtime.bpf import Map
from lockgate_runtime.errors import BpfError, NodeError
from lockgate_runtime.tracing.cgroup_names import name_cgroup
from lockgate_runtime.tracing.layout import CGROUP, UNKNOWN_CLASS
from lockgate_runtime.tracing.place_tables import class_id
from lockgate_runtime.tracing.proc import PROC, cgroup_root

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from lockgate_runtime.pins import Pins

WORKLOADS = "workloads.json"
_DAMAGES = (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError)
_NOEXIST, _EXIST = 1, 2
"""Flags of an update: the element must not be there, or must."""


class WorkloadsError(Exception):
    """A ``workloads.json`` that is not what it should be."""


@dataclass(frozen=True, slots=True)
class Workloads:
    """Which class every workload of a node has: the host, pods by uid, containers by id."""

    host: int = UNKNOWN_CLASS
    unknown_pod: int = UNKNOWN_CLASS
    pods: Mapping[str, int] = field(default_factory=dict)
    containers: Mapping[str, int] = field(default_factory=dict)
    cgroups: Mapping[str, int] = field(default_factory=dict)

    def class_of(self, path: str) -> int:
        """Return the class of a cgroup by its path below the mount.

        >>> Workloads(host=1, unknown_pod=2).class_of("/system.slice/ssh.service")
        1
        >>> Workloads(host=1, unknown_pod=2).class_of("/kubepods.slice/kubepods-burstable.slice")
        2
        """
        for above in _and_above(path):
            if above in self.cgroups:
                return self.cgroups[above]
        named = name_cgroup(path)
        if named.container in self.containers:
            return self.containers[named.container]
        if named.pod:
            return self.pods.get(named.pod, self.unknown_pod)
        return self.unknown_pod if named.is_pod else self.host


def _and_above(path: str) -> Iterator[str]:
    while path.strip("/"):
        yield path
        path = path.rpartition("/")[0]


def read_workloads(folder: Path, node: str = "") -> Workloads | None:
    """Read the file of a folder for a node; None where no policy asks for workloads.

    WorkloadsError when it is not what it should be.
    """
    path = folder / WORKLOADS
    if not path.exists():
        return None
    try:
        value: dict[str, Any] = json.loads(path.read_bytes())
        hosts, unknown = value["hosts"], value["unknown_pods"]
        return Workloads(
            int(hosts.get(node, hosts[""])),
            int(unknown.get(node, unknown[""])),
            {pod["uid"]: int(pod["class"]) for pod in value["pods"]},
            {i: int(c) for pod in value["pods"] for i, c in pod["containers"].items()},
            {path: int(class_) for path, class_ in value["cgroups"].items()},
        )
    except _DAMAGES as error:
        text = f"{WORKLOADS} is not what it should be: {error!r:.80}"
        raise WorkloadsError(text) from None


class Filled(NamedTuple):
    """What was found: pods that the snapshot does not have, cgroups for which there is no room."""

    unknown_pods: int = 0
    without_room: int = 0


def fill_workloads(pins: Pins, place: int, workloads: Workloads) -> Filled:
    """Give every cgroup its class at a place; one without room is of its parent's.

    E5155 where pods are not told apart by cgroups of version 2.
    """
    root = cgroup_root()
    if root is None or _has_old_pods():
        raise NodeError(
            "E5155",
            "policies choose pods or the host, and this node does not keep processes in "
            "cgroups of version 2",
            "boot with systemd.unified_cgroup_hierarchy=1, and let the kubelet use cgroup v2",
        )
    unknown, without_room = set(), 0
    with Map.pinned(pins.map("cgroups")) as cgroups:
        folders = [str(root)]
        while folders:
            folder = folders.pop()
            path = folder[len(str(root)) :] or "/"
            pod = name_cgroup(path).pod
            if pod and pod not in workloads.pods:
                unknown.add(pod)
            try:
                number = os.stat(folder).st_ino  # noqa: PTH116  # there are thousands
            except OSError:
                continue  # it is gone
            class_ = class_id(workloads.class_of(path), place)
            without_room += not _set_class(cgroups, number, place, class_)
            # Listed after: what is made from now on has its parent's class.
            try:
                with os.scandir(folder) as entries:
                    folders += [one.path for one in entries if one.is_dir()]
            except OSError:
                continue  # it is gone
    return Filled(len(unknown), without_room)


def _has_old_pods() -> bool:
    """Whether the kubelet keeps pods in hierarchies of version 1."""
    for line in (PROC / "self/mounts").read_text(errors="replace").splitlines():
        _, place, kind, *_ = line.split()
        if kind == "cgroup" and any(Path(place).glob("*kubepods*")):
            return True
    return False


def _set_class(cgroups: Map, number: int, place: int, class_: int) -> bool:
    """Write one class; a cgroup that goes meanwhile is let go.  False without room."""
    key = number.to_bytes(8, "little")
    found = cgroups.get(key)
    value = bytearray(found or bytes(CGROUP.size))
    at = CGROUP.offset("workload") + 4 * place
    value[at : at + 4] = class_.to_bytes(4, "little")
    flags = CGROUP.offset("flags")
    value[flags : flags + 4] = bytes(4)  # user space has looked
    try:
        cgroups.set(key, bytes(value), _EXIST if found else _NOEXIST)
    except BpfError as error:
        if error.errno not in (errno.ENOENT, errno.EEXIST, errno.E2BIG):
            raise
        return error.errno != errno.E2BIG
    return True
