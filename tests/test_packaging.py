"""The wheel has what a stranger needs, and nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel of this tree."""
    folder = tmp_path_factory.mktemp("wheel")
    _run("-m", "hatchling", "build", "-t", "wheel", "-d", str(folder), cwd=ROOT)
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the wheel alone into a folder."""
    folder = tmp_path_factory.mktemp("installed")
    options = ("--no-deps", "--no-index", "--quiet", "--no-compile")
    _run("-m", "pip", "install", *options, "--target", str(folder), str(wheel))
    return folder


def test_only_our_packages(installed: Path) -> None:
    """The wheel installs the two packages, its metadata and the command."""
    names = {p.name for p in installed.iterdir() if p.suffix != ".dist-info"}
    assert names == {"lockgate", "lockgate_runtime", "bin"}


def test_whole_tree_is_in(wheel: Path) -> None:
    """Every module and template is in the wheel, and nothing besides."""
    wanted = {
        f"{package}/{path.relative_to(root)}"
        for root, package in (
            (ROOT / "compiler/lockgate", "lockgate"),
            (ROOT / "templates", "lockgate/templates"),
            (ROOT / "grammar", "lockgate/grammar"),
            (ROOT / "runtime/lockgate_runtime", "lockgate_runtime"),
        )
        for path in root.rglob("*")
        if path.is_file() and not _is_cache(path.relative_to(root))
    }
    with zipfile.ZipFile(wheel) as archive:
        names = {n for n in archive.namelist() if ".dist-info/" not in n}
    assert names == wanted


def test_installed_command_works(installed: Path) -> None:
    """The command runs from the wheel alone, far from the tree."""
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    code = "import sys; from lockgate.cli.main import main; sys.exit(main())"
    done = _run("-c", code, "--version", path=installed, cwd=installed)
    assert version in done.stdout
    where = _run("-c", "import lockgate; print(lockgate.__file__)", path=installed)
    assert where.stdout.startswith(str(installed))


def test_runtime_works_without_the_compiler(installed: Path) -> None:
    """Every runtime module imports where the compiler and its tools do not exist."""
    (installed / "lockgate").rename(installed / "not_here")
    try:
        code = (
            "import sys, pkgutil, importlib, lockgate_runtime as r\n"
            "for name in ('lockgate', 'jinja2', 'lark', 'yaml', 'ziglang'):\n"
            "    sys.modules[name] = None\n"
            "for m in pkgutil.walk_packages(r.__path__, 'lockgate_runtime.'):\n"
            "    m.name.endswith('__main__') or importlib.import_module(m.name)\n"
        )
        _run("-c", code, path=installed)
    finally:
        (installed / "not_here").rename(installed / "lockgate")


def _is_cache(path: Path) -> bool:
    return any(part == "__pycache__" or part.startswith(".") for part in path.parts)


def _run(
    *arguments: str, path: Path | None = None, cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run Python; ``path`` replaces the source tree as the place of our packages."""
    environment = os.environ | {"PYTHONPATH": str(path or ""), "PYTHONSAFEPATH": "1"}
    command: Sequence[str] = [sys.executable, *arguments]
    done = subprocess.run(  # noqa: S603 - literal commands
        command, cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done
