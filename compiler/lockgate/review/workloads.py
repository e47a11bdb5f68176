"""Group pods into workloads, under names that people know.

A workload is what a person deployed: the pods of a namespace that one controller made,
with the labels that it gave them.  The snapshot does not say which controller that was
(bundles have even less of it), so the name of a pod tells: controllers of Kubernetes
end it with a number, or with characters that they draw from an alphabet of their own.

::

    shop/web                   the pods of Deployment, StatefulSet or DaemonSet web
    shop/web{version=v2}       those with this label, where the others have not the same
    shop/web-0                 one pod, where the others of its workload are not meant
    ns shop                    every workload of the namespace
    any workload               every workload
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from lockgate.bitset import from_members, members

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from lockgate.bitset import Bits
    from lockgate.ir.cluster import Cluster

EVERY = "any workload"
"""The name of all workloads together."""

_DRAWN = "[bcdfghjklmnpqrstvwxz2456789]"
"""What controllers draw from (``k8s.io/apimachinery/pkg/util/rand``)."""

_OF_CONTROLLER = re.compile(
    rf"""(?P<name>.+?)-(?:
        {_DRAWN}{{1,10}}-{_DRAWN}{{5}}  # a Deployment: hash of the ReplicaSet, and own
      | {_DRAWN}{{5}}                   # a DaemonSet, Job or ReplicaSet
      | [0-9]+                          # a StatefulSet
    )""",
    re.VERBOSE,
)

_APPLICATION = ("app.kubernetes.io/name", "app", "k8s-app", "name")
"""Labels that name what runs, best first."""


class Member(NamedTuple):
    """A pod of a snapshot: ``labels`` (``source:key=value``) without those that churn."""

    namespace: str
    name: str
    labels: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """``namespace/name``."""
        return f"{self.namespace}/{self.name}"


class Workload(NamedTuple):
    """Pods that were deployed together; ``pods`` are their keys, sorted."""

    namespace: str
    name: str
    pods: tuple[str, ...]

    @property
    def key(self) -> str:
        """``namespace/name``, as people are told."""
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True)
class Workloads:
    """All workloads of a snapshot, or of several that are compared, sorted by key.

    A pod of the same name in two snapshots is the same pod.
    """

    workloads: tuple[Workload, ...]
    _of_pod: Mapping[str, Workload]
    _made: list[PodNames] = field(default_factory=list, compare=False)

    @classmethod
    def of(cls, *snapshots: Iterable[Member]) -> Workloads:
        """Group the pods of some snapshots."""
        label_sets: dict[tuple[str, str], dict[tuple[str, ...], set[str]]] = {}
        is_split: set[tuple[str, str]] = set()
        for snapshot in snapshots:
            own: dict[tuple[str, str], set[tuple[str, ...]]] = defaultdict(set)
            for member in snapshot:
                group = member.namespace, _controller(member)
                own[group].add(member.labels)
                by_labels = label_sets.setdefault(group, {})
                by_labels.setdefault(member.labels, set()).add(member.name)
            is_split |= {group for group, some in own.items() if len(some) > 1}
        workloads = []
        for group, by_labels in label_sets.items():
            if group in is_split:
                workloads += _split(*group, by_labels)
            else:
                names = set().union(*by_labels.values())
                workloads.append(_workload(*group, names))
        workloads.sort(key=lambda workload: (workload.key, workload.pods))
        of_pod = {pod: workload for workload in workloads for pod in workload.pods}
        return cls(tuple(workloads), of_pod)

    def of_pod(self, pod: str) -> Workload:
        """Return the workload of a pod (``namespace/name``); KeyError for a stranger."""
        return self._of_pod[pod]

    def describe(self, pods: Collection[str]) -> tuple[str, ...]:
        """Return the shortest names that together mean these pods, sorted."""
        names = self._names()
        return names.describe(names.bits(pods), names.everything)

    def list_keys(self, pods: Collection[str]) -> tuple[str, ...]:
        """Return each workload of these pods; each pod, where it is not whole; sorted."""
        names = self._names()
        return names.list_keys(names.bits(pods), names.everything)

    def _names(self) -> PodNames:
        if not self._made:
            self._made.append(PodNames(self))
        return self._made[0]


class PodNames:
    """Names sets of pods, as bits, fast enough for thousands of sets."""

    def __init__(self, workloads: Workloads) -> None:
        self.pods = [pod for workload in workloads.workloads for pod in workload.pods]
        self._places = {pod: place for place, pod in enumerate(self.pods)}
        self._by_namespace: dict[str, list[tuple[Workload, Bits]]] = {}
        first = 0
        for workload in workloads.workloads:
            size = len(workload.pods)
            mask = (1 << size) - 1 << first
            self._by_namespace.setdefault(workload.namespace, []).append(
                (workload, mask)
            )
            first += size
        self.everything = (1 << first) - 1
        self._known: dict[Bits, list[_Namespace]] = {}

    def bits(self, pods: Iterable[str]) -> Bits:
        """Return a set of pods as bits."""
        return from_members((self._places[pod] for pod in pods), len(self.pods))

    def list_pods(self, bits: Bits) -> list[str]:
        """Return the pods of a set."""
        return [self.pods[place] for place in members(bits)]

    def describe(self, bits: Bits, among: Bits) -> tuple[str, ...]:
        """Return the shortest names that mean some pods among others, sorted."""
        namespaces = self._among(among)
        if bits == among and sum(len(n.workloads) for n in namespaces) > 1:
            return (EVERY,)
        found: list[str] = []
        for namespace in namespaces:
            chosen = bits & namespace.mask
            if chosen == namespace.mask and len(namespace.workloads) > 1:
                found.append(f"ns {namespace.name}")
            elif chosen:
                found += self._keys(chosen, namespace)
        return tuple(sorted(found))

    def list_keys(self, bits: Bits, among: Bits) -> tuple[str, ...]:
        """Return each workload of some pods; each pod, where it is not whole; sorted."""
        return tuple(
            sorted(
                key
                for namespace in self._among(among)
                if bits & namespace.mask
                for key in self._keys(bits, namespace)
            )
        )

    def _keys(self, bits: Bits, namespace: _Namespace) -> Iterator[str]:
        for key, mask in namespace.workloads:
            chosen = bits & mask
            if chosen == mask:
                yield key
            elif chosen:
                yield from self.list_pods(chosen)

    def _among(self, among: Bits) -> list[_Namespace]:
        """Return the namespaces and workloads that have some of these pods."""
        found = self._known.get(among)
        if found is None:
            found = self._known[among] = []
            for name, some in self._by_namespace.items():
                inside = [(w.key, mask & among) for w, mask in some if mask & among]
                if inside:
                    whole = sum(mask for _, mask in inside)
                    found.append(_Namespace(name, whole, inside))
        return found


class _Namespace(NamedTuple):
    """A namespace, all its pods, and its workloads with theirs."""

    name: str
    mask: Bits
    workloads: list[tuple[str, Bits]]


def workloads_of(cluster: Cluster) -> Workloads:
    """Group the pods of a snapshot."""
    from lockgate.passes.assign_identities import CHURNING

    texts: dict[int, tuple[str, ...]] = {}  # by identity: label sets are mostly shared
    members = []
    for endpoint in cluster.endpoints:
        labels = texts.get(id(endpoint.labels))
        if labels is None:
            kept = (x for x in endpoint.labels if x.key not in CHURNING)
            labels = texts[id(endpoint.labels)] = tuple(map(str, kept))
        members.append(Member(endpoint.namespace, endpoint.name, labels))
    return Workloads.of(members)


def _controller(member: Member) -> str:
    """Return the name of what made a pod; the pod's own where nothing tells."""
    match = _OF_CONTROLLER.fullmatch(member.name)
    if match is not None:
        return match["name"]
    values = dict(_key_and_value(label) for label in member.labels)
    for key in _APPLICATION:
        name = values.get(key)
        if name and member.name.startswith(f"{name}-"):
            return name
    return member.name


