"""Judge recorded flows by candidate policies: what would break, what would newly pass.

What got through then and is denied now would break.  A flow has a hook on each side; if
only one of them was recorded, the other is taken to have let it pass, so that nothing that
a candidate denies is overlooked.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from enum import Enum
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from lockgate.flows import Flow, FlowError
from lockgate.recordings.addresses import parse_address
from lockgate.recordings.ends import EndKind, Ends
from lockgate.recordings.ports import merge_ports
from lockgate.recordings.record import Recorded
from lockgate.recordings.tally import FlowKey, Tally
from lockgate.recordings.times import print_time
from lockgate.review.workloads import workloads_of
from lockgate.simulation import REDIRECT

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lockgate.ir.cluster import Cluster
    from lockgate.recordings.ends import End
    from lockgate.recordings.record import Record
    from lockgate.recordings.tally import Seen
    from lockgate.simulation import Answer, Side, Simulation

UNDECIDED = "flows that L7 rules decide, of which no request was recorded"


class Change(Enum):
    """What a candidate changes for a recorded flow."""

    LOST = "lost"
    GAINED = "gained"


class JudgedFlow(NamedTuple):
    """A recorded flow of which the fate would change, and what decides it now.

    ``because`` are the rules of the deciding sides as answers print them.
    """

    key: FlowKey
    seen: Seen
    change: Change
    directions: tuple[str, ...]
    because: tuple[tuple[tuple[str, Any], ...], ...]


class Row(NamedTuple):
    """Judged flows between the same workloads that the same rules decide."""

    change: Change
    source: str
    destination: str
    protocol: str
    ports: tuple[tuple[int, int], ...]
    directions: tuple[str, ...]
    because: tuple[dict[str, Any], ...]
    records: int
    audited: int
    first: str
    last: str
    flows: tuple[JudgedFlow, ...]

    def ports_text(self, most: int = 10) -> str:
        """Return the ports as people write them, the first of many."""
        shown = ",".join(
            str(first) if first == last else f"{first}-{last}"
            for first, last in self.ports[:most]
        )
        more = len(self.ports) - most
        return f"{shown} and {more} more" if more > 0 else shown

    def to_json(self, *, is_complete: bool) -> dict[str, Any]:
        """Return the row as ``-o json`` prints it: a difference, and how often it was seen."""
        is_lost = self.change is Change.LOST
        row = {
            "change": self.change.value,
            "cause": "policy",
            "direction": ",".join(self.directions),
            "source": self.source,
            "destination": self.destination,
            "protocol": self.protocol,
            "ports": [list(ports) for ports in self.ports],
            "before": "allow" if is_lost else "deny",
            "after": "deny" if is_lost else "allow",
            "because": list(self.because),
            "records": self.records,
            "audited": self.audited,
            "first_seen": print_time(self.first),
            "last_seen": print_time(self.last),
        }
        if is_complete:
            row["flows"] = [_flow_row(flow) for flow in self.flows]
        return row


@dataclass(slots=True)
class Outcome:
    """What a replay comes to; counts are of lines of the recording."""

    rows: list[Row] = field(default_factory=list)
    same: int = 0
    not_judged: Counter[str] = field(default_factory=Counter)

    def records(self, change: Change) -> int:
        """Return the lines about flows that would change so."""
        return sum(row.records for row in self.rows if row.change is change)


class Replay:
    """Counts records, then judges what was counted."""

    def __init__(self, simulation: Simulation, cluster: Cluster) -> None:
        self._simulation = simulation
        self._tables = simulation.tables
        self._looks = {e.key: e for e in simulation.tables.endpoints}
        self._workloads = workloads_of(cluster)
        self._outside: dict[tuple[int, int], End] = {}
        self._peer_of = lru_cache(1 << 16)(simulation.tables.peer_of)
        self._answers: dict[FlowKey, Answer | None] = {}
        self.tally = Tally(Ends(cluster, self._look_of), self._refine)

    def add(self, records: Iterable[Record]) -> None:
        """Count records."""
        self.tally.add(records)

    def judge(self) -> Outcome:
        """Judge all that was counted."""
        outcome = Outcome(not_judged=Counter(self.tally.unknown))
        changed: list[JudgedFlow] = []
        for key, seen in self.tally.flows.items():
            lines = seen.counts.total()
            answer = self._answer(key)
            if answer is None:
                outcome.not_judged["flows between ends that never meet"] += lines
                continue
            passes = self._passes(key, answer)
            if passes is None:
                outcome.not_judged[UNDECIDED] += lines
            elif seen.passed and not passes:
                changed.append(self._judged(key, seen, Change.LOST, answer))
            elif seen.denied and passes:
                changed.append(self._judged(key, seen, Change.GAINED, answer))
            else:
                outcome.same += lines
        outcome.rows = self._rows(changed)
        return outcome

    # ------------------------------------------------------------ ends

    def _look_of(self, key: str) -> object:
        """Return what tells pods with the same labels apart: tables, classes, families."""
        entry = self._looks[key]
        peers = [self._tables.peer(self._tables.peer_of(a)) for a in entry.addresses]
        versions = [a.version for a in entry.addresses]
        classes = tuple(peer.identity_class for peer in peers)
        return entry.ingress_policy, entry.egress_policy, classes, tuple(versions)

    def _refine(self, key: FlowKey, record: Record) -> FlowKey:
        source, destination = self._place(key.source), self._place(key.destination)
        key = key._replace(source=source, destination=destination)
        variant = self._vary(key, record)
        return key._replace(variant=variant) if variant else key

    def _place(self, end: End) -> End:
        """Let one address stand for all outside that no rule tells from it."""
        if end.kind is not EndKind.OUTSIDE:
            return end
        address = parse_address(end.place)
        if address is None:
            raise AssertionError("an end outside is placed at its address")
        number = self._peer_of(address)
        known = self._outside.get((address.version, number))
        if known is None:
            identity = self._tables.identities[self._tables.peer(number).identity]
            known = end._replace(name=identity.name)
            self._outside[address.version, number] = known
        return known

    # ------------------------------------------------------------ verdicts

    def _vary(self, key: FlowKey, record: Record) -> str:
        """Judge a recorded request at once: there are more requests than memory."""
        if record.request is None:
            return ""
        answer = self._answer(key)
        if answer is None or not _redirects(answer):
            return ""
        requests = self._simulation.requests
        flow = _flow(key, dict(record.request))
        admits = requests is not None and all(
            requests.admits(side.decision, flow)
            for side in _redirects(answer)
            if side.decision is not None
        )
        return "admitted" if admits else "refused"

    def _answer(self, key: FlowKey) -> Answer | None:
        base = key._replace(variant="") if key.variant else key
        if base not in self._answers:
            try:
                self._answers[base] = self._simulation.answer(_flow(base))
            except FlowError:
                self._answers[base] = None
        return self._answers[base]

    def _passes(self, key: FlowKey, answer: Answer) -> bool | None:
        """Return whether a flow passes now; None where its request would tell."""
        if answer.verdict == "deny":
            return False
        if not _redirects(answer) or answer.verdict == "l7-allow":
            return True
        return {"admitted": True, "refused": False}.get(key.variant)

    def _judged(
        self, key: FlowKey, seen: Seen, change: Change, answer: Answer
    ) -> JudgedFlow:
        sides = [side for side in answer.sides if side.decision is not None]
        if change is Change.LOST:
            denying = [side for side in sides if side.outcome == "deny"]
            sides = denying or [side for side in sides if side.outcome == REDIRECT]
        because = [item for side in sides for item in self._simulation.because(side)]
        return JudgedFlow(
            key,
            seen,
            change,
            tuple(side.direction for side in sides),
            tuple(tuple(item.items()) for item in because),
        )

    # ------------------------------------------------------------ rows

    def _rows(self, flows: list[JudgedFlow]) -> list[Row]:
        groups: dict[tuple[Any, ...], list[JudgedFlow]] = defaultdict(list)
        for flow in flows:
            group = (
                flow.change,
                self._name(flow.key.source),
                self._name(flow.key.destination),
                flow.key.protocol,
                flow.directions,
                flow.because,
            )
            groups[group].append(flow)
        rows = [_row(group, members) for group, members in groups.items()]
        return sorted(rows, key=_order)

    def _name(self, end: End) -> str:
        if end.kind is EndKind.POD:
            return self._workloads.of_pod(end.name).key
        if end.kind is EndKind.NODE and not end.name.startswith("@"):
            return f"node {end.name}"
        return f"service {end.name}" if end.kind is EndKind.SERVICE else end.name


def _flow(key: FlowKey, request: dict[str, Any] | None = None) -> Flow:
    source, destination = key.source.place, key.destination.place
    fields = {"src": source, "dst": destination, **(request or {})}
    return Flow(source, destination, key.protocol, key.port, fields)


def _redirects(answer: Answer) -> list[Side]:
    return [side for side in answer.sides if side.outcome == REDIRECT]


def _row(group: tuple[Any, ...], flows: list[JudgedFlow]) -> Row:
    change, source, destination, protocol, directions, because = group
    is_lost = change is Change.LOST
    wanted = (Recorded.PASSED, Recorded.AUDITED) if is_lost else (Recorded.DENIED,)
    times = [f.seen.passes if is_lost else f.seen.denials for f in flows]
    known = [time for time in times if time[0]]
    return Row(
        change,
        source,
        destination,
        protocol.name.replace("V6", "v6"),
        merge_ports({flow.key.port for flow in flows}),
        directions,
        tuple(dict(item) for item in dict.fromkeys(because)),
        sum(flow.seen.count(*wanted) for flow in flows),
        sum(flow.seen.count(Recorded.AUDITED) for flow in flows) if is_lost else 0,
        min((first for first, _ in known), default=""),
        max((last for _, last in known), default=""),
        tuple(sorted(flows, key=lambda flow: flow.key[:4])),
    )


def _order(row: Row) -> tuple[Any, ...]:
    """Sort what breaks first, the most frequent first."""
    return (
        row.change is Change.GAINED,
        -row.records,
        row.source,
        row.destination,
        row.protocol,
        row.ports,
        str(row.because),
    )


def _flow_row(flow: JudgedFlow) -> dict[str, Any]:
    is_lost = flow.change is Change.LOST
    times = flow.seen.passes if is_lost else flow.seen.denials
    wanted = (Recorded.PASSED, Recorded.AUDITED) if is_lost else (Recorded.DENIED,)
    return {
        "source": _concrete(flow.key.source),
        "destination": _concrete(flow.key.destination),
        "port": flow.key.port,
        "records": flow.seen.count(*wanted),
        "first_seen": print_time(times[0]),
        "last_seen": print_time(times[1]),
    }


def _concrete(end: End) -> str:
    return f"{end.name} ({end.place})" if end.kind is EndKind.OUTSIDE else end.name
