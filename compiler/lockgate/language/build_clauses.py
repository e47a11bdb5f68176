"""What follows the ends of a rule: traffic, HTTP, DNS, TLS, authentication, log."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, NamedTuple

from lockgate.diagnostics import quote
from lockgate.frontend.cilium_policy import LOG_LENGTH
from lockgate.frontend.names import is_name_pattern, is_server_name
from lockgate.frontend.regex import regex_fault
from lockgate.language.ast import (
    Form,
    Header,
    HeaderMatch,
    HttpRule,
    LayerSeven,
    LayerSevenKind,
    Name,
    Otherwise,
    Text,
)
from lockgate.language.build import Children, Place, first, of_type, token
from lockgate.language.build_ends import as_text
from lockgate.language.build_http import RULES as HTTP
from lockgate.language.build_http import Host
from lockgate.language.grammar import Token

if TYPE_CHECKING:
    from collections.abc import Callable

    from lockgate.language.build import Rule, Rules


class Authentication(NamedTuple):
    """``authenticate``, and its mode."""

    mode: Name


class Log(NamedTuple):
    """``log "why"``."""

    text: Text


class _Method(NamedTuple):
    """A method; None for ``any``."""

    text: Text | None


def _on(children: Children, place: Place) -> tuple[object, ...] | None:
    return next((child for child in children if type(child) is tuple), None)


def _http(children: Children, place: Place) -> LayerSeven:
    rules = tuple(of_type(children, HttpRule))
    if not rules:
        cure = 'such as GET "/v1/*"; to let every request pass, take the block away'
        place.refuse("E1809", "'http' without requests", place.span, cure)
    return LayerSeven(LayerSevenKind.HTTP, rules, (), place.span)


def _http_method(children: Children, place: Place) -> _Method:
    word = token(children, "METHOD")
    if word is not None:
        return _Method(Text(str(word), Form.PLAIN, place.span))
    if token(children, "ANY"):
        return _Method(None)
    return _Method(_check_regex(as_text(children[-1], place), place))


def _http_rule(children: Children, place: Place) -> HttpRule:
    host = first(children, Host)
    paths = [c for c in children if isinstance(c, Token) and c.type != "COMMA"]
    return HttpRule(
        first(children, _Method).text,
        _check_regex(as_text(paths[0], place), place) if paths else None,
        host and _check_regex(host.text, place),
        tuple(of_type(children, Header)),
        tuple(of_type(children, HeaderMatch)),
        place.span,
    )


def _http_require(children: Children, place: Place) -> HeaderMatch:
    texts = [place.text(c) for c in children if getattr(c, "type", "") == "STRING"]
    word = token(children, "OTHERWISE")
    return HeaderMatch(
        texts[0],
        texts[1] if len(texts) > 1 else None,
        Otherwise(str(word)) if word else None,
        place.span,
    )


def _check_regex(text: Text, place: Place) -> Text:
    fault = regex_fault(text.value) if text.form is Form.REGEX else None
    if fault is not None:
        message = f"{quote(text.value)} is no regular expression: {fault}"
        cure = "the syntax is RE2's, and the whole value must match"
        place.refuse("E1807", message, text.span, cure)
    return text


def _names(kind: LayerSevenKind, is_good: Callable[[str], bool], cure: str) -> Rule:
    def make(children: Children, place: Place) -> LayerSeven:
        words = ("STRING", "REGEX")
        texts = tuple(place.text(c) for c in children if c.type in words)
        for text in texts:
            if text.form is Form.REGEX or not is_good(text.value):
                message = f"{quote(text.value)} is not a DNS name"
                place.refuse("E1807", message, text.span, cure)
        return LayerSeven(kind, (), texts, place.span)

    return make


def _authenticate(children: Children, place: Place) -> Authentication:
    mode = token(children, "MODE")
    if mode is not None:
        return Authentication(place.name(mode))
    return Authentication(Name("required", place.span))


def _log(children: Children, place: Place) -> Log:
    text = as_text(children[-1], place)
    is_printable = all(unicodedata.category(c)[0] != "C" for c in text.value)
    if text.form is Form.REGEX or len(text.value) > LOG_LENGTH or not is_printable:
        message = f"a comment for the log has at most {LOG_LENGTH} printable characters"
        cure = "make it shorter" if is_printable else "take out what nobody sees"
        place.refuse("E1807", message, text.span, cure)
    return Log(text)


_NAME_CURE = "letters, digits, '-' and '_' in labels that '.' separates"

RULES: Rules = {
    **HTTP,
    "on": _on,
    "http": _http,
    "http_rule": _http_rule,
    "http_method": _http_method,
    "http_require": _http_require,
    "dns": _names(LayerSevenKind.DNS, is_name_pattern, f"{_NAME_CURE}, and '*'"),
    "tls": _names(
        LayerSevenKind.TLS, is_server_name, f"{_NAME_CURE}; '*.' may stand before"
    ),
    "authenticate": _authenticate,
    "log": _log,
}
