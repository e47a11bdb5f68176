"""Golden mistakes: a document on the left, all that the user is told on the right."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lockgate.diagnostics import Diagnostics
from lockgate.frontend.documents import parse_documents, read_documents
from lockgate.options import Options
from lockgate.renderers import render_json, render_sarif, render_text

if TYPE_CHECKING:
    from collections.abc import Callable

ERRORS = Path(__file__).parent.parent / "golden" / "errors"
CASES = sorted(path.parent.name for path in ERRORS.glob("*/policy.yaml"))


def _diagnose(case: str, monkeypatch: pytest.MonkeyPatch) -> Diagnostics:
    monkeypatch.chdir(ERRORS / case)
    diagnostics = Diagnostics()
    documents = read_documents(["policy.yaml"], None, diagnostics)
    parse_documents(documents, Options(), diagnostics)
    return diagnostics


@pytest.mark.parametrize("case", CASES)
def test_mistake(
    case: str, golden: Callable[[str, str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The text is what was reviewed; the forms for machines say the same."""
    diagnostics = _diagnose(case, monkeypatch)
    assert not diagnostics.ok
    text = render_text(diagnostics)
    golden(f"errors/{case}/diagnostics.txt", text)
    strangers = {path.name for path in (ERRORS / case).iterdir()}
    assert strangers == {"policy.yaml", "diagnostics.txt"}
    results = json.loads(render_json(diagnostics))["results"]
    sarif = json.loads(render_sarif(diagnostics))["runs"][0]["results"]
    codes = [d.code for d in diagnostics.found]
    assert [r["code"] for r in results] == codes
    assert [r["ruleId"] for r in sarif] == codes


def test_there_are_cases() -> None:
    """An empty folder would prove nothing."""
    assert len(CASES) >= 12


def test_nothing_reaches_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Escape codes and reordering characters of a document are shown, not obeyed."""
    text = render_text(_diagnose("crlf_and_hostile_text", monkeypatch))
    assert "[31m" in text, "the name is there"
    for character in "\x1b\r\u202e":
        assert character not in text
