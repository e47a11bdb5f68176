"""lockgate convert and lockgate fmt, and files of the language wherever -f takes files."""

from __future__ import annotations

import errno
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lockgate.cli.main import main
from lockgate.diagnostics import Diagnostics
from lockgate.language.reading import Language, read_file
from lockgate.source import Source

if TYPE_CHECKING:
    from collections.abc import Iterator

GOLDEN = Path(__file__).parents[2] / "golden" / "language"
CLUSTER = Path(__file__).parents[1] / "conformance/own/cluster.yaml"
GATE = (
    "policy web in a for app=web {\n  isolate in\n  allow in from pods on tcp/80\n}\n"
)


@pytest.fixture
def stdin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Return a file whose text will be standard input."""
    path = tmp_path / "stdin"
    path.touch()
    with path.open() as file:
        monkeypatch.setattr(sys, "stdin", file)
        yield path


def test_there_and_back(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """YAML becomes gate, and that YAML; both are printed, or written to a file."""
    yaml = GOLDEN / "from_yaml" / "policy.yaml"
    gate = tmp_path / "p.gate"
    assert main(["convert", str(yaml), "--to", "gate", "-o", str(gate)]) == 0
    assert gate.read_text() == (GOLDEN / "from_yaml" / "converted.gate").read_text()
    assert main(["convert", str(gate), "--to", "yaml"]) == 0
    assert "kind: ClusterNetworkPolicy" in capsys.readouterr().out


def test_networkpolicy_is_preferred(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The kind that is wished is chosen where it is enough, else the other."""
    path = tmp_path / "p.gate"
    path.write_text(GATE + GATE.replace("web in", "x in").replace("tcp/80", "icmp/8"))
    arguments = ["convert", str(path), "--to", "yaml", "--prefer", "NetworkPolicy"]
    assert main(arguments) == 0
    out = capsys.readouterr().out
    assert [row for row in out.splitlines() if row.startswith("kind:")] == [
        "kind: NetworkPolicy",
        "kind: CiliumNetworkPolicy",
    ]


def test_refusal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What YAML has no words for is refused at its place, and nothing is written."""
    path, out = tmp_path / "p.gate", tmp_path / "out.yaml"
    path.write_text(GATE.replace("tcp/80", "icmp"))
    assert main(["convert", str(path), "--to", "yaml", "-o", str(out)]) == 1
    err = capsys.readouterr().err
    assert "E1831" in err
    assert "p.gate:3:3" in err
    assert not out.exists()


def test_standard_input(stdin: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Standard input says by its first line that it is of the language."""
    stdin.write_text(f"# lockgate: gate\n{GATE}")
    assert main(["convert", "-", "--to", "yaml"]) == 0
    assert "kind: CiliumNetworkPolicy" in capsys.readouterr().out


def test_unreadable(capsys: pytest.CaptureFixture[str]) -> None:
    """A file that is not there is no judgement."""
    assert main(["convert", "not-there.gate", "--to", "yaml"]) == 2
    assert "E1001" in capsys.readouterr().err
    assert main(["fmt", "not-there.gate"]) == 2


