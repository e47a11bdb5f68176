"""Facts of the snapshot to the cluster: who has which address and which labels.

Before: what each object says for itself.
After:  endpoints with complete labels and addresses that only one of them has; pods that
are finished or have no address yet are left out; pods on the host network are their node.
"""

from __future__ import annotations

from collections import defaultdict
from ipaddress import IPv4Address, IPv6Address
from itertools import chain
from operator import attrgetter
from typing import TYPE_CHECKING, Any, TypeVar

from lockgate.diagnostics import count
from lockgate.frontend.facts import (
    Addresses,
    EndpointFacts,
    Facts,
    NamespaceFacts,
    NodeFacts,
    Pairs,
    PodFacts,
    ServiceFacts,
    SliceFacts,
    unpack_address,
)
from lockgate.frontend.services import build_services
from lockgate.ir.cluster import (
    Attachment,
    CidrGroup,
    Cluster,
    Container,
    Endpoint,
    HostPod,
    NamedPort,
    Node,
    Pod,
)
from lockgate.ir.labels import (
    CLUSTER,
    NAMESPACE,
    NAMESPACE_LABELS,
    SERVICE_ACCOUNT,
    Label,
    Labels,
)
from lockgate.ir.policy import Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from lockgate.diagnostics import Diagnostics
    from lockgate.source import Span

Address = IPv4Address | IPv6Address
Located = tuple[Facts, "Span"]
_F = TypeVar("_F", bound=Facts)

METADATA_NAME = "kubernetes.io/metadata.name"
HOSTNAME = "kubernetes.io/hostname"
OPERATING_SYSTEM = "kubernetes.io/os"
_OURS = "io.cilium.k8s."
_API_SERVER = ("default", "kubernetes")


def build_cluster(
    located: Iterable[Located],
    cidr_groups: Iterable[CidrGroup],
    cluster_name: str,
    diagnostics: Diagnostics,
    *,
    is_traced: bool = False,
) -> Cluster:
    """Join the facts of all objects; ``cluster_name`` is a label of every endpoint.

    ``is_traced``: there are tracing policies, which know pods by other things than addresses.
    """
    by_kind = _Located(located)
    addresses = Addresses()
    pods = by_kind.of(PodFacts)
    nodes = [_build_node(*pair) for pair in by_kind.of(NodeFacts)]
    namespaces = _build_namespaces(
        by_kind.of(NamespaceFacts), [f for f, _ in pods], diagnostics
    )
    builder = _EndpointBuilder(namespaces, cluster_name, addresses)
    live = [pair for pair in pods if pair[0].addresses and not pair[0].is_finished]
    _note_passed_over(pods, diagnostics)
    in_pods = [pair for pair in live if not pair[0].is_on_host]
    endpoints = [builder.from_pod(f, s) for f, s in in_pods]
    attached = by_kind.of(EndpointFacts)
    endpoints += [builder.from_endpoint(*pair) for pair in attached]
    if attached or _are_shared((f.addresses for f, _ in in_pods), nodes):
        terminating = {
            f"{f.namespace}/{f.name}" for f, _ in in_pods if f.is_terminating
        }
        endpoints = _resolve_duplicates(endpoints, terminating, nodes, diagnostics)
    slices = [f for f, _ in by_kind.of(SliceFacts)]
    services = build_services(
        by_kind.of(ServiceFacts), slices, [f for f, _ in live], addresses, diagnostics
    )
    api_server = {
        addresses[packed]
        for facts in slices
        if (facts.namespace, facts.service) == _API_SERVER
        for packed in facts.addresses
    }
    living = [pair for pair in pods if is_traced and not pair[0].is_finished]
    host_pods = {HostPod(f.namespace, f.name, f.node) for f, _ in live if f.is_on_host}
    return Cluster(
        namespaces=dict(sorted(namespaces.items())),
        endpoints=tuple(sorted(endpoints, key=_by_name)),
        host_pods=tuple(sorted(host_pods, key=_by_name)),
        nodes=tuple(sorted(nodes, key=lambda n: n.name)),
        services=services,
        cidr_groups=tuple(sorted(cidr_groups, key=lambda g: g.name)),
        api_server_addresses=tuple(sorted(api_server, key=_by_family)),
        pods=tuple(sorted((builder.pod(f, s) for f, s in living), key=_by_name)),
    )


