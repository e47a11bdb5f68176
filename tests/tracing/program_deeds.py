"""More words for workloads: programs that are executed, system calls that are made."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path


def execute(*command: str) -> None:
    """Execute a program in this child's place."""
    os.execv(command[0], command)  # noqa: S606  # our own words


def make_folder(path: str) -> None:
    """Ask for a folder where none can be made."""
    with contextlib.suppress(OSError):
        Path(path).mkdir()


def change_mode(path: str) -> None:
    """Give an open file the mode that it has."""
    with Path(path).open("rb") as file, contextlib.suppress(OSError):
        os.fchmod(file.fileno(), os.fstat(file.fileno()).st_mode & 0o7777)
