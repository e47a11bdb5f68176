"""The reference evaluator against cases whose verdicts come from elsewhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.beside import CONFORMANCE
from tests.conformance.cases import read_cases
from tests.conformance.engines import ENGINES
from tests.conformance.own import write
from tests.conformance.runner import run_cases

HERE = Path(__file__).parent

DEFAULT = ("k8s_e2e", "npapi", "gotchas", "sample_l3l4", "sample_l7")
CILIUM = ("gotchas", "sample_l3l4", "sample_l7", "quirks")
RUNS = [(name, "kubernetes") for name in DEFAULT] + [
    (name, "cilium") for name in CILIUM
]


def find(name: str) -> Path:
    """Return the file of a set of cases, or skip where it is not present."""
    for folder in (HERE, CONFORMANCE):
        if (path := folder / f"{name}.jsonl").exists():
            return path
    pytest.skip(f"needs ../shared/conformance/{name}.jsonl beside this tree")


@pytest.mark.parametrize(("name", "semantics"), RUNS)
def test_evaluator_agrees(name: str, semantics: str) -> None:
    """The evaluator comes to every verdict of upstream's tests and engine."""
    engine = ENGINES["reference"](semantics)
    report = run_cases(read_cases(find(name)), engine, semantics)
    assert report.differences == []
    assert report.agreed > 0


def test_evaluator_agrees_with_own_cases() -> None:
    """The evaluator comes to what we wrote by hand."""
    cases = read_cases(HERE / "own.jsonl")
    report = run_cases(cases, ENGINES["reference"]("kubernetes"), "kubernetes")
    assert report.differences == []


def test_own_cases_are_written() -> None:
    """``own.jsonl`` is what ``python -m tests.conformance.own.write`` writes."""
    assert write.OUTPUT.read_text() == write.lines()


def test_a_wrong_expectation_is_a_difference() -> None:
    """The runner notices a flow that comes out otherwise."""
    case = read_cases(HERE / "gotchas.jsonl")[0]
    case.flows[0]["expect"] = {"ingress": "deny"}
    report = run_cases([case], ENGINES["reference"]("kubernetes"), "kubernetes")
    assert report.agreed == len(case.flows) - 1
    assert len(report.differences) == 1
    assert "ingress is allow, not deny" in report.differences[0]
