"""Compare a bundle's tables with the reference, cell by cell, and see that none is left.

A *cell* is a place in ``cells.bin``: one row (peers) and one column (traffic) of a verdict
table.  It is visited where some subject with that table, some peer atom (by its address:
address, peer, class, row) and some traffic atom (protocol and port, atom, column) lead to it;
then the decision there must say what the reference says of that subject, peer and traffic.
A *question* is subject x direction x peer atom x traffic atom.  All of them are answered;
questions that nobody can tell apart (same tests match, same class, same atom) together.

Besides: wherever an address or a port leads elsewhere than its neighbour, both must have been
asked about.  So no edge in the tables is between two atoms, unseen.  A *dead* cell is one of
a row to which no address leads (a prefix all of whose addresses are pods'): it is counted.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from ipaddress import ip_address
from typing import TYPE_CHECKING, NamedTuple

from lockgate.proof.expectation import Expectation
from lockgate.proof.packed import ReadBack
from lockgate.proof.reference.atoms import (
    OWN,
    OWN_WITH_API_SERVER,
    SEEN,
    find_peer_atoms,
    find_traffic_atoms,
)
from lockgate.proof.reference.matrix import Matrix, members
from lockgate.proof.reference.matrix import looks as looks_of
from lockgate.proof.reference.opinion import DIRECTIONS
from lockgate.proof.reference.tribunal import Tribunal
from lockgate.proof.subjects import NO_POLICY_TABLES, Subject, find_subjects
from lockgate.proof.words import Decisions, say_rule, say_verdict

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from lockgate.proof.reference.addresses import Address
    from lockgate.proof.reference.atoms import PeerAtom
    from lockgate.proof.reference.evaluator import Evaluator
    from lockgate.proof.reference.flow import End
    from lockgate.proof.reference.matrix import Judgement
    from lockgate.proof.reference.opinion import Statement
    from lockgate.proof.reference.tribunal import Verdict
    from lockgate.proof.words import Because, Said
    from lockgate_runtime.tables import PackedTables


class Difference(NamedTuple):
    """Where the two disagree: who is asked about what, and what each says."""

    subject: str
    direction: str
    peer: str
    traffic: str
    expected: str
    found: str

    def __str__(self) -> str:
        where = " ".join(filter(None, (self.direction, "at", self.subject)))
        about = " ".join(filter(None, (self.peer, self.traffic)))
        return f"{where}, {about}: expected {self.expected}, found {self.found}"


@dataclass
class Counts:
    """How much was compared."""

    subjects: int = 0
    tables: int = 0
    peer_atoms: int = 0
    traffic_atoms: int = 0
    questions: int = 0
    cells: int = 0
    visited_cells: int = 0
    dead_cells: int = 0
    address_edges: int = 0
    port_edges: int = 0


@dataclass
class TableProof:
    """What the comparison found; nothing else than counts where all is well."""

    counts: Counts = field(default_factory=Counts)
    differences: list[Difference] = field(default_factory=list)
    unvisited: list[str] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        """Whether every cell was visited and says what it should, and there are any."""
        is_empty = not all(
            (
                self.counts.subjects,
                self.counts.peer_atoms,
                self.counts.traffic_atoms,
                self.counts.cells,
            )
        )
        return not (is_empty or self.differences or self.unvisited)


class Comparison:
    """One bundle's tables beside one reading of the sources."""

    def __init__(self, tables: PackedTables, evaluator: Evaluator) -> None:
        self.evaluator = evaluator
        self.read = ReadBack(tables)
        self.peers = find_peer_atoms(evaluator.objects, evaluator.ends)
        self.traffic = find_traffic_atoms(evaluator.objects, evaluator.cluster)
        self._decisions = Decisions(tables)
        self.place_of_peer = {(a.address, a.role): i for i, a in enumerate(self.peers)}
        self._place_of_traffic = {
            (a.protocol, a.port): i for i, a in enumerate(self.traffic)
        }
        self._classes = [self._class(atom) for atom in self.peers]
        self._atoms = [tables.atom(a.number, a.port) for a in self.traffic]
        self.matrix = Matrix(
            evaluator.statements,
            self.peers,
            self.traffic,
            self._classes.__getitem__,
            self._atoms.__getitem__,
        )
        self._group_classes = tuple(
            self._classes[first] for first in self.matrix.peer_groups.firsts
        )
        self._group_atoms = tuple(
            self._atoms[first] for first in self.matrix.traffic_groups.firsts
        )
        self.seen = bytearray(len(self.read.cells))
        self._said: dict[int, tuple[Verdict, Said]] = {}
        self._distinct: dict[Said, Said] = {}
        self._agreements: dict[frozenset[Said], _Agreement] = {}
        self.services: dict[int, ServiceAddress] = {}
        self._distinct_services: list[ServiceAddress] = []
        self.subjects: list[Subject] = []
        self._judgements = Judgements(evaluator, self.matrix)
        self._expectations: dict[int, Expectation] = {}
        self._live: dict[int, set[int]] = {}
        self.proof = TableProof()

    def run(self) -> TableProof:
        """Compare everything."""
        counts = self.proof.counts
        counts.tables = self.read.table_count
        counts.peer_atoms, counts.traffic_atoms = len(self.peers), len(self.traffic)
        counts.cells = len(self.seen)
        if not self.peers or not self.traffic:
            return self.proof
        self.services = dict(self._find_services())
        distinct = {
            (self._group_classes[one.peer], tuple(one.ports.items())): one
            for one in self.services.values()
        }
        self._distinct_services = list(distinct.values())
        subjects, faults = find_subjects(self.read.tables, self.evaluator)
        self.subjects = subjects
        self.proof.differences += [Difference(*fault) for fault in faults]
        counts.subjects = len(subjects)
        known: dict[tuple[int, int], list[Difference]] = {}
        for subject in subjects:
            for direction, table in zip(DIRECTIONS, subject.tables, strict=True):
                judgement = self._judgements.of(subject.end, direction)
                key = id(judgement), table
                if key not in known:
                    known[key] = list(self._compare(judgement, table, direction))
                self.proof.differences += [
                    difference._replace(subject=subject.name)
                    for difference in known[key]
                ]
                counts.questions += len(self.peers) * len(self.traffic)
        self._compare_no_policy()
        self._find_unvisited()
        return self.proof

    # ------------------------------------------------------------ for packets

    def expectation(self, subject: Subject, direction: str) -> Expectation:
        """Return what the reference says of a subject, atom by atom."""
        return self.expectation_of(subject.end, direction)

    def expectation_of(self, end: End, direction: str) -> Expectation:
        """Return what the reference says of an end, also where it is no subject."""
        judgement = self._judgements.of(end, direction)
        found = self._expectations.get(id(judgement))
        if found is None:
            found = Expectation(self, judgement, direction)
            self._expectations[id(judgement)] = found
        return found

    @cached_property
    def rule_numbers(self) -> dict[Because, set[int]]:
        """The stable numbers of rules, as counters and maps have them."""
        found: dict[Because, set[int]] = {}
        for rule in self.read.tables.rules:
            found.setdefault(say_rule(rule), set()).add(rule.number)
        return found

    # ------------------------------------------------------------ cells

    def _compare(
        self, judgement: Judgement, table: int, direction: str
    ) -> Iterator[Difference]:
        if not 0 <= table < self.read.table_count:
            yield Difference("", direction, "", "", "a table", f"table {table}")
            return
        rows = self.read.rows(table, self._group_classes)
        columns = self.read.columns(table, self._group_atoms)
        cells = _Cells(self, table, rows, columns)
        apart = self.matrix.services if direction == "egress" else 0
        for block in judgement.blocks():
            peers = list(members(block.peers & ~apart))
            for bits, verdict in block.verdicts:
                wrong = cells.wrong(peers, list(members(bits)), (verdict,))
                yield from self._differences(wrong, direction, (verdict,))
        if apart:
            yield from self._compare_services(judgement, cells, direction)

    def _differences(
        self,
        wrong: Iterable[tuple[int, int, str]],
        direction: str,
        verdicts: Collection[Verdict],
    ) -> Iterator[Difference]:
        for peer, traffic, found in wrong:
            expected = " or ".join(sorted(str(say_verdict(v)) for v in verdicts))
            yield Difference(
                "",
                direction,
                str(self.peers[self.matrix.peer_groups.firsts[peer]]),
                str(self.traffic[self.matrix.traffic_groups.firsts[traffic]]),
                expected,
                found,
            )

    def agreement(self, verdicts: Collection[Verdict]) -> _Agreement:
        """Return which decisions say what one of the verdicts says."""
        said = frozenset(map(self._words, verdicts))
        agreement = self._agreements.get(said)
        if agreement is None:
            agreement = self._agreements[said] = _Agreement(said, self._decisions)
        return agreement

    def _words(self, verdict: Verdict) -> Said:
        """Put a verdict into words; the same words are the same value."""
        said = self._said.get(id(verdict))
        if said is None:
            words = say_verdict(verdict)
            said = verdict, self._distinct.setdefault(words, words)
            self._said[id(verdict)] = said  # the verdict is kept, and so is its number
        return said[1]

    def say(self, decision: int) -> str:
        """Return what a decision says, for a message."""
        return str(self._decisions.say(decision))

    # ------------------------------------------------------------ services

    def _find_services(self) -> Iterator[tuple[int, ServiceAddress]]:
        """Yield service addresses, with what stands behind each port, as groups."""
        ends = self.evaluator.ends
        peer_group, traffic_group = (
            self.matrix.peer_groups.of,
            self.matrix.traffic_groups.of,
        )
        for index, atom in enumerate(self.peers):
            if not atom.is_service:
                continue
            ports: dict[int, set[tuple[int, int]]] = {}
            for service in ends.cluster.services_at[atom.address]:
                for (protocol, port), backends in service.ports.items():
                    behind = ports.setdefault(
                        self._place_of_traffic[protocol, port], set()
                    )
                    for address, target in backends:
                        if address.version != atom.address.version:
                            continue
                        there = traffic_group[self._place_of_traffic[protocol, target]]
                        behind.update(
                            (peer_group[place], there) for place in self._views(address)
                        )
            served = {p: frozenset(behind) for p, behind in sorted(ports.items())}
            rest = [
                group
                for group, bits in enumerate(self.matrix.traffic_groups.members)
                if not served.keys() >= set(members(bits))
            ]
            yield index, ServiceAddress(peer_group[index], served, rest)

    def _views(self, address: Address) -> Iterator[int]:
        """Yield the atoms that a backend may be: a node may be the subject's own."""
        ends = self.evaluator.ends
        yield self.place_of_peer[address, SEEN]
        node = ends.cluster.node_at.get(address)
        if node is not None and address not in ends.cluster.pod_at:
            serves = ends.has_api_server(node.addresses)
            role = OWN_WITH_API_SERVER if serves else OWN
            yield self.place_of_peer[address, role]

    def _compare_services(
        self, judgement: Judgement, cells: _Cells, direction: str
    ) -> Iterator[Difference]:
        tribunal = judgement.tribunal
        known: dict[frozenset[tuple[int, int]], set[Verdict]] = {}
        of = self.matrix.traffic_groups.of
        for service in self._distinct_services:
            for port, behind in service.ports.items():
                verdicts = known.get(behind)
                if verdicts is None:
                    found = {judgement.verdict(*pair) for pair in behind}
                    verdicts = known[behind] = tribunal.worst(found)
                wrong = cells.wrong([service.peer], [of[port]], verdicts)
                yield from self._differences(wrong, direction, verdicts)
            verdicts = tribunal.worst(())
            wrong = cells.wrong([service.peer], service.rest, verdicts)
            yield from self._differences(wrong, direction, verdicts)

    # ------------------------------------------------------------ what no subject has

    def _compare_no_policy(self) -> None:
        """Compare the two tables that are always there, also where nobody has them."""
        for direction, table in zip(DIRECTIONS, NO_POLICY_TABLES, strict=True):
            nobody = Tribunal(
                (), direction, is_pod=False, mode="default", is_cilium=False
            )
            judgement = self.matrix.judge(nobody, direction, self.peers[0].end)
            self.proof.differences += [
                difference._replace(subject="whoever no policy selects")
                for difference in self._compare(judgement, table, direction)
            ]

    # ------------------------------------------------------------ what was not looked at

    def _find_unvisited(self) -> None:
        proof = self.proof
        proof.counts.visited_cells = sum(self.seen)
        missing = [
            (table, row, left)
            for table, row, left in self._unseen_rows()
            if row in self._live_rows(table)
        ]
        proof.counts.dead_cells = len(self.seen) - proof.counts.visited_cells
        if missing:
            count = sum(left for _, _, left in missing)
            proof.counts.dead_cells -= count
            table, row, _ = missing[0]
            proof.unvisited.append(
                f"{count} cells are reached by no atom; the first is in row {row} of table "
                f"{table}"
            )
        proof.unvisited += self._unseen_addresses()
        proof.unvisited += self._unseen_traffic()

    def _unseen_rows(self) -> Iterator[tuple[int, int, int]]:
        """Yield (table, row, cells) of rows with cells that were not visited."""
        done = set()
        for table, place in enumerate(self.read.places):
            if place in done:
                continue
            done.add(place)
            for row in range(place.rows):
                start = place.first + row * place.columns
                left = self.seen.count(0, start, start + place.columns)
                if left:
                    yield table, row, left

    def _live_rows(self, table: int) -> set[int]:
        """Return the rows to which addresses lead, of all tables with the same cells."""
        found = self._live.get(table)
        if found is None:
            place = self.read.places[table]
            found = self._live[table] = {
                row
                for other, there in enumerate(self.read.places)
                if there == place
                for row in self.read.rows(other, self.read.live_classes)
            }
        return found

    def _unseen_addresses(self) -> Iterator[str]:
        atoms = {(a.address.version, int(a.address)) for a in self.peers}
        for version, address in self.read.address_edges():
            self.proof.counts.address_edges += 1
            if not {(version, address - 1), (version, address)} <= atoms:
                text = ip_address(address.to_bytes(4 if version == 4 else 16, "big"))
                yield f"the tables change at address {text}, where no atom is"

    def _unseen_traffic(self) -> Iterator[str]:
        atoms = {(a.number, a.port) for a in self.traffic}
        for one, two in self.read.port_edges():
            self.proof.counts.port_edges += 1
            if not {one, two} <= atoms:
                yield (
                    f"the tables change between {one[1]} and {two[1]} of IP protocol "
                    f"{two[0]}, where no atom is"
                )

    def _class(self, atom: PeerAtom) -> int:
        """Return the class that an address leads to, in its role."""
        tables = self.read.tables
        peer = tables.peer(self.read.peer(atom.address))
        if atom.role == OWN:
            peer = tables.peer(peer.host)
        elif atom.role == OWN_WITH_API_SERVER:
            peer = tables.peer(peer.api_server_host)
        return peer.identity_class


