"""Tell what a statement about flows comes to: as a diagnostic for people, as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lockgate.diagnostics import Diagnostic, Severity
from lockgate.expectations.engine import Status
from lockgate.expectations.told import Told
from lockgate.explanation import BUILT_IN
from lockgate.language.ast_tests import FlowStatement, Invariant

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from lockgate.expectations.engine import Result, Sight
    from lockgate.expectations.verdicts import Verdicts
    from lockgate.ir.tables import RuleEntry
    from lockgate.source import Span

MOST_RULES = 4
"""So many rules behind one side are quoted."""

_WORDS = {
    "allow": "allowed",
    "deny": "denied",
    "redirect": "left to L7 rules",
    "audit": "allowed in audit mode only",
    "l7-allow": "allowed by L7 rules",
    "l7-deny": "denied by L7 rules",
}


class Teller:
    """Tells results; ``rules`` are those of the tables, with their spans."""

    def __init__(self, verdicts: Verdicts, rules: Sequence[RuleEntry]) -> None:
        self._verdicts = verdicts
        self._rules = {rule.name: rule for rule in rules}

    def told(self, result: Result) -> Told:
        """Return a result as the printers of all forms take it."""
        return Told(
            result.test.name.value,
            result.statement.span,
            result.status.value,
            self.diagnostic(result),
            self.row(result),
        )

    # ------------------------------------------------------------ for people

    def diagnostic(self, result: Result) -> Diagnostic | None:
        """Return what is wrong with a statement; None where it holds."""
        span = result.statement.span
        if result.status is Status.EMPTY:
            message = f"this tests nothing: {result.why}"
            cure = result.help or "correct the names, or take the statement away"
            return Diagnostic("E6201", Severity.ERROR, message, span, cure)
        if result.status is Status.UNKNOWN:
            message = f"this cannot be judged: {result.why}"
            cure = "name the addresses with `cidr`, or ask about a DNS query"
            return Diagnostic("E6202", Severity.ERROR, message, span, cure)
        if result.status is Status.PASSED:
            return None
        sight = result.sights[0]
        more = result.violations - 1
        return Diagnostic(
            "E6200",
            Severity.ERROR,
            self._message(result, sight),
            span,
            _and_more(more) if more else None,
            tuple(self._related(sight)),
        )

    def _message(self, result: Result, sight: Sight) -> str:
        message = f"{_flow(sight)} is {_WORDS[sight.opinion.verdict]}"
        if not sight.opinion.is_of_another:
            message += f", expected {_expected(result.statement)}"
        if sight.opinion.why:
            message += f" ({sight.opinion.why})"
        for direction, decision in self._verdicts.deciding(sight.decisions):
            names = [rule.name for rule in self._verdicts.rules(decision)]
            built_in = [BUILT_IN[name] for name in names if name in BUILT_IN]
            if built_in:
                message += f"; {direction}: {', '.join(built_in)}"
        if sight.decisions == (None, None):
            message += "; nobody judges at either end"
        return message

    def _related(self, sight: Sight) -> Iterable[tuple[Span, str]]:
        for direction, decision in self._verdicts.deciding(sight.decisions):
            place = sight.source if direction == "egress" else sight.destination
            found = self._verdicts.rules(decision)
            for rule in found[:MOST_RULES]:
                entry = self._rules[rule.name]
                is_default = rule.effect == "default-deny"
                for number, span in enumerate(entry.spans[:MOST_RULES]):
                    name = rule.policies[number] if is_default else rule.name
                    yield span, f"{direction} at {place}: {rule.effect} by {name}"

    # ------------------------------------------------------------ for machines

    def row(self, result: Result) -> dict[str, Any]:
        """Return what only statements about flows have in ``-o json``."""
        return {
            "pairs": result.pairs,
            "packets": result.packets,
            "violations": result.violations,
            "examples": [self._sight_row(sight) for sight in result.sights],
        }

    def _sight_row(self, sight: Sight) -> dict[str, Any]:
        because = [
            {
                "direction": direction,
                "rule": rule.name,
                "effect": rule.effect,
                "policies": list(rule.policies),
                "places": list(rule.places),
            }
            for direction, decision in self._verdicts.deciding(sight.decisions)
            for rule in self._verdicts.rules(decision)
        ]
        return {
            "source": str(sight.source),
            "source_address": str(sight.source.address),
            "destination": str(sight.destination),
            "destination_address": str(sight.destination.address),
            "protocol": str(sight.example).partition(" ")[0],
            "port": sight.example.port,
            "verdict": sight.opinion.verdict,
            "why": sight.opinion.why,
            "because": because,
        }


def _expected(statement: FlowStatement) -> str:
    if isinstance(statement, Invariant):
        return statement.quantity.value
    return statement.verdict.value


def _and_more(count: int) -> str:
    kinds = "kind of flow is" if count == 1 else "kinds of flows are"
    return f"{count:,} more {kinds} like it (-o json has them)"


def _flow(sight: Sight) -> str:
    return f"{sight.source} → {sight.destination}, {sight.example}"
