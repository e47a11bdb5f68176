"""Name sets of peers, of subjects and of ports as a person would say them.

::

    shop/web, ns monitoring           workloads (``workloads.py``)
    node worker-1, nodes              nodes, as peers from elsewhere or as subjects
    host                              the node that a pod runs on, to that pod
    10.0.0.0/8 except 10.66.0.0/16    addresses outside (``prefix_sets.py``); world: all
    any workload except shop/web
    everything except shop/web, host
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from lockgate.bitset import members
from lockgate.ir.policy import Protocol
from lockgate.ir.prefixes import WIDTH
from lockgate.ir.tables import AXIS_SIZES, OTHER_AXIS
from lockgate.review.joint import NOWHERE
from lockgate.review.prefix_sets import prefixes_of, print_addresses
from lockgate.review.view import ABSENT
from lockgate.review.workloads import EVERY, PodNames
from lockgate_runtime.layout import PORT_AXES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lockgate.bitset import Bits
    from lockgate.review.difference import Difference, Kind, Ports
    from lockgate.review.joint import Ground, Group

EVERYTHING = "everything"
HOST = "host"
NODES = "nodes"

_NUMBERS = {p.value: p.name.lower() for p in Protocol}
_LONGEST_EXCEPTION = 6
"""An exception with more names is no help to a reader."""


# ---------------------------------------------------------------- peers and subjects


@dataclass(slots=True)
class Ends:
    """Some ends of traffic.

    ``pods`` are those with an address of IPv4, and of IPv6 (``PodNames``); as subjects they
    count as the former.  ``nodes`` are names; ``world`` (IP version, first, last address).
    """

    pods: tuple[Bits, Bits] = (0, 0)
    nodes: set[str] = field(default_factory=set)
    has_host: bool = False
    world: list[tuple[int, int, int]] = field(default_factory=list)

    def minus(self, other: Ends) -> Ends:
        """Return those that are not among others; the world is left out."""
        v4, v6 = (a & ~b for a, b in zip(self.pods, other.pods, strict=True))
        has_host = self.has_host and not other.has_host
        return Ends((v4, v6), self.nodes - other.nodes, has_host)

    @property
    def is_empty(self) -> bool:
        """Whether nobody is here."""
        return not (any(self.pods) or self.nodes or self.has_host or self.world)


class Seen(NamedTuple):
    """Peers by number, as some subjects see them.

    ``families`` are the subjects' IP versions, ``on`` the one node that they are on: their
    own host is no node to them.
    """

    peers: Bits
    has_host: bool
    families: frozenset[int]
    on: str | None


class Namer:
    """Names the sets of one comparison."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._pods = PodNames(ground.workloads)
        self._peers = [
            tuple(self._pods.bits(key for key, v in p.pods if v == of) for of in WIDTH)
            for p in ground.peers
        ]
        self._subjects = {
            group: self._pods.bits(inside.pods)
            for group, inside in ground.groups.items()
        }
        self._nodes: dict[Group, frozenset[str | None]] = {}
        self._universes: dict[object, Ends] = {}
        self._known: dict[object, tuple[str, ...]] = {}

    def name_subjects(self, groups: Iterable[Group]) -> tuple[str, ...]:
        """Return the names of all that are in some groups."""
        some = list(groups)
        key = (
            frozenset(group.direction for group in some),
            all(group.tables[0] != NOWHERE for group in some),
            all(group.tables[2] != NOWHERE for group in some),
        )
        if key not in self._universes:
            directions, is_old, is_new = key
            self._universes[key] = self._of_groups(
                group
                for group in self._ground.groups
                if group.direction in directions
                and not (is_old and group.tables[0] == NOWHERE)
                and not (is_new and group.tables[2] == NOWHERE)
            )
        return tuple(self._name(self._of_groups(some), self._universes[key]))

    def list_subjects(self, groups: Iterable[Group]) -> tuple[str, ...]:
        """Return every workload (or pod, where it is not all of it) and node by name."""
        ends = self._of_groups(groups)
        keys = self._pods.list_keys(ends.pods[0], self._pods.everything)
        return (*keys, *(f"node {name}" for name in sorted(ends.nodes)))

    def _of_groups(self, groups: Iterable[Group]) -> Ends:
        pods, nodes = 0, set()
        for group in groups:
            pods |= self._subjects[group]
            nodes.update(self._ground.groups[group].nodes)
        return Ends((pods, 0), nodes)

    def ends(self, seen: Seen) -> Ends:
        """Return the peers that are seen; of the world all, whatever the family."""
        v4 = v6 = 0
        found = Ends(has_host=seen.has_host)
        for number in members(seen.peers):
            one, other = self._peers[number]
            v4, v6 = v4 | one, v6 | other
            some = self._ground.peers[number]
            found.nodes.update(name for name, v in some.nodes if v in seen.families)
            found.world += some.world
        found.pods = v4 * (4 in seen.families), v6 * (6 in seen.families)
        found.nodes.discard(seen.on or "")
        return found

    def seen(self, difference: Difference) -> Seen:
        """Return the peers of a difference as its subjects see them."""
        return Seen(
            difference.peers,
            difference.has_host,
            difference.families,
            self.node_of(difference.groups),
        )

    def node_of(self, groups: Iterable[Group]) -> str | None:
        """Return the one node that all members run on, if there is one."""
        nodes: set[str | None] = set()
        for group in groups:
            if group not in self._nodes:
                inside = self._ground.groups[group]
                own = {self._ground.node_of[pod] for pod in inside.pods}
                self._nodes[group] = frozenset(own | {None} if inside.nodes else own)
            nodes |= self._nodes[group]
        return nodes.pop() if len(nodes) == 1 else None

    def name_peers(self, kind: Kind, seen: Seen) -> tuple[str, ...]:
        """Return the names of some peers among those that this could have happened to."""
        is_old, is_new = kind.before != ABSENT, kind.after != ABSENT
        key = is_old, is_new, seen
        found = self._known.get(key)
        if found is None:
            every = self._universe(is_old, is_new, seen)
            found = self._known[key] = tuple(self._name(self.ends(seen), every))
        return found

    def list_peers(self, seen: Seen) -> tuple[str, ...]:
        """Return every workload, node and prefix by name, without exceptions."""
        every = self._universe(False, False, seen)
        chosen = self.ends(seen)
        pods, partly = self._whole_pods(chosen, every)
        return (
            *self._pods.list_keys(pods, every.pods[0] | every.pods[1]),
            *partly,
            *(f"node {name}" for name in sorted(chosen.nodes)),
            *((HOST,) if chosen.has_host else ()),
            *map(str, prefixes_of(chosen.world)),
        )

    def _universe(self, is_old: bool, is_new: bool, seen: Seen) -> Ends:
        """Return all peers that are in the snapshots which count."""
        key = is_old, is_new, seen.families, seen.on
        found = self._universes.get(key)
        if found is None:
            peers = sum(
                1 << number
                for number, some in enumerate(self._ground.peers)
                if not (is_old and some.classes[0] == NOWHERE)
                and not (is_new and some.classes[2] == NOWHERE)
            )
            found = self.ends(seen._replace(peers=peers, has_host=True))
            self._universes[key] = found
        return found

    def _name(self, chosen: Ends, every: Ends) -> list[str]:
        """Name a set by what is in it, or by what is not, whichever is shorter."""
        world = print_addresses(chosen.world)
        positive = [*self._name_inside(chosen, every), *world]
        if not every.world or world != print_addresses(every.world):
            return positive
        missing = every.minus(chosen)
        if missing.is_empty:
            return [EVERYTHING]
        negative = self._name_inside(missing, every)
        most = min(_LONGEST_EXCEPTION, len(positive) - 1)
        if EVERY not in negative and len(negative) <= most:
            return [f"{EVERYTHING} except {', '.join(negative)}"]
        return positive

    def _name_inside(self, chosen: Ends, every: Ends) -> list[str]:
        """Name what belongs to the cluster."""
        pods, partly = self._whole_pods(chosen, every)
        among = every.pods[0] | every.pods[1]
        names = list(self._pods.describe(pods, among))
        if len(names) > 2 and not partly:  # an exception must save words
            missing = self._pods.describe(among & ~pods, among)
            if len(missing) + 1 < len(names) and len(missing) <= _LONGEST_EXCEPTION:
                names = [f"{EVERY} except {', '.join(missing)}"]
        names += partly
        if chosen.nodes and chosen.nodes == every.nodes and len(every.nodes) > 1:
            names.append(NODES)
        else:
            names += [f"node {name}" for name in sorted(chosen.nodes)]
        return names + [HOST] * chosen.has_host

    def _whole_pods(self, chosen: Ends, every: Ends) -> tuple[Bits, list[str]]:
        """Return pods with all their addresses, and names of those with one family."""
        (v4, v6), (all_v4, all_v6) = chosen.pods, every.pods
        missing = all_v4 & ~v4 | all_v6 & ~v6
        partly = [(pod, 4) for pod in self._pods.list_pods(v4 & missing)]
        partly += [(pod, 6) for pod in self._pods.list_pods(v6 & missing)]
        named = [f"{pod} (IPv{version})" for pod, version in sorted(partly)]
        return (v4 | v6) & ~missing, named


