"""Layer 7 of the IR to the language."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockgate.ir.l7 import Parser
from lockgate.language import ast
from lockgate.language.texts import plain_of_regex

if TYPE_CHECKING:
    from lockgate.diagnostics import Diagnostics
    from lockgate.ir import l7
    from lockgate.ir.policy import Rule
    from lockgate.source import Span

_KINDS = {
    Parser.HTTP: ast.LayerSevenKind.HTTP,
    Parser.DNS: ast.LayerSevenKind.DNS,
    Parser.TLS: ast.LayerSevenKind.TLS,
}


def raise_layer_seven(rule: Rule, diagnostics: Diagnostics) -> ast.LayerSeven | None:
    """Return what a rule asks beyond addresses and ports; what has no words is refused."""
    asked = rule.l7
    if asked is None or asked.parser is Parser.AUTHENTICATION:
        return None
    fault = _fault(asked)
    if fault is not None:
        message = f"the native language has no words for {fault}"
        cure = "keep this policy in YAML; -f takes files of both"
        diagnostics.error("E1830", message, asked.span, help=cure)
        return None
    names = [d.match_name or d.match_pattern or "" for d in asked.dns]
    names += asked.server_names
    return ast.LayerSeven(
        _KINDS[asked.parser],
        tuple(map(_http, asked.http)),
        tuple(_plain(name, asked.span) for name in names),
        asked.span,
    )


def _fault(asked: l7.L7Rules) -> str | None:
    if asked.parser not in _KINDS:
        return f"'{asked.parser.value}'"
    if asked.terminates_tls or asked.originates_tls:
        return "TLS that is terminated or originated"
    if asked.server_names and asked.parser is not Parser.TLS:
        return "server names beside requests"
    if any(m.has_secret for http in asked.http for m in http.header_matches):
        return "a header whose value is a secret"
    return None


def _http(rule: l7.HttpRule) -> ast.HttpRule:
    span = rule.span
    return ast.HttpRule(
        _pattern(rule.method, span),
        _pattern(rule.path, span),
        _pattern(rule.host, span),
        tuple(ast.Header(_plain(line, span), span) for line in rule.headers),
        tuple(_match(match, span) for match in rule.header_matches),
        span,
    )


def _match(match: l7.HeaderMatch, span: Span) -> ast.HeaderMatch:
    return ast.HeaderMatch(
        _plain(match.name, span),
        None if match.value is None else _plain(match.value, span),
        ast.Otherwise[match.mismatch] if match.mismatch else None,
        span,
    )


def _pattern(pattern: str | None, span: Span) -> ast.Text | None:
    if pattern is None:
        return None
    plain = plain_of_regex(pattern)
    if plain is not None:
        return ast.Text(plain, ast.Form.PLAIN, span)
    return ast.Text(pattern, ast.Form.REGEX, span)


def _plain(text: str, span: Span) -> ast.Text:
    return ast.Text(text, ast.Form.GLOB if "*" in text else ast.Form.PLAIN, span)
