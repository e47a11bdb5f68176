"""Tables, kernel and reference evaluator agree on random clusters.

``LOCKGATE_EXAMPLES`` is how many clusters are drawn (400), ``LOCKGATE_SEED`` the first
(0): ``LOCKGATE_EXAMPLES=20000 LOCKGATE_SEED=100000 pytest tests/properties``.
"""

from __future__ import annotations

import os

import pytest

from tests.conformance.cases import Case
from tests.conformance.engines import KernelEngine
from tests.properties.compare import compile_example, find_difference
from tests.properties.generate import generate

EXAMPLES = int(os.environ.get("LOCKGATE_EXAMPLES", "400"))
FIRST = int(os.environ.get("LOCKGATE_SEED", "0"))
PARTS = 8


@pytest.mark.parametrize("part", range(PARTS))
def test_tables_agree_with_the_evaluator(part: int) -> None:
    """Every flow of every example comes out the same."""
    for seed in range(FIRST + part, FIRST + EXAMPLES, PARTS):
        example = generate(seed)
        difference = find_difference(example, compile_example(example))
        assert difference is None, str(difference)


@pytest.mark.kernel
@pytest.mark.parametrize("part", range(PARTS))
def test_kernel_agrees_with_the_evaluator(part: int) -> None:
    """The same for the loaded program, on a tenth of the examples."""
    for seed in range(FIRST + part, FIRST + EXAMPLES // 10, PARTS):
        example = generate(seed, flows=60)
        options = {
            "enforcement_mode": example.enforcement_mode,
            "audit": list(example.audit),
        }
        case = Case(f"seed {seed}", example.objects, example.flows, [], options)
        with KernelEngine(example.semantics).simulation(case) as simulation:
            difference = find_difference(example, simulation)
        assert difference is None, str(difference)


def test_examples_differ_and_repeat() -> None:
    """A seed always gives the same example; others give others."""
    assert generate(1) == generate(1)
    assert generate(1).objects != generate(2).objects
