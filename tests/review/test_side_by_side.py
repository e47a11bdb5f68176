"""Side by side with network-config-analyzer, where it is installed and both apply.

    pip install network-config-analyzer     (in an environment of its own)
    LOCKGATE_NCA=PATH/TO/nca pytest tests/review/test_side_by_side.py

One difference is explained: to nca an ``ipBlock`` holds what is outside the cluster only;
to the specification, and to us, it holds whatever has the address.
"""

from __future__ import annotations

import os
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING, Any

import pytest

from tests.beside import CONFORMANCE
from tests.conformance.cases import read_cases
from tests.review.side_by_side import (
    OurMap,
    Question,
    TheirMap,
    named_blocks,
    questions,
)
from tests.review.test_changes import CASES, sides

if TYPE_CHECKING:
    from pathlib import Path

Object = dict[str, Any]

NCA = os.environ.get("LOCKGATE_NCA")

pytestmark = pytest.mark.skipif(
    not NCA,
    reason="needs LOCKGATE_NCA=PATH/TO/nca, of `pip install network-config-analyzer`",
)


def _sets() -> dict[str, list[Object]]:
    """Return policy sets of NetworkPolicy alone: hand-made ones, and upstream's."""
    found = {}
    for name, case in CASES.items():
        for side, objects in zip(("old", "new"), sides(case), strict=True):
            kinds = {o["kind"] for o in objects if "Policy" in o["kind"]}
            if kinds == {"NetworkPolicy"}:
                found[f"{name} ({side})"] = objects
    path = CONFORMANCE / "k8s_e2e.jsonl"
    for case in read_cases(path) if path.exists() else ():
        found[case.name] = case.accepted
    return found


SETS = _sets() if NCA else {}


@pytest.mark.parametrize("name", SETS)
def test_same_connectivity(name: str, tmp_path: Path) -> None:
    """Every question has the same answer, or an explained one."""
    objects = SETS[name]
    ours, theirs = OurMap(objects), TheirMap(str(NCA), objects, tmp_path)
    every = questions(objects)
    asked = [q for q in every if not _is_explained(q, ours, objects)]
    assert len(asked) > 50 or named_blocks(objects)
    differ = [q for q in asked if ours.admits(q) != theirs.admits(q)]
    assert differ == []


def _is_explained(asked: Question, ours: OurMap, objects: list[Object]) -> bool:
    """Whether an end is a pod that some block holds, or an address that a pod has."""
    blocks = [ip_network(text) for text in named_blocks(objects)]
    pods = {str(a) for pod in ours.pods.values() for a in pod.addresses}
    for end in (asked.source, asked.destination):
        if end in pods:
            return True
        if end in ours.pods and any(
            ip_address(str(address)) in block
            for address in ours.pods[end].addresses
            for block in blocks
        ):
            return True
    return False


def test_there_are_sets() -> None:
    """Those of the hand-made changes at least."""
    assert len(SETS) > 40
