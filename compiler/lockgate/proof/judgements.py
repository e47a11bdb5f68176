"""The judgements of subjects: those with the same statements and ports share one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockgate.proof.reference.matrix import looks

if TYPE_CHECKING:
    from lockgate.proof.reference.evaluator import Evaluator
    from lockgate.proof.reference.flow import End
    from lockgate.proof.reference.matrix import Judgement, Matrix
    from lockgate.proof.reference.opinion import Statement


class Judgements:
    """The judgements of subjects; those with the same statements and ports share one."""

    def __init__(self, evaluator: Evaluator, matrix: Matrix) -> None:
        self._evaluator = evaluator
        self._matrix = matrix
        self._selecting: dict[object, list[Statement]] = {}
        self._known: dict[object, Judgement] = {}

    def of(self, end: End, direction: str) -> Judgement:
        """Return the judgement of a subject in one direction."""
        key_of_end = looks(end)
        selecting = self._selecting.get(key_of_end)
        if selecting is None:
            selecting = self._selecting[key_of_end] = self._evaluator.selecting(end)
        ports = tuple(end.pod.ports) if end.pod and direction == "ingress" else ()
        key = tuple(map(id, selecting)), end.kind, ports, direction
        judgement = self._known.get(key)
        if judgement is None:
            tribunal = self._evaluator.tribunal(direction, end, selecting)
            judgement = self._matrix.judge(tribunal, direction, end)
            self._known[key] = judgement
        return judgement