class _Located:
    """Facts with their places, by kind."""

    def __init__(self, located: Iterable[Located]) -> None:
        self._found: dict[type, list[Any]] = defaultdict(list)
        for pair in located:
            self._found[type(pair[0])].append(pair)

    def of(self, kind: type[_F]) -> list[tuple[_F, Span]]:
        """Return those of a kind, in the order of the input."""
        return self._found[kind]


_by_name = attrgetter("namespace", "name")


def _by_family(address: Address) -> tuple[int, int]:
    return address.version, int(address)


# ---------------------------------------------------------------- namespaces, nodes


def _build_namespaces(
    given: Iterable[tuple[NamespaceFacts, Span]],
    pods: Sequence[PodFacts],
    diagnostics: Diagnostics,
) -> dict[str, Labels]:
    """Labels of each namespace; of one without an object only its name is known."""
    namespaces = {
        facts.name: _labels({METADATA_NAME: facts.name, **dict(facts.labels)})
        for facts, _ in given
    }
    missing = sorted({pod.namespace for pod in pods} - namespaces.keys())
    if missing:
        message = (
            f"{count(len(missing), 'namespace')} of pods without a Namespace object in the "
            f"input (the first is '{missing[0]}'): of its labels only the name is known"
        )
        cure = "add the output of 'kubectl get namespaces -o yaml'"
        diagnostics.warning("W1031", message, None, help=cure)
    for name in missing:
        namespaces[name] = _labels({METADATA_NAME: name})
    return namespaces


def _build_node(facts: NodeFacts, span: Span) -> Node:
    """Build a node; two labels that the kubelet gives to every node are added if need be."""
    addresses = tuple(map(unpack_address, facts.addresses))
    labels = {HOSTNAME: facts.name, OPERATING_SYSTEM: "linux", **dict(facts.labels)}
    return Node(facts.name, _labels(labels), addresses, span)


def _labels(pairs: Mapping[str, str]) -> Labels:
    return tuple(sorted(Label("k8s", key, value) for key, value in pairs.items()))


# ---------------------------------------------------------------- endpoints


class _EndpointBuilder:
    """Builds endpoints; equal label sets, addresses and ports are built once."""

    def __init__(
        self,
        namespaces: Mapping[str, Labels],
        cluster_name: str,
        addresses: Addresses,
    ) -> None:
        self._namespaces = namespaces
        self._addresses = addresses
        self._cluster = Label("k8s", CLUSTER, cluster_name)
        self._label_sets: dict[tuple[str, str, Pairs], Labels] = {}
        self._of_namespaces: dict[str, Labels] = {}
        self._labels: dict[tuple[str, str], Label] = {}
        self._ports: dict[tuple[tuple[str, int, int], ...], tuple[NamedPort, ...]] = {}

    def from_pod(self, facts: PodFacts, span: Span) -> Endpoint:
        """Build the endpoint of a pod."""
        return Endpoint(
            facts.namespace,
            facts.name,
            self._complete(facts.namespace, facts.service_account, facts.labels),
            tuple([self._addresses[packed] for packed in facts.addresses]),
            facts.node,
            self._named_ports(facts.ports),
            span,
        )

    def pod(self, facts: PodFacts, span: Span) -> Pod:
        """Build a pod as processes know it."""
        return Pod(
            facts.namespace,
            facts.name,
            facts.uid,
            facts.node,
            self._complete(facts.namespace, facts.service_account, facts.labels),
            facts.labels,
            tuple(_container(*container) for container in facts.containers),
            facts.owner,
            span,
        )

    def from_endpoint(self, facts: EndpointFacts, span: Span) -> Endpoint:
        """Build what a document of our kind Endpoint says."""
        is_attached = facts.interface is not None or facts.cgroup is not None
        return Endpoint(
            facts.namespace,
            facts.name,
            self._complete(facts.namespace, facts.service_account, facts.labels),
            tuple([self._addresses[packed] for packed in facts.addresses]),
            facts.node,
            self._named_ports(facts.ports),
            span,
            Attachment(facts.interface, facts.cgroup) if is_attached else None,
        )

    def _complete(self, namespace: str, account: str, labels: Pairs) -> Labels:
        key = namespace, account, labels
        found = self._label_sets.get(key)
        if found is None:
            found = self._label_sets[key] = self._build_labels(*key)
        return found

    def _build_labels(self, namespace: str, account: str, labels: Pairs) -> Labels:
        """Complete a pod's own labels.

        A label of the pod may not pass for what the cluster says of it (such as its
        namespace): those keys are ours alone.
        """
        complete = [
            self._label(key, value)
            for key, value in labels
            if not key.startswith(_OURS) and key != NAMESPACE
        ]
        complete += self._of_namespace(namespace)
        complete.append(self._label(SERVICE_ACCOUNT, account))
        complete.append(self._cluster)
        return tuple(sorted(complete))

    def _of_namespace(self, namespace: str) -> Labels:
        """Return what all endpoints of a namespace have."""
        found = self._of_namespaces.get(namespace)
        if found is None:
            given = self._namespaces.get(namespace)
            if given is None:
                given = (Label("k8s", METADATA_NAME, namespace),)
            found = self._of_namespaces[namespace] = (
                *(self._label(NAMESPACE_LABELS + x.key, x.value) for x in given),
                self._label(NAMESPACE, namespace),
            )
        return found

    def _label(self, key: str, value: str) -> Label:
        pair = key, value
        found = self._labels.get(pair)
        if found is None:
            found = self._labels[pair] = Label("k8s", key, value)
        return found

    def _named_ports(
        self, ports: tuple[tuple[str, int, int], ...]
    ) -> tuple[NamedPort, ...]:
        found = self._ports.get(ports)
        if found is None:
            found = tuple(NamedPort(n, Protocol(p), port) for n, p, port in ports)
            self._ports[ports] = found
        return found


