"""Find the ends of recorded flows in a snapshot.

A recording is older than the snapshot, and pods come and go.  An end is, in this order: the
pod of that name; a node; a pod with the same labels, where policy treats all of these alike;
an address of the snapshot; an address outside.  Whatever else is said of it is not guessed.
"""

from __future__ import annotations

from collections import defaultdict
from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from lockgate.ir.cluster import Endpoint, Node, Service
from lockgate.ir.labels import CLUSTER, NAMESPACE, Label
from lockgate.recordings.addresses import Address, parse_address
from lockgate.recordings.selections import stable_labels

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from lockgate.ir.cluster import Cluster
    from lockgate.recordings.record import RecordedEnd

Owner = Endpoint | Node | Service

_REMEMBERED = 1 << 16
"""Ends that are remembered: recordings repeat themselves, and memory has to end."""

_OUTSIDE = ("world", "world-ipv4", "world-ipv6")


class EndKind(StrEnum):
    """What an end is in the snapshot."""

    POD = "pod"
    NODE = "node"
    SERVICE = "service"
    OUTSIDE = "outside"


class End(NamedTuple):
    """One end: ``place`` is what a simulation takes for it, in the family of the flow.

    ``name`` is ``namespace/name`` of a pod or service, the node's name, or the address.
    """

    kind: EndKind
    name: str
    place: str


class UnknownEndError(Exception):
    """An end that is not in the snapshot; says who, and why nobody stands for it."""


