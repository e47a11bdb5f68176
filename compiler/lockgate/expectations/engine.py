"""Judge statements over all that they are about, class by class.

Before: sets of places and of traffic.
After:  for each statement whether it holds, with an example of every kind of flow for
        which it does not.

Places that no table tells apart are judged once; of a class of addresses, pods and ports one
stands for all.  So what is said of a set holds for every member, or an example shows where
it does not.  With a :class:`Sampler` each class is asked of the kernel, too.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple, Protocol

from lockgate.bitset import lowest
from lockgate.expectations.cells import Cells
from lockgate.expectations.crossing import Crossing
from lockgate.expectations.names import why_unknown
from lockgate.expectations.near import near_names
from lockgate.expectations.places import Place, PlaceKind, Population
from lockgate.expectations.sets import Members, Sets, UnknowableError
from lockgate.expectations.traffic import Atoms, Example, PortSpan, spans_of
from lockgate.expectations.verdicts import Decisions, Opinion, Verdicts
from lockgate.ir.policy import NamedPortMatch
from lockgate.language.ast_tests import FlowStatement, Invariant, Quantity, Test

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from lockgate.bitset import Bits
    from lockgate.expectations.crossing import Meeting, RowPair
    from lockgate.expectations.names import NameRule
    from lockgate.ir.cluster import Cluster
    from lockgate.ir.tables import Tables
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

    ``why`` says why nothing was judged, ``help`` what may have been meant; ``sights`` are
    flows for which it does not hold, one of each kind, and ``violations`` how many kinds there
    are.  ``pairs`` counts pairs of addresses that were judged, ``decisions`` are those that
    made it hold, ``packets`` were asked of the kernel.
    """

    test: Test
    statement: FlowStatement
    status: Status = Status.PASSED
    why: str = ""
    help: str = ""
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


class Engine:
    """Judges the statements of tests over one set of tables."""

    def __init__(
        self,
        cluster: Cluster,
        tables: Tables,
        packed: PackedTables,
        requests: RequestJudge | None,
        sampler: Sampler | None = None,
        names: Mapping[str, tuple[NameRule, ...]] | None = None,
    ) -> None:
        self.population = Population(cluster, tables, packed)
        self.verdicts = Verdicts(packed, requests)
        self.atoms = Atoms(tables.atoms)
        self._sets = Sets(self.population)
        self.cells = Cells(tables)
        self.crossing = Crossing(self.population, self.cells)
        self.sampler = sampler
        self._names = names or {}
        self._named_ports = {e.key: e.named_ports for e in cluster.endpoints}

    def run(self, tests: Iterable[Test]) -> Iterator[Result]:
        """Yield a result for each statement about flows, in order."""
        for test in tests:
            for statement in test.flow_statements:
                yield self.judge(test, statement)

    def judge(self, test: Test, statement: FlowStatement) -> Result:
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
            asked = statement.source, statement.destination
            for one, members in zip(asked, ends, strict=True):
                if not members.places and not result.help:
                    result.help = near_names(one, self.population) or ""
            return result
        hearing = _Hearing(self, statement, result)
        for spans, destinations in self._by_traffic(statement, ends[1]):
            for meeting in self.crossing.meetings(ends[0], destinations):
                hearing.judge(meeting, spans, ends)
        if not result.pairs:
            result.status, result.why = Status.EMPTY, hearing.why_nothing()
        elif result.violations:
            result.status = Status.FAILED
        elif _is_never(statement) and (why := self._why_unknown(statement, ends)):
            result.status, result.why = Status.UNKNOWN, why
        return result

    def _why_unknown(
        self, statement: FlowStatement, ends: tuple[Members, Members]
    ) -> str | None:
        """Say why nobody can know that nothing passes, where rules for names leave it open."""
        for spans, destinations in self._by_traffic(statement, ends[1]):
            why = why_unknown(
                ends[0].places, destinations.places, spans, self._names, self.atoms
            )
            if why is not None:
                return why
        return None

    def _by_traffic(
        self, statement: FlowStatement, destinations: Members
    ) -> Iterator[tuple[tuple[PortSpan, ...], Members]]:
        """Yield what is asked for, by destination: each may name its ports otherwise."""
        matches = [traffic.match for traffic in statement.traffic]
        if not any(isinstance(match, NamedPortMatch) for match in matches):
            yield spans_of(matches), destinations
            return
        by_spans: dict[tuple[PortSpan, ...], list[Place]] = defaultdict(list)
        for place in destinations.places:
            is_pod = place.kind is PlaceKind.POD
            ports = self._named_ports.get(place.name, ()) if is_pod else ()
            by_spans[spans_of(matches, ports)].append(place)
        for spans, places in by_spans.items():
            yield spans, replace(destinations, places=tuple(places))


