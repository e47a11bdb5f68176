"""Cross two sets of places: which rows decide between each two of them.

Places of which hooks know the same are one group.  One group after the other is held
against all groups of the other set at once, and few different pairs of rows come of it, so
a million pairs of groups take a second.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from lockgate.expectations.places import Place, PlaceKind, Population
from lockgate.expectations.sets import Members, Relation

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from lockgate.expectations.cells import Cells

RowPair = tuple[int, int]
"""The numbers of the rows that decide at egress and at ingress."""

Group = list[Place]


class Meeting(NamedTuple):
    """A group against all others: ``pairs[i]`` are the rows with ``others[i]``, None for none.

    ``flows`` counts the pairs of addresses; ``is_source`` says where ``group`` stands.
    """

    group: Group
    others: Sequence[Group]
    pairs: Sequence[RowPair | None]
    is_source: bool
    flows: int

    def example(self, place: int) -> tuple[Place, Place]:
        """Return a source and a destination that are not the same pod or node."""
        for one in self.group:
            for other in self.others[place]:
                if one.who != other.who:
                    return (one, other) if self.is_source else (other, one)
        raise ValueError("these are one and the same")


@dataclass(slots=True)
class _Vector:
    """The groups that one is held against, as columns of numbers."""

    groups: list[Group]
    tables: list[int | None]
    classes: list[int]
    by_node: dict[str | None, list[int]] = field(default_factory=dict)
    alone: dict[object, int] = field(default_factory=dict)
    counts: dict[object, int] = field(default_factory=dict)
    size: int = 0
    columns: dict[int, list[int]] = field(default_factory=dict)


class Crossing:
    """Crosses sets of one population under the rows of its tables."""

    def __init__(self, population: Population, cells: Cells) -> None:
        self._population = population
        self._packed = population.packed
        self._cells = cells

    def meetings(self, sources: Members, destinations: Members) -> Iterator[Meeting]:
        """Yield all pairs of which a packet is ours: some pod or node is at an end."""
        for family in (4, 6):
            mine = _by_kind(sources, family)
            theirs = _by_kind(destinations, family)
            pods, outside, nodes = mine
            their_pods, their_outside, their_nodes = theirs
            ends = sources.relation, destinations.relation
            for some, others in (
                (pods, [*their_pods, *their_outside]),
                (outside, their_pods),
            ):
                yield from self._cross(some, others, Relation.ANY, is_source=True)
            every = [*their_pods, *their_outside, *their_nodes]
            yield from self._cross(nodes, every, *ends, is_source=True)
            rest = [*pods, *outside]
            yield from self._cross(their_nodes, rest, ends[1], is_source=False)

    # ------------------------------------------------------------ one against all

    def _cross(
        self,
        places: list[Place],
        others: list[Place],
        relation: Relation,
        other_relation: Relation = Relation.ANY,
        *,
        is_source: bool,
    ) -> Iterator[Meeting]:
        if not places or not others:
            return
        by_node = places[0].kind is PlaceKind.NODE
        vector = self._vector(others, by_node=by_node, is_source=is_source)
        for group in self._groups(places, by_node=False):
            first = group[0]
            line = self._cells.line(_table(first, is_egress=is_source))
            near = [line[number] for number in vector.classes]
            far = self._column(vector, self._class(first.peer))
            left_out = set()
            if by_node:
                far = self._seen_as_host(vector, first, far)
                left_out = _unrelated(vector, first, relation, other_relation)
            pairs: list[RowPair | None] = [
                *(
                    zip(near, far, strict=True)
                    if is_source
                    else zip(far, near, strict=True)
                )
            ]
            if len({place.who for place in group}) == 1 and first.who in vector.alone:
                left_out.add(vector.alone[first.who])
            for place in left_out:
                pairs[place] = None
            # A pod and itself are no pair; nodes and themselves are left out already.
            same = sum(vector.counts.get(place.who, 0) for place in group)
            lacking = sum(len(vector.groups[place]) for place in left_out)
            flows = len(group) * (vector.size - lacking) - (0 if left_out else same)
            yield Meeting(group, vector.groups, pairs, is_source, flows)

    def _vector(
        self, places: Iterable[Place], *, by_node: bool, is_source: bool
    ) -> _Vector:
        groups = self._groups(places, by_node=by_node)
        vector = _Vector(
            groups,
            [_table(group[0], is_egress=not is_source) for group in groups],
            [self._class(group[0].peer) for group in groups],
            by_node=defaultdict(list),
            counts=defaultdict(int),
            size=sum(map(len, groups)),
        )
        for number, group in enumerate(groups):
            if by_node:
                vector.by_node[group[0].node].append(number)
            if len({place.who for place in group}) == 1:
                vector.alone[group[0].who] = number
            for place in group:
                vector.counts[place.who] += 1
        return vector

    def _groups(self, places: Iterable[Place], *, by_node: bool) -> list[Group]:
        groups: dict[object, Group] = defaultdict(list)
        for place in places:
            groups[self._look(place, by_node=by_node)].append(place)
        return list(groups.values())

    def _look(self, place: Place, *, by_node: bool) -> object:
        """Return what hooks know of a place."""
        subject = place.subject
        tables = subject and (subject.ingress_policy, subject.egress_policy)
        if place.kind is PlaceKind.NODE:
            return place.node, place.peer, tables
        return tables, self._class(place.peer), place.node if by_node else None

    def _class(self, peer: int) -> int:
        return self._packed.peer(peer).identity_class

    def _column(self, vector: _Vector, identity_class: int) -> list[int]:
        """Return the rows of all groups of a vector for one peer."""
        column = vector.columns.get(identity_class)
        if column is None:
            lines = map(self._cells.line, vector.tables)
            column = [line[identity_class] for line in lines]
            vector.columns[identity_class] = column
        return column

    def _seen_as_host(
        self, vector: _Vector, node: Place, column: list[int]
    ) -> list[int]:
        """Return a column in which those on a node see it as their own host."""
        own = vector.by_node.get(node.node, [])
        if not own:
            return column
        seen = [*column]
        for place in own:
            judging = vector.groups[place][0]
            peer = self._population.seen_from(node, judging)
            seen[place] = self._cells.line(vector.tables[place])[self._class(peer)]
        return seen


def _table(place: Place, *, is_egress: bool) -> int | None:
    subject = place.subject
    if subject is None:
        return None
    return subject.egress_policy if is_egress else subject.ingress_policy


def _by_kind(members: Members, family: int) -> tuple[list[Place], ...]:
    """Return pods, outside addresses and nodes of one family."""
    kinds = (PlaceKind.POD, PlaceKind.OUTSIDE, PlaceKind.NODE)
    own = [place for place in members.places if place.family == family]
    return tuple([place for place in own if place.kind is kind] for kind in kinds)


def _unrelated(
    vector: _Vector, node: Place, relation: Relation, other_relation: Relation
) -> set[int]:
    """Return the groups that are not meant beside a node: of another node, or of its own.

    An address outside is on no node, so every node is meant beside it.
    """
    own = set(vector.by_node.get(node.node, []))
    found = set()
    for place, group in enumerate(vector.groups):
        first = group[0]
        if first.kind is PlaceKind.OUTSIDE:
            continue
        asked = {relation}
        if first.kind is PlaceKind.NODE:
            asked.add(other_relation)
        if asked & {Relation.OWN} and place not in own:
            found.add(place)
        if asked & {Relation.REMOTE} and place in own:
            found.add(place)
        if first.who == node.who:
            found.add(place)
    return found
