"""Files of the native language as plain objects, for the reference to read.

The text is read by the parser of the language, as YAML is read by its reader; what stands in
the objects is what is written, in words, with its places.  Nothing is filled in: which
namespace a selector means, whom an entity holds, what a rule comes to is for the reference
(``reference/native_policy.py``) to know by itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lockgate.ir.policy import (
    ALL_PORTS,
    IcmpMatch,
    NamedPortMatch,
    PortMatch,
    ProtocolMatch,
    Scope,
)
from lockgate.language import ast
from lockgate.language.documents import open_source
from lockgate.language.reading import Language, read_file

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lockgate.diagnostics import Diagnostics
    from lockgate.frontend.inputs import InputFile
    from lockgate.ir.labels import Requirement
    from lockgate.ir.policy import Protocol, TrafficMatch

Object = dict[str, Any]

_KINDS = {
    "": "Policy",
    "cluster": "ClusterPolicy",
    "host": "HostPolicy",
    "admin": "AdminPolicy",
    "baseline": "BaselinePolicy",
}
"""What answers call a policy, by the word before ``policy``."""

_PROTOCOLS = {"ICMPV6": "ICMPv6"}


def read_native(file: InputFile, diagnostics: Diagnostics) -> list[Object]:
    """Return the policies and groups of a file; its mistakes go to ``diagnostics``."""
    source = open_source(file, diagnostics)
    if not diagnostics.ok:
        return []
    blocks = read_file(source, Language.GATE, diagnostics).blocks
    policies = [_policy(b) for b in blocks if isinstance(b, ast.Policy)]
    return policies + [_group(b) for b in blocks if isinstance(b, ast.CidrGroup)]


def _policy(policy: ast.Policy) -> Object:
    return {
        "kind": _KINDS[policy.kind.value],
        "name": policy.name.text,
        "namespace": policy.namespace.text if policy.namespace else None,
        "priority": policy.priority,
        "audit": policy.is_audited,
        "subject": _who(policy.subject),
        "isolate": [item.direction.value for item in policy.isolates],
        "rules": [_rule(rule) for rule in policy.rules],
        "place": policy.name.span.place,
    }


def _group(group: ast.CidrGroup) -> Object:
    return {
        "kind": "CiliumCIDRGroup",
        "metadata": {"name": group.name.text, "labels": dict(group.labels)},
        "spec": {"externalCIDRs": [str(network) for network in group.networks]},
    }


def _rule(rule: ast.Rule) -> Object:
    asked, mode = rule.layer_seven, rule.authentication
    return {
        "action": rule.action.value,
        "direction": rule.direction.value,
        "peers": [_who(end) for end in rule.peers],
        "traffic": None if rule.traffic is None else list(map(_traffic, rule.traffic)),
        "parser": asked.kind.value if asked else None,
        "authenticate": mode.text if mode else None,
        "place": rule.span.place,
    }


# ---------------------------------------------------------------- ends


def _who(end: ast.End | ast.Endpoints) -> Object:  # noqa: C901  # one case each
    match end:
        case ast.Everything():
            return {"who": "everything"}
        case ast.Endpoints():
            return {"who": "endpoints"}
        case ast.EntityName(entity):
            return {"who": "entity", "name": entity.value}
        case ast.Selection(namespace, terms):
            return {
                "who": "pods",
                "namespace": _text(namespace),
                "terms": _terms(terms),
            }
        case ast.ExactSelection(requirements):
            return {"who": "labels", "terms": list(map(_requirement, requirements))}
        case ast.Nodes(which, terms):
            return {"who": "nodes", "which": which.value, "terms": _terms(terms)}
        case ast.Addresses(network, excepts, scope):
            who = "cidr" if scope is Scope.WORLD else "address"
            return {"who": who, "prefix": str(network), "except": _texts(excepts)}
        case ast.Groups(name, terms, excepts):
            return {
                "who": "group",
                "name": _text(name),
                "terms": _terms(terms),
                "except": _texts(excepts),
            }
        case ast.Services(namespace, name, terms, is_anywhere):
            return {
                "who": "service",
                "namespace": _text(namespace),
                "name": _text(name),
                "terms": _terms(terms),
                "any": is_anywhere,
            }
        case ast.DomainName(pattern):
            return {"who": "fqdn", "name": pattern.value}
        case ast.Pod() | ast.Node():
            raise AssertionError("only tests name pods and nodes")


def _terms(terms: Iterable[ast.Term]) -> list[Object]:
    return [
        {
            "of": term.subject.value,
            "key": term.key,
            "operator": term.operator.value,
            "values": list(term.values),
        }
        for term in terms
    ]


def _requirement(requirement: Requirement) -> Object:
    return {
        "key": f"{requirement.source}:{requirement.key}",
        "operator": requirement.operator.value,
        "values": list(requirement.values),
    }


def _text(name: ast.Name | None) -> str | None:
    return None if name is None else name.text


def _texts(networks: Iterable[object]) -> list[str]:
    return [str(network) for network in networks]


# ---------------------------------------------------------------- traffic


def _traffic(traffic: ast.Traffic) -> Object:
    match = traffic.match
    if match is None:
        return {"any": True}
    return {"protocols": [_word(p) for p in _protocols(match)], **_detail(match)}


def _protocols(match: TrafficMatch) -> tuple[Protocol, ...]:
    if isinstance(match, PortMatch | NamedPortMatch):
        return match.protocols
    return (match.protocol,)


def _word(protocol: Protocol) -> str:
    return _PROTOCOLS.get(protocol.name, protocol.name)


def _detail(match: TrafficMatch) -> Object:
    match match:
        case PortMatch(_, ports) if ports != ALL_PORTS:
            return {"port": ports.first, "endPort": ports.last}
        case NamedPortMatch(_, name):
            return {"name": name}
        case IcmpMatch(_, int(number)):
            return {"type": number}
        case PortMatch() | IcmpMatch() | ProtocolMatch():
            return {}
