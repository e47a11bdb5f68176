"""Judge an example by the tables and by the reference evaluator, and show a difference."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import yaml

from lockgate.flows import parse_flow
from lockgate.proof.reference.evaluator import Evaluator, FamilyDisagreementError
from lockgate.simulation import FamilyError, Simulation, UnaskedError
from tests.conformance.compiling import RefusedError, compile_objects, make_options
from tests.properties.shrink import shrink

if TYPE_CHECKING:
    from tests.properties.draw import Object
    from tests.properties.generate import Example

Outcome = tuple[str, str, str] | str
"""Ingress, egress and verdict; or that the families disagree."""

FAMILIES = "families disagree"


@dataclass
class Difference:
    """A flow that two judges take differently."""

    example: Example
    flow: Object
    expected: Outcome
    got: Outcome

    def __str__(self) -> str:
        """Show it as small as it can be made."""
        small = shrink(self.example.objects, lambda o: self._still_differs(o))
        return (
            f"seed {self.example.seed}, {self.example.semantics} semantics, mode "
            f"{self.example.enforcement_mode}, audit {self.example.audit}: {self.flow}\n"
            f"the reference evaluator says {self.expected}, the tables {self.got}\n\n"
            + yaml.safe_dump_all(small, sort_keys=False)
        )

    def _still_differs(self, objects: list[Object]) -> bool:
        smaller = replace(self.example, objects=objects)
        try:
            simulation = compile_example(smaller)
            expected = reference_outcome(evaluate_example(smaller), self.flow)
            return simulated_outcome(simulation, self.flow) != expected
        except Exception:
            return False  # it became something else on the way


def compile_example(example: Example) -> Simulation:
    """Compile an example's objects to packed tables."""
    options = make_options(
        example.semantics, example.enforcement_mode, list(example.audit)
    )
    return compile_objects(example.objects, options)


def evaluate_example(example: Example) -> Evaluator:
    """Give an example's objects to the reference evaluator."""
    return Evaluator(
        example.objects,
        example.semantics,
        example.enforcement_mode,
        frozenset(example.audit),
    )


def reference_outcome(evaluator: Evaluator, flow: Object) -> Outcome:
    """Judge by the evaluator."""
    try:
        answer = evaluator.judge(flow)
    except FamilyDisagreementError:
        return FAMILIES
    return answer.ingress, answer.egress, answer.verdict


def simulated_outcome(simulation: Simulation, flow: Object) -> Outcome | None:
    """Judge by the tables or the kernel; None where no packet can ask this."""
    try:
        answer = simulation.answer(parse_flow(flow))
    except FamilyError:
        return FAMILIES
    except UnaskedError:
        return None
    return answer.ingress.outcome, answer.egress.outcome, answer.verdict


def find_difference(example: Example, simulation: Simulation) -> Difference | None:
    """Return the first flow that comes out differently."""
    evaluator = evaluate_example(example)
    for flow in example.flows:
        expected = reference_outcome(evaluator, flow)
        got = simulated_outcome(simulation, flow)
        if got is not None and got != expected:
            return Difference(example, flow, expected, got)
    return None


__all__ = ["Difference", "RefusedError", "compile_example", "find_difference"]
