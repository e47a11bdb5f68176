"""Conversion keeps every verdict: random policies, and those of the conformance cases.

The judge is the reference evaluator, which reads the YAML by itself and knows nothing of the
language.  ``LOCKGATE_CONVERSIONS`` is how many random clusters are drawn (40).
"""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from lockgate.language.conversion import Target
from tests.conformance.compiling import make_options
from tests.language.convert import compile_beside, convert_texts, errors, texts_of
from tests.properties.compare import find_difference
from tests.properties.generate import generate

if TYPE_CHECKING:
    from lockgate.options import Options
    from tests.properties.generate import Example

EXAMPLES = int(os.environ.get("LOCKGATE_CONVERSIONS", "40"))
PARTS = 4


def _options(example: Example) -> Options:
    return make_options(
        example.semantics, example.enforcement_mode, list(example.audit)
    )


@pytest.mark.parametrize("part", range(PARTS))
def test_verdicts_stay(part: int) -> None:
    """YAML → gate → YAML: both texts judge every flow as the first one does."""
    for seed in range(part, EXAMPLES, PARTS):
        example = generate(seed)
        options = _options(example)
        gate, said = convert_texts(texts_of(example.objects), Target.GATE, options)
        assert errors(said) == [], f"seed {seed}"
        # Who is audited stands in the text now, and whose reading it was is decided.
        plain = replace(options, audit=frozenset())
        simulation = compile_beside(example.objects, "p.gate", gate, plain)
        difference = find_difference(example, simulation)
        assert difference is None, f"{gate}\n{difference}"
        back, said = convert_texts({"p.gate": gate}, Target.YAML, plain)
        if errors(said):
            codes = {code for code, _ in errors(said)}
            # Cilium takes "not this namespace" in ClusterNetworkPolicy for everyone.
            assert codes <= {"E1831", "E1832"}, f"seed {seed}"
            assert "E1832" not in codes or example.semantics == "cilium"
            continue
        simulation = compile_beside(example.objects, "p.yaml", back, plain)
        difference = find_difference(example, simulation)
        assert difference is None, f"{back}\n{difference}"


@pytest.mark.parametrize(
    "text",
    [
        "policy web in a for pods { isolate in allow in from everything }\n",
        "policy web in a for pods { isolat in }\n",
    ],
)
def test_what_reads_differently_is_refused(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A printer that says something else, or nothing that can be read, is found out."""
    gate = "policy web in a for pods { isolate in allow in from @host }\n"
    printer = "lockgate.language.conversion.print_blocks"
    monkeypatch.setattr(printer, lambda blocks: text)
    _, said = convert_texts({"p.gate": gate}, Target.GATE)
    assert [code for code, _ in errors(said)] == ["E1832"]
