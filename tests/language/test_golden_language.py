"""Golden cases of the language: a file on the left, all that comes of it on the right.

``policy.gate`` gives its IR, its formatted and its converted form, or what the user is told;
``policy.yaml`` gives its converted form; ``policy.gatetest`` its formatted one.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lockgate.diagnostics import Diagnostics
from lockgate.frontend.documents import documents_from_text, parse_documents
from lockgate.ir.printer import print_policies
from lockgate.language.conversion import Target, convert
from lockgate.language.formatting import format_text
from lockgate.language.reading import Language, read_file
from lockgate.options import Options
from lockgate.renderers import render_text
from lockgate.source import Source

if TYPE_CHECKING:
    from collections.abc import Callable

GOLDEN = Path(__file__).parent.parent.parent / "golden" / "language"
CASES = sorted(path.parent.name + "/" + path.name for path in GOLDEN.glob("*/policy.*"))


def _from_policies(name: str, text: str) -> dict[str, str]:
    diagnostics = Diagnostics()
    parsed = parse_documents(documents_from_text({name: text}), Options(), diagnostics)
    outputs = {}
    if diagnostics.ok:
        is_gate = name.endswith(".gate")
        target = Target.YAML if is_gate else Target.GATE
        converted = convert(parsed, target, diagnostics)
        if diagnostics.ok:
            outputs[f"converted.{target.value}"] = converted
        if is_gate:
            outputs["ir.txt"] = print_policies(parsed.policies)
            outputs["formatted.gate"] = _formatted(name, text)
    if diagnostics.found:
        outputs["diagnostics.txt"] = render_text(diagnostics)
    return outputs


def _from_tests(name: str, text: str) -> dict[str, str]:
    diagnostics = Diagnostics()
    read_file(Source(name, text), Language.TESTS, diagnostics)
    if diagnostics.ok:
        return {"formatted.gatetest": _formatted(name, text)}
    return {"diagnostics.txt": render_text(diagnostics)}


def _formatted(name: str, text: str) -> str:
    language = Language(name.rpartition(".")[2])
    return format_text(Source(name, text), language, Diagnostics()) or ""


@pytest.mark.parametrize("case", CASES)
def test_case(case: str, golden: Callable[[str, str], None]) -> None:
    """Every text is what was reviewed."""
    folder, name = case.split("/")
    text = (GOLDEN / case).read_text()
    is_test = name.endswith(".gatetest")
    outputs = (_from_tests if is_test else _from_policies)(name, text)
    for output, content in outputs.items():
        golden(f"language/{folder}/{output}", content)
    there = {path.name for path in (GOLDEN / folder).iterdir()}
    assert there == {name, *outputs}, "files that no output owns"


def test_there_are_cases() -> None:
    """An empty folder would prove nothing."""
    assert len(CASES) >= 6
