"""A wrong verdict is noticed, in a table or in the evaluator: the checks can fail."""

from __future__ import annotations

import random
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from lockgate.flows import parse_flow
from lockgate.proof.reference import (
    application,
    cilium_policy,
    cluster_policy,
    network_policy,
    selectors,
    traffic,
    tribunal,
)
from lockgate.simulation import FamilyError, TableJudge
from lockgate_runtime.tables import PACKED, PackedTables
from tests.conformance.cases import read_cases
from tests.conformance.engines import ReferenceEngine
from tests.conformance.runner import run_cases
from tests.conformance.test_reference import HERE
from tests.properties.compare import (
    compile_example,
    evaluate_example,
    find_difference,
    reference_outcome,
    simulated_outcome,
)
from tests.properties.generate import generate
from tests.properties.shrink import shrink

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from lockgate.simulation import Question, Simulation
    from tests.properties.generate import Example

FLIPS = 20
MANY = 30
WORDS = 4


class _RecordingJudge(TableJudge):
    """Remembers which cell answered."""

    def __init__(self, tables: PackedTables) -> None:
        super().__init__(tables)
        self._packed = tables
        self.cells: list[int] = []

    def decide(self, question: Question) -> int:
        table = self._packed.policy(question.policy)
        identity_class = self._packed.peer(question.peer).identity_class
        atom = self._packed.atom(question.protocol, question.port)
        page = self._packed.words("peer_directory.bin")[
            table.peer_directory + identity_class // 64
        ]
        row = self._packed.halves("peer_pages.bin")[page * 64 + identity_class % 64]
        interval = self._packed.halves("intervals.bin")[table.intervals + atom]
        self.cells.append(table.cells + row * table.interval_count + interval)
        return super().decide(question)


def _with_files(simulation: Simulation, files: dict[str, bytes]) -> Simulation:
    tables = PackedTables({**_files(simulation.tables), **files})
    return replace(simulation, tables=tables, judge=TableJudge(tables))


def _files(tables: PackedTables) -> dict[str, bytes]:
    names = (
        *PACKED,
        "decisions.json",
        "rules.json",
        "identities.json",
        "endpoints.json",
    )
    return {name: bytes(tables.content(name)) for name in names}


def _flipped(simulation: Simulation, cell: int) -> bytes:
    """Return the cells with one of them decided the other way."""
    tables = simulation.tables
    cells = bytearray(tables.content("cells.bin"))
    at = cell * WORDS
    now = tables.decision(int.from_bytes(cells[at : at + WORDS], "little")).outcome
    other = next(
        number
        for number in range(len(tables.reasons))
        if (tables.decision(number).outcome == "deny") != (now == "deny")
    )
    cells[at : at + WORDS] = other.to_bytes(WORDS, "little")
    return bytes(cells)


def _rich_example(first: int) -> tuple[Example, Simulation, list[int]]:
    """Return the next example whose flows reach many cells, allowing and denying ones."""
    for seed in range(first, first + 1000):
        example = generate(seed, flows=400)
        simulation = compile_example(example)
        recording = _RecordingJudge(simulation.tables)
        reached = replace(simulation, judge=recording)
        outcomes = set()
        for flow in example.flows:
            with suppress(FamilyError):
                outcomes.add(reached.answer(parse_flow(flow)).verdict)
        cells = sorted(set(recording.cells))
        if len(cells) >= MANY and {"allow", "deny"} <= outcomes:
            return example, simulation, cells
    raise AssertionError("no example proves anything")


@pytest.mark.parametrize("first", [0, 1000, 2000])
def test_a_flipped_cell_is_noticed(first: int) -> None:
    """Every reachable cell of a sample, decided the other way, is a difference."""
    example, simulation, cells = _rich_example(first)
    assert find_difference(example, simulation) is None
    for cell in random.Random(first).sample(cells, FLIPS):  # noqa: S311  # a test
        wrong = _with_files(simulation, {"cells.bin": _flipped(simulation, cell)})
        assert find_difference(example, wrong) is not None, f"cell {cell}"


@pytest.mark.parametrize(
    "name", ["addresses_v4.bin", "peers.bin", "ports.bin", "intervals.bin"]
)
def test_a_turned_table_is_noticed(name: str) -> None:
    """Each table matters: where everybody has a neighbour's entry, verdicts differ."""
    width = {"addresses_v4.bin": 4, "peers.bin": 16, "ports.bin": 2, "intervals.bin": 2}
    differences = 0
    for first in (3000, 4000, 5000):
        example, simulation, _ = _rich_example(first)
        content = bytes(simulation.tables.content(name))
        turned = content[width[name] :] + content[: width[name]]
        wrong = _with_files(simulation, {name: turned})
        evaluator = evaluate_example(example)
        for flow in example.flows:
            try:
                got = simulated_outcome(wrong, flow)
            except (IndexError, ValueError):
                got = None
            differences += got != reference_outcome(evaluator, flow)
    assert differences > 0


# ---------------------------------------------------------------- the evaluator


def _says(answer: object) -> Callable[..., Any]:
    return lambda *_, **__: answer


_block = network_policy._block  # the mutation is about this one

MUTATIONS: dict[str, tuple[object, str, object]] = {
    "ANY includes ICMP": (traffic, "WITH_PORTS", ("TCP", "UDP", "SCTP", "ICMP")),
    "a block ignores its exceptions": (
        network_policy,
        "_block",
        lambda block, other: _block({"cidr": block["cidr"]}, other),
    ),
    "every NetworkPolicy isolates both ways": (
        network_policy,
        "_is_in_force",
        _says(True),
    ),
    "nobody may reach pods from their node": (tribunal, "SPARED", "nowhere"),
    "audited policies deny": (tribunal, "_is_audited_denial", _says(False)),
    "tiers are not asked": (tribunal, "_first", lambda tier, found, way: (way, None)),
    "subjects are all pods": (cluster_policy, "_pods", _says(True)),
    "groups match nothing": (cilium_policy, "_group_matches", _says(False)),
    "named ports match nothing": (traffic, "named_port_matches", _says(False)),
    "every selector matches": (selectors, "holds", _says(True)),
    "every request passes": (application, "_http", _says(True)),
    "no request passes": (application, "_http", _says(False)),
    "every policy selects everybody": (cilium_policy, "_selects", _says(True)),
}


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_wrong_evaluator_is_noticed(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An evaluator that gets one thing wrong disagrees with the written cases."""
    module, attribute, wrong = MUTATIONS[name]
    monkeypatch.setattr(module, attribute, wrong)
    cases = [
        case
        for file in ("own", "gotchas")
        for case in read_cases(HERE / f"{file}.jsonl")
    ]
    report = run_cases(cases, ReferenceEngine("kubernetes"), "kubernetes")
    assert report.differences


def test_shrinking_keeps_what_is_needed() -> None:
    """A case shrinks to the one policy and field that make it fail."""
    example = generate(17)

    def fails(objects: list[dict[str, Any]]) -> bool:
        return any(o.get("spec", {}).get("nodeName") for o in objects)

    (pod,) = shrink(example.objects, fails)
    assert pod.keys() == {"apiVersion", "kind", "metadata", "spec"}
    assert pod["spec"].keys() == {"nodeName"}
