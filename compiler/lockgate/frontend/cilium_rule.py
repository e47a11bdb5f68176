"""One element of ``ingress``, ``egress``, ``ingressDeny`` or ``egressDeny``: its rules."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lockgate.frontend.cardinality import warn_of_nothing
from lockgate.frontend.cilium_peers import parse_peers
from lockgate.frontend.icmp import parse_icmp
from lockgate.frontend.l7 import (
    PORT_RULE_L7_FIELDS,
    L7Place,
    join_authentication,
    parse_authentication,
    parse_port_rule_l7,
)
from lockgate.frontend.l7_rules import RULE_FIELDS
from lockgate.frontend.ports import parse_cilium_port
from lockgate.frontend.schema import Fields
from lockgate.ir.policy import Action, AnyPeer, Direction, Rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lockgate.diagnostics import Diagnostics
    from lockgate.frontend.cilium_selectors import Home
    from lockgate.frontend.metadata import Context
    from lockgate.frontend.schema import Node
    from lockgate.ir.l7 import L7Rules
    from lockgate.ir.policy import TrafficMatch
    from lockgate.source import Span

_BOTH = ("CIDR", "CIDRSet", "Endpoints", "Entities", "Groups", "Nodes", "Requires")
_FROM = tuple(f"from{kind}" for kind in _BOTH)
_TO = (*(f"to{kind}" for kind in _BOTH), "toServices")
_TRAFFIC = ("icmps", "toPorts")
_ALLOW = "an allow rule, under 'ingress' or 'egress'"
_PORT_ELSEWHERE = {
    **dict.fromkeys(PORT_RULE_L7_FIELDS, _ALLOW),
    **dict.fromkeys(RULE_FIELDS, "'rules'"),
    **dict.fromkeys(("endPort", "port", "protocol"), "an item of 'ports'"),
}


@dataclass(frozen=True, slots=True)
class Elements:
    """What the elements of one list share: ``name`` is the list's."""

    name: str
    what: str
    direction: Direction
    action: Action
    known: frozenset[str]
    elsewhere: dict[str, str]


def _elements(name: str, what: str, fields: tuple[str, ...], extra: str) -> Elements:
    is_ingress, is_deny = name.startswith("ingress"), name.endswith("Deny")
    other = "egress" if is_ingress else "ingress"
    elsewhere = dict.fromkeys((*_FROM, *_TO, "toFQDNs"), f"an element of '{other}'")
    elsewhere |= {"authentication": _ALLOW, "endpointSelector": "the spec"}
    elsewhere |= dict.fromkeys(("ports", *PORT_RULE_L7_FIELDS), "an item of 'toPorts'")
    if is_deny and not is_ingress:
        elsewhere["toFQDNs"] = "an element of 'egress'"
    return Elements(
        name,
        what,
        Direction.INGRESS if is_ingress else Direction.EGRESS,
        Action.DENY if is_deny else Action.ALLOW,
        frozenset((*fields, *_TRAFFIC, *extra.split())),
        elsewhere,
    )


LISTS = (
    _elements("ingress", "IngressRule", _FROM, "authentication"),
    _elements("ingressDeny", "IngressDenyRule", _FROM, ""),
    _elements("egress", "EgressRule", _TO, "authentication toFQDNs"),
    _elements("egressDeny", "EgressDenyRule", _TO, ""),
)


@dataclass(frozen=True, slots=True)
class Frame:
    """What all rules of one spec share."""

    home: Home
    context: Context
    is_host: bool
    isolates: frozenset[Direction]
    log: str | None


@dataclass(frozen=True, slots=True)
class _Part:
    """What one rule of an element matches besides its peers."""

    path: str
    span: Span
    traffic: tuple[TrafficMatch, ...] | None = None
    l7: L7Rules | None = None


def parse_element(
    node: Node,
    path: str,
    elements: Elements,
    frame: Frame,
    diagnostics: Diagnostics,
) -> Iterator[Rule]:
    """Yield one rule for each ``toPorts`` or ``icmps`` element, or one without them.

    An element that names neither peers nor traffic matches nothing: it only isolates.
    """
    known, elsewhere = elements.known, elements.elsewhere
    fields = Fields(node, elements.what, diagnostics, known=known, elsewhere=elsewhere)
    prefix = "from" if elements.direction is Direction.INGRESS else "to"
    peers = parse_peers(fields, prefix, frame.home, diagnostics)
    parts = _parse_parts(fields, path, elements, frame, diagnostics)
    if not parts and peers is not None:
        parts = [_Part(path, node.span)]
    authentication = parse_authentication(fields, diagnostics)
    if peers is None:
        peers = (AnyPeer(),)
    action, log = elements.action, frame.log
    for part in parts:
        l7 = join_authentication(part.l7, authentication)
        yield Rule(part.path, part.span, action, peers, part.traffic, l7, log)


def _parse_parts(
    fields: Fields,
    path: str,
    elements: Elements,
    frame: Frame,
    diagnostics: Diagnostics,
) -> list[_Part]:
    ports, icmps = fields.items("toPorts"), fields.items("icmps")
    if ports and icmps:
        diagnostics.error(
            "E1045",
            "'icmps' and 'toPorts' cannot stand in one rule",
            fields.key_span("icmps"),
            help="write one list item for each: the items are added up",
            related=[(fields.key_span("toPorts"), "the ports")],
        )
    parts = []
    for i, item in enumerate(ports):
        span = fields.node.span if len(ports) == 1 else item.span
        traffic, l7 = _parse_port_rule(item, elements, frame, diagnostics)
        parts.append(_Part(f"{path}.toPorts[{i}]", span, traffic, l7))
    for i, item in enumerate(icmps):
        span = fields.node.span if len(icmps) == 1 else item.span
        matches = parse_icmp(item, frame.context, diagnostics)
        parts.append(_Part(f"{path}.icmps[{i}]", span, matches))
    return parts


def _parse_port_rule(
    node: Node, elements: Elements, frame: Frame, diagnostics: Diagnostics
) -> tuple[tuple[TrafficMatch, ...], L7Rules | None]:
    """Return what a ``toPorts`` element matches; without ``ports``, that is nothing."""
    is_deny = elements.action is Action.DENY
    known = ("ports",) if is_deny else ("ports", *PORT_RULE_L7_FIELDS)
    what = "PortDenyRule" if is_deny else "PortRule"
    fields = Fields(node, what, diagnostics, known=known, elsewhere=_PORT_ELSEWHERE)
    ports = [
        (item, parse_cilium_port(item, diagnostics)) for item in fields.items("ports")
    ]
    if not ports:
        warn_of_nothing(node, "ports", diagnostics)
    traffic = tuple(match for _, match in ports if match is not None)
    if is_deny:
        return traffic, None
    place = L7Place(
        elements.direction,
        frame.is_host,
        bool(frame.home.namespace),
        elements.direction in frame.isolates,
    )
    return traffic, parse_port_rule_l7(fields, ports, place, diagnostics)
