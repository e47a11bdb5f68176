"""Bring two policy sets onto common ground: the same peers, ports and subjects.

Three sets of tables are compared at once: *before*, *after*, and, where the snapshot
changed as well, *between* (the policies of before on the snapshot of after), which
tells what the snapshot alone has done.

A pod that is in one snapshot only is compared with the other pods of its workload: a
rollout changes nothing.  A workload that is in one snapshot only is absent from the other.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from lockgate.ir.prefixes import WIDTH
from lockgate.review.workloads import Member, Workloads

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from lockgate.review.view import Node, Pod, View

NOWHERE = -1
"""The class of a peer, and the table of a subject, in a snapshot that does not have it."""

FIRST_TABLE = 2
"""Tables 0 and 1 are "no policy"."""

Classes = tuple[int, int, int]
"""A peer's identity class before, between and after."""


@dataclass(frozen=True, slots=True)
class Peers:
    """Peers that are of the same classes in all three sets of tables.

    ``pods`` and ``nodes`` are (key, IP version), ``world`` (IP version, first and last
    address).  ``hosts`` are nodes as hosts of their own pods; the empty name is a host
    that the snapshot does not have.
    """

    classes: Classes
    pods: list[tuple[str, int]] = field(default_factory=list)
    nodes: list[tuple[str, int]] = field(default_factory=list)
    hosts: list[str] = field(default_factory=list)
    world: list[tuple[int, int, int]] = field(default_factory=list)


class Group(NamedTuple):
    """Subjects that are judged by the same tables, in one direction.

    ``tables`` are those before, between and after; ``host`` is the number of the peers
    that the subjects' own host is among, NOWHERE for a node, which has none.  ``families``
    are the IP versions that the subjects have.
    """

    direction: str
    tables: tuple[int, int, int]
    host: int
    families: frozenset[int]


@dataclass(frozen=True, slots=True)
class Members:
    """Who is in a group."""

    pods: list[str] = field(default_factory=list)
    nodes: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Ground:
    """The common ground; ``node_of`` is by pod, where the snapshot tells."""

    workloads: Workloads
    peers: Sequence[Peers]
    groups: Mapping[Group, Members]
    atoms: Sequence[tuple[int, ...]]
    node_of: Mapping[str, str | None]
    only_before: tuple[str, ...]
    only_after: tuple[str, ...]


def find_ground(before: View, between: View, after: View) -> Ground:
    """Return the common ground of three views; ``between`` may be one of the others."""
    views = (before, between, after)
    pods = [{pod.key: pod for pod in view.pods} for view in views]
    nodes = [{node.name: node for node in view.nodes} for view in views]
    workloads = Workloads.of(*(map(_member, view.pods) for view in (before, after)))
    joint_pods = _join_pods(pods, workloads)
    joint_nodes = {
        name: [found.get(name) for found in nodes]
        for name in sorted({*nodes[0], *nodes[2]})
    }
    peers = _PeerNumbers()
    for key, version, classes in _addresses(joint_pods):
        peers.of(classes).pods.append((key, version))
    for name, version, classes in _addresses(joint_nodes):
        peers.of(classes).nodes.append((name, version))
    hosts = _add_hosts(peers, views, joint_nodes)
    for version, first, last, classes in _world(views):
        peers.of(classes).world.append((version, first, last))
    there = [{workloads.of_pod(key).key for key in found} for found in pods]
    return Ground(
        workloads,
        peers.peers,
        _group_subjects(joint_pods, joint_nodes, hosts),
        _common_atoms(views),
        {key: _node_of(known) for key, known in joint_pods.items()},
        tuple(sorted(there[0] - there[2])),
        tuple(sorted(there[2] - there[0])),
    )


_BOTH = frozenset(WIDTH)


def _member(pod: Pod) -> Member:
    return Member(pod.namespace, pod.name, pod.labels)


def _join_pods(
    pods: Sequence[Mapping[str, Pod]], workloads: Workloads
) -> dict[str, list[Pod | None]]:
    """Return for each pod what it is in each set of tables, or what stands for it."""
    keys = sorted({*pods[0], *pods[2]})
    stand_ins = [_stand_ins(found, keys, workloads) for found in pods]
    return {
        key: [
            found.get(key) or other.get(workloads.of_pod(key).key)
            for found, other in zip(pods, stand_ins, strict=True)
        ]
        for key in keys
    }


def _stand_ins(
    pods: Mapping[str, Pod], keys: Sequence[str], workloads: Workloads
) -> dict[str, Pod]:
    """Return for each workload that lacks a pod here the first that most others are like."""
    lacking = {workloads.of_pod(key).key for key in keys if key not in pods}
    by_workload: dict[str, list[Pod]] = defaultdict(list)
    for key in sorted(pods) if lacking else ():
        workload = workloads.of_pod(key).key
        if workload in lacking:
            by_workload[workload].append(pods[key])
    found = {}
    for workload, some in by_workload.items():
        kinds = Counter(map(_kind, some))
        most = max(kinds.values())
        found[workload] = next(pod for pod in some if kinds[_kind(pod)] == most)
    return found


