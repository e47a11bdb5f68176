"""Layer 7 of rules to the IR: globs become regular expressions."""

from __future__ import annotations

from lockgate.ir import l7
from lockgate.language import ast
from lockgate.language.texts import escape_regex, glob_to_regex

_PATH_STAR = "[^/?]*"
"""What ``*`` stands for in a path: one segment; ``**`` is anything, the query too."""

_HOST_STAR = "[^.]*"
"""What ``*`` stands for in a host: one label of it."""

_PARSERS = {
    ast.LayerSevenKind.HTTP: l7.Parser.HTTP,
    ast.LayerSevenKind.DNS: l7.Parser.DNS,
    ast.LayerSevenKind.TLS: l7.Parser.TLS,
}


def lower_layer_seven(rule: ast.Rule, *, is_isolated: bool) -> l7.L7Rules | None:
    """Return what a rule asks beyond addresses and ports; None where it asks nothing."""
    asked = rule.layer_seven
    mode = rule.authentication.text if rule.authentication else None
    if asked is None:
        if rule.authentication is None:
            return None
        parser, span = l7.Parser.AUTHENTICATION, rule.authentication.span
        return l7.L7Rules(parser, span, authentication=mode)
    is_dns = asked.kind is ast.LayerSevenKind.DNS
    is_tls = asked.kind is ast.LayerSevenKind.TLS
    return l7.L7Rules(
        _PARSERS[asked.kind],
        asked.span,
        http=tuple(map(_http, asked.http)),
        dns=tuple(map(_dns, asked.names)) if is_dns else (),
        server_names=tuple(name.value for name in asked.names) if is_tls else (),
        authentication=mode,
        allows_all=not is_isolated and not is_tls,
    )


def _http(rule: ast.HttpRule) -> l7.HttpRule:
    return l7.HttpRule(
        method=_pattern(rule.method, "[^/]*"),
        path=_pattern(rule.path, _PATH_STAR),
        host=_pattern(rule.host, _HOST_STAR),
        headers=tuple(header.line.value for header in rule.headers),
        header_matches=tuple(
            l7.HeaderMatch(
                match.name.value,
                match.value.value if match.value else None,
                match.otherwise.name if match.otherwise else None,
            )
            for match in rule.matches
        ),
        span=rule.span,
    )


def _pattern(text: ast.Text | None, star: str) -> str | None:
    match text:
        case None:
            return None
        case ast.Text(value, ast.Form.REGEX):
            return value
        case ast.Text(value, ast.Form.GLOB):
            return glob_to_regex(value, star)
        case ast.Text(value):
            return escape_regex(value)


def _dns(name: ast.Text) -> l7.DnsRule:
    if name.form is ast.Form.GLOB:
        return l7.DnsRule(None, name.value, name.span)
    return l7.DnsRule(name.value, None, name.span)
