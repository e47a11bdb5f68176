"""The hooks for pre-commit, run as it runs them on a repository of the shop."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
import yaml

from lockgate.cli.main import VERBS
from tests.ci.sample import ROOT, make_repository

if TYPE_CHECKING:
    from pathlib import Path

HOOKS = {
    hook["id"]: hook
    for hook in yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
}
SNAPSHOT = ["-f", "policies", "-f", "cluster.yaml"]


def run_hook(
    name: str, folder: Path, args: list[str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a hook with the files of the repository that it asks for."""
    hook = HOOKS[name]
    listed = subprocess.run(
        ["git", "ls-files"],  # noqa: S607
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    files = [file for file in listed if re.search(hook["files"], file)]
    assert files, "a hook without files is not run"
    command, *words = shlex.split(hook["entry"])
    assert command == "lockgate"
    return subprocess.run(  # noqa: S603 - what the file under test says
        [
            *(sys.executable, "-m", "lockgate.cli", *words),
            *(hook.get("args", []) if args is None else args),
            *(files if hook.get("pass_filenames", True) else []),
        ],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Make the shop's repository, its database opened to everybody."""
    make_repository(tmp_path / "repository")
    return tmp_path / "repository"


def test_lint(repository: Path) -> None:
    """It passes on what is fine, without arguments too, and fails on a misspelt field."""
    assert run_hook("lockgate-lint", repository).returncode == 0
    done = run_hook("lockgate-lint", repository, SNAPSHOT)
    assert done.returncode == 0, done.stdout + done.stderr
    policies = repository / "policies/shop.yaml"
    policies.write_text(policies.read_text().replace("egress:", "egres:", 1))
    done = run_hook("lockgate-lint", repository, SNAPSHOT)
    assert done.returncode == 1
    assert "did you mean 'egress'?" in done.stdout + done.stderr


def test_tests(repository: Path) -> None:
    """A statement that does not hold stops the commit."""
    done = run_hook("lockgate-test", repository, [*SNAPSHOT, "shop.gatetest"])
    assert done.returncode == 1
    assert "E6200" in done.stdout + done.stderr


def test_fmt(repository: Path) -> None:
    """Files are given their form, which pre-commit then sees as a change."""
    file = repository / "shop.gatetest"
    text = file.read_text()
    file.write_text(text.replace("  expect allow", "  expect    allow"))
    assert run_hook("lockgate-fmt", repository).returncode == 0
    assert file.read_text() == text


def test_golden(repository: Path) -> None:
    """A change of policies whose golden files were not updated stops the commit."""
    folder = repository / "policies/golden"
    folder.mkdir()
    (folder / ".lockgate-golden.yaml").write_text(
        "inputs: [../shop.yaml, ../../cluster.yaml]\n"
    )
    update = ["update", "policies/golden"]
    subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-m", "lockgate.cli", "golden", *update],
        cwd=repository,
        check=True,
        capture_output=True,
    )
    assert run_hook("lockgate-golden", repository).returncode == 0
    policies = repository / "policies/shop.yaml"
    policies.write_text(policies.read_text().replace(", {namespaceSelector: {}}", ""))
    done = run_hook("lockgate-golden", repository)
    assert done.returncode == 1
    assert "shop/db" in done.stdout


@pytest.mark.parametrize("name", HOOKS)
def test_hook(name: str) -> None:
    """A hook is a verb with a description, and installs as Python does."""
    hook = HOOKS[name]
    assert shlex.split(hook["entry"])[1] in VERBS
    assert hook["language"] == "python"
    assert hook["description"]
