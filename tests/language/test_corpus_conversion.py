"""Other people's policies, converted there and back; what is refused is named here.

``LOCKGATE_CONVERSIONS=10000`` converts every conformance case.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pytest

from lockgate.diagnostics import Diagnostics
from lockgate.frontend.documents import documents_from_text, parse_documents
from lockgate.language.conversion import Target, convert
from lockgate.options import Options
from tests.beside import CILIUM, CONFORMANCE, needs_cases, needs_cilium
from tests.language.convert import convert_texts, errors

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST = int(os.environ.get("LOCKGATE_CONVERSIONS", "30"))
"""So many policies of each file of cases are converted."""

CASES = ("gotchas", "k8s_e2e", "npapi", "quirks", "sample_l3l4", "sample_l7")


def _there_and_back(text: str) -> list[str] | None:
    """Return the messages of refusals; None for what is no policy, or a wrong one."""
    diagnostics = Diagnostics()
    documents = documents_from_text({"p.yaml": text})
    parsed = parse_documents(documents, Options(), diagnostics)
    if not diagnostics.ok or not parsed.policies:
        return None
    said = Diagnostics()
    gate = convert(parsed, Target.GATE, said)
    if not said.ok:
        assert all(d.span for d in said.found)
        return [message for _, message in errors(said)]
    _, said = convert_texts({"p.gate": gate}, Target.YAML)
    return [message for _, message in errors(said)]


@needs_cilium
def test_corpus() -> None:
    """Every policy of the corpus has words; one asks for what Cilium has given up."""
    converted = 0
    refused: dict[str, list[str]] = {}
    for path in sorted(CILIUM.rglob("*.yaml")):
        messages = _there_and_back(path.read_text())
        if messages:
            refused[str(path.relative_to(CILIUM))] = messages
        elif messages == []:
            converted += 1
    assert converted >= 20
    assert [m[:32] for ms in refused.values() for m in ms] == [
        "the native language has no words"
    ]


def _objects(value: Any) -> Iterator[str]:  # noqa: ANN401  # any JSON
    if isinstance(value, dict) and "apiVersion" in value and "kind" in value:
        if value["kind"].endswith("Policy"):
            yield json.dumps(value, sort_keys=True)
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _objects(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _objects(inner)


@needs_cases
@pytest.mark.parametrize("name", CASES)
def test_conformance(name: str) -> None:
    """Valid policies of the conformance cases go there and back."""
    lines = (CONFORMANCE / f"{name}.jsonl").read_text().splitlines()
    policies = {text for line in lines for text in _objects(json.loads(line))}
    step = len(policies) // MOST + 1
    found = [_there_and_back(text) for text in sorted(policies)[::step]]
    assert any(messages is not None for messages in found)
    assert [m for messages in found for m in messages or ()] == []
