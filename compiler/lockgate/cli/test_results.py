"""What ``lockgate test`` prints, in all its forms."""

from __future__ import annotations

import sys
from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lockgate.expectations.coverage import Coverage
    from lockgate.expectations.told import Told

FORMS = ("text", "json", "junit", "github")
_STATUSES = {
    "passed": "passed",
    "failed": "failed",
    "empty": "about nobody",
    "unknown": "not judged",
}


class Results(NamedTuple):
    """All that is told of; ``packets`` were sent, and ``agrees`` says with whom they went."""

    told: Sequence[Told]
    coverage: Coverage
    packets: int = 0
    agrees: bool = True

    @property
    def counts(self) -> Counter[str]:
        """How many statements have each status."""
        return Counter(told.status for told in self.told)


def print_results(results: Results, form: str, *, shows_coverage: bool) -> None:
    """Print to standard output."""
    if form == "json":
        from lockgate.results import print_results as envelope

        rows = [told.row() for told in results.told]
        print(envelope(rows, _summary(results)), end="")
    elif form == "junit":
        from lockgate.expectations.told import print_junit

        print(print_junit(results.told), end="")
    elif form == "github":
        print(_github(results), end="")
    else:
        _print_text(results, shows_coverage=shows_coverage)


def _summary(results: Results) -> dict[str, Any]:
    counts = results.counts
    rules = [
        {"rule": rule.name, "place": rule.place, "exercised": rule.is_exercised}
        for rule in results.coverage.rules
    ]
    return {
        **{status: counts[status] for status in _STATUSES},
        "coverage": {"percent": round(results.coverage.percent, 1), "rules": rules},
    }


def _github(results: Results) -> str:
    from lockgate.findings.finding import of_diagnostic
    from lockgate.findings.github import render_github

    wrong = [told.diagnostic for told in results.told if told.diagnostic is not None]
    return render_github([of_diagnostic(diagnostic) for diagnostic in wrong])


def _print_text(results: Results, *, shows_coverage: bool) -> None:
    from lockgate.renderers import render_diagnostic
    from lockgate_runtime.terminal import has_colour

    colour = has_colour(sys.stdout)
    for told in results.told:
        if told.diagnostic is not None:
            text = render_diagnostic(told.diagnostic, colour=colour)
            print(f'test "{told.test}"\n{text}\n')
    if shows_coverage:
        _print_missed(results.coverage)
    counts = results.counts
    words = [
        f"{counts[status]} {word}"
        for status, word in _STATUSES.items()
        if counts[status] or status == "passed"
    ]
    if results.packets:
        agree = " agree" if results.agrees else ""
        words.append(f"{results.packets:,} packets{agree}")
    is_fine = counts["passed"] == len(results.told)
    paint = ("\033[32m" if is_fine else "\033[31m") if colour else ""
    end = "\033[0m" if colour else ""
    print(f"{paint}{', '.join(words)}{end}{_exercised(results.coverage)}")


def _exercised(coverage: Coverage) -> str:
    rules = coverage.rules
    count = len(rules) - len(coverage.missed)
    return f"; {count} of {len(rules)} rules exercised ({coverage.percent:.0f} %)"


def _print_missed(coverage: Coverage) -> None:
    if coverage.missed:
        print("rules that no test exercises:")
    for rule in coverage.missed:
        print(f"  {rule.place}  {rule.effect}  {rule.name}")
