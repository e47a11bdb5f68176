"""What can judge a case: the reference evaluator, the packed tables, the kernel."""

from __future__ import annotations

import hashlib
import json
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Protocol

from lockgate import driver
from lockgate.cli.kernel_judge import KernelJudge
from lockgate.flows import parse_flow
from lockgate.proof.reference.evaluator import Evaluator
from lockgate.simulation import REDIRECT, Simulation, UnaskedError
from lockgate.vm.kernels import cache_folders
from lockgate_runtime.bundle import Bundle
from lockgate_runtime.tables import PackedTables
from tests.conformance.compiling import (
    RefusedError,
    compile_objects,
    make_options,
    refused_objects,
    simulate,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from lockgate.options import Options
    from lockgate.simulation import Question
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


class TablesEngine:
    """The packed tables, walked as the datapath walks them."""

    def __init__(self, semantics: str) -> None:
        self._semantics = semantics

    def refused(self, case: Case) -> set[int]:
        """Return the objects with errors, when all are compiled together."""
        return refused_objects(case.objects, self._options(case))

    def prepare(self, case: Case) -> Judge:
        """Compile."""
        return _SimulationJudge(compile_objects(case.accepted, self._options(case)))

    def _options(self, case: Case) -> Options:
        mode = case.options.get("enforcement_mode", "default")
        return make_options(self._semantics, mode, case.options.get("audit", []))


class _SimulationJudge:
    def __init__(self, simulation: Simulation, stack: ExitStack | None = None) -> None:
        self._simulation = simulation
        self._stack = stack

    def answer(self, flow: Flow) -> dict[str, str]:
        try:
            answer = self._simulation.answer(parse_flow(flow))
        except UnaskedError as reason:
            raise Skipped(str(reason)) from None
        if self._stack and REDIRECT in (answer.ingress.outcome, answer.egress.outcome):
            raise Skipped("redirect: nobody judges on")
        return {
            "ingress": answer.ingress.outcome,
            "egress": answer.egress.outcome,
            "verdict": answer.verdict,
        }

    def close(self) -> None:
        if self._stack:
            self._stack.close()


class KernelEngine(TablesEngine):
    """The compiled program, which is sent a frame for each question; needs root."""

    def prepare(self, case: Case) -> Judge:
        """Compile a bundle and load it, part by part."""
        with ExitStack() as stack:
            simulation = stack.enter_context(self.simulation(case))
            return _SimulationJudge(simulation, stack.pop_all())

    @contextmanager
    def simulation(self, case: Case) -> Iterator[Simulation]:
        """Give a simulation that asks the program."""
        with TemporaryDirectory(prefix="lockgate-") as name:
            folder = Path(name)
            source = folder / "case.json"
            source.write_text(
                json.dumps({"apiVersion": "v1", "kind": "List", "items": case.accepted})
            )
            settings = driver.Settings(cache=_CACHE)
            compilation = driver.compile_policies(
                [source], self._options(case), settings
            )
            if not compilation.ok or compilation.cluster is None:
                raise RefusedError([str(d) for d in compilation.diagnostics.found])
            driver.write_outputs(compilation, folder / "bundle", settings)
            bundle = Bundle.open(folder / "bundle")
            tables = PackedTables.open(bundle.tables)
            with KernelJudge(bundle, tables) as judge:
                once = _AskedOnce(judge, _digest(folder / "bundle"))
                yield simulate(tables, once, compilation.cluster, compilation.policies)


_ANSWERS: dict[tuple[bytes, Question], int] = {}
"""Decisions of the kernel, by what was loaded and what it was asked."""


class _AskedOnce:
    """A judge that remembers: under both semantics most cases are the same bundle.

    Loading it for a case costs far more than its questions, above all in emulation.
    """

    def __init__(self, judge: KernelJudge, digest: bytes) -> None:
        self._judge = judge
        self._digest = digest

    def decide(self, question: Question) -> int:
        """Return the decision; UnaskedError where no packet is."""
        key = self._digest, question
        if key not in _ANSWERS:
            _ANSWERS[key] = self._judge.decide(question)
        return _ANSWERS[key]


def _digest(bundle: Path) -> bytes:
    """Hash what of a bundle comes into the kernel."""
    digest = hashlib.sha256()
    for path in sorted(
        (*bundle.glob("objects/*"), *bundle.glob("tables/*")),
        key=lambda path: path.name,
    ):
        content = path.read_bytes()
        digest.update(f"{path.name} {len(content)} ".encode() + content)
    return digest.digest()


_CACHE = cache_folders()[0]
"""Objects lie there by the hash of their source."""

ENGINES: dict[str, Callable[[str], Engine]] = {
    "reference": ReferenceEngine,
    "tables": TablesEngine,
    "kernel": KernelEngine,
}
