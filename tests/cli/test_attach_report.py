"""``lockgate attach-report``: a row for each hook and target, mistakes included."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from lockgate.cli.main import main
from tests.lowering.test_places import EVERY_HOOK, FUNCTIONS, small_types
from tests.lowering.types import write_target

if TYPE_CHECKING:
    from pathlib import Path

POLICY = """
apiVersion: cilium.io/v1alpha1
kind: TracingPolicy
metadata: {name: files}
spec:
  kprobes:
  - call: security_file_open
    syscall: false
    selectors: [{matchActions: [{action: Override, argError: -13}]}]
  - call: tcp_conect
    syscall: false
"""


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """Write a policy, and two targets."""
    write_target(tmp_path / "new", small_types(), FUNCTIONS, hooks=EVERY_HOOK)
    write_target(tmp_path / "old", small_types(), FUNCTIONS, hooks={"kprobe"})
    (tmp_path / "policy.yaml").write_text(POLICY)
    return tmp_path


def _run(work: Path, *more: str) -> int:
    return main(
        [
            "attach-report",
            *("-f", str(work / "policy.yaml")),
            *("--target", f"new={work / 'new'}"),
            *more,
        ]
    )


def _rows(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return list(json.loads(capsys.readouterr().out)["results"])


def test_rows_for_every_hook_and_target(
    work: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit 1, since one function is not there."""
    assert _run(work, "--target", f"old={work / 'old'}", "-o", "json") == 1
    rows = _rows(capsys)
    assert [(r["target"], r["hook"], r["result"], r["code"]) for r in rows] == [
        ("new", "kprobe:security_file_open", "lowered", ""),
        ("new", "kprobe:tcp_conect", "refused", "E3110"),
        ("old", "kprobe:security_file_open", "refused", "E3121"),
        ("old", "kprobe:tcp_conect", "refused", "E3110"),
    ]
    assert rows[0]["lowered_to"] == "fmod_ret:security_file_open"
    assert "tcp_connect" in rows[1]["suggestion"]
    assert (rows[1]["policy"], rows[1]["line"]) == ("TracingPolicy/files", 10)


def test_text_and_exit_code_0(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Where everything has its place."""
    (work / "policy.yaml").write_text(POLICY.replace("tcp_conect", "tcp_connect"))
    assert _run(work) == 0
    out = capsys.readouterr().out
    assert "kprobe:tcp_connect: attached as fentry:tcp_connect on new" in out


def test_mistakes_are_rows_too(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A policy that is refused as it stands attaches nowhere."""
    (work / "policy.yaml").write_text(POLICY.replace("-13", "13"))
    assert _run(work, "-o", "json") == 1
    codes = {(row["result"], row["code"]) for row in _rows(capsys)}
    assert ("refused", "E1105") in codes


@pytest.mark.parametrize("target", ["x", "=y", "x=", "x=/none/such"])
def test_targets_that_are_none(
    work: Path, target: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Usage or environment: exit 2, with the cure."""
    assert _run(work, "--target", target) == 2
    assert "help:" in capsys.readouterr().err