def _key_and_value(label: str) -> tuple[str, str]:
    """Return both without the source; a key has no colon."""
    key, _, value = label.partition(":")[2].partition("=")
    return key, value


def _workload(namespace: str, name: str, names: Iterable[str]) -> Workload:
    pods = tuple(sorted(f"{namespace}/{pod}" for pod in names))
    return Workload(namespace, name, pods)


def _split(
    namespace: str, controller: str, by_labels: Mapping[tuple[str, ...], set[str]]
) -> list[Workload]:
    """Return a workload for each label set of pods that seem to be of one controller.

    Single pods keep their names: people number what they start by hand, too.
    """
    common = set.intersection(*map(set, by_labels))
    owners: dict[str, list[tuple[str, ...]]] = {}
    for labels, names in sorted(by_labels.items()):
        for name in names:
            owners.setdefault(name, []).append(labels)
    found = []
    for labels, names in sorted(by_labels.items()):
        # A pod whose label set differs between the snapshots belongs to the first.
        own = {name for name in names if owners[name][0] == labels}
        if not own:
            continue
        if len(own) == 1:
            found.append(_workload(namespace, min(own), own))
            continue
        told = _tell_apart([label for label in labels if label not in common])
        found.append(_workload(namespace, f"{controller}{{{told}}}", own))
    return found


def _tell_apart(labels: Sequence[str]) -> str:
    """Print the labels that the others of a group do not have."""
    return ",".join(label.partition(":")[2] for label in labels) or "no other label"
