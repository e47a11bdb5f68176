"""The peers of ClusterNetworkPolicy: pods, nodes, networks, domain names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockgate.frontend.cardinality import require_items, require_one
from lockgate.frontend.cidr import address_scope, parse_prefixes
from lockgate.frontend.names import parse_domain_name
from lockgate.frontend.pod_selectors import (
    is_negative,
    parse_namespaced_pods,
    parse_namespaces,
    select,
)
from lockgate.frontend.schema import Fields
from lockgate.frontend.selectors import make_selector, parse_label_selector
from lockgate.ir.labels import Operator, Requirement
from lockgate.ir.policy import AnyPeer, Direction, LabelPeer, NamePeer, NetworkPeer
from lockgate.options import Semantics

if TYPE_CHECKING:
    from lockgate.diagnostics import Diagnostics
    from lockgate.frontend.metadata import Context
    from lockgate.frontend.schema import Node
    from lockgate.ir.policy import Peer

_FIELDS = {
    Direction.INGRESS: ("namespaces", "pods"),
    Direction.EGRESS: ("namespaces", "pods", "nodes", "networks", "domainNames"),
}
_ELSEWHERE = dict.fromkeys(
    ("nodes", "networks", "domainNames"), "the peers of an egress rule"
)
_NODES = ("host", "remote-node")


def parse_peer(
    node: Node, direction: Direction, context: Context, diagnostics: Diagnostics
) -> tuple[Peer, ...]:
    """Return the peers that one item of ``from`` or ``to`` stands for."""
    known = _FIELDS[direction]
    what = f"ClusterNetworkPolicy{direction.value.title()}Peer"
    is_ingress = direction is Direction.INGRESS
    elsewhere = _ELSEWHERE if is_ingress else None
    fields = Fields(node, what, diagnostics, known=known, elsewhere=elsewhere)
    which = require_one(fields, known, diagnostics)
    match which:
        case None:
            return ()
        case "networks":
            return _parse_networks(fields, context, diagnostics)
        case "domainNames":
            return _parse_domain_names(fields, diagnostics)
    peer = fields.get(which)
    if peer is None:
        return ()
    match which:
        case "namespaces":
            return _parse_namespaces(peer, context, diagnostics)
        case "pods":
            wanted = parse_namespaced_pods(peer, diagnostics)
            return () if wanted is None else (LabelPeer(select(wanted)),)
        case _:
            return _parse_nodes(peer, diagnostics)


def _parse_namespaces(
    node: Node, context: Context, diagnostics: Diagnostics
) -> tuple[Peer, ...]:
    wanted = parse_namespaces(node, diagnostics, "namespaces")
    if wanted is None:
        return ()
    if context.options.semantics is Semantics.CILIUM and is_negative(wanted):
        # Its aggregate identities have no namespace: whoever is behind one is meant.
        message = "in Cilium, this selects everyone, the world and all nodes as well"
        cure = "add 'operator: Exists' of some namespace label to mean pods only"
        diagnostics.note("N1042", message, node.span, help=cure)
        return (AnyPeer(),)
    return (LabelPeer(select(wanted)),)


def _parse_nodes(node: Node, diagnostics: Diagnostics) -> tuple[Peer, ...]:
    """Return every node with these labels: the judging one itself, and the others."""
    selector = parse_label_selector(
        node, diagnostics, default_source="node", what="nodes"
    )
    if selector is None:
        return ()
    requirements = set(selector.requirements)
    return tuple(
        LabelPeer(
            make_selector(
                requirements | {Requirement("reserved", name, Operator.EXISTS)}
            )
        )
        for name in _NODES
    )


def _parse_networks(
    fields: Fields, context: Context, diagnostics: Diagnostics
) -> tuple[Peer, ...]:
    scope = address_scope(context.options)
    require_items(fields, "networks", diagnostics)
    networks = parse_prefixes(fields.strings("networks"), diagnostics)
    return tuple(NetworkPeer(network, scope=scope) for network in networks)


def _parse_domain_names(fields: Fields, diagnostics: Diagnostics) -> tuple[Peer, ...]:
    require_items(fields, "domainNames", diagnostics)
    found = []
    for text, span in fields.strings("domainNames"):
        match = parse_domain_name(text, span, diagnostics)
        if match is not None:
            found.append(NamePeer(*match, span=span))
    return tuple(found)
