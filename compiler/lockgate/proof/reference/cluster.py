"""The snapshot as the evaluator sees it: who is behind an address or a name."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

from lockgate.proof.reference.addresses import Address, edges
from lockgate.proof.reference.selectors import split_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Object = dict[str, Any]


@dataclass
class Pod:
    """A pod, or a document of kind Endpoint, with addresses of its own."""

    namespace: str
    name: str
    labels: dict[str, str]
    namespace_labels: dict[str, str]
    service_account: str
    node: str | None
    addresses: list[Address]
    ports: list[tuple[str, str, int]]
    """Named ports: name, protocol, number."""


@dataclass
class Node:
    """A node and the addresses in its object."""

    name: str
    labels: dict[str, str]
    addresses: list[Address]


@dataclass
class Service:
    """A service: its addresses, and for each (protocol, port) the ready backends."""

    namespace: str
    name: str
    labels: dict[str, str]
    addresses: list[Address]
    ports: dict[tuple[str, int], list[tuple[Address, int]]]
    backends: list[Address]
    """All ready backends, whatever the port."""


@dataclass
class Cluster:
    """Everything that is no policy."""

    namespaces: dict[str, dict[str, str]] = field(default_factory=dict)
    pods: dict[str, Pod] = field(default_factory=dict)
    host_pods: dict[str, str | None] = field(default_factory=dict)
    """Pods on the host network, and their nodes."""
    nodes: dict[str, Node] = field(default_factory=dict)
    services: list[Service] = field(default_factory=list)
    groups: dict[str, Object] = field(default_factory=dict)
    api_servers: list[Address] = field(default_factory=list)
    named_prefixes: tuple[str, ...] = ()
    """Keys of labels in policies that are prefixes, as they are written."""

    @cached_property
    def pod_at(self) -> dict[Address, Pod]:
        """The pod that has an address."""
        return {a: pod for pod in self.pods.values() for a in pod.addresses}

    @cached_property
    def node_at(self) -> dict[Address, Node]:
        """The node that has an address."""
        return {a: node for node in self.nodes.values() for a in node.addresses}

    @cached_property
    def services_at(self) -> dict[Address, list[Service]]:
        """The services that have an address; each may serve other ports."""
        found: dict[Address, list[Service]] = {}
        for service in self.services:
            for address in service.addresses:
                found.setdefault(address, []).append(service)
        return found


def read_cluster(objects: list[Object]) -> Cluster:
    """Read a snapshot; policies are passed over."""
    cluster = Cluster()
    by_kind: dict[str, list[Object]] = {}
    for o in objects:
        by_kind.setdefault(o["kind"], []).append(o)
    readers = {
        "Namespace": _read_namespace,
        "Pod": _read_pod,
        "Endpoint": _read_endpoint,
        "Node": _read_node,
        "CiliumCIDRGroup": _read_group,
        "EndpointSlice": _read_api_servers,
    }
    for kind, read in readers.items():
        for o in by_kind.get(kind, []):
            read(o, cluster)
    _make_way(by_kind.get("Pod", []), cluster)
    for o in by_kind.get("Service", []):
        _read_service(o, by_kind, cluster)
    keys = {key for o in objects if "Policy" in o["kind"] for key in _label_keys(o)}
    cluster.named_prefixes = tuple(sorted(filter(_is_prefix, keys)))
    return cluster


def _label_keys(value: object) -> Iterator[str]:
    """Yield whatever may be the key of a label in an object, without its source."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield split_key(key)[1]
            if key == "key" and isinstance(inner, str):
                yield split_key(inner)[1]
            yield from _label_keys(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _label_keys(inner)


def _is_prefix(text: str) -> bool:
    if not text.rpartition("/")[2].isdecimal():
        return False
    try:
        edges(text.replace("-", ":"))
    except ValueError:
        return False
    return True


def _make_way(pods: Iterable[Object], cluster: Cluster) -> None:
    """Leave out a pod that is being deleted if its address is somebody else's already."""
    for o in pods:
        key = f"{_namespace(o)}/{o['metadata']['name']}"
        if key not in cluster.pods or not o["metadata"].get("deletionTimestamp"):
            continue
        others = {a for k, p in cluster.pods.items() if k != key for a in p.addresses}
        others |= {a for node in cluster.nodes.values() for a in node.addresses}
        if others & set(cluster.pods[key].addresses):
            del cluster.pods[key]


def _read_namespace(o: Object, cluster: Cluster) -> None:
    name = o["metadata"]["name"]
    labels = {"kubernetes.io/metadata.name": name}
    labels.update(o["metadata"].get("labels") or {})
    cluster.namespaces[name] = labels


def _read_group(o: Object, cluster: Cluster) -> None:
    cluster.groups[o["metadata"]["name"]] = o


def _read_api_servers(o: Object, cluster: Cluster) -> None:
    """Remember who is behind the service default/kubernetes."""
    if _slice_of(o) == ("default", "kubernetes"):
        cluster.api_servers += _ready(o)


def _namespace(o: Object) -> str:
    return str(o["metadata"].get("namespace") or "default")


def _namespace_labels(name: str, cluster: Cluster) -> dict[str, str]:
    """Return the labels of a namespace; every namespace has its name as one."""
    return cluster.namespaces.get(name, {"kubernetes.io/metadata.name": name})


def _read_pod(o: Object, cluster: Cluster) -> None:
    spec, status = o.get("spec") or {}, o.get("status") or {}
    if status.get("phase") in ("Succeeded", "Failed"):
        return  # it runs no more, and its address may be another pod's by now
    key = f"{_namespace(o)}/{o['metadata']['name']}"
    if spec.get("hostNetwork"):
        cluster.host_pods[key] = spec.get("nodeName")
        return
    addresses = _addresses(o)
    if not addresses:
        return  # pending
    cluster.pods[key] = Pod(
        namespace=_namespace(o),
        name=o["metadata"]["name"],
        labels=o["metadata"].get("labels") or {},
        namespace_labels=_namespace_labels(_namespace(o), cluster),
        service_account=spec.get("serviceAccountName") or "default",
        node=spec.get("nodeName"),
        addresses=addresses,
        ports=[
            (port["name"], port.get("protocol", "TCP"), port["containerPort"])
            for container in _lasting_containers(spec)
            for port in container.get("ports") or []
            if port.get("name")
        ],
    )


def _lasting_containers(spec: Object) -> list[Object]:
    """Return the containers, and the init containers that stay beside them."""
    before = spec.get("initContainers") or []
    sidecars = [c for c in before if c.get("restartPolicy") == "Always"]
    return [*sidecars, *(spec.get("containers") or [])]


def _read_endpoint(o: Object, cluster: Cluster) -> None:
    spec = o.get("spec") or {}
    cluster.pods[f"{_namespace(o)}/{o['metadata']['name']}"] = Pod(
        namespace=_namespace(o),
        name=o["metadata"]["name"],
        labels=o["metadata"].get("labels") or {},
        namespace_labels=_namespace_labels(_namespace(o), cluster),
        service_account=spec.get("serviceAccount") or "default",
        node=spec.get("node"),
        addresses=[ip_address(text) for text in spec.get("addresses") or []],
        ports=[
            (port["name"], port.get("protocol", "TCP"), port["port"])
            for port in spec.get("ports") or []
        ],
    )


def _read_node(o: Object, cluster: Cluster) -> None:
    addresses = [
        ip_address(item["address"])
        for item in (o.get("status") or {}).get("addresses") or []
        if item["type"] in ("InternalIP", "ExternalIP")
    ]
    name = o["metadata"]["name"]
    # The kubelet sets these two on every node that runs Linux.
    labels = {"kubernetes.io/hostname": name, "kubernetes.io/os": "linux"}
    labels.update(o["metadata"].get("labels") or {})
    cluster.nodes[name] = Node(name, labels, addresses)


def _slice_of(o: Object) -> tuple[str, str | None]:
    labels = o["metadata"].get("labels") or {}
    return _namespace(o), labels.get("kubernetes.io/service-name")


def _read_service(
    o: Object, by_kind: dict[str, list[Object]], cluster: Cluster
) -> None:
    spec = o.get("spec") or {}
    texts = [*(spec.get("clusterIPs") or []), spec.get("clusterIP")]
    texts += spec.get("externalIPs") or []
    balancer = (o.get("status") or {}).get("loadBalancer") or {}
    texts += [item.get("ip") for item in balancer.get("ingress") or []]
    if spec.get("type") == "ExternalName":
        texts = []
    addresses = [ip_address(text) for text in dict.fromkeys(texts) if text not in _NONE]
    mine = (_namespace(o), o["metadata"]["name"])
    all_slices = by_kind.get("EndpointSlice", [])
    slices = [s for s in all_slices if _slice_of(s) == mine]
    selected: list[Object] = []
    if not all_slices and spec.get("selector"):
        # A snapshot without slices: the ready pods that the service selects.
        selected = [p for p in by_kind.get("Pod", []) if _is_behind(p, o)]
    ports: dict[tuple[str, int], list[tuple[Address, int]]] = {}
    for port in spec.get("ports") or []:
        backends = ports.setdefault((port.get("protocol", "TCP"), port["port"]), [])
        for s in slices:
            for target in s.get("ports") or []:
                if _leads_to(port, target):
                    backends += [(a, target["port"]) for a in _ready(s)]
        for pod in selected:
            number = _target(port, pod)
            if number is not None:
                backends += [(a, number) for a in _addresses(pod)]
    everyone = [a for s in slices for a in _ready(s)]
    everyone += [a for pod in selected for a in _addresses(pod)]
    cluster.services.append(
        Service(*mine, o["metadata"].get("labels") or {}, addresses, ports, everyone)
    )


_NONE = (None, "", "None")


def _leads_to(port: Object, target: Object) -> bool:
    """Tell whether a port of a slice is that of a service: by name and protocol."""
    names = [item.get("name") or "" for item in (port, target)]
    protocols = [item.get("protocol") or "TCP" for item in (port, target)]
    is_there = target.get("port") is not None
    return is_there and len(set(names)) == 1 and len(set(protocols)) == 1


def _ready(o: Object) -> list[Address]:
    """Return the ready addresses of a slice; an absent condition means ready."""
    ready: list[Address] = []
    if o.get("addressType") == "FQDN":
        return ready
    for endpoint in o.get("endpoints") or []:
        if (endpoint.get("conditions") or {}).get("ready") is not False:
            ready += map(ip_address, endpoint["addresses"])
    return ready


def _is_behind(pod: Object, service: Object) -> bool:
    """Tell whether a service selects a pod that is ready."""
    status = pod.get("status") or {}
    conditions = {c["type"]: c["status"] for c in status.get("conditions") or []}
    return (
        _namespace(pod) == _namespace(service)
        and status.get("phase") not in ("Succeeded", "Failed")
        and not pod["metadata"].get("deletionTimestamp")
        and conditions.get("Ready", "True") == "True"
        and service["spec"]["selector"].items()
        <= (pod["metadata"].get("labels") or {}).items()
    )


def _addresses(pod: Object) -> list[Address]:
    status = pod.get("status") or {}
    texts = [status.get("podIP"), *(item["ip"] for item in status.get("podIPs") or [])]
    return [ip_address(text) for text in dict.fromkeys(texts) if text]


def _target(port: Object, pod: Object) -> int | None:
    """Return the number of a service's target port on a pod, which may be a name."""
    target = port.get("targetPort") or port["port"]
    if isinstance(target, int):
        return target
    for container in _lasting_containers(pod.get("spec") or {}):
        for item in container.get("ports") or []:
            same = item.get("protocol", "TCP") == port.get("protocol", "TCP")
            if item.get("name") == target and same:
                return int(item["containerPort"])
    return None
