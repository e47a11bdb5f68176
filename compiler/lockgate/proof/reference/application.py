"""L7: whether a request satisfies the rules that a redirect carries."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lockgate.proof.reference.flow import Packet

Rules = dict[str, Any]

AUTHENTICATION = ("authentication", 1000)
"""The parser of a rule that only asks for authentication."""

_WITHOUT_PRIORITY = 126


def parser(port_rule: dict[str, Any]) -> tuple[str, int] | None:
    """Return which parser a ``toPorts`` element needs, and its rank; None for plain L4.

    Of several parsers for a packet the one with the smallest rank has the say (Cilium's
    listener priorities).  An empty list of rules asks for nothing.
    """
    rules = port_rule.get("rules") or {}
    listener = port_rule.get("listener")
    if listener:
        return "listener", int(listener.get("priority") or _WITHOUT_PRIORITY)
    for name, rank in (("http", 101), ("dns", 121), ("kafka", 106)):
        if rules.get(name):
            return name, rank
    if rules.get("l7proto"):
        return "custom", 111
    tls = ("serverNames", "terminatingTLS", "originatingTLS")
    if any(port_rule.get(name) for name in tls):
        return "tls", 116
    return None


def admits(port_rule: dict[str, Any], packet: Packet) -> bool:
    """Judge the request: one rule is enough."""
    rules = port_rule.get("rules") or {}
    if rules.get("http"):
        return any(_http(item, packet.http) for item in rules["http"])
    return any(_dns(item, packet.dns) for item in rules.get("dns") or [])


def _http(rule: Rules, request: dict[str, Any] | None) -> bool:
    if request is None:
        return False
    for name in ("method", "path", "host"):
        wanted = rule.get(name)
        # RE2 matches here in full, and its syntax is what Python has in common with it.
        if wanted and not re.fullmatch(wanted, request.get(name) or ""):
            return False
    headers = {k.lower(): v for k, v in (request.get("headers") or {}).items()}
    for text in rule.get("headers") or []:
        name, colon, value = text.partition(":")
        have = headers.get(name.strip().lower())
        if have is None or (colon and have != value.strip()):
            return False
    for wanted in rule.get("headerMatches") or []:
        if wanted.get("mismatch"):
            continue  # a mismatch has a side effect, and the request passes
        have = headers.get(wanted["name"].lower())
        if have is None or ("value" in wanted and have != wanted["value"]):
            return False
    return True


def _dns(rule: Rules, request: dict[str, Any] | None) -> bool:
    if request is None:
        return False
    name = request["query"].lower().rstrip(".")
    if rule.get("matchName"):
        return bool(name == rule["matchName"].lower().rstrip("."))
    return re.fullmatch(name_pattern(rule["matchPattern"]), name) is not None


def name_pattern(pattern: str) -> str:
    """Translate a ``matchPattern``: ``*`` stays in its label, ``**.`` is one or more."""
    text = pattern.lower().rstrip(".")
    if text == "*":
        return ".*"
    prefix = ""
    if text.startswith("**."):
        prefix, text = r"([-a-z0-9_]+[.])+", text[3:]
    parts = (re.escape(part) for part in re.split(r"\*+", text))
    return prefix + "[-a-z0-9_]*".join(parts)
