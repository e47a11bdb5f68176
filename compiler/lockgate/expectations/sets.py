"""What an end of a test means in a snapshot: the places that it is.

A set means everything that it can mean: pods and nodes of the snapshot, and outside every
kind of address that some table tells apart, in both families.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from lockgate.expectations.places import EVERYWHERE, PlaceKind, Span, without
from lockgate.ir.labels import NAMESPACE, NAMESPACE_LABELS, Label, Operator
from lockgate.ir.policy import Entity, Scope
from lockgate.language import ast

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from lockgate.expectations.places import Address, Place, Population
    from lockgate.ir.labels import Requirement


class Relation(Enum):
    """Which nodes are meant beside a pod: any, the pod's own, or the others."""

    ANY = "any"
    OWN = "own"
    REMOTE = "remote"


@dataclass(frozen=True, slots=True)
class Members:
    """The places of a set, sorted; ``spans`` are the addresses that the outside ones are of.

    ``relation`` says which of the nodes stand opposite to a pod.
    """

    places: tuple[Place, ...]
    spans: tuple[Span, ...] = ()
    relation: Relation = Relation.ANY


class UnknowableError(Exception):
    """A set that nobody can know from a snapshot; says why."""


_ROLES = (Label("reserved", "host"), Label("reserved", "remote-node"))


class Sets:
    """Finds the members of sets."""

    def __init__(self, population: Population) -> None:
        self._population = population
        self._labels = {
            endpoint.key: endpoint.labels for endpoint in population.cluster.endpoints
        }
        self._node_labels = {
            node.name: node.labels for node in population.cluster.nodes
        }

    def members(self, end: ast.End) -> Members:
        """Return who an end is; :class:`UnknowableError` where the snapshot cannot tell."""
        match end:
            case ast.Everything():
                return self._everything()
            case ast.Selection():
                return Members(self._selected(end))
            case ast.ExactSelection():
                return self._exact(end.requirements)
            case ast.EntityName():
                return self._entity(end.entity)
            case ast.Nodes():
                is_remote = end.which is ast.Which.REMOTE
                relation = Relation.REMOTE if is_remote else Relation.ANY
                return Members(self._nodes_with(end.terms), relation=relation)
            case ast.Node():
                name = end.name.text
                return self._only(self._population.nodes, lambda p: p.name == name)
            case ast.Pod():
                return self._pod(f"{end.namespace.text}/{end.name.text}")
            case _:
                return self._addressed(end)

    def _addressed(self, end: ast.End) -> Members:
        match end:
            case ast.Addresses():
                return self._addresses([end.network], end.excepts, end.scope)
            case ast.Groups():
                networks = [
                    network
                    for group in self._population.cluster.cidr_groups
                    if end.name is None or group.name == end.name.text
                    if _holds(end.terms, group.labels)
                    for network in group.networks
                ]
                return self._addresses(networks, end.excepts, Scope.WORLD)
            case ast.Services():
                return self._backends(end)
            case _:
                raise UnknowableError(
                    "which addresses a name has is not known before somebody asks"
                )

    # ------------------------------------------------------------ pods and nodes

    def _selected(self, selection: ast.Selection) -> tuple[Place, ...]:
        namespace = selection.namespace and selection.namespace.text
        return tuple(
            place
            for place in self._population.pods
            if namespace in (None, place.name.partition("/")[0])
            if _holds(selection.terms, self._labels[place.name])
        )

    def _pod(self, key: str) -> Members:
        node = self._population.host_pods.get(key)
        if node is not None:
            return self._only(self._population.nodes, lambda p: p.name == node)
        return self._only(self._population.pods, lambda p: p.name == key)

    def _nodes_with(self, terms: Sequence[ast.Term]) -> tuple[Place, ...]:
        return tuple(
            place
            for place in self._population.nodes
            if _holds(terms, self._node_labels[place.name])
        )

    def _only(
        self, places: Iterable[Place], is_meant: Callable[[Place], bool]
    ) -> Members:
        return Members(tuple(filter(is_meant, places)))

    # ------------------------------------------------------------ entities

    def _everything(self) -> Members:
        population = self._population
        outside = population.outside(EVERYWHERE)
        return Members((*population.pods, *population.nodes, *outside), EVERYWHERE)

    def _entity(self, entity: Entity) -> Members:
        population = self._population
        match entity:
            case Entity.ALL:
                return self._everything()
            case Entity.WORLD | Entity.WORLD_IPV4 | Entity.WORLD_IPV6:
                versions = {"world-ipv4": (4,), "world-ipv6": (6,)}
                wanted = versions.get(entity.value, (4, 6))
                spans = tuple(s for s in EVERYWHERE if s.version in wanted)
                return Members(tuple(population.outside(spans)), spans)
            case Entity.HOST:
                return Members(tuple(population.nodes), relation=Relation.OWN)
            case Entity.REMOTE_NODE:
                return Members(tuple(population.nodes), relation=Relation.REMOTE)
            case Entity.CLUSTER | Entity.CLUSTER_MESH:
                api = self._api_server()
                places = dict.fromkeys(
                    (*population.pods, *population.nodes, *api.places)
                )
                return Members(tuple(places), api.spans)
            case Entity.KUBE_APISERVER:
                return self._api_server()
            case _:
                return self._exact_labels([Label("reserved", entity.value)])

    def _api_server(self) -> Members:
        cluster = self._population.cluster
        spans = [Span(a.version, int(a), int(a)) for a in cluster.api_server_addresses]
        return self._within(spans, Scope.EVERY)

    def _exact(self, requirements: Sequence[Requirement]) -> Members:
        """Return whose labels, with their sources, meet some requirements."""
        population = self._population
        outside = population.outside(EVERYWHERE)
        identities = population.packed.identities

        def labels(place: Place) -> Iterable[Label]:
            if place.kind is PlaceKind.POD:
                return self._labels[place.name]
            identity = identities[population.packed.peer(place.peer).identity]
            found = [_parse(text) for text in identity.labels]
            # A node is the host of its own pods, and a remote node to those of others.
            is_node = place.kind is PlaceKind.NODE
            return (
                [*found, *_ROLES, *self._node_labels[place.name]] if is_node else found
            )

        places = (*population.pods, *population.nodes, *outside)
        found = [p for p in places if all(_meets(r, labels(p)) for r in requirements)]
        return Members(tuple(found), EVERYWHERE, _relation(requirements))

    def _exact_labels(self, wanted: Sequence[Label]) -> Members:
        return self._only(
            self._population.pods,
            lambda place: set(wanted) <= set(self._labels[place.name]),
        )

    # ------------------------------------------------------------ addresses

    def _addresses(
        self,
        networks: Iterable[ast.Network],
        excepts: Iterable[ast.Network],
        scope: Scope,
    ) -> Members:
        spans = [_span(network) for network in networks]
        return self._within(without(spans, map(_span, excepts)), scope)

    def _within(self, spans: Sequence[Span], scope: Scope) -> Members:
        population = self._population
        known: list[Place] = []
        if scope is Scope.EVERY:
            places = (*population.pods, *population.nodes)
            known = [place for place in places if _is_in(place, spans)]
        return Members((*known, *population.outside(spans)), tuple(spans))

    def _backends(self, services: ast.Services) -> Members:
        cluster = self._population.cluster
        namespace = services.namespace and services.namespace.text
        name = services.name and services.name.text
        addresses = {
            address
            for service in cluster.services
            if namespace in (None, service.namespace)
            if name in (None, service.name)
            if _holds(services.terms, service.labels)
            for address in service.backends
        }
        spans = [
            Span(a.version, int(a), int(a)) for a in sorted(addresses, key=_number)
        ]
        return self._within(spans, Scope.EVERY)


