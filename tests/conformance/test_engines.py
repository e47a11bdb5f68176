"""The packed tables, and the program in the kernel, against every set of cases."""

from __future__ import annotations

import pytest

from tests.conformance.cases import read_cases
from tests.conformance.engines import ENGINES
from tests.conformance.runner import run_cases
from tests.conformance.test_reference import RUNS, find

ALL = [*RUNS, ("own", "kubernetes")]


@pytest.mark.parametrize(("name", "semantics"), ALL)
def test_tables_agree(name: str, semantics: str) -> None:
    """The packed tables come to every expected verdict, L7 requests included."""
    report = run_cases(read_cases(find(name)), ENGINES["tables"](semantics), semantics)
    assert report.differences == []
    assert report.agreed > 0


@pytest.mark.kernel
@pytest.mark.parametrize(("name", "semantics"), ALL)
def test_kernel_agrees(name: str, semantics: str) -> None:
    """The program, sent a frame for each side and family, comes to the same verdicts."""
    report = run_cases(read_cases(find(name)), ENGINES["kernel"](semantics), semantics)
    assert report.differences == []
    assert report.agreed > 0
