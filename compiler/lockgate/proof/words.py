"""Verdicts in one form, whoever gave them: the reference, the tables, the kernel's maps.

Two verdicts are equal where everything that people and counters see of them is: outcome,
parser, deciding rule with its place, the rules that agree, and the way through the tiers.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from lockgate.proof.reference.opinion import Reason
    from lockgate.proof.reference.tribunal import Verdict
    from lockgate_runtime.tables import PackedTables, Rule

PARSERS = ("", "listener", "http", "tls", "dns", "kafka", "custom", "authentication")
"""The argument of a decision that redirects is a place in this list."""


class Because(NamedTuple):
    """A rule: its name, what it does, its policies and where they say so.

    A default deny has no name but its policies.
    """

    name: str
    effect: str
    policies: tuple[str, ...]
    places: tuple[str, ...]

    def __str__(self) -> str:
        if not self.policies:
            return self.name or self.effect
        first = " ".join(filter(None, (self.places[0], self.name or self.policies[0])))
        more = len(self.policies) - 1
        return f"{self.effect} {first}" + (f" and {more} more" if more else "")


class Said(NamedTuple):
    """A verdict in words; ``fault`` is what is wrong with a decision in itself."""

    outcome: str
    parser: str
    because: tuple[Because, ...]
    chain: tuple[tuple[str, Because], ...]
    fault: str = ""

    def __str__(self) -> str:
        if self.fault:
            return self.fault
        rule = self.because[0] if self.because else "nothing"
        parser = f" to {self.parser}" if self.parser else ""
        return f"{self.outcome}{parser} ({rule})"


def say_verdict(verdict: Verdict) -> Said:
    """Put a verdict of the reference into words."""
    return Said(
        verdict.outcome,
        verdict.parser,
        tuple(map(_say_reason, verdict.because)),
        tuple((tier, _say_reason(reason)) for tier, reason in verdict.chain),
    )


def _say_reason(reason: Reason) -> Because:
    name = "" if reason.effect == "default-deny" and reason.policies else reason.name
    return Because(name, reason.effect, reason.policies, reason.places)


class Decisions:
    """The decisions of a bundle, in words."""

    def __init__(self, tables: PackedTables) -> None:
        self._tables = tables
        self._known: dict[int, Said] = {}

    def say(self, number: int) -> Said:
        """Put one decision into words."""
        said = self._known.get(number)
        if said is None:
            said = self._known[number] = self._read(number)
        return said

    def _read(self, number: int) -> Said:
        try:
            decision = self._tables.decision(number)
            reason = self._tables.reasons[number]
            deciding = self._tables.rules[reason.rule]
        except IndexError:
            return Said("", "", (), (), f"decision {number}, which is not there")
        fault = ""
        if deciding.number != decision.rule:
            fault = f"decision {number} names rule {decision.rule} in decisions.bin"
            fault += f" and {deciding.number} in rules.json"
        if decision.argument >= len(PARSERS):
            fault = f"decision {number} names parser {decision.argument}"
        because = (self._rules[i] for i in reason.because)
        said = Said(
            decision.outcome,
            PARSERS[decision.argument] if not fault else "",
            tuple(because),
            tuple((tier.lower(), self._rules[rule]) for tier, rule in reason.chain),
            fault,
        )
        if not fault and said.because[:1] != (self._rules[reason.rule],):
            return said._replace(fault=f"decision {number} is not decided by its rule")
        return said

    @cached_property
    def _rules(self) -> list[Because]:
        return [say_rule(rule) for rule in self._tables.rules]


def say_rule(rule: Rule) -> Because:
    """Put a rule of the bundle into words."""
    name = "" if rule.effect == "default-deny" and rule.policies else rule.name
    return Because(name, rule.effect, rule.policies, rule.places)
