"""The pods of the snapshot as events name them: ``pods.json`` of the tracing plane."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lockgate.ir.cluster import Cluster, Container, Pod

_TEMPLATE_HASH = "pod-template-hash"
"""What a Deployment's name and a dash stand before, in the name of its ReplicaSet."""


def describe_pods(cluster: Cluster) -> Iterator[dict[str, Any]]:
    """Yield each pod that can be known by its cgroup (lockgate_runtime.tracing.pod_names)."""
    for pod in cluster.pods:
        if pod.uid:
            kind, name = _workload(pod)
            yield {
                "namespace": pod.namespace,
                "name": pod.name,
                "uid": pod.uid,
                **({"pod_labels": dict(pod.own_labels)} if pod.own_labels else {}),
                **({"workload": name, "workload_kind": kind} if name else {}),
                "containers": {
                    one.id: _container(one) for one in pod.containers if one.id
                },
            }


def _container(container: Container) -> dict[str, Any]:
    found: dict[str, Any] = {
        "id": f"{container.runtime}://{container.id}",
        "name": container.name,
    }
    if container.image:
        found["image"] = {"name": container.image}
    return found


def _workload(pod: Pod) -> tuple[str, str]:
    """Return kind and name of what people deployed, as the reference finds it.

    That is the pod's controller, or the Deployment of its ReplicaSet; a pod of nobody is its own.
    """
    kind, name = pod.owner
    drawn = dict(pod.own_labels).get(_TEMPLATE_HASH)
    if kind == "ReplicaSet" and drawn and name.endswith(f"-{drawn}"):
        return "Deployment", name.removesuffix(f"-{drawn}")
    return (kind, name) if name else ("Pod", pod.name)
