"""Who is of which workload class, as the runtime reads it, and the rows that sites look up."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from lockgate.codegen.tracing.masks import everyone, mask_of, pack, used

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from lockgate.ir.site import Dimension, Site
    from lockgate.ir.workloads import WorkloadClass, WorkloadClasses

FILE = "workloads.json"
"""See :mod:`lockgate_runtime.tracing.workloads`."""


def print_workloads(classes: WorkloadClasses) -> bytes:
    """Return ``workloads.json``."""
    value: dict[str, Any] = {
        "classes": [class_.name for class_ in classes.known],
        "hosts": _by_node(classes.hosts),
        "unknown_pods": _by_node(classes.unknown_pods),
        "pods": [
            {
                "uid": one.pod.uid,
                "class": one.other,
                "containers": dict(sorted(one.containers.items())),
            }
            for one in classes.pods
            if one.pod.uid
        ],
        "cgroups": dict(classes.cgroups),
    }
    return (json.dumps(value, indent=1, sort_keys=True) + "\n").encode()


def _by_node(classes: Mapping[str, int]) -> dict[str, int]:
    """Return the class of nodes, but of those that are like one that is not known."""
    rest = classes[""]
    return {name: n for name, n in sorted(classes.items()) if not name or n != rest}


def workload_rows(
    dimension: Dimension, site: Site, classes: WorkloadClasses
) -> Iterator[tuple[WorkloadClass, int, int]]:
    """Yield for each class who goes on, and who of them does only because nobody knows."""
    others = everyone(len(site.selectors)) & ~used(dimension)
    for class_ in classes.known:
        holds = mask_of(
            t.selector for t in dimension.tests if t.workload in class_.holding
        )
        unknown = mask_of(
            test.selector
            for test in dimension.tests
            if test.workload in class_.undecided and test.workload.takes_unknown
        )
        yield class_, others | holds | unknown, unknown


def pack_row(row: tuple[WorkloadClass, int, int], words: int) -> bytes:
    """Return a row as ``struct workload_row`` has it."""
    return pack(row[1], words) + pack(row[2], words)
