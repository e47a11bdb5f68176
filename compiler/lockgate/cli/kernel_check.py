"""Ask the running kernel about a bundle: its verifier, and its programs about packets."""

from __future__ import annotations

import os
from collections import Counter
from typing import TYPE_CHECKING, Any

from lockgate.cli.kernel_judge import NOWHERE, KernelJudge, is_cgroup
from lockgate.cli.verify import is_object
from lockgate.faults import Fault
from lockgate.packet_set import choose_packets
from lockgate.simulation import TableJudge, UnaskedError
from lockgate_runtime.bundle import Bundle
from lockgate_runtime.errors import BpfError
from lockgate_runtime.packet_runs import DROPPED, PASSED, Aim, PacketRuns, Shot
from lockgate_runtime.probe import NotJudgedError, WrongProgramError
from lockgate_runtime.tables import Endpoint, Host, PackedTables
from lockgate_runtime.tracing.plane import objects_for_this_kernel
from lockgate_runtime.verify import is_fine, verify_object

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from lockgate.simulation import Question

PASSING = ("allow", "audit")
"""Outcomes with which the program lets a packet through."""

_SHOWN = 20
"""Packets that differ are counted; so many are described."""


def check_on_this_kernel(path: Path, packets: int) -> dict[str, Any]:
    """Return what the kernel says of a bundle or an object; see :func:`judge_packets`, too."""
    if is_object(path):
        programs = list(verify_object(path.stem, path.read_bytes()))
        return _result(programs, None)
    bundle = Bundle.open(path)
    programs = [
        row
        for file in objects_for_this_kernel(bundle)
        for row in verify_object(file.stem, file.read_bytes())
    ]
    is_loadable = all(map(is_fine, programs))
    judged = judge_packets(bundle, packets) if packets and is_loadable else None
    return _result(programs, judged) | {"digest": bundle.manifest.digest}


def _result(
    programs: list[dict[str, Any]], packets: dict[str, Any] | None
) -> dict[str, Any]:
    is_refused = not all(map(is_fine, programs))
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
    differences: list[dict[str, Any]] = []
    for questions in _by_node(chosen.questions):
        node = questions[0].subject.node
        with _load(bundle, tables, node) as runs:
            suspects = list(_suspects(runs, tables, questions, _judging(tables, node)))
        with KernelJudge(bundle, tables) as judge:
            for batch in suspects:
                differences += _ask_again(judge, tables, batch, unasked)
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
        "through": sorted({_hook(question) for question in chosen.questions}),
        "different": len(differences),
        "unasked": dict(sorted(unasked.items())),
        "differences": differences[:_SHOWN],
    }


def _load(bundle: Bundle, tables: PackedTables, node: str | None) -> PacketRuns:
    host = next((host for host in tables.hosts if host.node == node), NOWHERE)
    endpoints = [one for one in tables.endpoints if one.node == node]
    return PacketRuns(bundle, host, endpoints)


def _judging(tables: PackedTables, node: str | None) -> frozenset[object]:
    """Return the addresses at which a node itself judges as well."""
    hosts = (host for host in tables.hosts if host.node == node and host.is_enforced)
    return frozenset(address for host in hosts for address in host.addresses)


def _suspects(
    runs: PacketRuns,
    tables: PackedTables,
    questions: Iterable[Question],
    judging: frozenset[object],
) -> Iterator[list[Question]]:
    """Send packets of one end and one decision together; yield batches that came out otherwise.

    A packet that is to be asked by itself is a batch of one and always yielded: one that two
    judge (between an endpoint and its own node), and one of a cgroup.
    """
    expected_of = TableJudge(tables)
    own_number = {number: n for n, number in enumerate(runs.decision_numbers)}
    batches: dict[tuple[Aim, int], list[Question]] = {}
    for question in questions:
        subject, local = question.subject, question.local
        is_endpoint = isinstance(subject, Endpoint)
        is_alone = is_cgroup(subject) or (is_endpoint and question.remote in judging)
        if local is None or is_alone:
            yield [question]
            continue
        aim = Aim(
            subject if isinstance(subject, Endpoint) else None,
            local,
            question.direction == "ingress",
        )
        batches.setdefault((aim, expected_of.decide(question)), []).append(question)
    for (aim, expected), batch in batches.items():
        shots = [
            Shot(one.remote.packed, int(one.protocol), one.port)
            for one in batch
            if one.remote
        ]
        passes = tables.decision(expected).outcome in PASSING
        runs.forget_flows()
        wrong, counted = runs.send(aim, shots, PASSED if passes else DROPPED)
        if wrong or counted != {own_number.get(expected): len(batch)}:
            yield batch


def _ask_again(
    judge: KernelJudge,
    tables: PackedTables,
    batch: list[Question],
    unasked: Counter[str],
) -> list[dict[str, Any]]:
    """Ask the questions of a batch one by one, and return what differs.

    Where all agree by themselves, and none was left out, they were wrong together.
    """
    before = unasked.total()
    found = [_ask(judge, tables, question, unasked) for question in batch]
    differences = [one for one in found if one is not None]
    if not differences and len(batch) > 1 and unasked.total() == before:
        expected = _decision(tables, TableJudge(tables).decide(batch[0]))
        said = f"otherwise, after {len(batch)} packets like it; right when sent alone"
        differences = [_describe(batch[0]) | {"expected": expected, "taken": said}]
    return differences


def _ask(
    judge: KernelJudge, tables: PackedTables, question: Question, unasked: Counter[str]
) -> dict[str, Any] | None:
    """Ask one question by itself; return the difference if there is one."""
    expected = TableJudge(tables).decide(question)
    try:
        taken = judge.decide(question)
        said = None if taken == expected else _decision(tables, taken)
    except UnaskedError as reason:
        unasked[str(reason)] += 1
        return None
    except (NotJudgedError, WrongProgramError, BpfError) as error:
        said = str(error)
    if said is None:
        return None
    expectation = {"expected": _decision(tables, expected), "taken": said}
    return _describe(question) | expectation


def _by_node(questions: Iterable[Question]) -> Iterable[list[Question]]:
    """Group by node: each has programs of its own, loaded one node at a time."""
    nodes: dict[str | None, list[Question]] = {}
    for question in questions:
        nodes.setdefault(question.subject.node, []).append(question)
    return nodes.values()


def _hook(question: Question) -> str:
    """Name the program that is asked."""
    is_ingress = question.direction == "ingress"
    if is_cgroup(question.subject):
        return "cgroup/cgroup_ingress" if is_ingress else "cgroup/cgroup_egress"
    if isinstance(question.subject, Host):
        return "tc/from_network" if is_ingress else "tc/to_network"
    return "tc/to_endpoint" if is_ingress else "tc/from_endpoint"


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


def _decision(tables: PackedTables, number: int) -> str:
    rule = tables.rules[tables.reasons[number].rule]
    return f"{tables.decision(number).outcome} by {rule.name}"
