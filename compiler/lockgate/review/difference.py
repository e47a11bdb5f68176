"""Find what is not the same in two policy sets: who gains, who loses, what is judged otherwise.

A *difference* is about one direction at the end that judges: ingress at the destination,
egress at the source.  GAINED: what was denied can pass.  LOST: what could pass is denied.
CHANGED: it passes both times, otherwise (through a parser, with other requests, with a
report).  What is denied both times is no difference, whoever denies it.

Its *cause* is the snapshot where the policies of before come to the same on the snapshot of
after, else the policies.

Tables are compared as they are made: by pairs of rows and of intervals, for each group
of subjects.  The work grows with the number of tables, not of pods or cells.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from operator import itemgetter
from typing import TYPE_CHECKING, NamedTuple

from lockgate.bitset import from_members
from lockgate.ir.prefixes import WIDTH
from lockgate.ir.tables import AXIS_SIZES
from lockgate.review.joint import NOWHERE
from lockgate.review.view import ABSENT, Table, passes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from lockgate.bitset import Bits
    from lockgate.review.joint import Ground, Group
    from lockgate.review.view import View

GAINED, LOST, CHANGED = "gained", "lost", "changed"
CHANGES = (GAINED, LOST, CHANGED)
POLICY, SNAPSHOT, UNKNOWN = "policy", "snapshot", "unknown"
"""Causes; UNKNOWN where the snapshots differ and a bundle does not keep its policies."""

Ports = tuple[tuple[int, int, int], ...]
"""Axis of ``ir.tables.AXES``, first and last port (type, protocol number); sorted."""


class Kind(NamedTuple):
    """What happened, to which traffic."""

    direction: str
    change: str
    cause: str
    before: str
    after: str
    ports: Ports


@dataclass(slots=True)
class Difference:
    """Some subjects and some peers between which the same happened.

    ``peers`` are numbers of ``Ground.peers``; ``has_host``: the subjects' own hosts are
    among the peers.  ``families`` are the IP versions by which the subjects see those of
    the cluster.  Decisions are those of the cells, for the reasons.
    """

    kind: Kind
    peers: Bits
    has_host: bool
    families: frozenset[int]
    groups: list[Group] = field(default_factory=list)
    decisions_before: set[int] = field(default_factory=set)
    decisions_after: set[int] = field(default_factory=set)


def find_differences(
    ground: Ground, before: View, between: View | None, after: View, cause: str
) -> list[Difference]:
    """Compare all groups; ``cause`` is that of everything where ``between`` is None."""
    comparer = _Comparer(ground, before, between, after, cause)
    found: dict[tuple[Kind, Bits, bool, frozenset[int]], Difference] = {}
    count = len(ground.peers)
    of_family = {version: _peers_of(ground, version) for version in WIDTH}
    for group in ground.groups:
        for kind, cells in comparer.compare(group).items():
            has_host = group.host in cells.peers
            peers = from_members(
                (n for n in cells.peers if comparer.has_others(n)), count
            )
            if not peers and not has_host:
                continue
            families = frozenset(v for v in group.families if peers & of_family[v])
            key = kind, peers, has_host, families
            difference = found.setdefault(key, Difference(*key))
            difference.groups.append(group)
            difference.decisions_before |= cells.before
            difference.decisions_after |= cells.after
    return list(found.values())


def _peers_of(ground: Ground, version: int) -> Bits:
    """Return the peers among which is somebody of the cluster who has this family."""
    having = {
        name
        for peers in ground.peers
        for name, of in (*peers.pods, *peers.nodes)
        if of == version
    }
    numbers = (
        number
        for number, peers in enumerate(ground.peers)
        if any(name in having for name, _ in (*peers.pods, *peers.nodes))
    )
    return from_members(numbers, len(ground.peers))


def find_isolated(ground: Ground, view: View, place: int) -> set[Group]:
    """Return the groups that are denied something by default; ``place`` is the view's."""
    found = set()
    numbers = sorted({peers.classes[place] for peers in ground.peers} - {NOWHERE})
    gather = _gatherer(numbers)
    of_table: dict[int, bool] = {NOWHERE: False}
    for group in ground.groups:
        number = group.tables[place]
        if number not in of_table:
            table = view.table(number)
            rows = _rows_with(table, view.defaults)
            of_table[number] = not rows.isdisjoint(gather(table.rows))
        if of_table[number]:
            found.add(group)
    return found


