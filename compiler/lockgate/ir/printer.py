"""Stable text of policies in the IR, for golden files and for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockgate.ir.policy import (
    ALL_PORTS,
    AnyPeer,
    CidrGroupPeer,
    Direction,
    EntityPeer,
    IcmpMatch,
    LabelPeer,
    NamedPortMatch,
    NamePeer,
    NetworkPeer,
    PortMatch,
    ProtocolMatch,
    ServicePeer,
    Tier,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from lockgate.ir.l7 import L7Rules
    from lockgate.ir.policy import Peer, Policy, Protocol, Rule, TrafficMatch


def print_policies(policies: Iterable[Policy]) -> str:
    """Return one paragraph for each policy."""
    return "\n".join("".join(f"{line}\n" for line in _policy(p)) for p in policies)


def _policy(policy: Policy) -> Iterator[str]:
    tier = policy.tier.name.lower()
    order = "" if policy.tier is Tier.NORMAL else f" {policy.order}"
    audit = ", audited" if policy.is_audited else ""
    yield f"{policy.key} {policy.part} ({policy.span.place}): {tier}{order}{audit}"
    yield f"  subject {policy.subject_kind.value}: {policy.subject}"
    for direction in Direction:
        section = policy.section(direction)
        isolates = "isolates" if section.isolates else "does not isolate"
        yield f"  {direction.value} {isolates}"
        for rule in section.rules:
            yield from _rule(rule)


def _rule(rule: Rule) -> Iterator[str]:
    log = "" if rule.log is None else f", log {rule.log!r}"
    yield f"    {rule.action.value} {rule.path} ({rule.span.place}){log}"
    for peer in rule.peers or (None,):
        yield f"      peer {_peer(peer)}"
    if rule.traffic is None:
        yield "      all traffic"
    for match in () if rule.traffic is None else rule.traffic or (None,):
        yield f"      traffic {_traffic(match)}"
    if rule.l7 is not None:
        yield f"      L7 {_l7(rule.l7)} ({rule.l7.span.place})"


def _peer(peer: Peer | None) -> str:
    match peer:
        case None:
            return "nobody"
        case AnyPeer():
            return "anyone"
        case LabelPeer(selector):
            return f"labels {selector}"
        case EntityPeer(entity):
            return f"entity {entity.value}"
        case NetworkPeer(network, excepts, scope):
            return f"network {network}{_except(excepts)}, scope {scope.value}"
        case CidrGroupPeer(name, selector, excepts):
            return f"group {name or selector}{_except(excepts)}"
        case ServicePeer(namespace, name, selector):
            return f"service {namespace or '*'}/{name or selector}"
        case NamePeer(name, pattern):
            return f"name {name or pattern}"


def _except(excepts: Iterable[object]) -> str:
    listed = ", ".join(map(str, excepts))
    return f" except {listed}" if listed else ""


def _traffic(match: TrafficMatch | None) -> str:
    match match:
        case None:
            return "none"
        case PortMatch(protocols, ports):
            what = "every port" if ports == ALL_PORTS else str(ports)
            return f"{_names(protocols)} {what}"
        case NamedPortMatch(protocols, name):
            return f"{_names(protocols)} named {name}"
        case IcmpMatch(protocol, number):
            return f"{protocol.name} type {'any' if number is None else number}"
        case ProtocolMatch(protocol):
            return protocol.name


def _names(protocols: Iterable[Protocol]) -> str:
    return "/".join(protocol.name for protocol in protocols)


def _l7(l7: L7Rules) -> str:
    parts = [l7.parser.value]
    parts += [f"{name} {value}" for name, value in _l7_fields(l7) if value]
    return "; ".join(parts)


def _l7_fields(l7: L7Rules) -> Iterator[tuple[str, str]]:
    for http in l7.http:
        fields = {"method": http.method, "path": http.path, "host": http.host}
        said = [f"{name} {value}" for name, value in fields.items() if value]
        said += [f"header {header}" for header in http.headers]
        said += [f"header {m.name} {m.mismatch or ''}" for m in http.header_matches]
        yield "request", ", ".join(said) or "any"
    for dns in l7.dns:
        yield "query", dns.match_name or dns.match_pattern or ""
    for custom in l7.custom:
        yield "fields", ", ".join(f"{key}={value}" for key, value in custom.fields)
    yield "server names", ", ".join(l7.server_names)
    yield "listener", l7.listener or ""
    yield "priority", str(l7.listener_priority or "")
    yield "TLS", "terminated" if l7.terminates_tls else ""
    yield "TLS", "originated" if l7.originates_tls else ""
    yield "authentication", l7.authentication or ""
    yield "others", "pass" if l7.allows_all else ""
