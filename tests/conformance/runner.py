"""Run cases through an engine and count where it agrees."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.conformance.cases import expectation, question
from tests.conformance.engines import Skipped

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.conformance.cases import Case, Flow
    from tests.conformance.engines import Engine, Judge


@dataclass
class Report:
    """The outcome of a run; ``differences`` are ready to be printed."""

    cases: int = 0
    agreed: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    differences: list[str] = field(default_factory=list)

    def summary(self) -> str:
        """Return the totals in one line."""
        skipped = "".join(f", {n} skipped ({why})" for why, n in self.skipped.items())
        return (
            f"{self.cases} cases, {self.agreed} flows agree, "
            f"{len(self.differences)} differ{skipped}"
        )


def run_cases(cases: Iterable[Case], engine: Engine, semantics: str) -> Report:
    """Judge every flow of every case."""
    report = Report()
    for case in cases:
        report.cases += 1
        missing = set(case.rejected) - engine.refused(case)
        for index in sorted(missing):
            o = case.objects[index]
            name = f"{o['kind']}/{o['metadata']['name']}"
            report.differences.append(
                f"{case.name}: {name} should be refused, and is not"
            )
        try:
            judge = engine.prepare(case)
        except Exception as error:  # whatever fails is a difference
            report.differences.append(f"{case.name}: {type(error).__name__}: {error}")
            continue
        try:
            for flow in case.flows:
                _judge(case, flow, judge, semantics, report)
        finally:
            judge.close()
    return report


def _judge(
    case: Case, flow: Flow, judge: Judge, semantics: str, report: Report
) -> None:
    expected = expectation(flow, semantics)
    asked = json.dumps(question(flow), separators=(",", ":"))
    try:
        answer = judge.answer(question(flow))
    except Skipped as why:
        report.skipped[str(why)] += 1
        return
    except Exception as error:  # as above
        why_not = f"{type(error).__name__}: {error}"
        report.differences.append(f"{case.name}: {asked}: {why_not}")
        return
    wrong = {k: v for k, v in expected.items() if answer.get(k) != v}
    if not wrong:
        report.agreed += 1
        return
    says = ", ".join(f"{k} is {answer.get(k)}, not {v}" for k, v in wrong.items())
    report.differences.append(f"{case.name}: {asked}: {says}")
