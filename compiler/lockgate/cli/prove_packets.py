"""The kernel's half of a proof: packets through the loaded programs, node by node."""

from __future__ import annotations

import errno
import os
import time
from dataclasses import dataclass, field
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from lockgate.proof.differences import Difference
from lockgate.proof.packets import Coverage, Fate, Lane, fate, find_lanes, plan
from lockgate.proof.reference.flow import Kind
from lockgate.proof.verdict import Finding, packet_findings
from lockgate.proof.words import PARSERS, say_verdict
from lockgate_runtime.errors import BpfError, NodeError
from lockgate_runtime.packet_runs import (
    DROPPED,
    PASSED,
    Aim,
    Kept,
    PacketRuns,
    Shot,
)
from lockgate_runtime.tables import Endpoint, Host

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lockgate.proof.compare import Comparison
    from lockgate.proof.expectation import Expectation
    from lockgate.proof.packets import Planned, Verdicts
    from lockgate.proof.subjects import Subject
    from lockgate_runtime.bundle import Bundle

_NOWHERE = Host("", 1, (), 0, 1, is_api_server=False, is_enforced=False)
"""The host of endpoints whose node the snapshot does not name."""

_ENOUGH = 50
"""So many packets that differ are told apart; a wrong program has millions."""

_BY_TRAFFIC = attrgetter("traffic", "peer")
_ONE_BY_ONE = 5000
"""So many packets of a batch that came out wrong are sent again, each by itself."""


@dataclass
class Sent:
    """What packets found; ``row`` is what the certificate says of them."""

    findings: list[Finding] = field(default_factory=list)
    row: dict[str, Any] | None = None
    count: int = 0
    seconds: float = 0.0
    cpu_seconds: float = 0.0

    def timed(self, sender: _Sender, chosen: Sequence[Planned]) -> list[Difference]:
        """Send some packets, and see how long it takes."""
        began, cpu = time.monotonic(), time.process_time()
        found = sender.send(chosen)
        self.seconds += time.monotonic() - began
        self.cpu_seconds += time.process_time() - cpu
        self.count += len(chosen)
        return found


def send_packets(bundle: Bundle, comparison: Comparison, budget: int | None) -> Sent:
    """Send packets to every subject; ``budget``: how many at most, None for all."""
    sent, coverage = Sent(), Coverage()
    differences: list[Difference] = []
    by_node: dict[str, list[Subject]] = {}
    for subject in comparison.subjects:
        by_node.setdefault(subject.row.node or "", []).append(subject)
    lanes = {
        node: list(find_lanes(comparison, subjects))
        for node, subjects in sorted(by_node.items())
    }
    every = [lane for some in lanes.values() for lane in some]
    shares = share_lanes(every, budget)
    try:
        for node, some in lanes.items():
            with _load(bundle, comparison, node) as runs:
                for place, lane in enumerate(some):
                    pieces, covered = plan(lane, next(shares), place * 7)
                    coverage.add(covered)
                    sender = _Sender(comparison, runs, lane)
                    for chosen in pieces:
                        differences += sent.timed(sender, chosen)
                    if len(differences) >= _ENOUGH:
                        break
    except (BpfError, NodeError) as error:
        sent.findings.append(_not_run(error))
        return sent
    sent.findings += packet_findings(differences)
    if not sent.count:
        sent.findings.append(Finding("E6306", "there is nobody to send packets to"))
    sent.row = {
        "kernel": os.uname().release,
        "sent": sent.count,
        "budget": budget,
        "budget_for_atoms": sum(lane.least for lane in every),
        "product": sum(lane.product for lane in every),
        "atoms": {"covered": coverage.atoms, "all": coverage.all_atoms},
        "pairs": {"covered": coverage.pairs, "all": coverage.all_pairs},
    }
    return sent


def _not_run(error: BpfError | NodeError) -> Finding:
    """Say why there were no packets: that is no proof, whatever the reason."""
    if isinstance(error, BpfError) and error.errno in (errno.EPERM, errno.EACCES):
        return Finding("E6306", "packets were not sent: that needs root")
    return Finding("E6306", f"packets were not sent: {error}")


def share_lanes(lanes: Sequence[Lane], budget: int | None) -> Iterator[int | None]:
    """Yield how many packets each lane gets: every atom of each lane before any pair."""
    products = [lane.product for lane in lanes]
    least = sum(lane.least for lane in lanes)
    if budget is None or not least <= budget < sum(products):
        yield from share_budget(products, budget)
        return
    more = share_budget([lane.product - lane.least for lane in lanes], budget - least)
    for lane, extra in zip(lanes, more, strict=True):
        yield lane.least + (extra or 0)


def share_budget(products: list[int], budget: int | None) -> Iterator[int | None]:
    """Yield how many packets each lane gets: the small ones all, the others alike."""
    if budget is None or sum(products) <= budget:
        yield from [None] * len(products)
        return
    left, waiting = budget, len(products)
    for product in sorted(products):
        if product * waiting > left:
            break
        left, waiting = left - product, waiting - 1
    limit, more = divmod(left, waiting)
    for product in products:
        extra = product > limit and more > 0
        more -= extra
        yield min(product, limit + extra)


def _load(bundle: Bundle, comparison: Comparison, node: str) -> PacketRuns:
    """Load a node's part of the bundle."""
    tables = comparison.read.tables
    host = next((h for h in tables.hosts if h.node == node), _NOWHERE)
    endpoints = [e for e in tables.endpoints if (e.node or "") == node]
    taken = (atom.port for atom in comparison.traffic)
    return PacketRuns(bundle, host, endpoints, taken)


