"""``lockgate lint`` as people call it: arguments, forms, exit codes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from xml.etree import ElementTree

import pytest

from lockgate.cli.main import main

if TYPE_CHECKING:
    from pathlib import Path

POLICY = """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: one}
spec:
  podSelector: {}
  ingress:
  - from: [{podSelector: {}}]
  - from: [{podSelector: {matchLabels: {app: web}}}]
"""
UNSUPPORTED = """\
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: one}
spec:
  endpointSelector: {}
  ingress:
  - toPorts: [{ports: [{port: "80", protocol: TCP}], rules: {http: [{path: /}]}}]
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a folder of one's own, in which the verb is called."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "policy.yaml").write_text(POLICY)
    return tmp_path


def _lint(*words: str) -> int:
    return main(["lint", "--no-cache", "-f", "policy.yaml", *words])


def test_text(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Findings go to standard output, since they are what was asked for."""
    assert _lint() == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert out.startswith("warning[W6002]: this rule decides nothing")
    assert " --> policy.yaml:8:5\n" in out
    assert out.endswith("1 warning, 1 note\n")


@pytest.mark.parametrize(
    ("text", "words", "code"),
    [
        (POLICY, (), 0),
        (POLICY, ("--fail-on", "warning"), 1),
        (POLICY, ("--fail-on", "note"), 1),
        (UNSUPPORTED, (), 0),
        (UNSUPPORTED, ("--fail-on", "warning"), 0),
        (POLICY.replace("ingress", "ingres"), (), 1),
        (POLICY, ("-f", "none.yaml"), 2),
        (POLICY, ("--config", "none.yaml"), 2),
        (POLICY, ("--baseline", "none.json"), 2),
        (POLICY, ("--write-baseline",), 2),
        (POLICY, ("--today", "soon"), 2),
        (POLICY, ("-o", "xml"), 2),
    ],
)
def test_exit_code(folder: Path, text: str, words: tuple[str, ...], code: int) -> None:
    """0 for no error, 1 for one (or what --fail-on says), 2 where it could not judge."""
    (folder / "policy.yaml").write_text(text)
    assert _lint(*words) == code


def test_json(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The envelope that all verbs share, and the fields of a finding."""
    assert _lint("-o", "json") == 0
    value = json.loads(capsys.readouterr().out)
    assert list(value) == ["version", "results", "summary", "diagnostics"]
    assert value["summary"] == {
        "errors": 0, "warnings": 1, "notes": 1, "unsupported": 0, "known": 0, "ignored": 0,
    }  # fmt: skip
    first = value["results"][0]
    assert first.pop("related")[0]["line"] == 7
    assert first.pop("help")
    assert first.pop("message")
    assert first == {
        "code": "W6002", "name": "shadowed-rule", "severity": "warning",
        "file": "policy.yaml", "line": 8, "column": 5,
    }  # fmt: skip


def test_sarif(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Levels that the format knows, and fingerprints that outlive a moved line."""
    (folder / "policy.yaml").write_text(f"{POLICY}---\n{UNSUPPORTED}")
    prints = []
    for more in ("", "# moved\n"):
        (folder / "policy.yaml").write_text(f"{more}{POLICY}---\n{UNSUPPORTED}")
        assert _lint("-o", "sarif") == 0
        (run,) = json.loads(capsys.readouterr().out)["runs"]
        assert {r["level"] for r in run["results"]} == {"warning", "note"}
        prints.append([r["partialFingerprints"]["lockgate/v1"] for r in run["results"]])
        (http,) = [r for r in run["results"] if r["ruleId"] == "E3001"]
        assert http["properties"] == {"severity": "unsupported"}
    assert prints[0] == prints[1]
    assert len(set(prints[0])) == len(prints[0])


def test_github(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One command a line."""
    assert _lint("-o", "github") == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    head = "::warning file=policy.yaml,line=8,col=5,endColumn="
    assert lines[0].startswith(head)
    assert ",title=W6002 (shadowed-rule)::this rule" in lines[0]
    assert lines[1].startswith("::notice title=N6024")


def test_junit(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Well-formed, with the counts of what is in it."""
    assert _lint("-o", "junit") == 0
    root = ElementTree.fromstring(capsys.readouterr().out)  # noqa: S314  # our own text
    assert root.attrib["tests"] == "2"
    assert root.attrib["failures"] == "1"
    assert len(root.findall(".//failure")) == 1
    assert len(root.findall(".//skipped")) == 1


def test_markdown(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A row for each finding."""
    assert _lint("-o", "markdown") == 0
    out = capsys.readouterr().out
    assert out.startswith("**Lockgate**: 1 warning, 1 note.\n\n| | where | what |\n")
    assert "| warning | policy.yaml:8 | `shadowed-rule` (W6002): this rule" in out


def test_the_configuration_of_the_folder(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """``.lockgate-lint.yaml`` is read where it is, and is no policy."""
    text = "findings: [{finding: shadowed-rule, severity: error}]\n"
    (folder / ".lockgate-lint.yaml").write_text(text)
    assert main(["lint", "--no-cache", "-f", "."]) == 1
    assert _lint("--no-config") == 0
    (folder / ".lockgate-lint.yaml").write_text("findings: [{finding: shadow}]\n")
    capsys.readouterr()
    assert _lint() == 2
    assert "error[E1006]" in capsys.readouterr().err


def test_baseline(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Written once, it takes away what was there."""
    assert _lint("--baseline", "known.json", "--write-baseline") == 0
    capsys.readouterr()
    assert _lint("--baseline", "known.json", "--fail-on", "note") == 0
    assert capsys.readouterr().out == "2 known\n"
    more = POLICY.replace("app: web", "app: web, tier: a")
    (folder / "policy.yaml").write_text(more)
    assert _lint("--baseline", "known.json", "--fail-on", "warning") == 1
    (folder / "known.json").write_text("{}")
    assert _lint("--baseline", "known.json") == 2


def test_the_day(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """--today decides whether an exception still holds."""
    comment = "  # lockgate: ignore[shadowed-rule] until 2027-01-31: for now"
    lines = POLICY.splitlines()
    lines[7] += comment
    (folder / "policy.yaml").write_text("\n".join(lines) + "\n")
    assert _lint("--today", "2027-01-30", "--fail-on", "warning") == 0
    assert _lint("--today", "2027-01-31", "--fail-on", "warning") == 1
    assert "W6020" in capsys.readouterr().out


def test_nothing_to_say(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Silence would look like a mistake."""
    text = "apiVersion: lockgate.dev/v1\nkind: Endpoint\n"
    text += "metadata: {name: a, namespace: b}\nspec: {addresses: [10.0.0.1]}\n"
    text += "---\napiVersion: v1\nkind: Namespace\nmetadata: {name: b}\n"
    (folder / "policy.yaml").write_text(text)
    assert _lint() == 0
    assert capsys.readouterr().out == "nothing to say\n"
