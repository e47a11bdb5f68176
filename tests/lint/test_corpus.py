"""Other people's policies: lint finds the real mistakes, and has no error beside them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockgate.driver import compile_tables
from lockgate.findings import Level
from lockgate.lint.config import Config
from lockgate.lint.judgement import Judgement, judge_policies
from lockgate.options import Options
from tests.beside import CILIUM, needs_cilium
from tests.lint.judging import TODAY

if TYPE_CHECKING:
    from pathlib import Path

MISTAKES = {
    "auth/auth.yaml": {"E1004"},  # 'auth' for 'authentication'
    "kubernetes/clustermesh/cross-cluster-policy.yaml": {"E1004"},  # in metadata
    "l3/match-expressions/or-statement.yaml": {"E1007"},  # 'in' for 'In'
    "l3/requires/requires.yaml": {"E1057"},  # a kind of rule that is gone
}
WARNED = {
    "host/lock-down-gke.yaml": {"W6002"},  # rules within the entity cluster
    "kubernetes/serviceaccount/demo-pods.yaml": {"W1031"},
}


def _judge(files: list[Path]) -> Judgement:
    compilation = compile_tables(files, Options(allow_unenforced=True))
    return judge_policies(compilation, Config(), TODAY)


def _codes(judgement: Judgement, level: Level) -> set[str]:
    return {f.code for f in judgement.findings if f.severity is level}


@needs_cilium
def test_each_file() -> None:
    """The table of mistakes is complete, and so is that of warnings."""
    files = sorted(CILIUM.rglob("*.yaml"))
    assert len(files) > 20
    errors, warnings = {}, {}
    for file in files:
        judgement = _judge([file])
        name = file.relative_to(CILIUM).as_posix()
        errors[name] = _codes(judgement, Level.ERROR)
        warnings[name] = _codes(judgement, Level.WARNING)
    assert {name: codes for name, codes in errors.items() if codes} == MISTAKES
    assert {name: codes for name, codes in warnings.items() if codes} == WARNED


@needs_cilium
def test_what_is_unenforced_is_no_mistake() -> None:
    """L7 rules and names are unsupported, each under the code of its page."""
    found = set()
    for file in sorted((CILIUM / "l7").rglob("*.yaml")):
        judgement = _judge([file])
        assert not _codes(judgement, Level.ERROR)
        found |= _codes(judgement, Level.UNSUPPORTED)
    assert {"E3001", "E3002", "E3004", "E3008"} <= found


@needs_cilium
def test_all_files_together() -> None:
    """As one set, only names that stand twice are errors besides."""
    right = [
        file
        for file in sorted(CILIUM.rglob("*.yaml"))
        if file.relative_to(CILIUM).as_posix() not in MISTAKES
    ]
    assert _codes(_judge(right), Level.ERROR) <= {"E1012"}
