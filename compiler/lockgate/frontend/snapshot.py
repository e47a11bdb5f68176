"""Objects of a snapshot, as the API server prints them: plain values to facts.

A snapshot is large and written by machines, so it is read without positions and without
a list of known fields (the API server has a thousand); :class:`MistakeError` carries the path
of what is wrong, from which the caller finds the place.
"""

from __future__ import annotations

from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

from lockgate.frontend.facts import (
    NamespaceFacts,
    NodeFacts,
    Pairs,
    PodFacts,
    ServiceFacts,
    SliceFacts,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

Object = dict[str, Any]

PROTOCOLS = {"TCP": 6, "UDP": 17, "SCTP": 132}
FINISHED_PHASES = frozenset({"Succeeded", "Failed"})
NODE_ADDRESS_TYPES = frozenset({"InternalIP", "ExternalIP"})
SERVICE_NAME = "kubernetes.io/service-name"
_CONTAINERS = ("initContainers", "containers", "ephemeralContainers")
_MIRROR, _HASH = "kubernetes.io/config.mirror", "kubernetes.io/config.hash"

_EMPTY: Mapping[str, Any] = {}


class MistakeError(Exception):
    """An object is not as the API server prints it.

    ``path`` leads to the place: keys and list indexes from the object's top.
    """

    def __init__(self, code: str, message: str, *path: str | int) -> None:
        super().__init__(message)
        self.code = code
        self.path = path


def parse_namespace(value: Object) -> NamespaceFacts:
    """Read a Namespace."""
    metadata = _mapping(value, "metadata")
    return NamespaceFacts(_name(metadata), _labels(metadata))


def parse_pod(value: Object) -> PodFacts:
    """Read a Pod."""
    metadata = _mapping(value, "metadata")
    spec = _mapping(value, "spec")
    status = _mapping(value, "status")
    addresses = _pod_addresses(status)
    return PodFacts(
        _namespace(metadata),
        _name(metadata),
        _labels(metadata),
        addresses,
        _string(spec, "nodeName", "spec") or None,
        _string(spec, "serviceAccountName", "spec") or "default",
        spec.get("hostNetwork") is True,
        _string(status, "phase", "status") in FINISHED_PHASES,
        metadata.get("deletionTimestamp") is not None,
        _is_ready(status),
        _container_ports(spec),
        _uid(metadata),
        _containers(spec, status),
        _owner(metadata),
    )


def parse_node(value: Object) -> NodeFacts:
    """Read a Node."""
    metadata = _mapping(value, "metadata")
    status = _mapping(value, "status")
    addresses = []
    for i, item in enumerate(_list(status, "addresses", "status")):
        path = ("status", "addresses", i)
        if _string(_mapping_item(item, *path), "type", *path) in NODE_ADDRESS_TYPES:
            address = item.get("address")
            addresses.append(_address(address, *path, "address"))
    distinct = tuple(dict.fromkeys(addresses))
    return NodeFacts(_name(metadata), _labels(metadata), distinct)


def parse_service(value: Object) -> ServiceFacts:
    """Read a Service."""
    metadata = _mapping(value, "metadata")
    spec = _mapping(value, "spec")
    ports = []
    for i, item in enumerate(_list(spec, "ports", "spec")):
        path = ("spec", "ports", i)
        item = _mapping_item(item, *path)
        protocol = _protocol(item, *path)
        port = _port(item, "port", *path)
        target = item.get("targetPort") or port
        if not isinstance(target, (int, str)):
            raise MistakeError("E1005", "a target port is a number or name", *path)
        ports.append((protocol, port, _string(item, "name", *path), target))
    selector = _pairs(spec, "selector", "spec")
    return ServiceFacts(
        _namespace(metadata),
        _name(metadata),
        _labels(metadata),
        _service_addresses(spec, _mapping(value, "status")),
        tuple(ports),
        selector,
    )


def parse_endpoint_slice(value: Object) -> SliceFacts:
    """Read an EndpointSlice; addresses that are names (FQDN) are no backends."""
    metadata = _mapping(value, "metadata")
    labels = dict(_labels(metadata))
    ports = []
    for i, item in enumerate(_list(value, "ports")):
        item = _mapping_item(item, "ports", i)
        if item.get("port") is not None:
            name = _string(item, "name", "ports", i)
            protocol = _protocol(item, "ports", i)
            ports.append((protocol, _port(item, "port", "ports", i), name))
    addresses = []
    for i, item in enumerate(_list(value, "endpoints")):
        conditions = _mapping(_mapping_item(item, "endpoints", i), "conditions")
        if value.get("addressType") == "FQDN" or conditions.get("ready") is False:
            continue
        for j, address in enumerate(_list(item, "addresses", "endpoints", i)):
            addresses.append(_address(address, "endpoints", i, "addresses", j))
    service = labels.get(SERVICE_NAME, "")
    return SliceFacts(_namespace(metadata), service, tuple(addresses), tuple(ports))


# ---------------------------------------------------------------- parts


def _pod_addresses(status: Mapping[str, Any]) -> tuple[bytes, ...]:
    found: dict[bytes, None] = {}
    if status.get("podIP"):
        found[_address(status["podIP"], "status", "podIP")] = None
    for i, item in enumerate(_list(status, "podIPs", "status")):
        address = _mapping_item(item, "status", "podIPs", i).get("ip")
        found[_address(address, "status", "podIPs", i, "ip")] = None
    return tuple(found)


def _is_ready(status: Mapping[str, Any]) -> bool:
    """Whether the pod says so; a pod that says nothing is taken to be ready."""
    for i, item in enumerate(_list(status, "conditions", "status")):
        if _mapping_item(item, "status", "conditions", i).get("type") == "Ready":
            return bool(item.get("status") == "True")
    return True


def _container_ports(spec: Mapping[str, Any]) -> tuple[tuple[str, int, int], ...]:
    """Named ports of containers, and of init containers that stay (sidecars)."""
    found = []
    for kind in ("initContainers", "containers"):
        for i, container in enumerate(_list(spec, kind, "spec")):
            ports = _mapping_item(container, "spec", kind, i).get("ports")
            if not ports or (
                kind == "initContainers" and container.get("restartPolicy") != "Always"
            ):
                continue
            for j, item in enumerate(_list(container, "ports", "spec", kind, i)):
                path = ("spec", kind, i, "ports", j)
                name = _string(_mapping_item(item, *path), "name", *path)
                if name:
                    port = _port(item, "containerPort", *path)
                    found.append((name, _protocol(item, *path), port))
    return tuple(dict.fromkeys(found))


def _uid(metadata: Mapping[str, Any]) -> str:
    """Return what the kubelet names the pod's cgroup by.

    A pod from a file of the node has another uid there than its mirror in the API server: the
    annotation says which (kubelet's ``ConfigHashAnnotationKey``).
    """
    annotations = dict(_pairs(metadata, "annotations", "metadata"))
    if _MIRROR in annotations and annotations.get(_HASH):
        return annotations[_HASH]
    return _string(metadata, "uid", "metadata")


def _containers(
    spec: Mapping[str, Any], status: Mapping[str, Any]
) -> tuple[tuple[str, str, str], ...]:
    """Return name, id and image of all containers, those that have no id yet too."""
    found: dict[str, tuple[str, str, str]] = {}
    for kind in _CONTAINERS:
        for i, item in enumerate(_list(spec, kind, "spec")):
            item = _mapping_item(item, "spec", kind, i)
            name = _string(item, "name", "spec", kind, i)
            found[name] = (name, "", _string(item, "image", "spec", kind, i))
        statuses = kind.removesuffix("s") + "Statuses"
        for i, item in enumerate(_list(status, statuses, "status")):
            item = _mapping_item(item, "status", statuses, i)
            name = _string(item, "name", "status", statuses, i)
            id_ = _string(item, "containerID", "status", statuses, i)
            image = _string(item, "image", "status", statuses, i)
            found[name] = (name, id_, image or found.get(name, ("", "", ""))[2])
    return tuple(found.values())


def _owner(metadata: Mapping[str, Any]) -> tuple[str, str]:
    """Return kind and name of the controller that made the pod."""
    for i, item in enumerate(_list(metadata, "ownerReferences", "metadata")):
        path = ("metadata", "ownerReferences", i)
        if _mapping_item(item, *path).get("controller") is True:
            return _string(item, "kind", *path), _string(item, "name", *path)
    return "", ""


def _service_addresses(
    spec: Mapping[str, Any], status: Mapping[str, Any]
) -> tuple[bytes, ...]:
    if spec.get("type") == "ExternalName":
        return ()
    found: dict[bytes, None] = {}
    for i, address in enumerate(_list(spec, "clusterIPs", "spec")):
        if address != "None":
            found[_address(address, "spec", "clusterIPs", i)] = None
    if spec.get("clusterIP") not in (None, "", "None"):
        found[_address(spec["clusterIP"], "spec", "clusterIP")] = None
    for i, address in enumerate(_list(spec, "externalIPs", "spec")):
        found[_address(address, "spec", "externalIPs", i)] = None
    balancer = _mapping(status, "loadBalancer")
    for i, item in enumerate(_list(balancer, "ingress", "status", "loadBalancer")):
        path = ("status", "loadBalancer", "ingress", i)
        address = _mapping_item(item, *path).get("ip")
        if address:
            found[_address(address, *path, "ip")] = None
    return tuple(found)


# ---------------------------------------------------------------- typed values


def _mapping(value: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = value.get(key)
    if found is None:
        return _EMPTY
    if type(found) is not dict:
        raise MistakeError("E1005", f"'{key}' must be a mapping", key)
    return found


def _mapping_item(value: Any, *path: str | int) -> Object:  # noqa: ANN401  # any JSON
    if type(value) is not dict:
        raise MistakeError("E1005", "a mapping is expected here", *path)
    return value


def _list(value: Mapping[str, Any], key: str, *path: str | int) -> list[Any]:
    found = value.get(key)
    if found is None:
        return []
    if type(found) is not list:
        raise MistakeError("E1005", f"'{key}' must be a list", *path, key)
    return found


def _string(value: Mapping[str, Any], key: str, *path: str | int) -> str:
    found = value.get(key)
    if found is None:
        return ""
    if type(found) is not str:
        raise MistakeError("E1005", f"'{key}' must be a string", *path, key)
    return found


def _name(metadata: Mapping[str, Any]) -> str:
    name = _string(metadata, "name", "metadata")
    if not name:
        raise MistakeError("E1006", "the object needs a name", "metadata")
    return name


def _namespace(metadata: Mapping[str, Any]) -> str:
    return _string(metadata, "namespace", "metadata") or "default"


def _labels(metadata: Mapping[str, Any]) -> Pairs:
    return _pairs(metadata, "labels", "metadata")


def _pairs(value: Mapping[str, Any], key: str, *path: str | int) -> Pairs:
    found = value.get(key)
    if found is None:
        return ()
    if type(found) is not dict:
        raise MistakeError("E1005", f"'{key}' must be a mapping", *path, key)
    for name, text in found.items():
        if type(text) is not str:
            message = f"the value of '{name}' must be a string"
            raise MistakeError("E1005", message, *path, key, name)
    return tuple(sorted(found.items()))


def _address(value: Any, *path: str | int) -> bytes:  # noqa: ANN401  # any JSON
    if type(value) is str and "%" not in value:
        try:
            return ip_address(value).packed
        except ValueError:
            pass
    raise MistakeError("E1021", "this is not an IP address", *path)


def _protocol(value: Mapping[str, Any], *path: str | int) -> int:
    word = value.get("protocol") or "TCP"
    number = PROTOCOLS.get(word) if type(word) is str else None
    if number is None:
        message = "the protocol must be TCP, UDP or SCTP"
        raise MistakeError("E1007", message, *path, "protocol")
    return number


def _port(value: Mapping[str, Any], key: str, *path: str | int) -> int:
    port = value.get(key)
    if type(port) is not int or not 0 < port < 65536:
        message = f"'{key}' must be a number from 1 to 65535"
        raise MistakeError("E1013", message, *path, *(key,) * (key in value))
    return port
