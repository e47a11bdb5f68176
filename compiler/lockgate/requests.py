"""Judge HTTP requests and DNS queries by the L7 rules behind a decision.

Nothing enforces these rules yet; ``simulate`` judges by them, so that policies can be
tried before something does.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from lockgate.ir.l7 import Parser

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from lockgate.flows import Flow
    from lockgate.ir.l7 import DnsRule, HeaderMatch, HttpRule, L7Rules
    from lockgate.ir.policy import Policy
    from lockgate_runtime.tables import PackedTables


class RuleRequests:
    """Judges requests by the rules of the policies that the tables were made of."""

    def __init__(self, policies: Iterable[Policy], tables: PackedTables) -> None:
        self._tables = tables
        self._rules: dict[str, L7Rules | None] = {
            f"{policy.key}#{rule.path}": rule.l7
            for policy in policies
            for section in (policy.ingress, policy.egress)
            for rule in section.rules
        }

    def admits(self, decision: int, flow: Flow) -> bool:
        """Whether a request passes: by a rule of the parser that judges, or by a plain one.

        A redirect names everything that allows it.  What asks for nothing at L7 widens it:
        a rule without L7 part, the node's own right, the absence of isolation.
        """
        names = [
            self._tables.rules[index].name
            for index in self._tables.reasons[decision].because
        ]
        rules = [self._rules.get(name) for name in names]
        if any(rule is None or rule.is_plain for rule in rules):
            return True
        judging = min((rule for rule in rules if rule is not None), key=_rank)
        return any(
            rule is not None and rule.parser is judging.parser and _admits(rule, flow)
            for rule in rules
        )


def _rank(rule: L7Rules) -> int:
    return rule.rank


def _admits(rule: L7Rules, flow: Flow) -> bool:
    if rule.needs_authentication:
        return False  # nobody authenticates yet
    http, dns = flow.fields.get("http"), flow.fields.get("dns")
    if rule.parser is Parser.HTTP and isinstance(http, dict):
        return any(_admits_http(item, http) for item in rule.http)
    if rule.parser is Parser.DNS and isinstance(dns, dict):
        return any(_admits_dns(item, str(dns.get("query", ""))) for item in rule.dns)
    return False


# ---------------------------------------------------------------- HTTP


def _admits_http(rule: HttpRule, request: Mapping[str, Any]) -> bool:
    """Judge one request; ``path`` has the query, and header names have no case."""
    for pattern, name in (
        (rule.method, "method"),
        (rule.path, "path"),
        (rule.host, "host"),
    ):
        if pattern and not _matches(pattern, str(request.get(name) or "")):
            return False
    headers = {
        str(name).lower(): str(value)
        for name, value in (request.get("headers") or {}).items()
    }
    return all(_has_header(text, headers) for text in rule.headers) and all(
        _meets(match, headers) for match in rule.header_matches
    )


def _matches(pattern: str, text: str) -> bool:
    return _compile(pattern).fullmatch(text) is not None


@lru_cache(maxsize=4096)
def _compile(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


def _has_header(wanted: str, headers: Mapping[str, str]) -> bool:
    """Judge ``Name: value`` (exact) or ``Name`` (present)."""
    name, colon, value = wanted.partition(":")
    have = headers.get(name.strip().lower())
    return have is not None and (not colon or have == value.strip())


def _meets(match: HeaderMatch, headers: Mapping[str, str]) -> bool:
    if match.mismatch is not None:
        return True  # a mismatch is logged or mended, and the request passes
    have = headers.get(match.name.lower())
    return have is not None and match.value in (None, have)


# ---------------------------------------------------------------- DNS


def _admits_dns(rule: DnsRule, query: str) -> bool:
    name = normalise_name(query)
    if rule.match_name is not None:
        return name == normalise_name(rule.match_name)
    return rule.match_pattern is not None and _matches(
        _name_pattern(rule.match_pattern), name
    )


def normalise_name(name: str) -> str:
    """Return a DNS name or pattern as its like are compared: neither case nor end counts."""
    return name.lower().removesuffix(".")


def is_within(name: str, pattern: str) -> bool:
    """Whether a pattern matches a name, or all that another pattern matches.

    Both are normalised.  A ``*`` of the name is a character that only stars of the pattern
    match, and so whatever it stands for is matched as well; ``+`` is its ``**``.
    """
    if pattern in (name, "*"):
        return True
    if "*" not in pattern or name == "*":
        return False
    stars = _name_pattern(pattern).replace("[-a-z0-9_]*", "[-a-z0-9_*]*")
    stars = stars.replace("[-a-z0-9_]+", r"(?:[-a-z0-9_*]+|\+)")
    text = f"+{name[2:]}" if name.startswith("**.") else name
    return _matches(stars, text)


@lru_cache(maxsize=4096)
def _name_pattern(pattern: str) -> str:
    """Translate a name pattern: ``*`` stays in its label, ``**.`` is one label or more."""
    text = normalise_name(pattern)
    if text == "*":
        return ".*"
    prefix = ""
    if text.startswith("**."):
        prefix, text = r"(?:[-a-z0-9_]+\.)+", text[3:]
    parts = (re.escape(part) for part in re.split(r"\*+", text))
    return prefix + "[-a-z0-9_]*".join(parts)
