"""Changes with the rows that they come to, written by hand: these rows, and no others.

``changes/*.yaml`` are pairs of policy sets; ``np NAMESPACE/NAME`` and the like stand for
the head of an object, and its value for the ``spec``.  ``pods`` changes the snapshot.
"""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml

from lockgate.options import Options
from lockgate.review.names import print_ports
from lockgate.review.review import compare_sets
from tests.review.compiled import compile_objects

CHANGES = Path(__file__).parent / "changes"
CLUSTER = yaml.safe_load((CHANGES / "cluster.yaml").read_text())["items"]
KINDS = {
    "np": ("networking.k8s.io/v1", "NetworkPolicy"),
    "cnp": ("cilium.io/v2", "CiliumNetworkPolicy"),
    "ccnp": ("cilium.io/v2", "CiliumClusterwideNetworkPolicy"),
    "cluster": ("policy.networking.k8s.io/v1alpha2", "ClusterNetworkPolicy"),
}
CASES = {
    f"{path.stem}: {name}": case
    for path in sorted(CHANGES.glob("*.yaml"))
    if path.name != "cluster.yaml"
    for name, case in yaml.safe_load(path.read_text()).items()
}
FINDINGS = ("exposed", "unprotected", "isolated", "only_before", "only_after")

Object = dict[str, Any]


@pytest.mark.parametrize("name", CASES)
def test_rows(name: str) -> None:
    """A change comes to its rows and findings, and to nothing else."""
    case = CASES[name]
    old, new = sides(case)
    options = Options(allow_unenforced=True)
    comparison = compare_sets(compile_objects(old), compile_objects(new), options)
    assert sorted(map(_line, comparison.rows)) == sorted(case["rows"])
    found = {
        key: comparison.summary[key] for key in FINDINGS if comparison.summary[key]
    }
    assert found == {key: case[key] for key in FINDINGS if key in case}


def test_there_are_cases() -> None:
    """Forty at least, some of which change nothing."""
    assert len(CASES) >= 40
    assert sum(not case["rows"] for case in CASES.values()) >= 8


def sides(case: Object) -> tuple[list[Object], list[Object]]:
    """Return the objects of both sides of a case."""
    old = case["old"] if "old" in case else case["policies"]
    new = case["new"] if "new" in case else case["policies"]
    return (
        [*CLUSTER, *_policies(old)],
        [*_snapshot(case.get("pods", {})), *_policies(new)],
    )


def _policies(short: dict[str, Object]) -> list[Object]:
    objects = []
    for head, spec in short.items():
        word, name = head.split()
        namespace, _, own = name.rpartition("/")
        metadata = {"name": own} | ({"namespace": namespace} if namespace else {})
        version, kind = KINDS[word]
        objects.append(
            {"apiVersion": version, "kind": kind, "metadata": metadata, "spec": spec}
        )
    return objects


def _snapshot(pods: dict[str, Any]) -> list[Object]:
    """Return the cluster with some pods put in place, or taken away."""
    objects = []
    for found in copy.deepcopy(CLUSTER):
        key = f"{found['metadata'].get('namespace')}/{found['metadata']['name']}"
        if found["kind"] != "Pod" or key not in pods:
            objects.append(found)
    for key, pod in pods.items():
        namespace, name = key.split("/")
        if pod is not None:
            metadata = {"name": name, "namespace": namespace, "labels": pod["labels"]}
            objects.append(
                {
                    "apiVersion": "v1",
                    "kind": "Pod",
                    "metadata": metadata,
                    "spec": {"nodeName": pod["node"]},
                    "status": {"podIPs": [{"ip": pod["ip"]}]},
                }
            )
    return objects


def _line(row: Any) -> str:  # noqa: ANN401  # a Row
    policies = sorted({reason.policy for reason in row.because_after})
    return (
        f"{row.change} {row.cause} {row.direction}: {', '.join(row.sources)} -> "
        f"{', '.join(row.destinations)}: {print_ports(row.ports)}: "
        f"{row.before} -> {row.after} by {', '.join(policies)}"
    )
