"""Cases as JSON Lines: objects, flows, and what each flow should come to."""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

Object = dict[str, Any]
Flow = dict[str, Any]

EXPECTATIONS = ("expect", "expect_k8s")


@dataclass
class Case:
    """One cluster with its policies, and flows through it.

    ``rejected``: which objects must be refused, by index.  ``options`` are our own cases'
    wish for an enforcement mode or audited policies.
    """

    name: str
    objects: list[Object]
    flows: list[Flow]
    rejected: list[int]
    options: dict[str, Any]

    @property
    def accepted(self) -> list[Object]:
        """The objects without those that must be refused."""
        refused = set(self.rejected)
        return [o for index, o in enumerate(self.objects) if index not in refused]


def read_cases(path: Path) -> list[Case]:
    """Read a file of cases, compressed or not."""
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines if line.strip()]
    return [
        Case(
            row["name"],
            row["objects"],
            row["flows"],
            [item["index"] for item in row.get("rejected", [])],
            row.get("options", {}),
        )
        for row in rows
    ]


def expectation(flow: Flow, semantics: str) -> dict[str, str]:
    """Return what a flow should come to: the specification's answer before Cilium's."""
    if semantics == "kubernetes" and "expect_k8s" in flow:
        return dict(flow["expect_k8s"])
    return dict(flow["expect"])


def question(flow: Flow) -> Flow:
    """Return a flow without its expectations."""
    return {key: value for key, value in flow.items() if key not in EXPECTATIONS}
