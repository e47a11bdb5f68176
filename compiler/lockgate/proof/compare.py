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

from collections import Counter
from functools import cached_property
from typing import TYPE_CHECKING

from lockgate.proof.cells import Cells, Visits
from lockgate.proof.coverage import Coverage
from lockgate.proof.differences import Difference, TableProof
from lockgate.proof.expectation import Expectation
from lockgate.proof.identities import wrong_identities
from lockgate.proof.judgements import Judgements
from lockgate.proof.packed import ReadBack
from lockgate.proof.reference.atoms import (
    OWN,
    OWN_WITH_API_SERVER,
    SEEN,
    find_peer_atoms,
    find_traffic_atoms,
)
from lockgate.proof.reference.matrix import Matrix, members
from lockgate.proof.reference.opinion import DIRECTIONS
from lockgate.proof.reference.tribunal import Tribunal
from lockgate.proof.services import ServiceAddress, find_services
from lockgate.proof.subjects import NO_POLICY_TABLES, Subject, find_subjects
from lockgate.proof.words import say_rule, say_verdict

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from lockgate.proof.reference.atoms import PeerAtom
    from lockgate.proof.reference.evaluator import Evaluator
    from lockgate.proof.reference.flow import End
    from lockgate.proof.reference.matrix import Judgement
    from lockgate.proof.reference.tribunal import Verdict
    from lockgate.proof.words import Because
    from lockgate_runtime.tables import PackedTables


_WITH_AXES = {"TCP", "UDP", "SCTP", "ICMP", "ICMPv6"}


class Comparison:
    """One bundle's tables beside one reading of the sources."""

    def __init__(self, tables: PackedTables, evaluator: Evaluator) -> None:
        self.evaluator = evaluator
        self.read = ReadBack(tables)
        self.peers = find_peer_atoms(evaluator.objects, evaluator.ends)
        self.traffic = find_traffic_atoms(evaluator.objects, evaluator.cluster)
        self.place_of_peer = {(a.address, a.role): i for i, a in enumerate(self.peers)}
        self.place_of_traffic = {
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
        self._visits = Visits(self.read)
        self.services: dict[int, ServiceAddress] = {}
        self._distinct_services: list[ServiceAddress] = []
        self.subjects: list[Subject] = []
        self._judgements = Judgements(evaluator, self.matrix)
        self._expectations: dict[int, Expectation] = {}
        self.proof = TableProof()

    def run(self) -> TableProof:
        """Compare everything."""
        counts = self.proof.counts
        counts.tables = self.read.table_count
        counts.peer_atoms, counts.traffic_atoms = len(self.peers), len(self.traffic)
        families = Counter(a.address.version for a in self.peers if a.role == SEEN)
        counts.ipv4_addresses, counts.ipv6_addresses = families[4], families[6]
        protocols = Counter(atom.protocol for atom in self.traffic)
        counts.ports, counts.icmp_types = protocols["TCP"], protocols["ICMP"]
        counts.other_protocols = len(protocols.keys() - _WITH_AXES)
        counts.cells = len(self.read.cells)
        if not self.peers or not self.traffic:
            return self.proof
        self.services = dict(find_services(self))
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
        self.proof.identities += [
            Difference("", "", str(atom), "", expected, found)
            for atom, expected, found in wrong_identities(self.read, self.peers)
        ]
        Coverage(
            self.read, self._visits.seen, self.peers, self.traffic, self.proof
        ).check()
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
    def packed_addresses(self) -> list[bytes]:
        """The addresses of the atoms as headers have them."""
        return [atom.address.packed for atom in self.peers]

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
        cells = Cells(self._visits, table, rows, columns)
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

    # ------------------------------------------------------------ services

    def _compare_services(
        self, judgement: Judgement, cells: Cells, direction: str
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

    def _class(self, atom: PeerAtom) -> int:
        """Return the class that an address leads to, in its role."""
        tables = self.read.tables
        peer = tables.peer(self.read.peer(atom.address))
        if atom.role == OWN:
            peer = tables.peer(peer.host)
        elif atom.role == OWN_WITH_API_SERVER:
            peer = tables.peer(peer.api_server_host)
        return peer.identity_class
