"""ClusterNetworkPolicy, policy.networking.k8s.io/v1alpha2: the Admin and Baseline tiers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockgate.frontend.audit import read_audit
from lockgate.frontend.cardinality import require_items, require_one
from lockgate.frontend.cluster_network_peers import parse_peer
from lockgate.frontend.cluster_network_ports import parse_protocol
from lockgate.frontend.metadata import read_metadata
from lockgate.frontend.pod_selectors import (
    parse_namespaced_pods,
    parse_namespaces,
    select,
)
from lockgate.frontend.schema import Fields, Mapping
from lockgate.ir.policy import (
    Action,
    Direction,
    NamedPortMatch,
    NamePeer,
    Policy,
    Rule,
    Section,
    Tier,
)

if TYPE_CHECKING:
    from lockgate.diagnostics import Diagnostics
    from lockgate.frontend.metadata import Context
    from lockgate.frontend.schema import Node
    from lockgate.ir.labels import Selector
    from lockgate.ir.policy import Peer

LAST_PRIORITY = 1000

_OBJECT_FIELDS = ("apiVersion", "kind", "metadata", "spec", "status")
_SPEC_FIELDS = ("egress", "ingress", "priority", "subject", "tier")
_MISPLACED = dict.fromkeys(_SPEC_FIELDS, "'spec'")
_TIERS = {"Admin": Tier.ADMIN, "Baseline": Tier.BASELINE}
_ACTIONS = {"Accept": Action.ALLOW, "Deny": Action.DENY, "Pass": Action.PASS}
_WITHOUT_NAMED_PORTS = ("domainNames", "networks", "nodes")


def parse(node: Node, context: Context, diagnostics: Diagnostics) -> tuple[Policy, ...]:
    """Return the one policy of the object; none where it is mistaken.

    It never isolates: what no rule of it decides is left to the next tier.
    """
    fields = Fields(
        node, context.kind, diagnostics, known=_OBJECT_FIELDS, elsewhere=_MISPLACED
    )
    metadata = read_metadata(fields, diagnostics, is_namespaced=False)
    what = "ClusterNetworkPolicySpec"
    spec = fields.fields("spec", what, known=_SPEC_FIELDS, required=True)
    if spec is None:
        return ()
    tier = spec.string("tier", enum=_TIERS, required=True)
    priority = spec.integer("priority", minimum=0, maximum=LAST_PRIORITY, required=True)
    subject = _parse_subject(spec, diagnostics)
    sections = {}
    for direction in Direction:
        parsed = (
            _parse_rule(item, i, direction, context, diagnostics)
            for i, item in enumerate(spec.items(direction.value))
        )
        sections[direction] = Section(rules=tuple(r for r in parsed if r is not None))
    is_audited = read_audit(fields, metadata, context, diagnostics)
    if tier is None or priority is None or subject is None:
        return ()
    policy = Policy(
        kind=context.kind,
        namespace="",
        name=metadata.name,
        span=spec.key_span("subject"),
        subject=subject,
        tier=_TIERS[tier],
        order=priority,
        ingress=sections[Direction.INGRESS],
        egress=sections[Direction.EGRESS],
        is_audited=is_audited,
    )
    return (policy,)


def _parse_subject(spec: Fields, diagnostics: Diagnostics) -> Selector | None:
    known = ("namespaces", "pods")
    what = "ClusterNetworkPolicySubject"
    fields = spec.fields("subject", what, known=known, required=True)
    which = None if fields is None else require_one(fields, known, diagnostics)
    node = None if fields is None or which is None else fields.get(which)
    if node is None:
        return None
    if which == "namespaces":
        wanted = parse_namespaces(node, diagnostics, "namespaces")
    else:
        wanted = parse_namespaced_pods(node, diagnostics)
    return None if wanted is None else select(wanted)


def _parse_rule(
    node: Node,
    index: int,
    direction: Direction,
    context: Context,
    diagnostics: Diagnostics,
) -> Rule | None:
    is_ingress = direction is Direction.INGRESS
    name, other = ("from", "to") if is_ingress else ("to", "from")
    fields = Fields(
        node,
        f"ClusterNetworkPolicy{direction.value.title()}Rule",
        diagnostics,
        known=("action", "name", "protocols", name),
        elsewhere={other: f"a rule under '{'egress' if is_ingress else 'ingress'}'"},
    )
    fields.string("name")
    action = fields.string("action", enum=_ACTIONS, required=True)
    items = require_items(fields, name, diagnostics, required=True)
    peers: list[Peer] = []
    for item in items:
        peers += parse_peer(item, direction, context, diagnostics)
    protocols = require_items(fields, "protocols", diagnostics)
    traffic = [parse_protocol(item, diagnostics) for item in protocols]
    if any(isinstance(match, NamedPortMatch) for match in traffic):
        _warn_of_named_ports(items, diagnostics)
    if action not in (None, "Accept"):
        _refuse_names(peers, diagnostics)
    if action is None:
        return None
    return Rule(
        f"spec.{direction.value}[{index}]",
        node.span,
        _ACTIONS[action],
        tuple(peers),
        tuple(match for match in traffic if match is not None) if protocols else None,
    )


def _warn_of_named_ports(items: tuple[Node, ...], diagnostics: Diagnostics) -> None:
    for item in items:
        for name in _WITHOUT_NAMED_PORTS:
            if isinstance(item, Mapping) and item.get(name) is not None:
                message = f"'{name}' have no named ports: this matches nothing by name"
                cure = "write the port's number, or a rule of its own for pods"
                span = item.entries[name].key.span
                diagnostics.warning("W1059", message, span, help=cure)


def _refuse_names(peers: list[Peer], diagnostics: Diagnostics) -> None:
    for peer in peers:
        if isinstance(peer, NamePeer):
            message = "'domainNames' are possible in Accept rules only"
            cure = "accept the names, and deny the rest with a rule below"
            diagnostics.error("E1060", message, peer.span, help=cure)
            return
