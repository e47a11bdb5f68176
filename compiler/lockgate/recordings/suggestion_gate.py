"""Print suggested policies in the native language, with what speaks for each rule."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockgate.diagnostics import Diagnostics
from lockgate.ir.labels import Operator
from lockgate.ir.policy import Entity, IcmpMatch, PortMatch, PortRange, Protocol, Scope
from lockgate.language import ast
from lockgate.language.formatting import format_text
from lockgate.language.printer import print_end, print_subject, print_traffic
from lockgate.language.reading import Language
from lockgate.language.texts import write_name
from lockgate.recordings.ports import merge_ports
from lockgate.recordings.selections import Group
from lockgate.recordings.suggestion_yaml import evidence
from lockgate.source import Source, Span

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lockgate.ir.policy import TrafficMatch
    from lockgate.recordings.selections import Selection
    from lockgate.recordings.suggestion import Allowance, Suggested, Suggestion

_ICMP = (Protocol.ICMP, Protocol.ICMPV6)
_NOWHERE = Span(Source("suggested", ""), 0, 0)


def print_gate(suggestion: Suggestion) -> str:
    """Return the policies as one file of the language, in its form."""
    texts = (
        "".join(f"{line}\n" for line in _policy(policy, suggestion))
        for policy in suggestion.policies
    )
    source = Source("suggested.gate", "\n".join(texts))
    formatted = format_text(source, Language.GATE, Diagnostics())
    if formatted is None:
        raise AssertionError("what is printed here is of the language")
    return formatted


def _policy(policy: Suggested, suggestion: Suggestion) -> Iterator[str]:
    namespace = write_name(policy.group.namespace)
    subject = print_subject(_select(policy.selection, None))
    yield f"# {', '.join(policy.workloads)}: what was recorded, to be reviewed."
    yield f"policy {write_name(policy.name)} in {namespace} for {subject} {{"
    yield "  isolate in, out"
    for words, rules in (("in from", policy.ingress), ("out to", policy.egress)):
        for rule in rules:
            peers = ", ".join(map(print_end, _ends(rule, policy, suggestion)))
            traffic = ", ".join(map(print_traffic, _matches(rule)))
            yield ""
            yield f"  # {evidence(rule)}"
            yield f"  allow {words} {peers} on {traffic}"
    yield "}"


def _select(selection: Selection, namespace: str | None) -> ast.Selection:
    has = [(key, Operator.IN, (value,)) for key, value in selection.labels]
    lacks = [(key, Operator.DOES_NOT_EXIST, ()) for key in selection.absent]
    terms = tuple(
        ast.Term(ast.Subject.LABEL, *condition, _NOWHERE)
        for condition in (*has, *lacks)
    )
    name = None if namespace is None else ast.Name(namespace, _NOWHERE)
    return ast.Selection(name, terms, _NOWHERE)


def _ends(rule: Allowance, policy: Suggested, suggestion: Suggestion) -> list[ast.End]:
    peer = rule.peer
    if isinstance(peer, Group):
        own = peer.namespace == policy.group.namespace
        selection = suggestion.selections[peer]
        return [_select(selection, None if own else peer.namespace)]
    if isinstance(peer, Entity):
        return [ast.EntityName(peer, _NOWHERE)]
    return [
        ast.Addresses(network, (), Scope.WORLD, _NOWHERE) for network in peer.prefixes()
    ]


def _matches(rule: Allowance) -> list[TrafficMatch]:
    found: list[TrafficMatch] = []
    for protocol in sorted({protocol for protocol, _ in rule.traffic}):
        numbers = [number for one, number in rule.traffic if one is protocol]
        if protocol in _ICMP:
            found += [IcmpMatch(protocol, number) for number in sorted(numbers)]
        else:
            found += [
                PortMatch((protocol,), PortRange(first, last))
                for first, last in merge_ports(numbers)
            ]
    return found
