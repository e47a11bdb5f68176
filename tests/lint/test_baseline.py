"""Baselines: what was found before does not count, wherever its line is now."""

from __future__ import annotations

import json

import pytest

from lockgate.diagnostics import Diagnostics
from lockgate.lint.baseline import read_baseline, write_baseline
from lockgate.source import Source
from tests.lint.judging import documents, lint

POLICY = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: one}
spec:
  podSelector: {}
  ingress:
  - {}
"""
OTHER = POLICY.replace("name: one", "name: two, namespace: other")


def _known(text: str) -> frozenset[str]:
    written = write_baseline(lint(text, remembers=True).findings)
    return read_baseline(Source("known.json", written), Diagnostics())


def _codes(text: str, known: frozenset[str]) -> list[str]:
    return [f.code for f in lint(text, known=known, remembers=True).findings]


def test_what_is_known_does_not_count() -> None:
    """The same findings are known, and counted as that."""
    judgement = lint(POLICY, known=_known(POLICY), remembers=True)
    assert judgement.findings == ()
    assert judgement.known == 2


def test_lines_may_move() -> None:
    """Comments, other objects and other lines above change nothing."""
    known = _known(POLICY)
    moved = "# a comment\n\n" + POLICY.replace("spec:", "# another\nspec:")
    assert _codes(moved, known) == []
    service = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"
    assert _codes(documents(service, POLICY), known) == ["N1030"]


def test_what_is_new_counts() -> None:
    """One finding more, of the same kind in the same file, is told; and only that."""
    assert _codes(documents(POLICY, OTHER), _known(POLICY)) == ["N6011"]
    assert _codes(documents(OTHER, POLICY), _known(POLICY)) == ["N6011"]


def test_errors_are_never_known() -> None:
    """What compile refuses stays an error."""
    wrong = POLICY.replace("ingress:", "ingres:")
    assert "E1004" in _codes(wrong, _known(wrong))


def test_the_file_is_the_same_for_the_same_findings() -> None:
    """It is sorted, and says what it knows."""
    one = write_baseline(lint(documents(POLICY, OTHER)).findings)
    two = write_baseline(lint(documents(OTHER, POLICY)).findings)
    assert [r["message"] for r in json.loads(one)["findings"]] == [
        r["message"] for r in json.loads(two)["findings"]
    ]
    assert {r["file"] for r in json.loads(one)["findings"]} == {"", "policy.yaml"}


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"version": 2, "findings": []}', '{"version": 1, "findings": 7}',
             '{"version": 1, "findings": [{"fingerprint": 7}]}', "[" * 100_000]
)  # fmt: skip
def test_no_baseline(text: str) -> None:
    """Something else is refused, and nothing is known."""
    diagnostics = Diagnostics()
    assert read_baseline(Source("known.json", text), diagnostics) == frozenset()
    assert [d.code for d in diagnostics.found] == ["E6033"]
