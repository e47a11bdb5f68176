"""Which rules the tests exercise: those that decided where a statement holds.

A rule counts where it decided a flow that a statement is about and that came out as the
statement says.  Rules that never decide (shadowed, or of nobody) cannot be exercised, and
stand in the list for that reason.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lockgate.expectations.engine import Result
    from lockgate.expectations.verdicts import Verdicts
    from lockgate.ir.resolution import Resolution


class CoveredRule(NamedTuple):
    """One rule of the policies: its place (``file:line:column``), and whether it was tested."""

    name: str
    place: str
    effect: str
    is_exercised: bool


class Coverage(NamedTuple):
    """All rules, in the order of their places."""

    rules: tuple[CoveredRule, ...]

    @property
    def missed(self) -> list[CoveredRule]:
        """The rules that no test exercises."""
        return [rule for rule in self.rules if not rule.is_exercised]

    @property
    def percent(self) -> float:
        """How many of a hundred rules are exercised; 100 where there is none."""
        if not self.rules:
            return 100.0
        return 100 * (len(self.rules) - len(self.missed)) / len(self.rules)


def measure_coverage(
    results: Iterable[Result], resolution: Resolution, verdicts: Verdicts
) -> Coverage:
    """Return which rules decided where a statement holds."""
    decisions = {decision for result in results for decision in result.decisions}
    exercised = {
        rule.name for decision in decisions for rule in verdicts.rules(decision)
    }
    rules = {
        CoveredRule(r.name, r.rule.span.place, r.effect, r.name in exercised)
        for some in resolution.rules.values()
        for r in some
    }
    return Coverage(tuple(sorted(rules, key=_order)))


def _order(rule: CoveredRule) -> tuple[str, int, int, str]:
    file, line, column = rule.place.rsplit(":", 2)
    return file, int(line), int(column), rule.name
