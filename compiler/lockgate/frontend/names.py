"""DNS names and patterns: ``matchName`` and ``matchPattern``, server names, domain names."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from lockgate.diagnostics import Diagnostics, quote
from lockgate.frontend.cardinality import require_one
from lockgate.frontend.schema import Fields

if TYPE_CHECKING:
    from lockgate.frontend.schema import Node
    from lockgate.source import Span

_LENGTH = 255
_NAME = re.compile(r"(?:[-a-zA-Z0-9_]+\.)*[-a-zA-Z0-9_]+\.?")
_PATTERN = re.compile(r"(?:[-a-zA-Z0-9_*]+\.)*[-a-zA-Z0-9_*]+\.?")
_SERVER = re.compile(r"\*|(?:\*{1,2}\.)?(?:[-a-zA-Z0-9_]+\.)*[-a-zA-Z0-9_]+\.?")
_DOMAIN = re.compile(
    r"(?:\*\.)?(?:[a-zA-Z0-9](?:[-a-zA-Z0-9_]*[a-zA-Z0-9])?\.)+"
    r"[a-zA-Z0-9](?:[-a-zA-Z0-9_]*[a-zA-Z0-9])?\.?"
)

_CURE = "letters, digits, '-' and '_' in labels that '.' separates"


def parse_name_match(
    node: Node, what: str, diagnostics: Diagnostics
) -> tuple[str | None, str | None] | None:
    """Return (match_name, match_pattern), of which one is set; None where mistaken."""
    known = ("matchName", "matchPattern")
    fields = Fields(node, what, diagnostics, known=known)
    which = require_one(fields, known, diagnostics)
    text = None if which is None else fields.string(which)
    if which is None or text is None:
        return None
    form, extra = (_NAME, "") if which == "matchName" else (_PATTERN, ", and '*'")
    cure = f"{_CURE}{extra}"
    if which == "matchName" and "*" in text:
        cure = f"a name has no '*': write matchPattern: \"{text}\""
    if not _check(text, form, fields.span(which), cure, diagnostics):
        return None
    return (text, None) if which == "matchName" else (None, text)


def is_name_pattern(text: str) -> bool:
    """Whether this is a DNS name, or one with ``*`` in it."""
    return len(text) <= _LENGTH and _PATTERN.fullmatch(text) is not None


def is_server_name(text: str) -> bool:
    """Whether TLS's server name indication can be compared with this."""
    return len(text) <= _LENGTH and _SERVER.fullmatch(text) is not None


def parse_server_name(text: str, span: Span, diagnostics: Diagnostics) -> str | None:
    """Return a name of TLS's server name indication: exact, ``*.x``, ``**.x`` or ``*``."""
    cure = f"{_CURE}; '*.' or '**.' may stand before"
    return text if _check(text, _SERVER, span, cure, diagnostics) else None


def parse_domain_name(
    text: str, span: Span, diagnostics: Diagnostics
) -> tuple[str | None, str | None] | None:
    """Return (match_name, match_pattern) of a ClusterNetworkPolicy's domain name.

    Its ``*.`` stands for one label or more, which in patterns is ``**.``.
    """
    cure = f"{_CURE}, at least two of them; '*.' may stand before"
    if not _check(text, _DOMAIN, span, cure, diagnostics):
        return None
    return (None, f"*{text}") if text.startswith("*.") else (text, None)


def _check(
    text: str, form: re.Pattern[str], span: Span, cure: str, diagnostics: Diagnostics
) -> bool:
    is_good = len(text) <= _LENGTH and form.fullmatch(text) is not None
    if not is_good:
        message = f"{quote(text)} is not a DNS name"
        diagnostics.error("E1056", message, span, help=cure)
    return is_good
