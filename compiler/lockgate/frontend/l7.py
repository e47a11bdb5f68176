"""Layer 7 of Cilium's kinds: everything of a port rule beyond peers and ports.

It is read, checked and kept; ``unenforced.py`` says that nothing enforces it yet.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from lockgate.frontend.cardinality import require_items
from lockgate.frontend.l7_rules import parse_l7_rules
from lockgate.frontend.names import parse_server_name
from lockgate.ir.l7 import L7Rules, Parser
from lockgate.ir.policy import (
    ALL_PORTS,
    Direction,
    NamedPortMatch,
    PortMatch,
    Protocol,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lockgate.diagnostics import Diagnostics
    from lockgate.frontend.schema import Fields, Node
    from lockgate.ir.policy import TrafficMatch
    from lockgate.source import Span

PORT_RULE_L7_FIELDS = (
    "listener",
    "originatingTLS",
    "rules",
    "serverNames",
    "terminatingTLS",
)
AUTHENTICATION_MODES = frozenset({"disabled", "required", "test-always-fail"})

_TLS_FIELDS = ("certificate", "privateKey", "secret", "trustedCA")
_LISTENER_FIELDS = ("envoyConfig", "name", "priority")
_ENVOY_KINDS = frozenset({"CiliumClusterwideEnvoyConfig", "CiliumEnvoyConfig"})


@dataclass(frozen=True, slots=True)
class L7Place:
    """Where layer 7 stands: what of it is possible depends on this."""

    direction: Direction
    is_host: bool
    is_namespaced: bool
    is_default_deny: bool


def parse_authentication(rule: Fields, diagnostics: Diagnostics) -> L7Rules | None:
    """Return what ``authentication`` asks; ``disabled`` asks nothing."""
    known = ("mode",)
    fields = rule.fields("authentication", "Authentication", known=known)
    if fields is None:
        return None
    mode = fields.string("mode", enum=AUTHENTICATION_MODES, required=True)
    if mode is None or mode == "disabled":
        return None
    span = rule.key_span("authentication")
    return L7Rules(Parser.AUTHENTICATION, span, authentication=mode)


def join_authentication(
    l7: L7Rules | None, authentication: L7Rules | None
) -> L7Rules | None:
    """Return both in one; the parser of the L7 rules stands before authentication."""
    if l7 is None or authentication is None:
        return l7 or authentication
    return replace(l7, authentication=authentication.authentication)


def parse_port_rule_l7(
    fields: Fields,
    ports: Sequence[tuple[Node, TrafficMatch | None]],
    place: L7Place,
    diagnostics: Diagnostics,
) -> L7Rules | None:
    """Return the L7 part of one ``toPorts`` element; None where it has none."""
    rules = parse_l7_rules(fields, diagnostics)
    server_names = _parse_server_names(fields, diagnostics)
    terminates = _parse_tls(fields, "terminatingTLS")
    originates = _parse_tls(fields, "originatingTLS")
    listener = _parse_listener(fields, place, diagnostics)
    if rules is not None:
        _check_rules(rules, ports, place, diagnostics)
        if server_names and not terminates:
            message = "'serverNames' with L7 rules needs 'terminatingTLS'"
            _misplaced(message, fields.key_span("serverNames"), diagnostics)
        if listener is not None:
            message = "a listener judges by itself: it stands without 'rules'"
            _misplaced(message, fields.key_span("listener"), diagnostics)
        rules = replace(rules, allows_all=not place.is_default_deny)
    parser = _parser(rules, listener, bool(server_names) or terminates or originates)
    if parser is None:
        return None
    there = (fields.key_span(n) for n in PORT_RULE_L7_FIELDS if fields.has(n))
    span = min(there, key=lambda span: span.start)
    return replace(
        rules or L7Rules(parser, span),
        parser=parser,
        span=span,
        server_names=server_names,
        listener=None if listener is None else listener[0],
        listener_priority=None if listener is None else listener[1],
        terminates_tls=terminates,
        originates_tls=originates,
    )


def _parser(
    rules: L7Rules | None, listener: object | None, is_tls: bool
) -> Parser | None:
    """Return who judges: a listener before L7 rules before TLS (createL4Filter)."""
    if listener is not None:
        return Parser.LISTENER
    if rules is not None:
        return rules.parser
    return Parser.TLS if is_tls else None


# ---------------------------------------------------------------- fields


def _parse_server_names(fields: Fields, diagnostics: Diagnostics) -> tuple[str, ...]:
    require_items(fields, "serverNames", diagnostics)
    found = (
        parse_server_name(text, span, diagnostics)
        for text, span in fields.strings("serverNames")
    )
    return tuple(name for name in found if name is not None)


def _parse_tls(fields: Fields, name: str) -> bool:
    context = fields.fields(name, "TLSContext", known=_TLS_FIELDS)
    if context is None:
        return False
    known = ("name", "namespace")
    secret = context.fields("secret", "Secret", known=known, required=True)
    if secret is not None:
        secret.string("name", required=True)
        secret.string("namespace")
    for part in ("certificate", "privateKey", "trustedCA"):
        context.string(part)
    return True


def _parse_listener(
    fields: Fields, place: L7Place, diagnostics: Diagnostics
) -> tuple[str, int | None] | None:
    listener = fields.fields("listener", "Listener", known=_LISTENER_FIELDS)
    if listener is None:
        return None
    if place.direction is Direction.INGRESS:
        message = "a listener is possible on egress only"
        _misplaced(message, fields.key_span("listener"), diagnostics)
    known = ("kind", "name")
    config = listener.fields("envoyConfig", "EnvoyConfig", known=known, required=True)
    if config is not None:
        config.string("name", required=True)
        kind = config.string("kind", enum=_ENVOY_KINDS)
        if kind == "CiliumEnvoyConfig" and not place.is_namespaced:
            message = "a cluster-wide policy cannot use a CiliumEnvoyConfig"
            cure = "use a CiliumClusterwideEnvoyConfig"
            diagnostics.error("E1054", message, config.span("kind"), help=cure)
    name = listener.string("name", required=True)
    priority = listener.integer("priority", minimum=1, maximum=100)
    return name or "", priority


# ---------------------------------------------------------------- checks


def _check_rules(
    rules: L7Rules,
    ports: Sequence[tuple[Node, TrafficMatch | None]],
    place: L7Place,
    diagnostics: Diagnostics,
) -> None:
    word, span = rules.parser.value, rules.span
    is_dns = rules.parser is Parser.DNS
    if is_dns and place.direction is Direction.INGRESS:
        _misplaced("DNS rules are possible on egress only", span, diagnostics)
    if place.is_host and not (is_dns and place.direction is Direction.EGRESS):
        message = f"{word} rules are not possible in a host policy"
        cure = "host policies know DNS rules on egress only"
        diagnostics.error("E1054", message, span, help=cure)
    if is_dns and not ports:
        _misplaced("DNS rules need 'ports', such as 53", span, diagnostics)
    for node, match in ports:
        fault = None if match is None else _port_fault(match, is_dns)
        if fault is not None:
            _misplaced(f"{word} rules {fault}", node.span, diagnostics)


def _port_fault(match: TrafficMatch, is_dns: bool) -> str | None:
    """Say why L7 rules cannot judge these ports (Cilium's PortRule.Validate)."""
    if not isinstance(match, PortMatch | NamedPortMatch):
        return "need a protocol with ports"
    if not is_dns and match.protocols != (Protocol.TCP,):
        return "need 'protocol: TCP' on every port"
    if isinstance(match, PortMatch):
        if match.ports == ALL_PORTS:
            return "need a port of their own, not every port"
        if is_dns and match.ports.first != match.ports.last:
            return "cannot judge a range of ports"
    return None


def _misplaced(message: str, span: Span, diagnostics: Diagnostics) -> None:
    diagnostics.error("E1054", message, span)
