"""Judge service addresses in egress tables: as all their ready backends.

Before: service classes, and a way to judge a backend in one table.
After:  for each table the service classes with something else than "not served" on some
        port: the worst that any backend of the port gets, since nobody knows which
        of them a packet will reach.  Where different L7 rules judge them, nobody knows
        which rules to judge a request by, and it is as good as not served.

Services whose backends all lie in the same block of a table are judged together: once for
each combination of ports that services have.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from lockgate.bitset import from_members, members, split
from lockgate.ir.tables import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from lockgate.bitset import Bits
    from lockgate.ir.resolution import ServiceClass, Services
    from lockgate.ir.tables import Decision

Tags = int

_WORST_FIRST = (
    Outcome.DENY,
    Outcome.AUTHENTICATE,
    Outcome.REDIRECT,
    Outcome.AUDIT,
    Outcome.ALLOW,
)
_JUDGED = (Outcome.AUTHENTICATE, Outcome.REDIRECT)
_BADNESS = {outcome: place for place, outcome in enumerate(_WORST_FIRST)}

Shape = tuple[tuple[int, tuple[int, ...]], ...]
"""The ports of a service: (atom, atoms of the targets)."""


ServiceRow = tuple[tuple[int, int], ...]
"""What a service gets: (atom, decision), sorted; on every other atom it is not served."""


@dataclass(slots=True)
class Disagreement:
    """Backends of one port of one service that one table or more treat differently."""

    table: int
    decisions: tuple[int, ...]
    tables: int = 0


class TableView(NamedTuple):
    """One egress table, as far as services ask.

    ``peers`` are (number of the peer set, its classes, tags of its terms), ``traffic``
    (atoms, tags); the common ones are the tags of sets that hold everything.
    """

    number: int
    peers: Sequence[tuple[int, Bits, Tags]]
    traffic: Sequence[tuple[Bits, Tags]]
    common_peers: Tags
    common_traffic: Tags
    decide: Callable[[Tags], int]
    not_served: int


class ServiceJudge:
    """Judges all service classes, table by table."""

    def __init__(self, services: Services, decisions: Sequence[Decision]) -> None:
        self._classes = services.classes
        self._decisions = decisions
        self._all = (1 << len(self._classes)) - 1
        self._backends: list[frozenset[int]] = []
        self._services_of: dict[int, list[int]] = {}
        self._shape_of: list[Shape] = []
        shapes: dict[Shape, list[int]] = {}
        for number, service in enumerate(self._classes):
            backends = {known for port in service.ports for known, _ in port.targets}
            self._backends.append(frozenset(backends))
            for known in backends:
                self._services_of.setdefault(known, []).append(number)
            shape = _shape(service)
            self._shape_of.append(shape)
            shapes.setdefault(shape, []).append(number)
        self._shapes = {
            shape: from_members(numbers, len(self._classes))
            for shape, numbers in shapes.items()
        }
        most = max(self._services_of, default=0)
        self._has_services = from_members(self._services_of, most + 1)
        self._spread: dict[int, tuple[Bits, Bits]] = {}
        self.disagreements: dict[tuple[int, int], Disagreement] = {}

    def judge(self, view: TableView) -> dict[ServiceRow, Bits]:
        """Return the service classes with each row; those not served at all are left out."""
        mixed = 0
        wholes = []
        for number, classes, tags in view.peers:
            touched, whole = self._spread_of(number, classes)
            mixed |= touched ^ whole
            wholes.append((whole, tags))
        rows: dict[ServiceRow, Bits] = {}
        atoms = _AtomTags(view)
        for block, tags in split(self._all & ~mixed, wholes):
            for shape, inside in self._by_shape(block):
                row = self._row_of_shape(view, atoms, tags, shape, inside)
                rows[row] = rows.get(row, 0) | inside
        for service in members(mixed):
            row = self._row_of_mixed(view, atoms, service)
            rows[row] = rows.get(row, 0) | 1 << service
        rows.pop((), None)
        return rows

    def _spread_of(self, number: int, classes: Bits) -> tuple[Bits, Bits]:
        """Return the services with some, and with all backends in a peer set."""
        found = self._spread.get(number)
        if found is None:
            inside = set(members(classes & self._has_services))
            touched = {s for known in inside for s in self._services_of[known]}
            whole = [s for s in touched if self._backends[s] <= inside]
            size = len(self._classes)
            found = from_members(touched, size), from_members(whole, size)
            self._spread[number] = found
        return found

    def _by_shape(self, block: Bits) -> Iterator[tuple[Shape, Bits]]:
        if block.bit_count() < len(self._shapes):
            inside: dict[Shape, Bits] = {}
            for service in members(block):
                shape = self._shape_of[service]
                inside[shape] = inside.get(shape, 0) | 1 << service
            yield from inside.items()
            return
        for shape, services in self._shapes.items():
            if block & services:
                yield shape, block & services

    def _row_of_shape(
        self,
        view: TableView,
        atoms: _AtomTags,
        tags: Tags,
        shape: Shape,
        services: Bits,
    ) -> ServiceRow:
        """Judge services whose backends all match the same peer sets."""
        tags |= view.common_peers
        row = []
        for atom, targets in shape:
            found = {view.decide(tags & atoms.of(target)) for target in targets}
            worst = self._worst(found, view.not_served)
            if worst != view.not_served:
                row.append((atom, worst))
            if len(found) > 1 and self._disagree(found):
                for service in members(services):
                    self._note(view, service, atom, found)
        return tuple(row)

    def _row_of_mixed(
        self, view: TableView, atoms: _AtomTags, service: int
    ) -> ServiceRow:
        """Judge a service whose backends match different peer sets, one by one."""
        tags_of = {}
        for known in self._backends[service]:
            tags = view.common_peers
            for _, classes, some in view.peers:
                if classes >> known & 1:
                    tags |= some
            tags_of[known] = tags
        row = []
        for port in self._classes[service].ports:
            found = {
                view.decide(tags_of[known] & atoms.of(target))
                for known, target in port.targets
            }
            if not found:
                continue
            worst = self._worst(found, view.not_served)
            if worst != view.not_served:
                row.append((port.atom, worst))
            if len(found) > 1 and self._disagree(found):
                self._note(view, service, port.atom, found)
        return tuple(row)

    def _worst(self, decisions: set[int], not_served: int) -> int:
        of = self._decisions
        worst = min(decisions, key=lambda d: (_BADNESS[of[d].outcome], d))
        if of[worst].outcome in _JUDGED and self._are_judged_apart(decisions):
            return not_served
        return worst

    def _are_judged_apart(self, decisions: set[int]) -> bool:
        of = self._decisions
        judged = {of[d].because for d in decisions if of[d].outcome in _JUDGED}
        return len(judged) > 1

    def _disagree(self, decisions: set[int]) -> bool:
        outcomes = {self._decisions[decision].outcome for decision in decisions}
        if Outcome.DENY in outcomes:
            return len(outcomes) > 1
        return self._are_judged_apart(decisions)

    def _note(
        self, view: TableView, service: int, atom: int, decisions: set[int]
    ) -> None:
        noted = self.disagreements.get((service, atom))
        if noted is None:
            noted = Disagreement(view.number, tuple(sorted(decisions)))
            self.disagreements[service, atom] = noted
        noted.tables += 1


class _AtomTags:
    """The terms of a table whose traffic holds an atom."""

    def __init__(self, view: TableView) -> None:
        self._traffic = view.traffic
        self._common = view.common_traffic
        self._known: dict[int, Tags] = {}

    def of(self, atom: int) -> Tags:
        """Return their tags."""
        tags = self._known.get(atom)
        if tags is None:
            tags = self._common
            for bits, some in self._traffic:
                if bits >> atom & 1:
                    tags |= some
            self._known[atom] = tags
        return tags


def _shape(service: ServiceClass) -> Shape:
    return tuple(
        (port.atom, tuple(sorted({atom for _, atom in port.targets})))
        for port in service.ports
        if port.targets
    )
