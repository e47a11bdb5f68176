"""Pods that a selector can mean: those of one namespace with the same stable labels.

(What people call a workload is the matter of ``review/workloads.py``; two of those may have
the same labels, and then no selector tells them apart.)

Labels that controllers set anew for each pod or revision (``CHURNING``) tell no workloads
apart.  A selector that means exactly one group must often say what it has not: ``app=web``
alone also selects ``app=web, track=canary``.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

from lockgate.ir.labels import NAMESPACE
from lockgate.passes.assign_identities import CHURNING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lockgate.ir.cluster import Endpoint
    from lockgate.ir.labels import Label

_META = "io.cilium.k8s."


class Group(NamedTuple):
    """Pods that no selector should tell apart: a namespace, and stable labels, sorted."""

    namespace: str
    labels: tuple[tuple[str, str], ...]


class Selection(NamedTuple):
    """What selects exactly one group: labels that it has, keys that it has not."""

    labels: tuple[tuple[str, str], ...]
    absent: tuple[str, ...]


def stable_labels(labels: Iterable[Label]) -> tuple[tuple[str, str], ...]:
    """Return a pod's own labels but for those that churn."""
    return tuple(
        sorted(
            (label.key, label.value)
            for label in labels
            if label.source == "k8s"
            and label.key != NAMESPACE
            and not label.key.startswith(_META)
            and label.key not in CHURNING
        )
    )


class Groups:
    """The groups of a snapshot; ``of`` is by pod."""

    def __init__(self, endpoints: Iterable[Endpoint]) -> None:
        self.of: dict[str, Group] = {}
        self.members: dict[Group, list[Endpoint]] = defaultdict(list)
        for endpoint in endpoints:
            group = Group(endpoint.namespace, stable_labels(endpoint.labels))
            self.of[endpoint.key] = group
            self.members[group].append(endpoint)
        self._namespaces: dict[str, list[Group]] = defaultdict(list)
        for group in self.members:
            self._namespaces[group.namespace].append(group)

    def selection(self, group: Group) -> Selection:
        """Return what selects this group and no other of its namespace."""
        own = dict(group.labels)
        others = [
            dict(other.labels)
            for other in self._namespaces[group.namespace]
            if other != group and own.items() <= dict(other.labels).items()
        ]
        absent: list[str] = []
        while others:
            # The key that tells most of them apart, the first of equals.
            keys = sorted({key for other in others for key in other} - own.keys())
            best = max(keys, key=lambda key: sum(key in other for other in others))
            absent.append(best)
            others = [other for other in others if best not in other]
        return Selection(group.labels, tuple(sorted(absent)))