def test_compile_takes_directories_of_both(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Files of the language stand beside YAML; tests among them are passed over."""
    (tmp_path / "p.gate").write_text(GATE)
    (tmp_path / "p.gatetest").write_text("this is no test at all")
    (tmp_path / "cluster.yaml").write_text(CLUSTER.read_text())
    flow = ["192.0.2.7", "a/web", "80/TCP"]
    assert main(["explain", *flow, "-f", str(tmp_path), "--no-cache"]) == 0
    out = capsys.readouterr().out
    assert "p.gate:1:8" in out
    assert "Policy/a/web" in out


def test_named_tests_are_no_policies(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file of tests that is named among policies is a mistake, not nothing."""
    path = tmp_path / "p.gatetest"
    path.write_text('test "x" { expect allow pods -> pods }\n')
    assert main(["compile", "-f", str(path), "--no-cache"]) == 1
    assert "E1808" in capsys.readouterr().err


def test_duplicates_across_both(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A policy that stands twice is refused in the language, too."""
    (tmp_path / "a.gate").write_text(GATE)
    (tmp_path / "b.gate").write_text(GATE)
    assert main(["compile", "-f", str(tmp_path), "--no-cache"]) == 1
    assert "E1012" in capsys.readouterr().err


# ---------------------------------------------------------------- fmt


def test_fmt_in_place(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Every file below a directory is written in its form, and then is in it."""
    messy = GOLDEN / "comments" / "policy.gate"
    (tmp_path / "p.gate").write_text(messy.read_text())
    (tmp_path / "t.gatetest").write_text('test  "x"{expect allow pods->pods}')
    assert main(["fmt", "--check", str(tmp_path)]) == 1
    out = capsys.readouterr().out
    assert "+  deny out to cidr 169.254.169.254/32, address" in out
    assert (tmp_path / "p.gate").read_text() == messy.read_text(), "only checked"
    assert main(["fmt", str(tmp_path)]) == 0
    formatted = GOLDEN / "comments" / "formatted.gate"
    assert (tmp_path / "p.gate").read_text() == formatted.read_text()
    assert (tmp_path / "t.gatetest").read_text() == (
        'test "x" { expect allow pods -> pods }\n'
    )
    assert main(["fmt", "--check", str(tmp_path)]) == 0
    assert capsys.readouterr().out == ""


def test_fmt_for_machines(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """JSON says of each file whether it would change."""
    (tmp_path / "a.gate").write_text(GATE)
    (tmp_path / "b.gate").write_text(f"  {GATE}")
    assert main(["fmt", "--check", "-o", "json", str(tmp_path)]) == 1
    value = json.loads(capsys.readouterr().out)
    assert [result["changed"] for result in value["results"]] == [False, True]
    assert value["summary"] == {"files": 2, "changed": 1}


def test_fmt_standard_input(stdin: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Standard input goes to standard output, whichever language it is."""
    stdin.write_text('test "x" {\nexpect allow pods->pods # why\n}')
    assert main(["fmt", "-"]) == 0
    assert capsys.readouterr().out == (
        'test "x" {\n  expect allow pods -> pods  # why\n}\n'
    )


def test_fmt_leaves_mistakes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file with a mistake stays as it is; others are written all the same."""
    bad, good = tmp_path / "a.gate", tmp_path / "b.gate"
    bad.write_text("policy   a in b for pods { isolat in }\n")
    good.write_text(f"   {GATE}")
    assert main(["fmt", str(bad), str(good)]) == 2
    assert "did you mean 'isolate'?" in capsys.readouterr().err
    assert bad.read_text().startswith("policy   a")
    assert good.read_text() == GATE


@pytest.mark.parametrize("verb", ["fmt", "convert"])
def test_a_full_disk_costs_no_text(
    verb: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A policy is replaced whole, or stays."""
    file = tmp_path / "web.gate"
    file.write_text("policy web in shop for app=web {isolate in}\n")
    before = file.read_text()

    def fail(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", fail)
    more = ["--to", "gate", "-o", str(file)] if verb == "convert" else []
    assert main([verb, str(file), *more]) == 2
    assert file.read_text() == before
    assert list(tmp_path.iterdir()) == [file]


def test_fmt_undoes_windows(tmp_path: Path) -> None:
    """Line ends and a byte order mark are of one form, too."""
    path = tmp_path / "p.gate"
    path.write_bytes(b"\xef\xbb\xbf" + GATE.replace("\n", "\r\n").encode())
    assert main(["fmt", "--check", str(path)]) == 1
    assert main(["fmt", str(path)]) == 0
    assert path.read_bytes() == GATE.encode()


def test_page(capsys: pytest.CaptureFixture[str]) -> None:
    """The language is explained on one page, whose example is right."""
    for language in ("gate", "gatetest"):
        assert main(["explain", language]) == 0
        page = capsys.readouterr().out
        rows = page.splitlines()[2:]
        example = "\n".join(row[2:] for row in rows[: rows.index("")]) + "\n"
        diagnostics = Diagnostics()
        read_file(Source("page", example), Language(language), diagnostics)
        assert diagnostics.found == []