def _kind(pod: Pod) -> tuple[int, int, tuple[tuple[int, int], ...]]:
    return pod.ingress, pod.egress, tuple(sorted(pod.classes.items()))


def _node_of(known: Sequence[Pod | None]) -> str | None:
    return next((pod.node for pod in reversed(known) if pod), None)


def _classes(known: Sequence[Pod | Node | None], version: int) -> Classes:
    a, b, c = (NOWHERE if x is None else x.classes.get(version, NOWHERE) for x in known)
    return a, b, c


def _groups(known: Sequence[Pod | Node | None], host: int) -> Iterator[Group]:
    families = _families(known) or _BOTH
    a, b, c = (NOWHERE if x is None else x.ingress for x in known)
    yield Group("ingress", (a, b, c), host, families)
    a, b, c = (NOWHERE if x is None else x.egress for x in known)
    yield Group("egress", (a, b, c), host, families)


def _addresses(
    joint: Mapping[str, Sequence[Pod | Node | None]],
) -> Iterator[tuple[str, int, Classes]]:
    """Yield each end and family with its classes."""
    for name, known in joint.items():
        for version in sorted(_families(known)):
            yield name, version, _classes(known, version)


def _group_subjects(
    pods: Mapping[str, Sequence[Pod | None]],
    nodes: Mapping[str, Sequence[Node | None]],
    hosts: Mapping[str, int],
) -> dict[Group, Members]:
    """Group the subjects; a node that no host policy selects is none."""
    groups: dict[Group, Members] = {}
    for key, known in pods.items():
        host = hosts.get(_node_of(known) or "", hosts[""])
        for group in _groups(known, host):
            groups.setdefault(group, Members()).pods.append(key)
    for name, some in nodes.items():
        for group in _groups(some, NOWHERE):
            if max(group.tables) >= FIRST_TABLE:
                groups.setdefault(group, Members()).nodes.append(name)
    return groups


def _families(known: Sequence[Pod | Node | None]) -> frozenset[int]:
    """Return the IP versions that somebody has on either side."""
    return frozenset(version for one in known if one for version in one.classes)


class _PeerNumbers:
    """Peers so far, one for each triple of classes."""

    def __init__(self) -> None:
        self.peers: list[Peers] = []
        self._numbers: dict[Classes, int] = {}

    def number(self, classes: Classes) -> int:
        found = self._numbers.get(classes)
        if found is None:
            found = self._numbers[classes] = len(self.peers)
            self.peers.append(Peers(classes))
        return found

    def of(self, classes: Classes) -> Peers:
        return self.peers[self.number(classes)]


def _add_hosts(
    peers: _PeerNumbers,
    views: Sequence[View],
    nodes: Mapping[str, Sequence[Node | None]],
) -> dict[str, int]:
    """Add the nodes as hosts of their own pods; return which peers each is among.

    A node that one snapshot lacks is as a host what an unknown one is there.
    """
    found = {}
    for name, known in [("", [None] * len(views)), *nodes.items()]:
        a, b, c = (
            view.host if node is None else node.as_host
            for view, node in zip(views, known, strict=True)
        )
        found[name] = peers.number((a, b, c))
        peers.peers[found[name]].hosts.append(name)
    return found


def _world(views: Sequence[View]) -> Iterator[tuple[int, int, int, Classes]]:
    """Yield the ranges of addresses outside that are of one class in each view."""
    for version, size in ((4, 1 << 32), (6, 1 << 128)):
        edges = [_last_of_equals(*view.world[version]) for view in views]
        # A prefix that holds the last address ends beyond it.
        starts = sorted({start for some in edges for start in some} - {size})
        ends = [*starts[1:], size]
        current = [NOWHERE] * 3
        for start, end in zip(starts, ends, strict=True):
            current = [
                some.get(start, known)
                for some, known in zip(edges, current, strict=True)
            ]
            a, b, c = current
            yield version, start, end - 1, (a, b, c)


def _last_of_equals(starts: Iterable[int], classes: Iterable[int]) -> dict[int, int]:
    """Return the class by start; where prefixes end and begin at once, the last counts."""
    return dict(zip(starts, classes, strict=True))


def _common_atoms(views: Sequence[View]) -> list[tuple[int, ...]]:
    return [
        tuple(sorted({start for view in views for start in view.atoms[axis]}))
        for axis in range(len(views[0].atoms))
    ]
