"""One rule for the exit codes of all verbs that judge, whatever is wrong with their input."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from lockgate.cli.main import main

if TYPE_CHECKING:
    from pathlib import Path

POLICY = """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec: {podSelector: {}, ingress: [{from: [{podSelector: {}}]}]}
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
spec: {nodeName: node-1}
status: {phase: Running, podIP: 10.0.0.1, podIPs: [{ip: 10.0.0.1}]}
"""
GATE = "policy web in shop for pods {\n  isolate in\n}\n"
TEST = 'test "web" {\n  expect deny @world -> shop:app=web tcp/80\n}\n'
FLOW = {"src": "192.0.2.1", "dst": "shop/web", "protocol": "TCP", "port": 80}

VERBS = {
    "lint": ("lint", "-f", "INPUT"),
    "compile": ("compile", "-f", "INPUT"),
    "diff": ("diff", "INPUT", "good.yaml"),
    "test": ("test", "-f", "INPUT", "good.gatetest"),
    "golden": ("golden", "check", "golden"),
    "convert": ("convert", "INPUT", "--to", "gate"),
    "replay": ("replay", "-f", "INPUT", "flows.jsonl"),
    "suggest": ("suggest", "-f", "INPUT", "flows.jsonl"),
    "simulate": ("simulate", "-f", "INPUT", "--flows", "flows.jsonl"),
    "explain": ("explain", "shop/web", "shop/web", "80/TCP", "-f", "INPUT"),
}
JUDGES_DOCUMENTS = {"lint", "compile"}

MISTAKES = {
    "yaml syntax": b"a: [\n",
    "json syntax": b'{"a": \n',
    "unknown field": POLICY.replace("ingress:", "ingres:").encode(),
    "no object": b"just words\n",
    "native syntax": b"# lockgate: gate\npolicy a in\n",
}
NO_TEXT = {
    "no UTF-8": POLICY.encode() + b"# \xff\n",
    "a NUL": POLICY.encode() + b"# \0\n",
    "UTF-16": POLICY.encode("utf-16"),
    "nothing": b"",
    "blanks": b"\n \n",
    "native, no UTF-8": b"# lockgate: gate\n# \xff\n",
    "no file": None,
}
"""Content that no verb can judge; None: there is no such file."""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a folder with good files of each kind."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "good.yaml").write_text(POLICY)
    (tmp_path / "good.gatetest").write_text(TEST)
    (tmp_path / "flows.jsonl").write_text(json.dumps(FLOW) + "\n")
    (tmp_path / "golden").mkdir()
    (tmp_path / "golden/.lockgate-golden.yaml").write_text("inputs: [../input.yaml]\n")
    return tmp_path


def _run(verb: str, content: bytes | None, folder: Path) -> int:
    if content is not None:
        (folder / "input.yaml").write_bytes(content)
    return main([w.replace("INPUT", "input.yaml") for w in VERBS[verb]])


@pytest.mark.parametrize("what", MISTAKES)
@pytest.mark.parametrize("verb", VERBS)
def test_mistakes(verb: str, what: str, folder: Path) -> None:
    """A mistake is a finding where documents are judged; other verbs cannot judge then."""
    code = _run(verb, MISTAKES[what], folder)
    assert code == (1 if verb in JUDGES_DOCUMENTS else 2)


@pytest.mark.parametrize("what", NO_TEXT)
@pytest.mark.parametrize("verb", VERBS)
def test_no_text(verb: str, what: str, folder: Path) -> None:
    """What is no text keeps every verb from judging."""
    assert _run(verb, NO_TEXT[what], folder) == 2


@pytest.mark.parametrize("verb", sorted(VERBS.keys() - {"golden", "replay", "suggest"}))
def test_good_input(verb: str, folder: Path) -> None:
    """The same words with good input are judged."""
    assert _run(verb, POLICY.encode(), folder) == 0


@pytest.mark.parametrize("what", ["native syntax", "no UTF-8", "a NUL", "nothing"])
@pytest.mark.parametrize("words", [("fmt",), ("fmt", "--check")])
def test_fmt(words: tuple[str, ...], what: str, folder: Path) -> None:
    """What cannot be read has no form, with --check or without."""
    content = {**MISTAKES, **NO_TEXT}[what] or b""
    (folder / "input.gate").write_bytes(content)
    (folder / "other.gate").write_text(f"  {GATE}")
    assert main([*words, "input.gate", "other.gate"]) == 2
    assert (folder / "input.gate").read_bytes() == content


def test_convert_refuses(folder: Path) -> None:
    """What was read and cannot be said in the other language was judged."""
    text = GATE.replace("isolate in", "isolate in\n  allow in from pods on icmp")
    (folder / "p.gate").write_text(text)
    assert main(["convert", "p.gate", "--to", "yaml"]) == 1


@pytest.mark.parametrize(
    "words",
    [
        ("lint", "-f", "good.yaml", "--config", "other"),
        ("lint", "-f", "good.yaml", "--baseline", "other"),
        ("compile", "-f", "good.yaml", "--lock", "other"),
        ("simulate", "-f", "good.yaml", "--flows", "other"),
        ("replay", "-f", "good.yaml", "other"),
        ("suggest", "-f", "good.yaml", "other"),
        ("golden", "check", "golden"),
    ],
)
@pytest.mark.parametrize("content", [b"\xff\xfe\n", b"\0\n", "/dev/zero", "folder"])
def test_other_files(
    words: tuple[str, ...],
    content: bytes | str,
    folder: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Settings and recordings that are no text, or endless, are told of; nothing is judged."""
    other = folder / ("golden/.lockgate-golden.yaml" if "golden" in words else "other")
    other.unlink(missing_ok=True)
    if isinstance(content, bytes):
        other.write_bytes(content)
    elif content == "folder":
        other.mkdir()
    else:
        other.symlink_to(content)
    assert main(list(words)) == 2
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize("form", ["text", "json", "sarif", "github", "markdown"])
def test_a_name_is_harmless(
    form: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A terminal obeys no file's name, in findings and in what the environment says."""
    (folder / "\033[31m\n.yaml").write_bytes(MISTAKES["unknown field"])
    assert main(["lint", "-f", "\033[31m\n.yaml", "-o", form]) == 1
    assert main(["lint", "-f", "good.yaml", "--config", "\033[32m"]) == 2
    assert main(["golden", "check", "\033[33m"]) == 2
    assert (
        main(["explain", "a\033[34m/b", "shop/web", "80/TCP", "-f", "good.yaml"]) == 2
    )
    out, err = capsys.readouterr()
    assert "\033" not in out + err
    assert out.count("\n.yaml") == 0


@pytest.mark.parametrize("verb", ["lint", "compile", "diff", "convert", "fmt"])
def test_a_name_that_is_no_text(
    verb: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Bundles and reports name files, and are UTF-8: such a file is refused."""
    name = os.fsdecode(b"\xff.gate")
    (folder / name).write_text(GATE)
    words = [w.replace("INPUT", name) for w in VERBS.get(verb, (verb, "INPUT"))]
    assert main(words) == 2
    out, err = capsys.readouterr()
    assert "its name is not UTF-8: rename it" in out + err


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-", "> /dev/full"])
def test_output_that_goes_nowhere(closed: str, folder: Path) -> None:
    """Streams that a shell closed, or a full disk, are no bug of ours."""
    code = "from lockgate.cli.main import run; run()"
    words = shlex.join([sys.executable, "-c", code, "lint", "-f", "good.yaml"])
    done = subprocess.run(  # noqa: S602  # our own words
        f"{words} {closed}", shell=True, capture_output=True, text=True, check=False
    )
    assert "Traceback" not in done.stderr
    assert done.returncode == (2 if "full" in closed else 0)


@pytest.mark.parametrize(
    "words",
    [
        ("test", "-f", "good.yaml", "good.gatetest", "--fail-under", "nan"),
        ("test", "-f", "good.yaml", "good.gatetest", "--fail-under", "101"),
        ("suggest", "-f", "good.yaml", "flows.jsonl", "--most-addresses", "-1"),
    ],
)
def test_a_number_that_cannot_be_meant(words: tuple[str, ...]) -> None:
    """A limit that nothing could exceed is wrong usage."""
    assert main(list(words)) == 2


def test_a_golden_file_that_is_a_pipe(folder: Path) -> None:
    """It is not waited for."""
    (folder / "input.yaml").write_text(POLICY)
    os.mkfifo(folder / "golden/verdicts.txt")
    assert main(["golden", "check", "golden"]) == 2
    assert main(["golden", "update", "golden"]) == 2
