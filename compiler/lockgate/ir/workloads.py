"""Workload classes: pods, containers and hosts of nodes that no selector tells apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lockgate.ir.cluster import Pod
    from lockgate.ir.site import WorkloadTest

UNKNOWN_NODE = ""
"""The name of a node that the snapshot does not have."""


@dataclass(frozen=True, slots=True)
class WorkloadClass:
    """Workloads that are alike: ``name`` for people, tests that hold, tests that may hold."""

    name: str
    holding: frozenset[WorkloadTest]
    undecided: frozenset[WorkloadTest]


@dataclass(frozen=True, slots=True)
class PodClasses:
    """Classes of one pod: of its containers by id, and of what else is in its cgroup."""

    pod: Pod
    other: int
    containers: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class WorkloadClasses:
    """The classes, the first of which is that of the unknown; whose they are, by number.

    ``hosts`` and ``unknown_pods`` are by node, ``cgroups`` by path (documents of kind Endpoint).
    """

    known: tuple[WorkloadClass, ...]
    hosts: Mapping[str, int]
    unknown_pods: Mapping[str, int]
    pods: tuple[PodClasses, ...]
    cgroups: Mapping[str, int]
