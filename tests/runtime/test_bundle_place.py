"""Where a bundle is not there, and where what is there is none."""

from __future__ import annotations

from pathlib import Path

import pytest

from lockgate_runtime.bundle import Bundle
from lockgate_runtime.errors import NodeError
from lockgate_runtime.verbs import ENVIRONMENT, REFUSED, exit_code


def code_of(place: Path) -> tuple[str, int]:
    """Return the error of opening a bundle, and the exit code that it means."""
    with pytest.raises(NodeError) as caught:
        Bundle.open(place)
    return caught.value.code, exit_code(caught.value)


def test_no_bundle_is_a_matter_of_the_command_line(tmp_path: Path) -> None:
    """Nothing there, or a file: somebody wrote the wrong word."""
    (tmp_path / "file").touch()
    for name in ("nope", "file", "file/below"):
        assert code_of(tmp_path / name) == ("E5011", ENVIRONMENT)


def test_what_may_not_be_read_is_a_matter_of_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder or its manifest; root may read all, so the system is made to refuse."""

    def refuse(path: Path) -> bytes:
        raise PermissionError(13, "Permission denied", str(path))

    (tmp_path / "manifest.json").touch()
    monkeypatch.setattr(Path, "read_bytes", refuse)
    assert code_of(tmp_path) == ("E5011", ENVIRONMENT)


def test_a_damaged_bundle_is_refused(tmp_path: Path) -> None:
    """A folder without a manifest, or with one that is broken."""
    assert code_of(tmp_path) == ("E5010", REFUSED)
    (tmp_path / "manifest.json").write_text("{")
    assert code_of(tmp_path) == ("E5010", REFUSED)
