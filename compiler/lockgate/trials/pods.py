"""The pods that operations are tried in: what the kubelet would call their cgroups."""

from __future__ import annotations

import hashlib
import re
import uuid
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lockgate.ir.cluster import Cluster, Container, Pod


_CONTAINER_ID = re.compile("[0-9a-f]{64}")


def running(cluster: Cluster) -> Cluster:
    """Return a cluster whose pods all run."""
    return replace(cluster, pods=tuple(map(made, cluster.pods)))


def made(pod: Pod) -> Pod:
    """Return a pod as if it ran, with a uid and with ids of its containers.

    Those that it lacks, or that no kubelet gives, are made of its names: what is compiled for a
    machine is the same each time.
    """
    containers = tuple(
        one
        if _CONTAINER_ID.fullmatch(one.id)
        else one._replace(id=_container_id(pod, one))
        for one in pod.containers
    )
    uid = pod.uid if _is_uid(pod.uid) else _uid(pod)
    return replace(pod, uid=uid, containers=containers)


def cgroup_of(pod: Pod, container: Container | None) -> str:
    """Return the path, below the mount, where the processes of a made pod are.

    As the kubelet with systemd and containerd has it.
    """
    slice_ = f"kubepods-pod{pod.uid.replace('-', '_')}.slice"
    path = f"/kubepods.slice/{slice_}"
    return f"{path}/cri-containerd-{container.id}.scope" if container else path


def _is_uid(text: str) -> bool:
    try:
        return str(uuid.UUID(text)).replace("-", "") == text.replace("-", "")
    except ValueError:
        return False


def _uid(pod: Pod) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_DNS, f"{pod.name}.{pod.namespace}.pod"))


def _container_id(pod: Pod, container: Container) -> str:
    words = f"{pod.namespace}/{pod.name}/{container.name}"
    return hashlib.sha256(words.encode()).hexdigest()