class ServiceAddress(NamedTuple):
    """A service's address: its group, and for each port (an atom) what is behind it.

    ``rest``: the groups of traffic with an atom that is not served.
    """

    peer: int
    ports: Mapping[int, frozenset[tuple[int, int]]]
    rest: Sequence[int]


class _Cells:
    """The cells of one table, by groups."""

    def __init__(
        self,
        comparison: Comparison,
        table: int,
        rows: Sequence[int],
        columns: Sequence[int],
    ) -> None:
        self._comparison = comparison
        self._place = comparison.read.places[table]
        self.rows, self._columns = rows, columns

    def wrong(
        self,
        peers: Sequence[int],
        traffic: Sequence[int],
        verdicts: Collection[Verdict],
    ) -> Iterator[tuple[int, int, str]]:
        """Yield (group of peers, group of traffic, what is there) of cells that differ."""
        rows = {self.rows[peer]: peer for peer in reversed(peers)}
        columns = {self._columns[some]: some for some in reversed(traffic)}
        place, comparison = self._place, self._comparison
        agrees, cells = comparison.agreement(verdicts), comparison.read.cells
        for row, peer in rows.items():
            start = place.first + row * place.columns
            for column, some in columns.items():
                if row >= place.rows or column >= place.columns:
                    yield peer, some, "a cell outside of its table"
                    continue
                comparison.seen[start + column] = 1
                decision = cells[start + column]
                if not agrees[decision]:
                    yield peer, some, comparison.say(decision)


