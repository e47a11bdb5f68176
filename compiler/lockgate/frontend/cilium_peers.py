"""The peers of one rule element of Cilium's kinds: exactly one kind of them, or none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockgate.frontend.cardinality import require_one
from lockgate.frontend.cidr import parse_excepts, parse_prefix
from lockgate.frontend.cilium_selectors import parse_endpoints, parse_nodes, with_source
from lockgate.frontend.names import parse_name_match
from lockgate.frontend.nodes import Sequence
from lockgate.frontend.schema import Fields, read_string
from lockgate.frontend.selectors import parse_label_selector
from lockgate.ir.policy import (
    CidrGroupPeer,
    Entity,
    EntityPeer,
    LabelPeer,
    NamePeer,
    NetworkPeer,
    Scope,
    ServicePeer,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from lockgate.diagnostics import Diagnostics
    from lockgate.frontend.cilium_selectors import Home
    from lockgate.frontend.schema import Node
    from lockgate.ir.labels import Selector
    from lockgate.ir.policy import Peer

    Parse = Callable[[Node, Home, Diagnostics], Peer | None]

_ENTITIES = {entity.value: entity for entity in Entity}
_REQUIRES_CURE = (
    "add these requirements to every {prefix}Endpoints selector they concern"
)
_GROUPS_CURE = "resolve the group to prefixes, and write those as a CiliumCIDRGroup"

PEER_FIELDS = (
    "Endpoints",
    "Entities",
    "CIDR",
    "CIDRSet",
    "Nodes",
    "Groups",
    "Services",
    "FQDNs",
)
"""Kinds of peers, each behind ``from`` or ``to``; services and names only behind ``to``."""


def parse_peers(
    fields: Fields, prefix: str, home: Home, diagnostics: Diagnostics
) -> tuple[Peer, ...] | None:
    """Return the peers of an element; None where it names none at all.

    ``prefix`` is ``from`` or ``to``.  A list that is there and empty selects nothing.
    """
    _refuse_requires(fields, prefix, diagnostics)
    named = {
        name: fields.items(name)
        for name in (f"{prefix}{kind}" for kind in PEER_FIELDS)
        if fields.has(name)
    }
    if not named:
        return None
    for name in (name for name, items in named.items() if not items):
        if not isinstance(fields.get(name), Sequence):
            continue  # it is no list, and was refused
        message = f"the empty list '{name}' selects nothing: this rule matches nothing"
        cure = f"take '{name}' away to match every peer, or name some"
        diagnostics.warning("W1042", message, fields.key_span(name), help=cure)
    filled = [name for name, items in named.items() if items]
    if len(filled) > 1:
        _refuse_two_kinds(fields, filled, diagnostics)
    if len(named) != 1 or not filled:
        return ()
    name = filled[0]
    if name.endswith("Groups"):
        message = f"'{name}' asks a cloud provider, which is not possible here"
        diagnostics.error("E1058", message, fields.key_span(name), help=_GROUPS_CURE)
        return ()
    parse = _PARSERS[name.removeprefix(prefix)]
    found = (parse(item, home, diagnostics) for item in named[name])
    return tuple(peer for peer in found if peer is not None)


def _refuse_requires(fields: Fields, prefix: str, diagnostics: Diagnostics) -> None:
    name = f"{prefix}Requires"
    if fields.items(name):
        message = f"'{name}' was removed from Cilium (1.19), and is not supported"
        cure = _REQUIRES_CURE.format(prefix=prefix)
        diagnostics.error("E1057", message, fields.key_span(name), help=cure)


def _refuse_two_kinds(
    fields: Fields, filled: list[str], diagnostics: Diagnostics
) -> None:
    first, second = filled[0], filled[1]
    message = f"'{first}' and '{second}' cannot stand in one rule"
    diagnostics.error(
        "E1044",
        message,
        fields.key_span(second),
        help="write one list item for each: the items are added up",
        related=[(fields.key_span(first), "the other kind of peer")],
    )


# ---------------------------------------------------------------- one item of each kind


def _parse_endpoints(node: Node, home: Home, diagnostics: Diagnostics) -> Peer | None:
    selector = parse_endpoints(node, home, diagnostics)
    return None if selector is None else LabelPeer(selector)


def _parse_nodes(node: Node, home: Home, diagnostics: Diagnostics) -> Peer | None:
    selector = parse_nodes(node, diagnostics)
    return None if selector is None else LabelPeer(selector)


def _parse_entity(node: Node, home: Home, diagnostics: Diagnostics) -> Peer | None:
    word = read_string(node, "an entity", diagnostics, enum=_ENTITIES)
    return None if word is None else EntityPeer(_ENTITIES[word])


def _parse_cidr(node: Node, home: Home, diagnostics: Diagnostics) -> Peer | None:
    text = read_string(node, "a prefix", diagnostics)
    network = None if text is None else parse_prefix(text, node.span, diagnostics)
    return None if network is None else NetworkPeer(network, scope=Scope.WORLD)


def _parse_cidr_rule(node: Node, home: Home, diagnostics: Diagnostics) -> Peer | None:
    known = ("cidr", "cidrGroupRef", "cidrGroupSelector", "except")
    fields = Fields(node, "CIDRRule", diagnostics, known=known)
    source = require_one(fields, known[:3], diagnostics, beside=known[3:])
    texts = fields.strings("except")
    if source is None:
        return None
    if source == "cidr":
        text = fields.string("cidr")
        if text is None:
            return None
        network = parse_prefix(text, fields.span("cidr"), diagnostics)
        excepts = parse_excepts(network, texts, diagnostics)
        return None if network is None else NetworkPeer(network, excepts, Scope.WORLD)
    excepts = parse_excepts(None, texts, diagnostics)
    if source == "cidrGroupRef":
        name = fields.string("cidrGroupRef")
        return None if name is None else CidrGroupPeer(name, None, excepts)
    selector = _parse_labels(fields, "cidrGroupSelector", diagnostics)
    return None if selector is None else CidrGroupPeer(None, selector, excepts)


def _parse_service(node: Node, home: Home, diagnostics: Diagnostics) -> Peer | None:
    known = ("k8sService", "k8sServiceSelector")
    fields = Fields(node, "Service", diagnostics, known=known)
    if require_one(fields, known, diagnostics) is None:
        return None
    known = ("namespace", "serviceName")
    by_name = fields.fields("k8sService", "K8sServiceNamespace", known=known)
    if by_name is not None:
        name = by_name.string("serviceName", required=True)
        namespace = by_name.string("namespace") or None
        return None if name is None else ServicePeer(namespace, name, None)
    known = ("namespace", "selector")
    what = "K8sServiceSelectorNamespace"
    by_labels = fields.fields("k8sServiceSelector", what, known=known)
    if by_labels is None or by_labels.require("selector") is None:
        return None
    selector = _parse_labels(by_labels, "selector", diagnostics)
    namespace = by_labels.string("namespace") or None
    return None if selector is None else ServicePeer(namespace, None, selector)


def _parse_name(node: Node, home: Home, diagnostics: Diagnostics) -> Peer | None:
    match = parse_name_match(node, "FQDNSelector", diagnostics)
    return None if match is None else NamePeer(*match, span=node.span)


_PARSERS: dict[str, Parse] = {
    "Endpoints": _parse_endpoints,
    "Entities": _parse_entity,
    "CIDR": _parse_cidr,
    "CIDRSet": _parse_cidr_rule,
    "Nodes": _parse_nodes,
    "Services": _parse_service,
    "FQDNs": _parse_name,
}


def _parse_labels(
    fields: Fields, name: str, diagnostics: Diagnostics
) -> Selector | None:
    """Return a selector of objects whose labels have one source only."""
    node = fields.get(name)
    if node is None:
        return None
    selector = parse_label_selector(node, diagnostics, what=name)
    return None if selector is None else with_source(selector, "any", of_all=True)