def _is_never(statement: FlowStatement) -> bool:
    return isinstance(statement, Invariant) and statement.quantity is Quantity.NEVER


class _Hearing:
    """Judges one statement, meeting by meeting."""

    def __init__(
        self, engine: Engine, statement: FlowStatement, result: Result
    ) -> None:
        self._engine = engine
        self._statement = statement
        self._result = result
        self._opinions: dict[Decisions, Opinion] = {}
        self._regions: dict[object, list[tuple[Decisions, Bits]]] = {}
        self._lacks_traffic = False

    def judge(
        self,
        meeting: Meeting,
        spans: tuple[PortSpan, ...],
        ends: tuple[Members, Members],
    ) -> None:
        """Judge all flows of a meeting."""
        family = meeting.group[0].family
        wanted = self._engine.atoms.bits(spans, family)
        if not wanted:
            self._lacks_traffic = True
            return
        self._result.pairs += meeting.flows
        for pair, count in Counter(meeting.pairs).items():
            if pair is None:
                continue
            for decisions, atoms in self._decided(pair, wanted):
                if self._opinion(decisions).holds:
                    continue
                self._result.violations += count
                if len(self._result.sights) < MOST_SIGHTS:
                    ends_shown = meeting.example(meeting.pairs.index(pair))
                    self._show(*ends_shown, decisions, atoms, spans)
        if self._engine.sampler is not None:
            self._sample(meeting, wanted, spans, ends)

    def why_nothing(self) -> str:
        """Say why there was nothing to judge."""
        if self._lacks_traffic:
            return "no destination has such traffic (a named port that nobody has?)"
        return "no packet of ours goes from its source to its destination"

    # ------------------------------------------------------------ inside

    def _decided(self, pair: RowPair, wanted: Bits) -> list[tuple[Decisions, Bits]]:
        """Return what two rows decide together, and for which of the wanted atoms."""
        key = pair, wanted
        found = self._regions.get(key)
        if found is None:
            egress, ingress = (self._engine.cells.rows[number] for number in pair)
            found = self._regions[key] = [
                ((leaving, entering), atoms)
                for leaving, some in egress
                for entering, others in ingress
                if (atoms := some & others & wanted)
            ]
        return found

    def _show(
        self,
        source: Place,
        destination: Place,
        decisions: Decisions,
        atoms: Bits,
        spans: tuple[PortSpan, ...],
    ) -> None:
        example = self._engine.atoms.example(lowest(atoms), spans)
        opinion = self._opinion(decisions)
        sight = Sight(source, destination, example, decisions, opinion)
        self._result.sights.append(sight)

    def _sample(
        self,
        meeting: Meeting,
        wanted: Bits,
        spans: tuple[PortSpan, ...],
        ends: tuple[Members, Members],
    ) -> None:
        """Have a packet of each kind judged by somebody else, too."""
        sampler = self._engine.sampler
        for place, pair in enumerate(meeting.pairs):
            if pair is None or sampler is None:
                continue
            source, destination = meeting.example(place)
            for decisions, atoms in self._decided(pair, wanted):
                asked = Asked(source, destination, atoms, spans, decisions)
                for sight in sampler.ask(asked, ends):
                    self._result.packets += 1
                    if sight.decisions != decisions:
                        got = self._opinion(sight.decisions)
                        told = sight._replace(opinion=got._replace(why=OTHERWISE))
                        self._result.violations += 1
                        # Before others: it puts what is judged here itself in doubt.
                        self._result.sights.insert(0, told)

    def _opinion(self, decisions: Decisions) -> Opinion:
        opinion = self._opinions.get(decisions)
        if opinion is None:
            verdicts = self._engine.verdicts
            opinion = verdicts.judge(self._statement, decisions)
            self._opinions[decisions] = opinion
            if opinion.holds:
                self._result.decisions |= {d for _, d in verdicts.deciding(decisions)}
        return opinion
