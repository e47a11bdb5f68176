"""Tell the programs of a generation whose each cgroup is: a pod's container, a unit, the host.

The compiler numbers *workload classes*, sets of workloads that no selector tells apart, and
writes in ``workloads.json`` which pods, containers and units are of which class::

    {"host": 1, "units": {"ssh.service": 2},
     "pods": [{"uid": "0f3c...", "class": 3, "containers": {"4be1...": 4}}],
     "containers": {"77aa...": 5}}

Class 0 is unknown: a pod that the snapshot did not have, a container that nobody named.  A cgroup
that is made later has its parent's class (the kernel's part), until the next apply.
"""

from __future__ import annotations

import errno
import json
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lockgate_runtime.bpf import Map
from lockgate_runtime.errors import BpfError
from lockgate_runtime.tracing.cgroup_names import describe
from lockgate_runtime.tracing.layout import CGROUP, UNKNOWN_CLASS
from lockgate_runtime.tracing.proc import cgroup_root

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from lockgate_runtime.pins import Pins

WORKLOADS = "workloads.json"
_NOEXIST, _EXIST = 1, 2
"""Flags of an update: the element must not be there, or must."""


@dataclass(frozen=True, slots=True)
class PodClasses:
    """Classes of one pod: of its containers by id, and of whatever else is below its cgroup."""

    other: int
    containers: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Workloads:
    """Which class every workload has; ``containers`` are those of no pod."""

    host: int = UNKNOWN_CLASS
    units: Mapping[str, int] = field(default_factory=dict)
    pods: Mapping[str, PodClasses] = field(default_factory=dict)
    containers: Mapping[str, int] = field(default_factory=dict)

    def class_of(self, path: str) -> int:
        """Return the class of a cgroup by its path below the mount.

        >>> Workloads(host=1, units={"ssh.service": 2}).class_of("/system.slice/ssh.service")
        2
        """
        found = describe(path)
        if "pod" in found:
            pod = self.pods.get(found["pod"]["uid"])
            if pod is None:
                return UNKNOWN_CLASS
            container = found["pod"].get("container", {}).get("id", "")
            return pod.containers.get(container.rpartition("/")[2], pod.other)
        if "docker" in found:
            prefix = found["docker"]  # as much of the id as events show
            return next(
                (c for id_, c in self.containers.items() if id_.startswith(prefix)),
                UNKNOWN_CLASS,
            )
        return self.units.get(found.get("systemd_unit", ""), self.host)


def read_workloads(folder: Path) -> Workloads | None:
    """Read the file of a folder; None where no policy asks for workloads."""
    path = folder / WORKLOADS
    if not path.exists():
        return None
    value: dict[str, Any] = json.loads(path.read_bytes())
    return Workloads(
        value["host"],
        value.get("units", {}),
        {
            pod["uid"]: PodClasses(pod["class"], pod.get("containers", {}))
            for pod in value.get("pods", ())
        },
        value.get("containers", {}),
    )


def fill_workloads(pins: Pins, place: int, workloads: Workloads) -> int:
    """Give every cgroup its class at a place; return how many are unknown."""
    root = cgroup_root()
    unknown = 0
    if root is None:
        return unknown
    with Map.pinned(pins.map("cgroups")) as cgroups:
        for folder, _, _ in os.walk(root):
            try:
                number = os.stat(folder).st_ino  # noqa: PTH116  # there are thousands
            except OSError:
                continue  # it is gone
            class_ = workloads.class_of(folder[len(str(root)) :] or "/")
            unknown += class_ == UNKNOWN_CLASS
            _set_class(cgroups, number, place, class_)
    return unknown


def _set_class(cgroups: Map, number: int, place: int, class_: int) -> None:
    """Write one class; a cgroup that goes meanwhile is let go."""
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
        if error.errno not in (errno.ENOENT, errno.EEXIST):
            raise
