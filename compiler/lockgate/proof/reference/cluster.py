"""The snapshot as the evaluator sees it: who is behind an address or a name."""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any

Object = dict[str, Any]
Address = IPv4Address | IPv6Address

NAMESPACE = "io.kubernetes.pod.namespace"
NAMESPACE_LABELS = "io.cilium.k8s.namespace.labels."
SERVICE_ACCOUNT = "io.cilium.k8s.policy.serviceaccount"
CLUSTER = "io.cilium.k8s.policy.cluster"


@dataclass(frozen=True)
class Label:
    """One label with its source (`k8s`, `reserved`, `node`, `cidrgroup`)."""

    source: str
    key: str
    value: str


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

    def pod_at(self, address: Address) -> Pod | None:
        """Return the pod that has an address."""
        return next((p for p in self.pods.values() if address in p.addresses), None)

    def node_at(self, address: Address) -> Node | None:
        """Return the node that has an address."""
        return next((n for n in self.nodes.values() if address in n.addresses), None)

    def services_at(self, address: Address) -> list[Service]:
        """Return the services that have an address; each may serve other ports."""
        return [s for s in self.services if address in s.addresses]


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
    for o in by_kind.get("Service", []):
        _read_service(o, by_kind.get("EndpointSlice", []), cluster)
    return cluster


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
    texts = [item["ip"] for item in status.get("podIPs") or []]
    if not texts and status.get("podIP"):
        texts = [status["podIP"]]
    if not texts:
        return  # pending
    cluster.pods[key] = Pod(
        namespace=_namespace(o),
        name=o["metadata"]["name"],
        labels=o["metadata"].get("labels") or {},
        namespace_labels=_namespace_labels(_namespace(o), cluster),
        service_account=spec.get("serviceAccountName") or "default",
        node=spec.get("nodeName"),
        addresses=[ip_address(text) for text in texts],
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
        service_account="",
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


def _read_service(o: Object, all_slices: list[Object], cluster: Cluster) -> None:
    spec = o.get("spec") or {}
    texts = [*(spec.get("clusterIPs") or []), spec.get("clusterIP")]
    texts += spec.get("externalIPs") or []
    balancer = (o.get("status") or {}).get("loadBalancer") or {}
    texts += [item.get("ip") for item in balancer.get("ingress") or []]
    addresses = [ip_address(text) for text in dict.fromkeys(texts) if text not in _NONE]
    mine = (_namespace(o), o["metadata"]["name"])
    slices = [s for s in all_slices if _slice_of(s) == mine]
    ports: dict[tuple[str, int], list[tuple[Address, int]]] = {}
    everyone: list[Address] = []
    for port in spec.get("ports") or []:
        backends = ports.setdefault((port.get("protocol", "TCP"), port["port"]), [])
        for s in slices:
            for target in s.get("ports") or []:
                if (target.get("name") or "") != (port.get("name") or ""):
                    continue
                backends += [(a, target["port"]) for a in _ready(s)]
    for s in slices:
        everyone += _ready(s)
    cluster.services.append(
        Service(*mine, o["metadata"].get("labels") or {}, addresses, ports, everyone)
    )


_NONE = (None, "", "None")


def _ready(o: Object) -> list[Address]:
    """Return the ready addresses of a slice; an absent condition means ready."""
    ready: list[Address] = []
    for endpoint in o.get("endpoints") or []:
        if (endpoint.get("conditions") or {}).get("ready") is not False:
            ready += map(ip_address, endpoint["addresses"])
    return ready