# ---------------------------------------------------------------- labels


def _holds(terms: Iterable[ast.Term], labels: Iterable[Label]) -> bool:
    values = {label.key: label.value for label in labels if label.source == "k8s"}
    return all(_term_holds(term, values) for term in terms)


def _term_holds(term: ast.Term, values: Mapping[str, str]) -> bool:
    key = {
        ast.Subject.LABEL: term.key,
        ast.Subject.NAMESPACE: NAMESPACE,
        ast.Subject.NAMESPACE_LABEL: NAMESPACE_LABELS + term.key,
    }[term.subject]
    return _compare(term.operator, values.get(key), term.values)


def _compare(operator: Operator, value: str | None, wanted: Sequence[str]) -> bool:
    match operator:
        case Operator.IN:
            return value is not None and value in wanted
        case Operator.NOT_IN:
            return value is None or value not in wanted
        case Operator.EXISTS:
            return value is not None
        case Operator.DOES_NOT_EXIST:
            return value is None


def _relation(requirements: Iterable[Requirement]) -> Relation:
    """Return which nodes are meant where their role is asked for."""
    asked = {
        r.key for r in requirements if r.operator in (Operator.EXISTS, Operator.IN)
    }
    if "host" in asked:
        return Relation.OWN
    return Relation.REMOTE if "remote-node" in asked else Relation.ANY


def _meets(requirement: Requirement, labels: Iterable[Label]) -> bool:
    found = [
        label.value
        for label in labels
        if label.key == requirement.key and requirement.source in ("any", label.source)
    ]
    value = found[0] if found else None
    return _compare(requirement.operator, value, requirement.values)


def _parse(text: str) -> Label:
    """Read ``source:key=value`` as tables print it; keys of prefixes have colons."""
    source, _, rest = text.partition(":")
    key, _, value = rest.partition("=")
    return Label(source, key, value)


# ---------------------------------------------------------------- prefixes


def _span(network: ast.Network) -> Span:
    return Span(
        network.version, int(network.network_address), int(network.broadcast_address)
    )


def _is_in(place: Place, spans: Iterable[Span]) -> bool:
    number, family = int(place.address), place.family
    return any(s.version == family and s.first <= number <= s.last for s in spans)


def _number(address: Address) -> tuple[int, int]:
    return address.version, int(address)
