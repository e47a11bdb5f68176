"""Blocks as text: one statement a line, which ``formatting.py`` wraps where it is long."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from lockgate.ir.labels import Operator
from lockgate.ir.policy import (
    ALL_PORTS,
    Direction,
    IcmpMatch,
    NamedPortMatch,
    PortMatch,
    Protocol,
    ProtocolMatch,
    Scope,
)
from lockgate.language import ast
from lockgate.language.texts import write_name, write_regex, write_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from lockgate.ir.labels import Requirement
    from lockgate.ir.policy import TrafficMatch

_KEY = re.compile(r"(?!ns$|ns\.)[A-Za-z0-9](?:[-\w./]*[A-Za-z0-9])?", re.ASCII)
_METHOD = re.compile(r"[A-Z]+")


def print_blocks(blocks: Iterable[ast.Policy | ast.CidrGroup]) -> str:
    """Return a file with these blocks."""
    texts = ("".join(f"{line}\n" for line in _block(block)) for block in blocks)
    return "\n".join(texts)


def _block(block: ast.Policy | ast.CidrGroup) -> Iterator[str]:
    if isinstance(block, ast.CidrGroup):
        yield from _group(block)
        return
    words = [block.kind.value, "policy", write_name(block.name.text)]
    if block.namespace is not None:
        words += ["in", write_name(block.namespace.text)]
    if block.priority is not None:
        words += ["priority", str(block.priority)]
    words += ["for", print_subject(block.subject), "{"]
    yield " ".join(filter(None, words))
    if block.is_audited:
        yield "  audit"
    if block.isolates:
        isolated = (
            "in" if item.direction is Direction.INGRESS else "out"
            for item in block.isolates
        )
        yield f"  isolate {', '.join(isolated)}"
    for rule in block.rules:
        yield from _rule(rule)
    yield "}"


def _group(group: ast.CidrGroup) -> Iterator[str]:
    labels = [f"{_key(key)}={write_name(value)}" for key, value in group.labels]
    head = f"group {write_name(group.name.text)}"
    yield f"{head} with {', '.join(labels)} {{" if labels else f"{head} {{"
    for i, network in enumerate(group.networks):
        yield f"  {network}" + ("," if i + 1 < len(group.networks) else "")
    yield "}"


# ---------------------------------------------------------------- rules


def _rule(rule: ast.Rule) -> Iterator[str]:
    ends = ", ".join(map(print_end, rule.peers))
    words = [rule.action.value, _direction(rule.direction), ends, *_clauses(rule)]
    yield f"  {' '.join(words)}"


def _direction(direction: Direction) -> str:
    return "in from" if direction is Direction.INGRESS else "out to"


def _clauses(rule: ast.Rule) -> Iterator[str]:
    if rule.traffic is not None:
        yield f"on {', '.join(print_traffic(t.match) for t in rule.traffic)}"
    if rule.layer_seven is not None:
        yield _layer_seven(rule.layer_seven)
    if rule.authentication is not None:
        mode = rule.authentication.text
        yield "authenticate" if mode == "required" else f"authenticate {mode}"
    if rule.log is not None:
        yield f"log {write_text(rule.log.value)}"


def _layer_seven(asked: ast.LayerSeven) -> str:
    items = [_http(rule) for rule in asked.http]
    items += [write_text(name.value) for name in asked.names]
    if len(items) == 1:
        return f"{asked.kind.value} {{ {items[0]} }}"
    listed = "".join(f"    {item}\n" for item in items)
    return f"{asked.kind.value} {{\n{listed}  }}"


def _http(rule: ast.HttpRule) -> str:
    words = ["any"]
    if rule.method is not None:
        is_word = rule.method.form is ast.Form.PLAIN and _METHOD.fullmatch(
            rule.method.value
        )
        words = [rule.method.value if is_word else f"method {print_text(rule.method)}"]
    if rule.path is not None:
        words.append(print_text(rule.path))
    if rule.host is not None:
        words.append(f"host {print_text(rule.host)}")
    words += [f"header {print_text(header.line)}" for header in rule.headers]
    for match in rule.matches:
        words.append(f"require {print_text(match.name)}")
        if match.value is not None:
            words.append(f"= {print_text(match.value)}")
        if match.otherwise is not None:
            words.append(f"else {match.otherwise.value}")
    return " ".join(words)


def print_text(text: ast.Text) -> str:
    """Return a text in its quotes."""
    if text.form is ast.Form.REGEX:
        return write_regex(text.value)
    return write_text(text.value)


# ---------------------------------------------------------------- ends


def print_subject(subject: ast.PolicySubject) -> str:
    """Return whom a policy is for."""
    return "endpoints" if isinstance(subject, ast.Endpoints) else print_end(subject)


def print_end(end: ast.End) -> str:  # noqa: C901  # one case each
    """Return one end of a flow."""
    match end:
        case ast.Everything():
            return "everything"
        case ast.EntityName(entity):
            return f"@{entity.value}"
        case ast.Selection():
            return _selection(end)
        case ast.ExactSelection(requirements):
            return f"labels {' & '.join(map(_exact, requirements))}"
        case ast.Nodes(which, terms):
            nodes = "remote nodes" if which is ast.Which.REMOTE else "nodes"
            return f"{nodes} {_terms(terms)}" if terms else nodes
        case ast.Addresses(network, excepts, scope):
            word = "cidr" if scope is Scope.WORLD else "address"
            return f"{word} {network}{_excepts(excepts)}"
        case ast.Groups(name, terms, excepts):
            who = (
                f"group {write_name(name.text)}" if name else f"groups {_terms(terms)}"
            )
            return f"{who}{_excepts(excepts)}"
        case ast.Services():
            return _services(end)
        case ast.DomainName(pattern):
            return f"fqdn {print_text(pattern)}"
        case ast.Pod(namespace, name):
            return f"pod {namespace.text}/{name.text}"
        case ast.Node(name):
            return f"node {write_name(name.text)}"


def _selection(selection: ast.Selection) -> str:
    name = selection.namespace
    if not selection.terms:
        return f"ns {write_name(name.text)}" if name else "pods"
    if name is None:
        return _terms(selection.terms)
    return f"{_prefix(name.text)}{_terms(selection.terms)}"


def _prefix(namespace: str) -> str:
    from lockgate.language.build_labels import SOURCE_CURES

    is_source = namespace in SOURCE_CURES
    return f"{write_text(namespace) if is_source else namespace}:"


def _services(end: ast.Services) -> str:
    words = "any " if end.is_anywhere else ""
    if end.name is not None:
        namespace = f"{end.namespace.text}/" if end.namespace else ""
        return f"{words}service {namespace}{end.name.text}"
    prefix = _prefix(end.namespace.text) if end.namespace else ""
    return f"{words}services {prefix}{_terms(end.terms)}"


def _excepts(excepts: tuple[ast.Network, ...]) -> str:
    if not excepts:
        return ""
    listed = ", ".join(map(str, excepts))
    return f" except {listed}" if len(excepts) == 1 else f" except {{{listed}}}"


def _terms(terms: Iterable[ast.Term]) -> str:
    return " & ".join(map(_term, terms))


def _term(term: ast.Term) -> str:
    match term.subject:
        case ast.Subject.LABEL:
            key = _key(term.key)
        case ast.Subject.NAMESPACE:
            key = "ns"
        case ast.Subject.NAMESPACE_LABEL:
            key = f"ns.{term.key}"
    return _condition(key, term.operator, term.values, "has ")


def _exact(requirement: Requirement) -> str:
    source = "" if requirement.source == "any" else f"{requirement.source}:"
    key = write_text(f"{source}{requirement.key}")
    return _condition(key, requirement.operator, requirement.values, "")


def _condition(key: str, operator: Operator, values: tuple[str, ...], has: str) -> str:
    listed = ", ".join(map(write_name, values))
    match operator:
        case Operator.EXISTS:
            return f"{has}{key}"
        case Operator.DOES_NOT_EXIST:
            return f"not {key}"
        case Operator.IN:
            return f"{key}={listed}" if len(values) == 1 else f"{key} in {{{listed}}}"
        case Operator.NOT_IN:
            single = len(values) == 1
            return f"{key}!={listed}" if single else f"{key} not in {{{listed}}}"


def _key(key: str) -> str:
    return key if _KEY.fullmatch(key) else write_text(key)


# ---------------------------------------------------------------- traffic

_ANY_PORT = (Protocol.TCP, Protocol.UDP, Protocol.SCTP)


def print_traffic(match: TrafficMatch | None) -> str:
    """Return one kind of traffic; several protocols are listed."""
    match match:
        case None:
            return "any"
        case PortMatch(protocols, ports) if ports == ALL_PORTS:
            return ", ".join(p.name.lower() for p in protocols)
        case PortMatch(protocols, ports):
            return ", ".join(f"{p}/{ports}" for p in _protocols(protocols))
        case NamedPortMatch(protocols, name):
            return ", ".join(f"{p}/{name}" for p in _protocols(protocols))
        case IcmpMatch(protocol, number):
            word = protocol.name.lower()
            return word if number is None else f"{word}/{number}"
        case ProtocolMatch(protocol):
            return f"proto/{protocol.name.lower()}"


def _protocols(protocols: tuple[Protocol, ...]) -> list[str]:
    if set(protocols) == set(_ANY_PORT):
        return ["any"]
    return [protocol.name.lower() for protocol in protocols]
