"""Say in one line which requests pass where a verdict is left to an L7 parser.

The line is a function of what the rules admit, not of how they are written: two rules
with a pattern each, and one rule with both, give the same line.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from lockgate.ir.l7 import HttpRule, L7Rules

ANY = "anything"
"""Said where some allowance behind the redirect asks for nothing at L7."""


def describe_requests(rules: Iterable[L7Rules | None]) -> str:
    """Say what the rules behind one redirect admit; None stands for a plain allowance.

    The parser that judges is that of the strongest rule; of the others only those count
    that ask it, too (``RuleRequests.admits`` judges so).
    """
    known = list(rules)
    asking = [rule for rule in known if rule is not None and not rule.is_plain]
    if not asking:
        return ANY
    judging = min(asking, key=lambda rule: rule.rank)
    admitted = {
        item
        for rule in asking
        if rule.parser is judging.parser
        for item in _admitted(rule)
    }
    if len(asking) < len(known) or ANY in admitted:
        admitted = {ANY}
    return f"{judging.parser.value}: {' | '.join(sorted(admitted)) or 'nothing'}"


def _admitted(rule: L7Rules) -> Iterator[str]:
    """Give each request, query or condition that a rule admits."""
    conditions = "".join(f" [{text}]" for text in _conditions(rule))
    found = [_http(item) for item in rule.http]
    found += [item.match_name or item.match_pattern or "" for item in rule.dns]
    found += [",".join(f"{k}={v}" for k, v in item.fields) for item in rule.custom]
    found += list(rule.server_names)
    if rule.allows_all or not found:
        found = [ANY]
    for text in found:
        yield text + conditions if text != ANY or conditions else ANY


def _conditions(rule: L7Rules) -> Iterator[str]:
    if rule.listener:
        priority = rule.listener_priority
        yield f"listener {rule.listener}" + (f" at {priority}" if priority else "")
    if rule.terminates_tls:
        yield "TLS terminated"
    if rule.originates_tls:
        yield "TLS originated"
    if rule.authentication:
        yield f"authentication {rule.authentication}"


def _http(rule: HttpRule) -> str:
    said = [rule.method or "", rule.path or ""]
    said += [f"host={rule.host}"] if rule.host else []
    said += [f"header {header}" for header in rule.headers]
    for match in rule.header_matches:
        value = "(secret)" if match.has_secret else match.value
        said.append(f"header {match.name}={value} {match.mismatch or ''}".rstrip())
    return " ".join(part for part in said if part) or ANY
