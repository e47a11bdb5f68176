"""A repository with two revisions of the shop, and stand-ins for what is not tried here."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.places import PACKAGES

ROOT = Path(__file__).parent.parent.parent
SHOP = ROOT / "tests/demo/shop"

TESTS = """\
test "db" {
  expect allow shop:app=api -> shop:app=db tcp/5432
  never ns monitoring -> shop:app=db on tcp/5432
}
"""

BEFORE = "{podSelector: {matchLabels: {app: api}}}]\n      ports: [{port: postgres}]"
AFTER = BEFORE.replace("}]", "}, {namespaceSelector: {}}]", 1)
"""A peer is added to who reaches the database: every pod of every namespace."""

_GIT = ("git", "-c", "user.name=Shop", "-c", "user.email=shop@example.org")


def make_repository(folder: Path) -> str:
    """Commit the shop, then a change that opens its database; return the first commit."""
    if shutil.which("git") is None:
        pytest.skip("needs git: apt install git")
    (folder / "policies").mkdir(parents=True)
    (folder / "cluster.yaml").write_text((SHOP / "cluster.yaml").read_text())
    (folder / "shop.gatetest").write_text(TESTS)
    policies = (SHOP / "policies.yaml").read_text()
    assert policies.count(BEFORE) == 1
    _git(folder, "init", "--quiet", "--initial-branch=main")
    for text in (policies, policies.replace(BEFORE, AFTER)):
        (folder / "policies/shop.yaml").write_text(text)
        _git(folder, "add", ".")
        _git(folder, "commit", "--quiet", "--message", "change")
    return _git(folder, "rev-parse", "HEAD~1").strip()


def stand_in(folder: Path, name: str, script: str) -> None:
    """Put a program that is a shell script into a folder."""
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


def lockgate_script() -> str:
    """Return the script of a ``lockgate`` that is this tree's."""
    return f'exec {sys.executable} -m lockgate.cli "$@"'


def run_script(
    script: str, folder: Path, environment: dict[str, str], programs: Path
) -> subprocess.CompletedProcess[str]:
    """Run a script as both runners do: it ends with the first command that fails."""
    kept = {n: v for n, v in os.environ.items() if n in ("HOME", "LANG")} | PACKAGES
    path = f"{programs}:{os.environ['PATH']}"
    return subprocess.run(  # noqa: S603 - what the files under test say
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script],  # noqa: S607
        cwd=folder,
        env={**kept, "PATH": path, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def _git(folder: Path, *words: str) -> str:
    done = subprocess.run(  # noqa: S603 - literal commands
        [*_GIT, *words], cwd=folder, capture_output=True, text=True, check=True
    )
    return done.stdout