def _rows_with(table: Table, decisions: frozenset[int]) -> set[int]:
    """Return the rows of a table that have one of some decisions."""
    width = table.interval_count
    return {place // width for place, d in enumerate(table.cells) if d in decisions}


# ---------------------------------------------------------------- cells


@dataclass(slots=True)
class _Cells:
    """Where one kind of difference was found in a group."""

    peers: set[int] = field(default_factory=set)
    before: set[int] = field(default_factory=set)
    after: set[int] = field(default_factory=set)


class _Side:
    """One view on the common ground: tables by common peers and atoms, verdicts as words.

    The last row of every table here is the one of who is absent.
    """

    def __init__(self, ground: Ground, view: View, place: int) -> None:
        self._view = view
        classes = [peers.classes[place] for peers in ground.peers]
        self._gather = _gatherer(classes)
        self._atoms = common_numbers(ground.atoms, view.atoms)
        self._intervals: dict[bytes, tuple[int, ...]] = {}
        self._count = len(classes)
        self._words: dict[int, list[str]] = {}

    def table(self, number: int) -> Table | None:
        """Return a table of the view; None for that of an absent subject."""
        return None if number == NOWHERE else self._view.table(number)

    def rows(self, number: int) -> tuple[int, ...]:
        """Return the row of each of the common peers; NOWHERE for who is absent."""
        table = self.table(number)
        if table is None:
            return (NOWHERE,) * self._count
        rows = table.rows.tolist()
        rows.append(NOWHERE)  # the class NOWHERE is the last one
        return self._gather(rows)

    def intervals(self, number: int) -> tuple[int, ...]:
        """Return the interval of each common atom."""
        table = self.table(number)
        if table is None:
            return (0,) * len(self._atoms)
        key = table.intervals.tobytes()
        found = self._intervals.get(key)
        if found is None:
            intervals = table.intervals
            found = self._intervals[key] = tuple([intervals[a] for a in self._atoms])
        return found

    def words(self, number: int) -> list[str]:
        """Return the verdict of each cell of a table."""
        found = self._words.get(number)
        if found is None:
            table = self.table(number)
            verdicts = self._view.verdicts
            found = [] if table is None else [verdicts[d] for d in table.cells]
            self._words[number] = found
        return found

    def place(self, number: int, row: int, interval: int) -> int:
        """Return the place of a cell; NOWHERE where there is none."""
        if number == NOWHERE or row == NOWHERE:
            return NOWHERE
        return row * self._view.table(number).interval_count + interval

    def word(self, number: int, place: int) -> str:
        """Return the verdict at a place."""
        return ABSENT if place == NOWHERE else self.words(number)[place]

    def decision(self, number: int, place: int) -> int:
        """Return the decision at a place."""
        return self._view.table(number).cells[place]


def _gatherer(places: Sequence[int]) -> Callable[[Sequence[int]], tuple[int, ...]]:
    """Return what picks these places out of a sequence, as fast as it can be."""
    if len(places) < 2:  # itemgetter gives no tuple then
        return lambda some: tuple([some[place] for place in places])
    return itemgetter(*places)


def common_numbers(
    common: Sequence[Sequence[int]], own: Sequence[Sequence[int]]
) -> list[int]:
    """Return for each common atom the view's own atom that holds it."""
    found = []
    first = 0
    for starts, known in zip(common, own, strict=True):
        place = 0
        for start in starts:
            if place + 1 < len(known) and known[place + 1] <= start:
                place += 1
            found.append(first + place)
        first += len(known)
    return found


class _Comparer:
    """Compares group by group; equal pairs of tables are looked at once."""

    def __init__(
        self,
        ground: Ground,
        before: View,
        between: View | None,
        after: View,
        cause: str,
    ) -> None:
        self._cause = cause
        self._before = _Side(ground, before, 0)
        self._after = _Side(ground, after, 2)
        self._between = None if between is None else _Side(ground, between, 1)
        self._peers = ground.peers
        self._ranges = list(ranges_of_atoms(ground.atoms))
        self._known: dict[tuple[int, int, int], Mapping[_Effect, _Cells]] = {}
        self._pairs: dict[tuple[int, int], _Pairs] = {}
        self._others = [bool(p.pods or p.nodes or p.world) for p in ground.peers]

    def has_others(self, number: int) -> bool:
        """Whether some peers are more than a host to its own pods."""
        return self._others[number]

    def compare(self, group: Group) -> dict[Kind, _Cells]:
        """Return the differences of a group, by kind."""
        found = self._known.get(group.tables)
        if found is None:
            found = self._known[group.tables] = self._compare(group.tables)
        return {Kind(group.direction, *effect): c for effect, c in found.items()}

    def _compare(self, tables: tuple[int, int, int]) -> dict[_Effect, _Cells]:
        old, _, new = tables
        rows = list(zip(self._before.rows(old), self._after.rows(new), strict=True))
        differing = {pair for pair in set(rows) if self._row_differs(old, new, *pair)}
        found: dict[_Effect, _Cells] = {}
        if not differing:
            return found
        numbers: dict[tuple[int, int, int], list[int]] = defaultdict(list)
        between = self._between.rows(tables[1]) if self._between else None
        for number, pair in enumerate(rows):
            if pair in differing:
                middle = NOWHERE if between is None else between[number]
                numbers[pair[0], middle, pair[1]].append(number)
        for some, peers in numbers.items():
            self._add(found, tables, some, peers)
        return found

    def _row_differs(self, old: int, new: int, row_old: int, row_new: int) -> bool:
        if NOWHERE in (row_old, row_new):
            # Nothing passes where somebody is absent: a difference if something does.
            side, table, row = self._before, old, row_old
            if row_old == NOWHERE:
                side, table, row = self._after, new, row_new
            return any(
                passes(side.word(table, side.place(table, row, interval)))
                for interval in set(side.intervals(table))
            )
        words_old, words_new = self._before.words(old), self._after.words(new)
        for interval_old, interval_new in self._interval_pairs(old, new).pairs:
            was = words_old[self._before.place(old, row_old, interval_old)]
            now = words_new[self._after.place(new, row_new, interval_new)]
            if was != now:
                return True
        return False

    def _interval_pairs(self, old: int, new: int) -> _Pairs:
        a, b = self._before.intervals(old), self._after.intervals(new)
        key = id(a), id(b)  # both are kept by their sides
        found = self._pairs.get(key)
        if found is None:
            found = self._pairs[key] = _Pairs(a, b, tuple(set(zip(a, b, strict=True))))
        return found

    def _add(
        self,
        found: dict[_Effect, _Cells],
        tables: tuple[int, int, int],
        rows: tuple[int, int, int],
        peers: Sequence[int],
    ) -> None:
        """Add what differs between the cells of one pair of rows."""
        atoms: dict[tuple[str, str, str, str], list[int]] = defaultdict(list)
        places: dict[tuple[str, str, str, str], set[tuple[int, int]]] = {}
        places = defaultdict(set)
        old, middle, new = tables
        if self._between is None:
            intervals = [0] * len(self._ranges)
        else:
            intervals = list(self._between.intervals(middle))
        for atom, (a, b, c) in enumerate(
            zip(
                self._before.intervals(old),
                intervals,
                self._after.intervals(new),
                strict=True,
            )
        ):
            place = self._before.place(old, rows[0], a)
            place_new = self._after.place(new, rows[2], c)
            was = self._before.word(old, place)
            now = self._after.word(new, place_new)
            change = find_change(was, now)
            if change is None:
                continue
            cause = self._cause
            if self._between is not None:
                at = self._between.place(middle, rows[1], b)
                is_same = self._between.word(middle, at) == now
                cause = SNAPSHOT if is_same else POLICY
            effect = change, cause, was, now
            atoms[effect].append(atom)
            places[effect].add((place, place_new))
        for effect, some in atoms.items():
            cells = found.setdefault(
                (*effect, join_ports(some, self._ranges)), _Cells()
            )
            cells.peers.update(peers)
            for place, place_new in places[effect]:
                if place != NOWHERE:
                    cells.before.add(self._before.decision(old, place))
                if place_new != NOWHERE:
                    cells.after.add(self._after.decision(new, place_new))


_Effect = tuple[str, str, str, str, Ports]


class _Pairs(NamedTuple):
    """Which intervals of two tables meet; the sequences are kept alive for their ids."""

    before: tuple[int, ...]
    after: tuple[int, ...]
    pairs: tuple[tuple[int, int], ...]


def join_ports(atoms: Sequence[int], ranges: Sequence[tuple[int, int, int]]) -> Ports:
    """Return the ports of rising atoms, of which axis, first and last port are known."""
    found: list[tuple[int, int, int]] = []
    for atom in atoms:
        axis, first, last = ranges[atom]
        if found and found[-1][0] == axis and found[-1][2] + 1 == first:
            first = found.pop()[1]
        found.append((axis, first, last))
    return tuple(found)


def find_change(before: str, after: str) -> str | None:
    """Return what happened between two verdicts; None where nothing did."""
    if before == after:
        return None
    if passes(after):
        return CHANGED if passes(before) else GAINED
    return LOST if passes(before) else None


def ranges_of_atoms(atoms: Sequence[Sequence[int]]) -> Iterator[tuple[int, int, int]]:
    """Yield axis, first and last port of each common atom."""
    for axis, (starts, size) in enumerate(zip(atoms, AXIS_SIZES, strict=True)):
        for start, after in zip(starts, (*starts[1:], size), strict=True):
            yield axis, start, after - 1
