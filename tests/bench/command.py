"""The command ``lockgate`` as people run it, each time a process, in a place of the benchmark's."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

COMMAND = (
    *(sys.executable, "-c"),
    "import sys; from lockgate.cli.main import main; sys.exit(main())",
)


def lockgate(*arguments: str) -> str:
    """Run ``lockgate`` to its end; return what it printed."""
    done = subprocess.run(  # noqa: S603  # ourselves
        (*COMMAND, *arguments), capture_output=True, text=True
    )
    if done.returncode:
        raise SystemExit(done.stderr)
    return done.stdout


def place_below(folder: Path) -> tuple[str, ...]:
    """Return the options of verbs that keep pins and state: away from those of this node."""
    root = f"/sys/fs/bpf/lgbench{os.getpid()}"
    return "--root", root, "--state", str(folder / "state")
