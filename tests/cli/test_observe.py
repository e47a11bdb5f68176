"""``lockgate observe`` on recordings; live reading is in ``tests/kernel``."""

from __future__ import annotations

import io
import os
from typing import TYPE_CHECKING

import pytest

from lockgate.cli.main import main
from tests.observe.test_flows import DENIED, WORLD

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def recording(tmp_path: Path) -> str:
    """Write two flows as ``-o json`` does."""
    path = tmp_path / "flows.jsonl"
    path.write_text(f"{DENIED.to_json()}\n{WORLD.to_json()}\n")
    return str(path)


def test_a_recording_is_shown_as_text(
    recording: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every line of it, in order."""
    assert main(["observe", "--from", recording]) == 0
    client, world = capsys.readouterr().out.splitlines()
    assert "default/client:51234 → default/web:80" in client
    assert "8.8.8.8:51234 (world) → default/web:80" in world


@pytest.mark.parametrize(
    ("options", "shown"),
    [
        (["--source", "default/client"], [DENIED]),
        (["--ip", "8.8.8.8", "--port", "80"], [WORLD]),
        (["--last", "1"], [WORLD]),
        (["--count", "1"], [DENIED]),
        (["--verdict", "allowed", "--verdict", "audit"], []),
    ],
)
def test_conditions_choose(
    recording: str,
    options: list[str],
    shown: list[object],
    capsys: pytest.CaptureFixture[str],
) -> None:
    """JSON in, chosen JSON out, unchanged."""
    assert main(["observe", "--from", recording, "-o", "json", *options]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines == [flow.to_json() for flow in shown]  # type: ignore[attr-defined]  # flows


def test_a_recording_can_be_piped(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A dash is standard input."""
    monkeypatch.setattr("sys.stdin", io.StringIO(DENIED.to_json() + "\n"))
    assert main(["observe", "--from", "-"]) == 0
    assert "default/client" in capsys.readouterr().out


def test_another_file_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The line is named; the exit code says usage."""
    path = tmp_path / "flows.jsonl"
    path.write_text(DENIED.to_json() + '\n{"source": 1}\n')
    assert main(["observe", "--from", str(path)]) == 2
    assert f"{path}:2: not a line" in capsys.readouterr().err


@pytest.mark.parametrize(
    "options",
    [["--port", "65536"], ["--ip", "10.0.0"], ["--count", "0"], ["--verdict", "deny"]],
)
def test_wrong_conditions_are_usage_errors(
    options: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is matched by accident."""
    assert main(["observe", *options]) == 2
    assert "error: argument" in capsys.readouterr().err


def test_nothing_loaded_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The error names the cure."""
    assert main(["observe", "--root", str(tmp_path)]) == 2
    told = capsys.readouterr().err
    cure = "apply a bundle first" if os.geteuid() == 0 else "run it as root"
    assert cure in told
