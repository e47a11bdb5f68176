"""Tests in *.gate files, beside the policies that they are about."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

import pytest

from lockgate.cli.main import main

if TYPE_CHECKING:
    from collections.abc import Callable

SHOP = Path(__file__).parents[1] / "demo/shop"
SNAPSHOT = str(SHOP / "cluster.yaml")
POLICY = """\
policy db in shop for app=db {
  isolate in
  allow in from app=api on tcp/5432
}
"""
HOLDS = 'test "holds" {\n  never @world -> shop:app=db\n}\n'
FAILS = 'test "fails" {\n  never shop:app=api -> shop:app=db\n}\n'

if TYPE_CHECKING:
    Run = Callable[..., tuple[int, dict[str, Any]]]


@pytest.fixture
def run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Run:
    """Run the tests of some files over the shop's snapshot; return exit code and object."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str, files: dict[str, str]) -> tuple[int, dict[str, Any]]:
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
        words = ["test", "-f", SNAPSHOT, "--no-cache", "-o", "json", *arguments]
        code = main(words)
        out = capsys.readouterr().out
        return code, json.loads(out) if out else {}

    return run


def _told(whole: dict[str, Any]) -> list[tuple[str, str, int]]:
    return [(r["test"], r["status"], r["line"]) for r in whole["results"]]


BOTH = POLICY + HOLDS + FAILS


@pytest.mark.parametrize(
    "arguments",
    [
        "d/web.gate",
        "d",
        "-f d/web.gate",
        "-f d",
        "-f d d",
        "-f d d/web.gate",
        "-f d/web.gate d d/web.gate ./d/web.gate",
        "d/web.gate link.gate",
    ],
)
def test_they_run_once(run: Run, arguments: str, tmp_path: Path) -> None:
    """However a file is named, and however often: its policies count, its tests run once."""
    (tmp_path / "d").mkdir()
    (tmp_path / "link.gate").symlink_to("d/web.gate")
    code, whole = run(*arguments.split(), files={"d/web.gate": BOTH})
    assert code == 1
    assert _told(whole) == [("holds", "passed", 6), ("fails", "failed", 9)]
    (rule,) = whole["summary"]["coverage"]["rules"]
    assert rule["place"] == "web.gate:3:3"


def test_both_kinds_of_files_together(run: Run) -> None:
    """Tests beside policies come first, then those of files of their own; all cover."""
    covers = 'test "covers" {\n  expect allow shop:app=api -> shop:app=db tcp/5432\n}\n'
    files = {"d/web.gate": POLICY + HOLDS, "d/web.gatetest": covers}
    for arguments in ("-f d", "-f d d", "d", "-f d d/web.gatetest"):
        code, whole = run(*arguments.split(), files=files)
        assert code == 0
        assert [name for name, _, _ in _told(whole)] == ["holds", "covers"]
        assert whole["summary"]["coverage"]["percent"] == 100


def test_a_file_of_tests_alone(run: Run) -> None:
    """A *.gate file may hold nothing but tests; one without tests says what is missing."""
    code, whole = run("d/t.gate", files={"d/t.gate": FAILS})
    assert (code, whole["summary"]["coverage"]["rules"]) == (1, [])
    assert run("d/p.gate", files={"d/p.gate": POLICY})[0] == 2


def test_a_file_of_tests_that_is_named_twice(run: Run) -> None:
    """Policies may not stand twice in the input; tests may, and run once."""
    for arguments in ("-f d -f d/t.gate", "-f d -f d/t.gate d"):
        _, whole = run(*arguments.split(), files={"d/t.gate": FAILS})
        assert _told(whole) == [("fails", "failed", 2)]


def test_mistakes_have_their_places(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    """A test with a mistake keeps every verb from reading the file, at line and column."""
    files = {"d/web.gate": POLICY + 'test "t" {\n  never @world => pods\n}\n'}
    assert run("d/web.gate", files=files)[0] == 2
    assert main(["compile", "-f", "d", "-o", "b"]) == 1
    err = capsys.readouterr().err
    assert "web.gate:6:16" in err
    assert "write '->'" in err


def test_junit_names_the_file(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    """Cases have the place in the *.gate file."""
    files = {"d/web.gate": BOTH}
    code, _ = run("d", files=files)
    main(["test", "-f", SNAPSHOT, "--no-cache", "-o", "junit", "d"])
    root = ElementTree.fromstring(capsys.readouterr().out)  # noqa: S314  # our own output
    cases = root.findall("testsuite/testcase")
    assert (code, root.attrib["failures"]) == (1, "1")
    assert [(c.attrib["file"], c.attrib["line"]) for c in cases] == [
        ("d/web.gate", "6"),
        ("d/web.gate", "9"),
    ]


def test_they_change_no_verdict(
    run: Run, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Compiled with and without tests behind them, policies give the same bundle."""
    bundles = []
    for text in (POLICY, BOTH):
        (tmp_path / "web.gate").write_text(text)
        words = ["compile", "-f", SNAPSHOT, "-f", "web.gate", "-o", "b", "--no-cache"]
        assert main(words) == 0
        bundles.append(capsys.readouterr().out.rsplit(" ", 1)[-1])
    assert bundles[0] == bundles[1]
    (tmp_path / "old.gate").write_text(POLICY)
    assert main(["diff", "old.gate", "web.gate", "-f", SNAPSHOT]) == 0
    assert "semantically identical" in capsys.readouterr().out


def test_conversion(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """YAML has no tests, which is noted and counted; the language keeps them."""
    path = tmp_path / "web.gate"
    path.write_text(BOTH)
    assert main(["convert", str(path), "--to", "yaml"]) == 0
    said = capsys.readouterr()
    assert "test" not in said.out
    assert "note[N1834]: 2 tests have no form in YAML" in said.err
    assert "web.gate:5:1" in said.err
    assert main(["convert", str(path), "--to", "gate"]) == 0
    kept = capsys.readouterr().out
    assert kept.endswith(f"}}\n\n{HOLDS}\n{FAILS}")
    path.write_text(kept)
    assert main(["fmt", "--check", str(path)]) == 0
