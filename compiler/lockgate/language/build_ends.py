"""Ends of a flow, and the traffic between them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from lockgate.diagnostics import did_you_mean, quote
from lockgate.frontend.cidr import parse_excepts, parse_prefix, unmap_prefix
from lockgate.frontend.icmp import IPV4_TYPES, IPV6_TYPES
from lockgate.frontend.names import is_name_pattern
from lockgate.frontend.ports import LAST_PORT, WITH_PORTS, is_service_name
from lockgate.ir.policy import (
    Entity,
    IcmpMatch,
    NamedPortMatch,
    PortMatch,
    PortRange,
    Protocol,
    ProtocolMatch,
    Scope,
)
from lockgate.language.ast import (
    Addresses,
    DomainName,
    EntityName,
    Everything,
    Form,
    Groups,
    Name,
    Node,
    Nodes,
    Pod,
    Services,
    Subject,
    Term,
    Text,
    Traffic,
    Which,
)
from lockgate.language.build import Children, Place, first, of_type, token
from lockgate.language.build_labels import (
    all_terms,
    check_name,
    check_namespace,
    read_prefix,
)
from lockgate.source import Span

if TYPE_CHECKING:
    from lockgate.ir.policy import TrafficMatch
    from lockgate.language.build import Rules
    from lockgate.language.grammar import Token

PORTS: dict[str, tuple[Protocol, ...]] = {
    "any": WITH_PORTS,
    "sctp": (Protocol.SCTP,),
    "tcp": (Protocol.TCP,),
    "udp": (Protocol.UDP,),
}
ICMP = {
    "icmp": (Protocol.ICMP, IPV4_TYPES),
    "icmpv6": (Protocol.ICMPV6, IPV6_TYPES),
}
PORTLESS = {
    protocol.name.lower(): protocol
    for protocol in Protocol
    if protocol not in WITH_PORTS and protocol.name.lower() not in ICMP
}
_FORMS = (
    "write it as tcp/8080, udp/8000-8010, tcp/http, any/53, icmp/8, proto/gre, or any"
)
_RANGE = re.compile(r"(\d+)-(\d+)")


class Prefix(NamedTuple):
    """A prefix as it is written."""

    text: str
    span: Span


class _Excepts(tuple[Prefix, ...]):
    __slots__ = ()


# ---------------------------------------------------------------- ends


def _everything(children: Children, place: Place) -> Everything:
    return Everything(place.span)


def _entity(children: Children, place: Place) -> EntityName | None:
    word = str(children[0]).removeprefix("@")
    known = {entity.value: entity for entity in Entity}
    if word not in known:
        message = f"there is no entity {quote('@' + word)}"
        near = did_you_mean(word, known)
        cure = near.replace("'", "'@", 1) if near else "known: " + _list_entities()
        place.refuse("E1804", message, place.span, cure)
        return None
    return EntityName(known[word], place.span)


def _list_entities() -> str:
    return ", ".join(sorted(f"@{entity.value}" for entity in Entity))


def _prefix(children: Children, place: Place) -> Prefix:
    """Return a prefix; one of IPv4 addresses in IPv6 is of those addresses.

    Packets with such an address in their IPv6 header pass nobody (``parse.h``), so nothing
    else can be meant.
    """
    text = str(children[0])
    plain = unmap_prefix(text)
    if plain is not None:
        message = f"{quote(text)} is taken as the IPv4 prefix {plain}"
        cure = f"write {plain}"
        place.diagnostics.note("N1836", message, place.span, help=cure)
    return Prefix(plain or text, place.span)


def _excepts(children: Children, place: Place) -> _Excepts:
    return _Excepts(of_type(children, Prefix))


def _addresses(children: Children, place: Place) -> Addresses | None:
    prefix = first(children, Prefix)
    network = parse_prefix(prefix.text, prefix.span, place.diagnostics)
    written = first(children, _Excepts) or ()
    excepts = parse_excepts(network, written, place.diagnostics)
    if network is None:
        return None
    scope = Scope.EVERY if token(children, "ADDRESS") else Scope.WORLD
    return Addresses(network, excepts, scope, place.span)


def _groups(children: Children, place: Place) -> Groups:
    name = first(children, Name)
    if name is not None:
        check_name(name, place)
    written = first(children, _Excepts) or ()
    excepts = parse_excepts(None, written, place.diagnostics)
    return Groups(name, plain_terms(children, place), excepts, place.span)


def _service(children: Children, place: Place) -> Services | None:
    word = token(children, "SERVICE_NAME")
    if word is None:
        return None
    namespace, name = _split(word, place)
    is_anywhere = token(children, "ANY") is not None
    if is_anywhere and namespace is not None:
        message = (
            f"'any service' and the namespace '{namespace.text}' exclude each other"
        )
        place.refuse("E1808", message, place.span, "take one of the two away")
    return Services(namespace, name, (), is_anywhere, place.span)


def _services(children: Children, place: Place) -> Services:
    namespace = read_prefix(children, place)
    is_anywhere = token(children, "ANY") is not None
    terms = plain_terms(children, place)
    return Services(namespace, None, terms, is_anywhere, place.span)


def _domain(children: Children, place: Place) -> DomainName:
    pattern = as_text(children[-1], place)
    if pattern.form is Form.REGEX or not is_name_pattern(pattern.value):
        message = f"{quote(pattern.value)} is not a DNS name"
        cure = "letters, digits, '-' and '_' in labels that '.' separates, and '*'"
        place.refuse("E1807", message, pattern.span, cure)
    return DomainName(pattern, place.span)


def _nodes(children: Children, place: Place) -> Nodes:
    which = Which.REMOTE if token(children, "REMOTE") else Which.EVERY
    return Nodes(which, plain_terms(children, place), place.span)


def plain_terms(children: Children, place: Place) -> tuple[Term, ...]:
    """Return terms about labels; what they belong to has no labels of a namespace."""
    terms = all_terms(children)
    for term in terms:
        if term.subject is not Subject.LABEL:
            message = "only pods have a namespace in their selector"
            cure = 'a label of that name stands in quotes, such as "ns"=x'
            place.refuse("E1808", message, term.span, cure)
    return terms


def _pod(children: Children, place: Place) -> Pod | None:
    word = token(children, "SERVICE_NAME")
    if word is None:
        return None
    namespace, name = _split(word, place)
    if namespace is None:
        message = f"the pod {quote(name.text)} needs its namespace"
        place.refuse("E1808", message, place.span, f"pod NAMESPACE/{name.text}")
        return None
    return Pod(namespace, name, place.span)


def _node(children: Children, place: Place) -> Node:
    return Node(check_name(first(children, Name), place), place.span)


def _split(word: Token, place: Place) -> tuple[Name | None, Name]:
    """Return namespace and name of ``shop/db``, or None and the name of ``db``."""
    span = place.span_of(word)
    namespace, slash, name = str(word).rpartition("/")
    name_span = Span(span.source, span.end - len(name), span.end)
    named = check_name(Name(name, name_span), place)
    if not slash:
        return None, named
    at = Span(span.source, span.start, span.start + len(namespace))
    return check_namespace(Name(namespace, at), place), named


def as_text(child: object, place: Place) -> Text:
    """Return a child that is a text, whether it was made one already or not."""
    return child if isinstance(child, Text) else place.text(child)  # type: ignore[arg-type]  # a token else


# ---------------------------------------------------------------- traffic


def _traffic(children: Children, place: Place) -> Traffic | None:
    text = str(children[0])
    if text == "any":
        return Traffic(None, place.span)
    word, slash, rest = text.partition("/")
    match: TrafficMatch | str
    if word in PORTS:
        match = _read_port(PORTS[word], rest) if slash else PortMatch(PORTS[word])
    elif word in ICMP:
        match = _read_icmp(word, rest if slash else None)
    elif word == "proto" and rest in PORTLESS:
        match = ProtocolMatch(PORTLESS[rest])
    else:
        match = _explain(word, rest)
    if isinstance(match, str):
        message = f"{quote(text)} is no traffic"
        place.refuse("E1806", message, place.span, match)
        return None
    return Traffic(match, place.span)


def _read_port(protocols: tuple[Protocol, ...], text: str) -> TrafficMatch | str:
    """Return what a port means, or what is wrong with it."""
    if span := _RANGE.fullmatch(text):
        first_port, last = int(span[1][:6]), int(span[2][:6])
        if not 1 <= first_port <= last <= LAST_PORT:
            return f"a range goes up, from 1 to {LAST_PORT}"
        return PortMatch(protocols, PortRange(first_port, last))
    if text.isdecimal():
        port = int(text[:6])
        if not 1 <= port <= LAST_PORT:
            return (
                f"a port is a number from 1 to {LAST_PORT}; 'tcp' alone is every port"
            )
        return PortMatch(protocols, PortRange(port, port))
    if is_service_name(text):
        return NamedPortMatch(protocols, text.lower())
    return "the name of a port has at most 15 letters, digits and single '-' (RFC 6335)"


def _read_icmp(word: str, text: str | None) -> TrafficMatch | str:
    protocol, names = ICMP[word]
    if text is None:
        return IcmpMatch(protocol, None)
    if text.isdecimal() and int(text[:4]) <= 255:
        return IcmpMatch(protocol, int(text))
    if text in names:
        return IcmpMatch(protocol, names[text])
    near = did_you_mean(text, names)
    return near or "a type is a number from 0 to 255, or a name such as EchoRequest"


def _explain(word: str, rest: str) -> str:
    """Say how to write what is no traffic."""
    if word.isdecimal():
        protocol = rest if rest in PORTS else "tcp"
        return f"the protocol stands first: {protocol}/{word}"
    lower = word.lower()
    if lower in PORTS or lower in ICMP:
        return f"write {lower}/{rest}" if rest else f"write {lower}"
    if lower in PORTLESS or rest in PORTLESS:
        return f"write proto/{lower if lower in PORTLESS else rest}"
    if word == "proto":
        return "known: " + ", ".join(f"proto/{name}" for name in sorted(PORTLESS))
    return did_you_mean(word, (*PORTS, *ICMP)) or _FORMS


RULES: Rules = {
    "everything": _everything,
    "entity": _entity,
    "prefix": _prefix,
    "member": _prefix,
    "except": _excepts,
    "addresses": _addresses,
    "group": _groups,
    "groups": _groups,
    "service": _service,
    "services": _services,
    "domain": _domain,
    "nodes": _nodes,
    "pod": _pod,
    "node": _node,
    "traffic": _traffic,
    "traffic_list": lambda children, place: tuple(of_type(children, Traffic)),
}