def _container(name: str, id_: str, image: str) -> Container:
    runtime, _, number = id_.rpartition("://")
    return Container(name, number, runtime, image)


def _are_shared(addresses: Iterable[tuple[bytes, ...]], nodes: Iterable[Node]) -> bool:
    """Whether an address belongs to two pods, or to a pod and a node."""
    owned = list(chain.from_iterable(addresses))
    distinct = set(owned)
    of_nodes = {address.packed for node in nodes for address in node.addresses}
    return len(distinct) < len(owned) or not distinct.isdisjoint(of_nodes)


def _resolve_duplicates(
    endpoints: Iterable[Endpoint],
    terminating: set[str],
    nodes: Iterable[Node],
    diagnostics: Diagnostics,
) -> list[Endpoint]:
    """Let each address lead to one endpoint; one that is being deleted gives way."""
    owners: dict[Address, Endpoint | Node] = {}
    for node in nodes:
        for address in node.addresses:
            owners.setdefault(address, node)
    names: dict[str, Endpoint] = {}
    kept = []
    for endpoint in sorted(endpoints, key=lambda e: e.key in terminating):
        first = names.setdefault(endpoint.key, endpoint)
        if first is not endpoint:
            message = f"a Pod and an Endpoint are both named {endpoint.key}"
            related = ((first.span, "the other one"),)
            diagnostics.error("E1012", message, endpoint.span, related=related)
            continue
        taken = [a for a in endpoint.addresses if a in owners]
        if taken and endpoint.key in terminating:
            continue
        for address in taken:
            _report_duplicate(endpoint, address, owners[address], diagnostics)
        for address in endpoint.addresses:
            owners[address] = endpoint
        kept.append(endpoint)
    return kept


def _report_duplicate(
    endpoint: Endpoint, address: Address, owner: Endpoint | Node, found: Diagnostics
) -> None:
    is_node = isinstance(owner, Node)
    name = owner.name if isinstance(owner, Node) else owner.key
    message = f"{endpoint.key} and {name} both have the address {address}"
    cure = (
        "a pod with its node's address has 'hostNetwork: true'"
        if is_node
        else "take the snapshot anew, with one command, when the cluster is at rest"
    )
    related = ((owner.span, "the other one"),)
    found.error("E1022", message, endpoint.span, help=cure, related=related)


def _note_passed_over(
    pods: Sequence[tuple[PodFacts, Span]], diagnostics: Diagnostics
) -> None:
    finished = sum(f.is_finished for f, _ in pods)
    waiting = sum(not f.is_finished and not f.addresses for f, _ in pods)
    if finished or waiting:
        message = (
            f"pods without traffic were left out: {finished} finished, "
            f"{waiting} without an address"
        )
        diagnostics.note("N1032", message)
