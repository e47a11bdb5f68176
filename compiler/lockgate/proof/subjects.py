"""Who is judged: pods and nodes of the sources, and their tables in the bundle.

Who is missing in the bundle, or stands there with other addresses, is a difference.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lockgate_runtime import layout

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from lockgate.proof.reference.evaluator import Evaluator
    from lockgate.proof.reference.flow import End
    from lockgate_runtime.tables import Endpoint, Host, PackedTables

NO_POLICY_TABLES = (layout.NO_POLICY_INGRESS, layout.NO_POLICY_EGRESS)

Fault = tuple[str, str, str, str, str, str]


@dataclass(frozen=True)
class Subject:
    """A pod, or a node that host policies select, with its tables: ingress, egress."""

    name: str
    end: End
    row: Endpoint | Host
    tables: tuple[int, int]


def find_subjects(
    tables: PackedTables, evaluator: Evaluator
) -> tuple[list[Subject], list[Fault]]:
    """Return all subjects, sorted, and what is wrong with them in the bundle."""
    pods = {endpoint.key: endpoint for endpoint in tables.endpoints}
    nodes = {f"node {host.node}": host for host in tables.hosts}
    expected = dict(_pods(evaluator)) | dict(_nodes(evaluator))
    rows: Mapping[str, Endpoint | Host] = {**pods, **nodes}
    subjects, faults = [], []
    for name in sorted(expected.keys() | rows.keys()):
        wanted, row = expected.get(name), rows.get(name)
        if wanted is None or row is None:
            one, other = "one in the sources", "one in the bundle"
            expected_one, found_one = (one, "none") if wanted else ("none", other)
            faults.append((name, "", "", "", expected_one, found_one))
            continue
        end, facts = wanted
        found = _facts(row)
        if found != facts:
            faults.append((name, "", "", "", _say(facts, found), _say(found, facts)))
        if facts["is enforced"]:
            both = (row.ingress_policy, row.egress_policy)
            subjects.append(Subject(name, end, row, both))
        elif (row.ingress_policy, row.egress_policy) != NO_POLICY_TABLES:
            faults.append((name, "", "", "", "no tables", "tables of policies"))
    return subjects, faults


def _say(facts: Mapping[str, object], others: Mapping[str, object]) -> str:
    """Return the facts that are others elsewhere."""
    return ", ".join(
        f"{name}: {' '.join(value) if isinstance(value, list) else value}"
        for name, value in facts.items()
        if others.get(name) != value
    )


def _pods(evaluator: Evaluator) -> Iterator[tuple[str, tuple[End, dict[str, object]]]]:
    for name, pod in evaluator.cluster.pods.items():
        end = evaluator.ends.pod(pod, next(iter(pod.addresses), None))
        addresses = sorted(map(str, pod.addresses))
        yield (
            name,
            (end, {"node": pod.node, "addresses": addresses, "is enforced": True}),
        )


def _nodes(evaluator: Evaluator) -> Iterator[tuple[str, tuple[End, dict[str, object]]]]:
    for name, node in evaluator.cluster.nodes.items():
        end = evaluator.ends.host(node)
        facts: dict[str, object] = {
            "node": name,
            "addresses": sorted(map(str, set(node.addresses))),
            "is enforced": evaluator.is_enforced(end),
            "has the API server": evaluator.ends.has_api_server(node.addresses),
        }
        yield f"node {name}", (end, facts)


def _facts(row: Endpoint | Host) -> dict[str, object]:
    """Return what the bundle says of somebody, in the words of the sources."""
    facts: dict[str, object] = {
        "node": row.node,
        "addresses": sorted(map(str, row.addresses)),
        "is enforced": getattr(row, "is_enforced", True),
    }
    if hasattr(row, "is_api_server"):
        facts["has the API server"] = row.is_api_server
    return facts