class Ends:
    """Finds ends; ``look_of`` returns for a pod's key what policies see of it."""

    def __init__(
        self, cluster: Cluster, look_of: Callable[[str], object] = lambda _key: None
    ) -> None:
        self._pods = {endpoint.key: endpoint for endpoint in cluster.endpoints}
        self._nodes = {node.name: node for node in cluster.nodes}
        self._host_pods = {
            f"{pod.namespace}/{pod.name}": pod.node for pod in cluster.host_pods
        }
        self._look_of = look_of
        self._cluster = next(
            (_value(pod.labels, CLUSTER) for pod in cluster.endpoints), None
        )
        self._owners: dict[Address, Owner] = {}
        owners: list[Owner] = [*cluster.services, *cluster.nodes, *cluster.endpoints]
        for owner in owners:
            self._owners |= dict.fromkeys(owner.addresses, owner)
        self._by_labels: dict[object, list[Endpoint]] = defaultdict(list)
        for endpoint in cluster.endpoints:
            key = endpoint.namespace, stable_labels(endpoint.labels)
            self._by_labels[key].append(endpoint)
        self.find = lru_cache(_REMEMBERED)(self._find)

    def pod(self, end: End) -> Endpoint | None:
        """Return the pod that an end is."""
        return self._pods.get(end.name) if end.kind is EndKind.POD else None

    def _find(
        self,
        end: RecordedEnd,
        family: int | None,
        node: str | None,
        cluster: str | None,
    ) -> End:
        """Return the end; :class:`UnknownEndError` where nobody is known to be it.

        ``family`` is the IP version of the flow, ``node`` and ``cluster`` where it was
        recorded.
        """
        labels = [_parse_label(text) for text in end.labels]
        reserved = {label.key for label in labels if label.source == "reserved"}
        address = _address(end.address)
        owner = self._owners.get(address) if address else None
        own = _value(labels, CLUSTER)
        if own is not None and own != (cluster or self._cluster or own):
            raise UnknownEndError(f"{end.pod or 'a pod'} is one of the cluster '{own}'")
        if end.pod is not None:
            return self._find_pod(end.pod, labels, family)
        if end.node is not None or reserved & {"host", "remote-node"}:
            return self._find_node(end, reserved, address, node, family)
        if any(label.key == NAMESPACE for label in labels):
            return self._by_label_set("a pod without a name", labels, family)
        if reserved.intersection(_OUTSIDE):
            if isinstance(owner, Endpoint | Node):
                raise UnknownEndError(
                    f"{address} was outside the cluster and is {owner.name} in the snapshot"
                )
        elif reserved - {"kube-apiserver"} and owner is None:
            names = ", ".join(f"reserved:{name}" for name in sorted(reserved))
            raise UnknownEndError(f"{names} is nobody in the snapshot")
        if address is None:
            raise UnknownEndError("an end without name, labels and address")
        if owner is not None:
            return self._owned(owner, address)
        return End(EndKind.OUTSIDE, str(address), str(address))

    # ------------------------------------------------------------ pods

    def _find_pod(self, name: str, labels: list[Label], family: int | None) -> End:
        node = self._host_pods.get(name)
        if node is not None and node in self._nodes:
            return _of_node(self._nodes[node], family)
        pod = self._pods.get(name)
        if pod is None:
            return self._by_label_set(f"pod {name}", labels, family)
        return _of_pod(pod, family)

    def _by_label_set(self, who: str, labels: list[Label], family: int | None) -> End:
        """Let a pod with the same labels stand for one that is gone."""
        namespace = _value(labels, NAMESPACE)
        if namespace is None and "/" in who:
            namespace = who.removeprefix("pod ").partition("/")[0]
        own = stable_labels(labels)
        alike = self._by_labels.get((namespace, own), []) if own else []
        if not alike:
            why = "and no pod has its labels" if own else "and its labels are not known"
            raise UnknownEndError(f"{who} is not in the snapshot, {why}")
        if len({self._look_of(pod.key) for pod in alike}) > 1:
            raise UnknownEndError(
                f"{who} is not in the snapshot, and policy tells pods with its labels apart"
            )
        return _of_pod(min(alike, key=lambda pod: pod.key), family)

    # ------------------------------------------------------------ nodes and addresses

    def _find_node(
        self,
        end: RecordedEnd,
        reserved: set[str],
        address: Address | None,
        recorded_at: str | None,
        family: int | None,
    ) -> End:
        owner = self._owners.get(address) if address else None
        names = [end.node, owner.name if isinstance(owner, Node) else None]
        names += [recorded_at] if "host" in reserved else []
        for name in names:
            if name is not None and name in self._nodes:
                return _of_node(self._nodes[name], family)
        if end.node is not None:
            raise UnknownEndError(f"node {end.node} is not in the snapshot")
        role = "host" if "host" in reserved else "remote-node"
        return End(EndKind.NODE, f"@{role}", f"@{role}")

    def _owned(self, owner: Owner, address: Address) -> End:
        if isinstance(owner, Node):
            return _of_node(owner, address.version)
        if isinstance(owner, Endpoint):
            return _of_pod(owner, address.version)
        return End(EndKind.SERVICE, owner.key, str(address))


def _of_pod(pod: Endpoint, family: int | None) -> End:
    return End(EndKind.POD, pod.key, _in_family(pod.addresses, family) or pod.key)


def _of_node(node: Node, family: int | None) -> End:
    place = _in_family(node.addresses, family)
    if place is None:
        raise UnknownEndError(f"node {node.name} has no such address in the snapshot")
    return End(EndKind.NODE, node.name, place)


def _in_family(addresses: Iterable[Address], family: int | None) -> str | None:
    return next((str(a) for a in addresses if family in (a.version, None)), None)


def _address(text: str | None) -> Address | None:
    if text is None:
        return None
    address = parse_address(text)
    if address is None:
        raise UnknownEndError("an end whose address is none")
    return address


def _parse_label(text: str) -> Label:
    """Read ``source:key=value``; older recordings leave the source out."""
    key, _, value = text.partition("=")
    source, colon, rest = key.partition(":")
    return Label(source, rest, value) if colon else Label("k8s", key, value)


def _value(labels: Iterable[Label], key: str) -> str | None:
    return next((label.value for label in labels if label.key == key), None)