class _Agreement(dict[int, bool]):
    """Decision → whether it says one of some things; asked once for each."""

    def __init__(self, said: frozenset[Said], decisions: Decisions) -> None:
        super().__init__()
        self._said, self._decisions = said, decisions

    def __missing__(self, decision: int) -> bool:
        agrees = self[decision] = self._decisions.say(decision) in self._said
        return agrees


class Judgements:
    """The judgements of subjects; those with the same statements and ports share one."""

    def __init__(self, evaluator: Evaluator, matrix: Matrix) -> None:
        self._evaluator = evaluator
        self._matrix = matrix
        self._selecting: dict[object, list[Statement]] = {}
        self._known: dict[object, Judgement] = {}

    def of(self, end: End, direction: str) -> Judgement:
        """Return the judgement of a subject in one direction."""
        looks = looks_of(end)
        selecting = self._selecting.get(looks)
        if selecting is None:
            selecting = self._selecting[looks] = self._evaluator.selecting(end)
        ports = tuple(end.pod.ports) if end.pod and direction == "ingress" else ()
        key = tuple(map(id, selecting)), end.kind, ports, direction
        judgement = self._known.get(key)
        if judgement is None:
            tribunal = self._evaluator.tribunal(direction, end, selecting)
            judgement = self._matrix.judge(tribunal, direction, end)
            self._known[key] = judgement
        return judgement
