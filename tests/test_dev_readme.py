"""What README shows is what comes out."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import textwrap
from pathlib import Path

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


def test_examples(tmp_path: Path) -> None:
    """Each command with a prompt prints, in order, the lines below it."""
    (tmp_path / "tests").symlink_to(ROOT / "tests")
    indented = re.findall(r"(?m)(?:^(?: {4}.*)?\n)+", README)
    blocks = [textwrap.dedent(b) for b in indented if "$ ./dev run" in b]
    shown = [part for b in blocks for part in b.split("$ ./dev run ")[1:]]
    assert len(shown) >= 2
    for example in shown:
        line, _, expected = example.partition("\n")
        done = _lockgate(*shlex.split(line), folder=tmp_path)
        told = done.stdout + done.stderr
        assert _without_hash(told) == _without_hash(expected), line


def test_the_error_that_it_shows(tmp_path: Path) -> None:
    """The excerpt of a misspelt field is the real one."""
    policy = (
        "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\n"
        "metadata: {name: web, namespace: shop}\nspec:\n  podSelector: {}\n  ingres: []\n"
    )
    (tmp_path / "policy.yaml").write_text(policy)
    done = _lockgate("compile", "-f", "policy.yaml", folder=tmp_path)
    shown = README.partition("    error[E1004]")[2].partition("\n\n")[0]
    assert done.returncode == 1
    assert textwrap.dedent("    error[E1004]" + shown) in done.stderr


def _without_hash(text: str) -> str:
    return re.sub(r"\b[0-9a-f]{12}\b", "HASH", text).strip()


def _lockgate(*words: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - what README says
        [sys.executable, "-m", "lockgate.cli", *words],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