class _Sender:
    """Sends the packets of one lane."""

    def __init__(self, comparison: Comparison, runs: PacketRuns, lane: Lane) -> None:
        self._comparison, self._runs, self._lane = comparison, runs, lane
        row = lane.subject.row
        self._aim = Aim(
            row if isinstance(row, Endpoint) else None,
            lane.local,
            lane.direction == "ingress",
        )
        self._expectation = comparison.expectation(lane.subject, lane.direction)
        self._host = self._host_expectation()
        self._kept: dict[Kept, set[int]] = {}
        for number, kept in enumerate(runs.decisions):
            self._kept.setdefault(kept, set()).add(number)

    def send(self, chosen: Sequence[Planned]) -> list[Difference]:
        """Send packets in batches that must come to the same decisions."""
        self._runs.forget_flows()
        batches = self._batches(chosen)
        found: list[Difference] = []
        for expected, packets in batches.items():
            packets.sort(key=_BY_TRAFFIC)
            found += self._batch(expected, packets)
            if len(found) >= _ENOUGH:
                break
        return found

    # ------------------------------------------------------------ inside

    def _batches(self, chosen: Sequence[Planned]) -> dict[Fate, list[Planned]]:
        """Put together what must come to the same."""
        expected, peers = self._expectation.of, self._comparison.peers
        by_verdicts: dict[Verdicts, list[Planned]] = {}
        batches: dict[Fate, list[Planned]] = {}
        for packet in chosen:
            if self._host and peers[packet.peer].end.kind is Kind.HOST:
                its = fate(self._lane, self._expectation, self._host, packet)
                batches.setdefault(its, []).append(packet)
            else:
                verdicts = expected(packet.peer, packet.traffic)
                by_verdicts.setdefault(verdicts, []).append(packet)
        for packets in by_verdicts.values():
            its = fate(self._lane, self._expectation, None, packets[0])
            batches.setdefault(its, []).extend(packets)
        return batches

    def _host_expectation(self) -> Expectation | None:
        """Return what the node says of what this endpoint sends to it."""
        lane, comparison = self._lane, self._comparison
        node = comparison.evaluator.cluster.nodes.get(lane.subject.row.node or "")
        if lane.direction == "ingress" or self._aim.subject is None or node is None:
            return None
        if not self._runs.judges_hosts:
            return None
        host = comparison.evaluator.ends.host(node)
        return comparison.expectation_of(host, "ingress")

    def _batch(self, expected: Fate, packets: list[Planned]) -> Iterator[Difference]:
        """Send one batch; where something is wrong with it, again one by one."""
        if not self._is_right(expected, packets):
            self._runs.forget_flows()
            found = []
            for packet in packets[:_ONE_BY_ONE]:
                wrong, counted = self._send(expected, [packet])
                if wrong or not self._agrees(expected, counted, 1):
                    found.append(self._difference(expected, packet, wrong, counted))
                if len(found) >= _ENOUGH:
                    break
            if not found:
                text = f"{len(packets)} packets sent once more came out otherwise"
                found = [self._difference(expected, packets[0], text, {})]
            yield from found

    def _is_right(self, expected: Fate, packets: Sequence[Planned]) -> bool:
        wrong, counted = self._send(expected, packets)
        return not wrong and self._agrees(expected, counted, len(packets))

    def _send(
        self, expected: Fate, packets: Sequence[Planned]
    ) -> tuple[str, dict[int, int]]:
        """Send packets; return what became of one that came out wrong, and the counts."""
        packed, traffic = self._comparison.packed_addresses, self._comparison.traffic
        shots = [
            Shot(packed[peer], traffic[some].number, traffic[some].port)
            for peer, some in packets
        ]
        value = PASSED if expected.passes else DROPPED
        wrong, counted = self._runs.send(self._aim, shots, value)
        names = {PASSED: "passed", DROPPED: "dropped"}
        first = [names.get(value, f"{value:#x}") for _, value in wrong[:1]]
        return "".join(first), counted

    def _agrees(self, expected: Fate, counted: dict[int, int], count: int) -> bool:
        """Whether each of ``count`` packets was counted for its decisions, and for no others."""
        ends = [self._decisions(v) for v in (expected.first, expected.second) if v]
        if counted.keys() - set().union(*ends):
            return False
        if len(ends) == 2 and ends[0].isdisjoint(ends[1]):  # both ends
            return all(sum(counted.get(n, 0) for n in end) == count for end in ends)
        return sum(counted.values()) == count * len(ends)

    def _decisions(self, verdicts: Verdicts) -> set[int]:
        """Return the decisions in the kernel's map that say what a verdict says."""
        numbers = self._comparison.rule_numbers
        found: set[int] = set()
        for verdict in verdicts:
            said = say_verdict(verdict)
            for number in numbers.get(said.because[0], ()):
                kept = Kept(number, PARSERS.index(said.parser), said.outcome)
                found |= self._kept.get(kept, set())
        return found

    def _difference(
        self, expected: Fate, packet: Planned, wrong: str, counted: dict[int, int]
    ) -> Difference:
        lane, comparison = self._lane, self._comparison
        became = "passed" if expected.passes else "dropped"
        verdicts = sorted(
            str(say_verdict(v)) for v in (*expected.first, *expected.second)
        )
        kept = {n: k for k, numbers in self._kept.items() for n in numbers}
        names = {rule.number: rule.name for rule in comparison.read.tables.rules}
        by = [
            f"{kept[n].outcome} by {names.get(kept[n].rule, kept[n].rule)}"
            for n in sorted(counted)
        ]
        return Difference(
            lane.subject.name,
            lane.direction,
            str(comparison.peers[packet.peer]),
            str(comparison.traffic[packet.traffic]),
            f"{became}: {', '.join(verdicts)}",
            f"{wrong or became}: {', '.join(by) or 'no policy was asked'}",
        )
