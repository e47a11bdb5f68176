"""Judge statements over all that they are about, class by class.

Before: sets of places and of traffic.
After:  for each statement whether it holds, with an example of every kind of flow for
        which it does not.

Places that no table tells apart are judged once; of a class of addresses, pods and ports one
stands for all.  So what is said of a set holds for every member, or an example shows where
it does not.  With a :class:`Sampler` each class is asked of the kernel, too.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple, Protocol

from lockgate.bitset import lowest
from lockgate.expectations.cells import Cells
from lockgate.expectations.places import Place, PlaceKind, Population
from lockgate.expectations.sets import Members, Relation, Sets, UnknowableError
from lockgate.expectations.traffic import Atoms, Example, PortSpan, spans_of
from lockgate.expectations.verdicts import Decisions, Opinion, Verdicts
from lockgate.ir.policy import NamedPortMatch

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from lockgate.bitset import Bits
    from lockgate.expectations.cells import Row
    from lockgate.ir.cluster import Cluster
    from lockgate.ir.tables import Tables
    from lockgate.language import ast
    from lockgate.simulation import RequestJudge
    from lockgate_runtime.tables import PackedTables

OTHERWISE = "the loaded program decides otherwise than the tables"

MOST_SIGHTS = 100
"""So many kinds of flows for which a statement does not hold are kept."""


class Status(StrEnum):
    """What a statement comes to."""

    PASSED = "passed"
    FAILED = "failed"
    EMPTY = "empty"
    UNKNOWN = "unknown"


class Sight(NamedTuple):
    """A flow that was looked at, and what came of it."""

    source: Place
    destination: Place
    example: Example
    decisions: Decisions
    opinion: Opinion


@dataclass(slots=True)
class Result:
    """What one statement comes to.

    ``why`` says why nothing was judged; ``sights`` are flows for which it does not hold, one of
    each kind, and ``violations`` how many kinds there are.  ``pairs`` counts pairs of addresses
    that were judged, ``decisions`` are those that made it hold, ``packets`` were asked of the
    kernel.
    """

    test: ast.Test
    statement: ast.Statement
    status: Status = Status.PASSED
    why: str = ""
    sights: list[Sight] = field(default_factory=list)
    violations: int = 0
    pairs: int = 0
    decisions: set[int] = field(default_factory=set)
    packets: int = 0


class Asked(NamedTuple):
    """What a sampler is given: two places, atoms of traffic, and what tables decide there."""

    source: Place
    destination: Place
    atoms: Bits
    spans: tuple[PortSpan, ...]
    decisions: Decisions


class Sampler(Protocol):
    """Asks somebody else about flows that were judged by the tables."""

    def ask(self, asked: Asked, ends: tuple[Members, Members]) -> Iterator[Sight]:
        """Yield each flow that was asked for with what was decided, without opinion."""


_Groups = dict[object, list[Place]]


class Engine:
    """Judges the statements of tests over one set of tables."""

    def __init__(
        self,
        cluster: Cluster,
        tables: Tables,
        packed: PackedTables,
        requests: RequestJudge | None,
        sampler: Sampler | None = None,
    ) -> None:
        self.population = Population(cluster, tables, packed)
        self.verdicts = Verdicts(packed, requests)
        self.atoms = Atoms(tables.atoms)
        self._sets = Sets(self.population)
        self._cells = Cells(tables)
        self._packed = packed
        self.sampler = sampler
        self._named_ports = {e.key: e.named_ports for e in cluster.endpoints}

    def run(self, tests: Iterable[ast.Test]) -> Iterator[Result]:
        """Yield a result for each statement, in order."""
        for test in tests:
            for statement in test.statements:
                yield self.judge(test, statement)

    def judge(self, test: ast.Test, statement: ast.Statement) -> Result:
        """Judge one statement."""
        result = Result(test, statement)
        try:
            ends = (
                self._sets.members(statement.source),
                self._sets.members(statement.destination),
            )
        except UnknowableError as error:
            result.status, result.why = Status.UNKNOWN, str(error)
            return result
        names = "source", "destination"
        nobody = [n for n, end in zip(names, ends, strict=True) if not end.places]
        if nobody:
            result.status = Status.EMPTY
            result.why = f"in this snapshot nobody is its {' and its '.join(nobody)}"
            return result
        hearing = _Hearing(self, statement, result)
        for pair in self._pairs(statement, *ends):
            hearing.judge(*pair, ends)
        if not result.pairs:
            result.status, result.why = Status.EMPTY, self._why_no_pair(hearing)
        elif result.violations:
            result.status = Status.FAILED
        return result

    def rows(self, source: Place, destination: Place) -> tuple[Row, Row]:
        """Return what the hooks at both ends decide, by traffic."""
        return (
            self._row(source, destination, is_egress=True),
            self._row(destination, source, is_egress=False),
        )

    # ------------------------------------------------------------ pairs

    def _pairs(
        self, statement: ast.Statement, sources: Members, destinations: Members
    ) -> Iterator[tuple[list[Place], list[Place], tuple[PortSpan, ...]]]:
        """Yield groups that hooks cannot tell apart, with the traffic asked for."""
        matches = [traffic.match for traffic in statement.traffic]
        has_names = any(isinstance(match, NamedPortMatch) for match in matches)
        every = (*sources.places, *destinations.places)
        by_node = any(place.kind is PlaceKind.NODE for place in every)

        def spans(place: Place) -> tuple[PortSpan, ...]:
            ports = self._named_ports.get(place.name, ()) if has_names else ()
            return spans_of(matches, ports if place.kind is PlaceKind.POD else ())

        plain = spans_of(matches)
        from_groups = self._groups(sources.places, by_node=by_node)
        to_groups: dict[tuple[PortSpan, ...], _Groups] = {}
        if has_names:
            by_spans: dict[tuple[PortSpan, ...], list[Place]] = defaultdict(list)
            for place in destinations.places:
                by_spans[spans(place)].append(place)
            for some, places in by_spans.items():
                to_groups[some] = self._groups(places, by_node=by_node)
        else:
            to_groups[plain] = self._groups(destinations.places, by_node=by_node)
        for wanted, groups in to_groups.items():
            for one in from_groups.values():
                for other in groups.values():
                    if _meet(one[0], other[0], sources.relation, destinations.relation):
                        yield one, other, wanted

    def _groups(self, places: Iterable[Place], *, by_node: bool) -> _Groups:
        groups: _Groups = defaultdict(list)
        for place in places:
            groups[self._look(place, by_node=by_node)].append(place)
        return groups

    def _look(self, place: Place, *, by_node: bool) -> object:
        """Return what hooks know of a place."""
        subject = place.subject
        tables = subject and (subject.ingress_policy, subject.egress_policy)
        peer = self._packed.peer(place.peer)
        hosts = peer[2:] if place.kind is PlaceKind.NODE else ()
        node = place.node if by_node else None
        return place.kind, place.family, tables, peer.identity_class, hosts, node

    def _row(self, judging: Place, other: Place, *, is_egress: bool) -> Row:
        subject = judging.subject
        if subject is None:
            return self._cells.nobody
        table = subject.egress_policy if is_egress else subject.ingress_policy
        peer = self._packed.peer(self.population.seen_from(other, judging))
        return self._cells.row(table, peer.identity_class)

    def _why_no_pair(self, hearing: _Hearing) -> str:
        if hearing.without_traffic:
            return "no destination has such traffic (a named port that nobody has?)"
        return "no packet of ours goes from its source to its destination"


class _Hearing:
    """Judges one statement, pair of groups by pair."""

    def __init__(
        self, engine: Engine, statement: ast.Statement, result: Result
    ) -> None:
        self._engine = engine
        self._statement = statement
        self._result = result
        self._opinions: dict[Decisions, Opinion] = {}
        self._wanted: dict[tuple[tuple[PortSpan, ...], int], Bits] = {}
        self.without_traffic = False

    def judge(
        self,
        sources: list[Place],
        destinations: list[Place],
        spans: tuple[PortSpan, ...],
        ends: tuple[Members, Members],
    ) -> None:
        """Judge all flows between two groups by those between two of them."""
        pair = _distinct(sources, destinations)
        if pair is None:
            return
        family = pair[0].family
        if (spans, family) not in self._wanted:
            self._wanted[spans, family] = self._engine.atoms.bits(spans, family)
        wanted = self._wanted[spans, family]
        if not wanted:
            self.without_traffic = True
            return
        self._result.pairs += _count_pairs(sources, destinations)
        egress, ingress = self._engine.rows(*pair)
        for leaving, some in egress:
            for entering, others in ingress:
                atoms = some & others & wanted
                if atoms:
                    self._hear(Asked(*pair, atoms, spans, (leaving, entering)), ends)

    def _hear(self, asked: Asked, ends: tuple[Members, Members]) -> None:
        opinion = self._opinion(asked.decisions)
        if not opinion.holds:
            example = self._engine.atoms.example(lowest(asked.atoms), asked.spans)
            source, destination, *_, decisions = asked
            self._note(Sight(source, destination, example, decisions, opinion))
        sampler = self._engine.sampler
        if sampler is None:
            return
        for sight in sampler.ask(asked, ends):
            self._result.packets += 1
            if sight.decisions != asked.decisions:
                got = self._opinion(sight.decisions)
                self._note(sight._replace(opinion=got._replace(why=OTHERWISE)))

    def _opinion(self, decisions: Decisions) -> Opinion:
        opinion = self._opinions.get(decisions)
        if opinion is None:
            verdicts = self._engine.verdicts
            opinion = verdicts.judge(self._statement, decisions)
            self._opinions[decisions] = opinion
            if opinion.holds:
                self._result.decisions |= {d for _, d in verdicts.deciding(decisions)}
        return opinion

    def _note(self, sight: Sight) -> None:
        self._result.violations += 1
        if len(self._result.sights) < MOST_SIGHTS:
            self._result.sights.append(sight)


def _meet(one: Place, other: Place, source: Relation, destination: Relation) -> bool:
    """Whether a packet of ours can go from one to the other, as the sets mean it."""
    if one.family != other.family:
        return False
    if one.kind is PlaceKind.OUTSIDE and other.kind is PlaceKind.OUTSIDE:
        return False
    return _is_related(one, other, source) and _is_related(other, one, destination)


def _is_related(place: Place, other: Place, relation: Relation) -> bool:
    is_free = place.kind is not PlaceKind.NODE or other.kind is PlaceKind.OUTSIDE
    if is_free or relation is Relation.ANY:
        return True
    return (place.node == other.node) == (relation is Relation.OWN)


def _distinct(
    sources: list[Place], destinations: list[Place]
) -> tuple[Place, Place] | None:
    """Return the first source and destination that are not the same pod or node."""
    for source in sources:
        for destination in destinations:
            if (source.kind, source.name) != (destination.kind, destination.name):
                return source, destination
    return None


def _count_pairs(sources: list[Place], destinations: list[Place]) -> int:
    names = {(p.kind, p.name) for p in sources} & {
        (p.kind, p.name) for p in destinations
    }
    return len(sources) * len(destinations) - len(names)
