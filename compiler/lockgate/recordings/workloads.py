"""Pods by workload: those of one namespace with the same stable labels.

Labels that controllers set anew for each pod or revision (``CHURNING``) tell no workloads
apart.  A selector that means exactly one workload must often say what it has not: ``app=web``
alone also selects ``app=web, track=canary``.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

from lockgate.ir.labels import NAMESPACE
from lockgate.passes.assign_identities import CHURNING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from lockgate.ir.cluster import Endpoint
    from lockgate.ir.labels import Label

_META = "io.cilium.k8s."
_NAMES = ("app.kubernetes.io/name", "app", "k8s-app", "name")


class Workload(NamedTuple):
    """Pods that policies should not tell apart: a namespace, and stable labels, sorted."""

    namespace: str
    labels: tuple[tuple[str, str], ...]


class Selection(NamedTuple):
    """What selects exactly one workload: labels that it has, keys that it has not."""

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


class Workloads:
    """The workloads of a snapshot."""

    def __init__(self, endpoints: Iterable[Endpoint]) -> None:
        self.of: dict[str, Workload] = {}
        self.members: dict[Workload, list[Endpoint]] = defaultdict(list)
        for endpoint in endpoints:
            workload = Workload(endpoint.namespace, stable_labels(endpoint.labels))
            self.of[endpoint.key] = workload
            self.members[workload].append(endpoint)
        self.names = _names(self.members)
        self._namespaces: dict[str, list[Workload]] = defaultdict(list)
        for workload in self.members:
            self._namespaces[workload.namespace].append(workload)

    def selection(self, workload: Workload) -> Selection:
        """Return what selects this workload and no other of its namespace."""
        own = dict(workload.labels)
        others = [
            dict(other.labels)
            for other in self._namespaces[workload.namespace]
            if other != workload and own.items() <= dict(other.labels).items()
        ]
        absent: list[str] = []
        while others:
            # The key that tells most of them apart, the first of equals.
            keys = sorted({key for other in others for key in other} - own.keys())
            best = max(keys, key=lambda key: sum(key in other for other in others))
            absent.append(best)
            others = [other for other in others if best not in other]
        return Selection(workload.labels, tuple(sorted(absent)))


def _names(members: Mapping[Workload, list[Endpoint]]) -> dict[Workload, str]:
    """Return short names where they are distinct, labels where they are not."""
    short: dict[str, list[Workload]] = defaultdict(list)
    for workload, endpoints in members.items():
        short[f"{workload.namespace}/{_short_name(workload, endpoints)}"].append(
            workload
        )
    names = {}
    for name, workloads in short.items():
        for workload in workloads:
            labels = ",".join(f"{k}={v}" if v else k for k, v in workload.labels)
            full = f"{workload.namespace}/{labels or 'without labels'}"
            names[workload] = name if len(workloads) == 1 else full
    return names


def _short_name(workload: Workload, endpoints: list[Endpoint]) -> str:
    labels = dict(workload.labels)
    named = next((labels[key] for key in _NAMES if labels.get(key)), None)
    return named or min(endpoint.name for endpoint in endpoints)
