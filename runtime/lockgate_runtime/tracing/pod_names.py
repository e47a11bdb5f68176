"""Pods by what cgroups say of them: names, labels and containers, from the bundle's snapshot.

``pods.json`` of a bundle is a list of::

    {"namespace": "shop", "name": "web-0", "uid": "0f3c...", "pod_labels": {"app": "web"},
     "workload": "web", "workload_kind": "StatefulSet",
     "containers": {"4be1...": {"id": "containerd://4be1...", "name": "main",
                                "image": {"name": "ghcr.io/shop/web:1"}}}}

Fields are spelled as the reference's export has them.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from lockgate_runtime.tracing.cgroup_names import CgroupName

PODS = "pods.json"


@dataclass(frozen=True, slots=True)
class KnownPod:
    """One pod: the fields that an event shows, and its containers by id."""

    fields: Mapping[str, Any]
    containers: Mapping[str, Mapping[str, Any]]


@dataclass(slots=True)
class PodNames:
    """The pods of a snapshot by uid, and by the ids of their containers."""

    by_uid: dict[str, KnownPod] = field(default_factory=dict)
    by_container: dict[str, KnownPod] = field(default_factory=dict)

    def find(self, name: CgroupName) -> KnownPod | None:
        """Return the pod of a cgroup; None where the snapshot does not have it."""
        return self.by_uid.get(name.pod) or self.by_container.get(name.container)


def read_pod_names(path: Path) -> PodNames:
    """Read the file; nothing where it is not there, or is not what it should be."""
    names = PodNames()
    try:
        for row in json.loads(path.read_bytes()):
            containers = row.pop("containers")
            pod = KnownPod(row, containers)
            names.by_uid[row["uid"]] = pod
            names.by_container |= dict.fromkeys(containers, pod)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return PodNames()
    return names
