"""Layer 7 of the IR to what stands in an element of ``toPorts``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lockgate.ir.l7 import Parser

if TYPE_CHECKING:
    from lockgate.diagnostics import Diagnostics
    from lockgate.ir.l7 import HttpRule, L7Rules

Object = dict[str, Any]


def add_layer_seven(part: Object, asked: L7Rules, diagnostics: Diagnostics) -> None:
    """Add what a rule asks beyond ports; what the IR does not keep is refused."""
    if asked.parser is Parser.AUTHENTICATION:
        return
    is_secret = any(m.has_secret for http in asked.http for m in http.header_matches)
    if (
        asked.parser not in (Parser.HTTP, Parser.DNS, Parser.TLS)
        or asked.terminates_tls
        or asked.originates_tls
        or is_secret
    ):
        message = (
            "this cannot be converted: names of secrets and listeners are not kept"
        )
        cure = "copy this rule by hand"
        diagnostics.error("E1831", message, asked.span, help=cure)
        return
    if asked.server_names:
        part["serverNames"] = list(asked.server_names)
    if asked.http:
        part["rules"] = {"http": [_http(rule) for rule in asked.http]}
    if asked.dns:
        part["rules"] = {
            "dns": [
                {"matchName": d.match_name}
                if d.match_name
                else {"matchPattern": d.match_pattern}
                for d in asked.dns
            ]
        }


def _http(rule: HttpRule) -> Object:
    found: Object = {}
    for field in ("method", "path", "host"):
        value = getattr(rule, field)
        if value is not None:
            found[field] = value
    if rule.headers:
        found["headers"] = list(rule.headers)
    if rule.header_matches:
        found["headerMatches"] = [
            {
                "name": match.name,
                **({} if match.value is None else {"value": match.value}),
                **({} if match.mismatch is None else {"mismatch": match.mismatch}),
            }
            for match in rule.header_matches
        ]
    return found
