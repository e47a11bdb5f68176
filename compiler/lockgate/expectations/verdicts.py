"""What two decisions, one at each end, come to, and whether a statement holds for that."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from lockgate.flows import Flow
from lockgate.ir.policy import Protocol
from lockgate.language.ast_tests import (
    DnsQuery,
    Expectation,
    FlowStatement,
    Invariant,
    Quantity,
    Request,
)

if TYPE_CHECKING:
    from typing import Any

    from lockgate.simulation import RequestJudge
    from lockgate_runtime.tables import PackedTables, Rule

Decisions = tuple[int | None, int | None]
"""The decisions at egress and ingress; None where nobody judges."""

DIRECTIONS = ("egress", "ingress")


class Opinion(NamedTuple):
    """Whether a statement holds for a flow; ``verdict`` is what the flow comes to.

    ``is_of_another``: the verdict is as expected, and another policy than that after ``by``
    decided.
    """

    holds: bool
    verdict: str
    why: str = ""
    is_of_another: bool = False


class Verdicts:
    """Judges decisions; remembers, since few of them occur."""

    def __init__(self, packed: PackedTables, requests: RequestJudge | None) -> None:
        self._packed = packed
        self._requests = requests
        self.outcome = cache(self._outcome)

    def verdict(self, decisions: Decisions) -> str:
        """Return ``deny``, ``redirect``, ``audit`` or ``allow``; the first of these goes."""
        outcomes = [self.outcome(d) for d in decisions if d is not None]
        return next(
            (word for word in ("deny", "redirect", "audit") if word in outcomes),
            "allow",
        )

    def deciding(self, decisions: Decisions) -> list[tuple[str, int]]:
        """Return the directions that decided, with their decisions: of a denial those that deny."""
        sides = [
            (direction, decision)
            for direction, decision in zip(DIRECTIONS, decisions, strict=True)
            if decision is not None
        ]
        if self.verdict(decisions) != "deny":
            return sides
        return [(name, d) for name, d in sides if self.outcome(d) == "deny"]

    def rules(self, decision: int) -> list[Rule]:
        """Return the rules behind a decision."""
        reason = self._packed.reasons[decision]
        return [self._packed.rules[i] for i in reason.because or (reason.rule,)]

    def judge(self, statement: FlowStatement, decisions: Decisions) -> Opinion:
        """Say whether a statement holds where these are the decisions."""
        if isinstance(statement, Invariant):
            return self._invariant(statement, decisions)
        return self._expectation(statement, decisions)

    # ------------------------------------------------------------ inside

    def _outcome(self, decision: int) -> str:
        outcome = self._packed.decision(decision).outcome
        return "redirect" if outcome == "authenticate" else outcome

    def _invariant(self, statement: Invariant, decisions: Decisions) -> Opinion:
        verdict = self.verdict(decisions)
        if statement.quantity is Quantity.NEVER:
            why = {
                "redirect": "L7 rules decide there, so some request may pass",
                "audit": "it is denied in audit mode only, so it passes",
            }
            return Opinion(verdict == "deny", verdict, why.get(verdict, ""))
        why_not = "L7 rules decide there, so some request may be refused"
        return Opinion(
            verdict in ("allow", "audit"),
            verdict,
            why_not if verdict == "redirect" else "",
        )

    def _expectation(self, statement: Expectation, decisions: Decisions) -> Opinion:
        verdict = self.verdict(decisions)
        if statement.request is not None and verdict == "redirect":
            verdict = self._of_request(statement.request, decisions)
        wanted = statement.verdict.value
        if verdict.removeprefix("l7-") != wanted:
            is_open = verdict == "redirect" and wanted in ("allow", "deny")
            why = "L7 rules decide there: name a request" if is_open else ""
            return Opinion(False, verdict, why)
        if statement.by is not None and not self._is_by(statement.by.text, decisions):
            return Opinion(False, verdict, f"not by {statement.by.text}", True)
        return Opinion(True, verdict)

    def _of_request(self, request: Request, decisions: Decisions) -> str:
        flow = Flow("", "", Protocol.TCP, 0, request_fields(request))
        admits = all(
            self._requests is not None and self._requests.admits(decision, flow)
            for decision in decisions
            if decision is not None and self.outcome(decision) == "redirect"
        )
        return "l7-allow" if admits else "l7-deny"

    def _is_by(self, wanted: str, decisions: Decisions) -> bool:
        return any(
            _is_named(wanted, rule)
            for _, decision in self.deciding(decisions)
            for rule in self.rules(decision)
        )


def _is_named(wanted: str, rule: Rule) -> bool:
    """Whether a rule is meant: a policy's name, key, or place; or ``default``."""
    if wanted == "default":
        return rule.effect in ("default-deny", "no-policy")
    places = (place.rpartition(":")[0] for place in rule.places)
    return (
        any(key == wanted or key.endswith(f"/{wanted}") for key in rule.policies)
        or any(place == wanted or place.endswith(f"/{wanted}") for place in places)
        or wanted == rule.name
    )


def request_fields(request: Request) -> dict[str, Any]:
    """Return a request as ``simulate`` takes it."""
    if isinstance(request, DnsQuery):
        return {"dns": {"query": request.name.value}}
    headers = {}
    for header in request.headers:
        name, _, value = header.line.value.partition(":")
        headers[name.strip()] = value.strip()
    return {
        "http": {
            "method": request.method.text,
            "path": request.path.value,
            "host": request.host.value if request.host else "",
            "headers": headers,
        }
    }
