"""Ask the running kernel about a bundle: its verifier, and its programs about packets."""

from __future__ import annotations

import os
from collections import Counter
from typing import TYPE_CHECKING, Any

from lockgate.cli.kernel_judge import KernelJudge
from lockgate.cli.verify import is_object
from lockgate.faults import Fault
from lockgate.packet_set import choose_packets
from lockgate.simulation import TableJudge, UnaskedError
from lockgate_runtime.bundle import Bundle
from lockgate_runtime.errors import BpfError
from lockgate_runtime.probe import NotJudgedError, WrongProgramError
from lockgate_runtime.tables import Host, PackedTables
from lockgate_runtime.verify import verify_object

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from lockgate.packet_set import PacketSet
    from lockgate.simulation import Question

_SHOWN = 20
"""Packets that differ are counted; so many are described."""


def check_on_this_kernel(path: Path, packets: int) -> dict[str, Any]:
    """Return what the kernel says of a bundle or an object; see :func:`judge_here`."""
    if is_object(path):
        programs = list(verify_object(path.stem, path.read_bytes()))
        return _result(programs, None)
    bundle = Bundle.open(path)
    programs = [
        row
        for file in sorted(bundle.objects.values())
        for row in verify_object(file.stem, file.read_bytes())
    ]
    is_loadable = all(row["is_accepted"] for row in programs)
    return _result(
        programs, judge_packets(bundle, packets) if packets and is_loadable else None
    )


def _result(
    programs: list[dict[str, Any]], packets: dict[str, Any] | None
) -> dict[str, Any]:
    is_refused = not all(row["is_accepted"] for row in programs)
    is_refused |= packets is not None and packets["different"] > 0
    return {
        "kernel": os.uname().release,
        "outcome": "refused" if is_refused else "accepted",
        "programs": programs,
        "packets": packets,
    }


def judge_packets(bundle: Bundle, budget: int) -> dict[str, Any]:
    """Send packets through the loaded programs; say how many decide otherwise than the tables."""
    tables = PackedTables.open(bundle.tables)
    chosen = choose_packets(tables, budget)
    unasked: Counter[str] = Counter()
    differences = []
    for question, difference in _judged(bundle, tables, chosen, unasked):
        if difference:
            differences.append(_describe(question) | difference)
    sent = len(chosen.questions) - unasked.total()
    if not sent:
        raise Fault(
            "E6555",
            "no packet can be made for this bundle: nothing would be compared",
            "compile it with a snapshot of the cluster, or say --packets 0",
        )
    return {
        "sent": sent,
        "possible": chosen.possible,
        "different": len(differences),
        "unasked": dict(sorted(unasked.items())),
        "differences": differences[:_SHOWN],
    }


def _judged(
    bundle: Bundle, tables: PackedTables, chosen: PacketSet, unasked: Counter[str]
) -> Iterator[tuple[Question, dict[str, Any] | None]]:
    """Yield each question that was asked, with the difference if there is one."""
    expected_of = TableJudge(tables)
    for questions in _by_node(chosen.questions):
        with KernelJudge(bundle, tables) as judge:
            for question in questions:
                expected = expected_of.decide(question)
                try:
                    taken = judge.decide(question)
                except UnaskedError as reason:
                    unasked[str(reason)] += 1
                    continue
                except (NotJudgedError, WrongProgramError, BpfError) as error:
                    yield question, _difference(tables, expected, str(error))
                    continue
                if taken == expected:
                    yield question, None
                else:
                    said = _decision(tables, taken)
                    yield question, _difference(tables, expected, said)


def _by_node(questions: Iterable[Question]) -> Iterable[list[Question]]:
    """Group by node: each has programs of its own, loaded one node at a time."""
    nodes: dict[str | None, list[Question]] = {}
    for question in questions:
        nodes.setdefault(question.subject.node, []).append(question)
    return nodes.values()


def _describe(question: Question) -> dict[str, Any]:
    subject = question.subject
    name = f"node {subject.node}" if isinstance(subject, Host) else subject.key
    return {
        "subject": name,
        "direction": question.direction,
        "local": str(question.local),
        "remote": str(question.remote),
        "protocol": question.protocol.name,
        "port": question.port,
    }


def _difference(tables: PackedTables, expected: int, taken: str) -> dict[str, str]:
    return {"expected": _decision(tables, expected), "taken": taken}


def _decision(tables: PackedTables, number: int) -> str:
    rule = tables.rules[tables.reasons[number].rule]
    return f"{tables.decision(number).outcome} by {rule.name}"
