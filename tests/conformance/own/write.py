"""Write ``own.jsonl``: ``python -m tests.conformance.own.write``."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).parent
OUTPUT = HERE.parent / "own.jsonl"

_FLOW = re.compile(r"(\S+) -> (\S+) (\w+)/(\d+) = (\w+) (\w+)")


def lines() -> str:
    """Return the content of ``own.jsonl``."""
    cluster = list(yaml.safe_load_all((HERE / "cluster.yaml").read_text()))
    cases = yaml.safe_load((HERE / "cases.yaml").read_text())
    rows = (_case(case, cluster) for case in cases)
    return "".join(json.dumps(row, separators=(",", ":")) + "\n" for row in rows)


def _case(case: dict[str, Any], cluster: list[dict[str, Any]]) -> dict[str, Any]:
    rejected = [
        {"index": len(cluster) + i, "reason": "mistaken"}
        for i, policy in enumerate(case["policies"])
        if policy.pop("rejected", False)
    ]
    row: dict[str, Any] = {"name": case["name"], "objects": cluster + case["policies"]}
    row["flows"] = [_flow(line) for line in case["flows"].splitlines()]
    if rejected:
        row["rejected"] = rejected
    if "options" in case:
        row["options"] = case["options"]
    return row


def _flow(line: str) -> dict[str, Any]:
    match = _FLOW.fullmatch(line)
    if match is None:
        raise ValueError(line)
    source, destination, protocol, port, egress, ingress = match.groups()
    expect = {"ingress": ingress, "egress": egress}
    if "redirect" not in expect.values():
        expect["verdict"] = "deny" if "deny" in expect.values() else "allow"
    return {
        "src": source,
        "dst": destination,
        "protocol": protocol,
        "port": int(port),
        "expect": expect,
    }


if __name__ == "__main__":
    OUTPUT.write_text(lines())