# ---------------------------------------------------------------- ports


ANY = "any"
_EVERY_PORT: Ports = tuple((axis, 0, size - 1) for axis, size in enumerate(AXIS_SIZES))


def is_any(ports: Ports) -> bool:
    """Whether this is all traffic."""
    return ports == _EVERY_PORT


def list_ports(ports: Ports) -> list[tuple[str, int, int]]:
    """Return (protocol, first, last); ``any`` for all traffic."""
    if is_any(ports):
        return [(ANY, 0, 65535)]
    return [(PORT_AXES[axis], first, last) for axis, first, last in ports]


def print_ports(ports: Ports) -> str:
    """Return traffic as a person says it.

    >>> print_ports(((0, 80, 80), (0, 8000, 8099), (1, 0, 65535)))
    'tcp/80,8000-8099 udp'
    >>> print_ports(((0, 0, 79), (0, 81, 65535), *_EVERY_PORT[1:]))
    'any except tcp/80'
    >>> print_ports(_EVERY_PORT)
    'any'
    """
    if is_any(ports):
        return ANY
    positive, negative = _print_axes(ports), _print_axes(_other_ports(ports))
    if len(negative) < len(positive):
        return f"{ANY} except {' '.join(negative)}"
    return " ".join(positive)


def _print_axes(ports: Ports) -> list[str]:
    found = []
    for axis, name in enumerate(PORT_AXES):
        ranges = [(first, last) for a, first, last in ports if a == axis]
        if not ranges:
            continue
        if ranges == [(0, AXIS_SIZES[axis] - 1)]:
            found.append("other protocols" if axis == OTHER_AXIS else name)
            continue
        words = [_print_range(axis, *some) for some in ranges]
        found.append(
            " ".join(words) if axis == OTHER_AXIS else f"{name}/{','.join(words)}"
        )
    return found


def _print_range(axis: int, first: int, last: int) -> str:
    text = str(first) if first == last else f"{first}-{last}"
    if axis != OTHER_AXIS:
        return text
    return (
        _NUMBERS.get(first, f"protocol/{text}") if first == last else f"protocol/{text}"
    )


def _other_ports(ports: Ports) -> Ports:
    found = []
    for axis, size in enumerate(AXIS_SIZES):
        start = 0
        for own, first, last in ports:
            if own == axis:
                if start < first:
                    found.append((axis, start, first - 1))
                start = last + 1
        if start < size:
            found.append((axis, start, size - 1))
    return tuple(found)
