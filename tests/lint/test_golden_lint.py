"""Golden findings: policies on the left, all that lint says of them on the right."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lockgate.diagnostics import Diagnostics
from lockgate.driver import compile_tables
from lockgate.findings import render_findings
from lockgate.lint.config import FILE, Config, read_config
from lockgate.lint.judgement import judge_policies
from lockgate.options import Options
from lockgate.source import Source
from tests.lint.judging import TODAY

if TYPE_CHECKING:
    from collections.abc import Callable

CASES = Path(__file__).parent.parent.parent / "golden" / "lint"
INPUTS = {"policy.yaml", "cluster.yaml", FILE}
OUTPUTS = {"findings.txt": "text", "findings.md": "markdown"}


@pytest.mark.parametrize("case", sorted(path.name for path in CASES.iterdir()))
def test_findings(
    case: str, golden: Callable[[str, str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The text, and the comment on a pull request, are what was reviewed."""
    monkeypatch.chdir(CASES / case)
    files = [name for name in ("policy.yaml", "cluster.yaml") if Path(name).exists()]
    config, diagnostics = Config(), Diagnostics()
    if Path(FILE).exists():
        config = read_config(Source(FILE, Path(FILE).read_text()), diagnostics)
    assert not diagnostics.found
    compilation = compile_tables(files, Options(allow_unenforced=True))
    judgement = judge_policies(compilation, config, TODAY)
    more = {"ignored": judgement.ignored}
    for name, form in OUTPUTS.items():
        text = render_findings(judgement.findings, form, more=more)
        golden(f"lint/{case}/{name}", text)
    strangers = {path.name for path in Path.cwd().iterdir()} - INPUTS - OUTPUTS.keys()
    assert not strangers


def test_there_are_cases() -> None:
    """An empty folder would prove nothing."""
    assert len(list(CASES.iterdir())) >= 4
