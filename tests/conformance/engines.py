"""What can judge a case: the reference evaluator, the packed tables, the kernel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from tests.reference.evaluator import Evaluator

if TYPE_CHECKING:
    from tests.conformance.cases import Case, Flow


class Skipped(Exception):  # noqa: N818  # an outcome, not an error
    """An engine has no answer to a flow, for a reason that is counted."""


class Judge(Protocol):
    """Answers the flows of one case."""

    def answer(self, flow: Flow) -> dict[str, str]:
        """Return ``ingress``, ``egress`` and ``verdict``, or raise :class:`Skipped`."""

    def close(self) -> None:
        """Let go of what the case needed."""


class Engine(Protocol):
    """Prepares cases."""

    def refused(self, case: Case) -> set[int]:
        """Return the indexes of the objects that are refused as mistaken."""

    def prepare(self, case: Case) -> Judge:
        """Take the case without the objects that must be refused."""


class ReferenceEngine:
    """The reference evaluator; it believes what a case says of mistaken objects."""

    def __init__(self, semantics: str) -> None:
        self._semantics = semantics

    def refused(self, case: Case) -> set[int]:
        """Return what the case expects: the evaluator does not validate."""
        return set(case.rejected)

    def prepare(self, case: Case) -> Judge:
        """Read the objects."""
        return _ReferenceJudge(
            Evaluator(
                case.accepted,
                semantics=self._semantics,
                enforcement_mode=case.options.get("enforcement_mode", "default"),
                audit=frozenset(case.options.get("audit", [])),
            )
        )


class _ReferenceJudge:
    def __init__(self, evaluator: Evaluator) -> None:
        self._evaluator = evaluator

    def answer(self, flow: Flow) -> dict[str, str]:
        answer = self._evaluator.judge(flow)
        return {
            "ingress": answer.ingress,
            "egress": answer.egress,
            "verdict": answer.verdict,
        }

    def close(self) -> None:
        pass


ENGINES = {"reference": ReferenceEngine}
