"""NetworkPolicy, networking.k8s.io/v1: allow rules for the pods of one namespace."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockgate.frontend.audit import read_audit
from lockgate.frontend.cardinality import require_one
from lockgate.frontend.cidr import address_scope, parse_excepts, parse_prefix
from lockgate.frontend.metadata import read_metadata
from lockgate.frontend.pod_selectors import (
    in_namespace,
    parse_namespaces,
    parse_pods,
    select,
)
from lockgate.frontend.ports import parse_kubernetes_port
from lockgate.frontend.schema import Fields, read_string
from lockgate.ir.policy import (
    Action,
    AnyPeer,
    Direction,
    LabelPeer,
    NetworkPeer,
    Policy,
    Rule,
    Section,
)
from lockgate.options import Semantics

if TYPE_CHECKING:
    from lockgate.diagnostics import Diagnostics
    from lockgate.frontend.metadata import Context
    from lockgate.frontend.schema import Node
    from lockgate.ir.labels import Requirement
    from lockgate.ir.policy import Peer

_OBJECT_FIELDS = ("apiVersion", "kind", "metadata", "spec", "status")
_SPEC_FIELDS = ("egress", "ingress", "podSelector", "policyTypes")
_MISPLACED = dict.fromkeys(_SPEC_FIELDS, "'spec'")
_TYPES = {"Egress": Direction.EGRESS, "Ingress": Direction.INGRESS}
_PEER_FIELDS = ("ipBlock", "namespaceSelector", "podSelector")


def parse(node: Node, context: Context, diagnostics: Diagnostics) -> tuple[Policy, ...]:
    """Return the one policy of the object; none where it is mistaken."""
    fields = Fields(
        node, "NetworkPolicy", diagnostics, known=_OBJECT_FIELDS, elsewhere=_MISPLACED
    )
    metadata = read_metadata(fields, diagnostics, is_namespaced=True)
    spec = fields.fields("spec", "NetworkPolicySpec", known=_SPEC_FIELDS, required=True)
    if spec is None:
        return ()
    namespace = metadata.namespace
    lists = {direction: spec.items(direction.value) for direction in Direction}
    isolates = _isolated_directions(spec, lists, context, diagnostics)
    sections = {}
    for direction, items in lists.items():
        parsed = (
            _parse_rule(item, i, direction, namespace, context, diagnostics)
            for i, item in enumerate(items)
        )
        rules = tuple(rule for rule in parsed if rule is not None)
        is_used = direction in isolates
        sections[direction] = Section(is_used, rules if is_used else ())
    is_audited = read_audit(fields, metadata, context, diagnostics)
    pods = _parse_subject(spec, diagnostics)
    if pods is None:
        return ()
    policy = Policy(
        kind=context.kind,
        namespace=namespace,
        name=metadata.name,
        span=spec.key_span("podSelector"),
        subject=select(pods | {in_namespace(namespace)}),
        ingress=sections[Direction.INGRESS],
        egress=sections[Direction.EGRESS],
        is_audited=is_audited,
    )
    return (policy,)


def _parse_subject(spec: Fields, diagnostics: Diagnostics) -> set[Requirement] | None:
    node = spec.get("podSelector")
    if node is not None:
        return parse_pods(node, diagnostics)
    message = "without 'podSelector', this selects every pod of the namespace"
    cure = "write 'podSelector: {}' to say so"
    diagnostics.warning("W1050", message, spec.node.span, help=cure)
    return set()


def _isolated_directions(
    spec: Fields,
    lists: dict[Direction, tuple[Node, ...]],
    context: Context,
    diagnostics: Diagnostics,
) -> frozenset[Direction]:
    """Return the directions that ``policyTypes`` names, or stands for where it is absent.

    Absent, it is Ingress, and Egress too if there are egress rules.  Cilium isolates a
    direction that has rules although its type is not named; ``--semantics cilium`` too.
    """
    named = {
        _TYPES[word]
        for item in spec.items("policyTypes")
        if (word := read_string(item, "a policy type", diagnostics, enum=_TYPES))
    }
    if not named:
        named = {Direction.INGRESS} | ({Direction.EGRESS} & _with_rules(lists))
    for direction in sorted(_with_rules(lists) - named, key=lambda d: d.value):
        if context.options.semantics is Semantics.CILIUM:
            named.add(direction)
            continue
        name = direction.value
        message = (
            f"these {name} rules mean nothing: 'policyTypes' has no {name.title()}"
        )
        cure = f"add {name.title()} to 'policyTypes', or take the rules away"
        diagnostics.warning("W1043", message, spec.key_span(name), help=cure)
    return frozenset(named)


def _with_rules(lists: dict[Direction, tuple[Node, ...]]) -> set[Direction]:
    return {direction for direction, items in lists.items() if items}


def _parse_rule(
    node: Node,
    index: int,
    direction: Direction,
    namespace: str,
    context: Context,
    diagnostics: Diagnostics,
) -> Rule | None:
    """Return one rule; without peers it is about everyone, without ports about all traffic."""
    is_ingress = direction is Direction.INGRESS
    name, other = ("from", "to") if is_ingress else ("to", "from")
    fields = Fields(
        node,
        f"NetworkPolicy{direction.value.title()}Rule",
        diagnostics,
        known=(name, "ports"),
        elsewhere={
            other: f"a rule under '{'egress' if is_ingress else 'ingress'}'",
            **dict.fromkeys(_PEER_FIELDS, f"an item of '{name}'"),
            **dict.fromkeys(("endPort", "port", "protocol"), "an item of 'ports'"),
        },
    )
    items = fields.items(name)
    peers = [_parse_peer(item, namespace, context, diagnostics) for item in items]
    ports = fields.items("ports")
    traffic = [parse_kubernetes_port(item, diagnostics) for item in ports]
    return Rule(
        f"spec.{direction.value}[{index}]",
        node.span,
        Action.ALLOW,
        tuple(peer for peer in peers if peer is not None) if items else (AnyPeer(),),
        tuple(match for match in traffic if match is not None) if ports else None,
    )


def _parse_peer(
    node: Node, namespace: str, context: Context, diagnostics: Diagnostics
) -> Peer | None:
    fields = Fields(node, "NetworkPolicyPeer", diagnostics, known=_PEER_FIELDS)
    if fields.has("ipBlock"):
        if require_one(fields, _PEER_FIELDS, diagnostics) is None:
            return None
        return _parse_block(fields, context, diagnostics)
    pods, namespaces = fields.get("podSelector"), fields.get("namespaceSelector")
    if pods is None and namespaces is None:
        require_one(fields, _PEER_FIELDS, diagnostics)
        return None
    wanted = set() if pods is None else parse_pods(pods, diagnostics)
    where = (
        {in_namespace(namespace)}
        if namespaces is None
        else parse_namespaces(namespaces, diagnostics)
    )
    if wanted is None or where is None:
        return None
    return LabelPeer(select(wanted | where))


def _parse_block(
    peer: Fields, context: Context, diagnostics: Diagnostics
) -> Peer | None:
    block = peer.fields("ipBlock", "IPBlock", known=("cidr", "except"))
    text = None if block is None else block.string("cidr", required=True)
    if block is None or text is None:
        return None
    network = parse_prefix(text, block.span("cidr"), diagnostics)
    texts = block.strings("except")
    excepts = parse_excepts(network, texts, diagnostics, is_strict=True)
    if network is None:
        return None
    return NetworkPeer(network, excepts, address_scope(context.options))
