"""What is possible in a rule: by its action, its direction, and the policy it stands in.

The limits are Cilium's (``PortRule.Validate``, ``Rule.Sanitize``) and ClusterNetworkPolicy's,
as the front ends of those kinds have them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockgate.ir.policy import (
    ALL_PORTS,
    Action,
    Direction,
    NamedPortMatch,
    PortMatch,
    Protocol,
)
from lockgate.language.ast import DomainName, LayerSevenKind, PolicyKind

if TYPE_CHECKING:
    from lockgate.language.ast import LayerSeven, Rule, Traffic
    from lockgate.language.build import Place

TIERS = (PolicyKind.ADMIN, PolicyKind.BASELINE)


def check_rule(rule: Rule, kind: PolicyKind, place: Place) -> None:
    """Refuse what the words say and nothing can mean."""
    if rule.action is Action.PASS and kind not in TIERS:
        message = "'pass' is for admin and baseline policies"
        cure = "elsewhere, what no rule speaks of is left to other policies anyway"
        place.refuse("E1808", message, rule.span, cure)
    _check_names(rule, place)
    beside = rule.layer_seven or rule.authentication
    if beside is not None and kind in TIERS:
        message = (
            f"an {kind.value} policy"
            if kind is PolicyKind.ADMIN
            else "a baseline policy"
        )
        cure = "take it away, or write it into an ordinary policy"
        message += " judges addresses and ports only"
        place.refuse("E1808", message, beside.span, cure)
    elif beside is not None and rule.action is not Action.ALLOW:
        message = f"a {rule.action.value} rule is about addresses and ports only"
        cure = "allow the requests that you want; what no rule allows is denied"
        place.refuse("E1808", message, beside.span, cure)
    elif (
        rule.layer_seven is not None and rule.layer_seven.kind is not LayerSevenKind.TLS
    ):
        _check_layer_seven(rule, rule.layer_seven, kind, place)


def _check_names(rule: Rule, place: Place) -> None:
    for end in rule.peers:
        if not isinstance(end, DomainName):
            continue
        if rule.direction is Direction.INGRESS:
            message = "a DNS name is possible in 'out to' only"
            cure = "who comes in has an address: write 'from cidr ...'"
            place.refuse("E1808", message, end.span, cure)
        elif rule.action is not Action.ALLOW:
            message = "a DNS name is possible in allow rules only"
            cure = "allow the names that you want, and isolate the rest"
            place.refuse("E1808", message, end.span, cure)


def _check_layer_seven(
    rule: Rule, asked: LayerSeven, kind: PolicyKind, place: Place
) -> None:
    word, is_dns = asked.kind.value, asked.kind is LayerSevenKind.DNS
    if is_dns and rule.direction is Direction.INGRESS:
        message = "'dns' is possible in 'out to' only"
        place.refuse("E1808", message, asked.span, "take it away")
    elif kind is PolicyKind.HOST and not is_dns:
        message = f"'{word}' is not possible in a host policy"
        cure = "host policies know 'dns' in 'out to' only"
        place.refuse("E1808", message, asked.span, cure)
    if rule.traffic is None:
        port = "udp/53" if is_dns else "tcp/80"
        message = f"'{word}' needs its ports"
        place.refuse(
            "E1808", message, asked.span, f"such as: on {port} {word} {{ ... }}"
        )
    for traffic in rule.traffic or ():
        form = _port_cure(traffic, is_dns=is_dns)
        if form is not None:
            message = f"'{word}' cannot judge this traffic"
            place.refuse("E1808", message, traffic.span, form)


def _port_cure(traffic: Traffic, *, is_dns: bool) -> str | None:
    match = traffic.match
    if not isinstance(match, PortMatch | NamedPortMatch):
        return (
            "write ports, such as udp/53" if is_dns else "write ports, such as tcp/80"
        )
    if not is_dns and match.protocols != (Protocol.TCP,):
        return "write tcp before every port"
    if isinstance(match, PortMatch):
        if match.ports == ALL_PORTS:
            return "write a port of its own, not every port"
        if is_dns and match.ports.first != match.ports.last:
            return "write one port, not a range"
    return None
