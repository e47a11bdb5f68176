"""``rules`` of a ``toPorts`` element: HTTP, DNS, Kafka, and key-value pairs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockgate.diagnostics import Diagnostics, quote
from lockgate.frontend.names import parse_name_match
from lockgate.frontend.regex import regex_fault
from lockgate.frontend.schema import Fields, read_mapping, read_string
from lockgate.ir.l7 import (
    CustomRule,
    DnsRule,
    HeaderMatch,
    HttpRule,
    L7Rules,
    Parser,
)

if TYPE_CHECKING:
    from lockgate.frontend.schema import Node
    from lockgate.source import Span

RULE_FIELDS = ("dns", "http", "kafka", "l7", "l7proto")

_HTTP_FIELDS = ("headerMatches", "headers", "host", "method", "path")
_KAFKA_FIELDS = ("apiKey", "apiVersion", "clientID", "role", "topic")
_KAFKA_ROLES = frozenset({"consume", "produce"})
_MISMATCHES = frozenset({"ADD", "DELETE", "LOG", "REPLACE"})


def parse_l7_rules(port_rule: Fields, diagnostics: Diagnostics) -> L7Rules | None:
    """Return the rules of the one protocol that is named; None where there are none.

    An empty list asks for nothing at layer 7, as in Cilium (``L7Rules.IsEmpty``).
    """
    fields = port_rule.fields("rules", "L7Rules", known=RULE_FIELDS)
    if fields is None:
        return None
    kinds = [n for n in ("http", "dns", "kafka", "l7proto") if fields.has(n)]
    if len(kinds) > 1:
        _refuse_two(fields, kinds, diagnostics)
    if fields.has("l7") and not fields.has("l7proto"):
        message = "'l7' needs 'l7proto', the name of its protocol"
        diagnostics.error("E1050", message, fields.key_span("l7"))
    if not kinds:
        return None
    kind = kinds[0]
    items = fields.items("l7" if kind == "l7proto" else kind)
    if not items and kind != "l7proto":
        message = f"the empty list '{kind}' asks for nothing: every request passes"
        cure = f"write rules, or take '{kind}' away"
        diagnostics.warning("W1049", message, fields.key_span(kind), help=cure)
        return None
    return _parse_kind(kind, items, fields, diagnostics)


def _parse_kind(
    kind: str, items: tuple[Node, ...], fields: Fields, diagnostics: Diagnostics
) -> L7Rules:
    span = fields.key_span(kind)
    match kind:
        case "http":
            http = tuple(_parse_http(item, diagnostics) for item in items)
            return L7Rules(Parser.HTTP, span, http=http)
        case "dns":
            names = (
                (item.span, parse_name_match(item, "PortRuleDNS", diagnostics))
                for item in items
            )
            dns = tuple(DnsRule(*match, at) for at, match in names if match is not None)
            return L7Rules(Parser.DNS, span, dns=dns)
        case "kafka":
            custom = tuple(_parse_kafka(item, diagnostics) for item in items)
            return L7Rules(Parser.KAFKA, span, custom=custom)
        case _:
            fields.string("l7proto")
            custom = tuple(_parse_pairs(item, diagnostics) for item in items)
            return L7Rules(Parser.CUSTOM, span, custom=custom)


def _refuse_two(fields: Fields, kinds: list[str], diagnostics: Diagnostics) -> None:
    first, second = kinds[0], kinds[1]
    diagnostics.error(
        "E1053",
        f"'{first}' and '{second}' cannot judge the same ports",
        fields.key_span(second),
        help="write one toPorts element for each, with different ports",
        related=[(fields.key_span(first), "the other protocol")],
    )


def _parse_http(node: Node, diagnostics: Diagnostics) -> HttpRule:
    fields = Fields(node, "PortRuleHTTP", diagnostics, known=_HTTP_FIELDS)
    headers = fields.strings("headers")
    matches = (
        _parse_header(item, diagnostics) for item in fields.items("headerMatches")
    )
    return HttpRule(
        method=_regex(fields, "method", diagnostics),
        path=_regex(fields, "path", diagnostics),
        host=_regex(fields, "host", diagnostics),
        headers=tuple(text for text, _ in headers),
        header_matches=tuple(match for match in matches if match is not None),
        span=node.span,
    )


def _regex(fields: Fields, name: str, diagnostics: Diagnostics) -> str | None:
    """Return a field's regular expression; an empty one is no condition."""
    text = fields.string(name)
    fault = None if not text else regex_fault(text)
    if fault is not None:
        message = f"{quote(text)} is no regular expression: {fault}"
        cure = "the syntax is RE2's, and the whole value must match"
        diagnostics.error("E1055", message, fields.span(name), help=cure)
    return text or None


def _parse_header(node: Node, diagnostics: Diagnostics) -> HeaderMatch | None:
    known = ("mismatch", "name", "secret", "value")
    fields = Fields(node, "HeaderMatch", diagnostics, known=known)
    name = fields.string("name", required=True)
    mismatch = fields.string("mismatch", enum=_MISMATCHES)
    secret = fields.fields("secret", "Secret", known=("name", "namespace"))
    if secret is not None:
        secret.string("name", required=True)
        secret.string("namespace")
    value = fields.string("value")
    if name is None:
        return None
    return HeaderMatch(name, value, mismatch, secret is not None)


def _parse_kafka(node: Node, diagnostics: Diagnostics) -> CustomRule:
    fields = Fields(node, "PortRuleKafka", diagnostics, known=_KAFKA_FIELDS)
    if fields.has("role") and fields.has("apiKey"):
        message = "a Kafka rule has a 'role' or an 'apiKey', not both"
        diagnostics.error("E1050", message, fields.key_span("apiKey"))
    fields.string("role", enum=_KAFKA_ROLES)
    found = [(name, fields.string(name)) for name in _KAFKA_FIELDS if name != "role"]
    role = fields.get("role")
    pairs = [(name, text) for name, text in found if text is not None]
    if role is not None:
        pairs.append(("role", getattr(role, "text", "")))
    return CustomRule(tuple(pairs), node.span)


def _parse_pairs(node: Node, diagnostics: Diagnostics) -> CustomRule:
    span: Span = node.span
    mapping = read_mapping(node, "an item of 'l7'", diagnostics)
    pairs = []
    for key, value in mapping or ():
        text = read_string(value, f"the value of {quote(key.text)}", diagnostics)
        if text is not None:
            pairs.append((key.text, text))
    return CustomRule(tuple(pairs), span)
