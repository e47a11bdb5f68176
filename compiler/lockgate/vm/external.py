"""Start other programs for the virtual machines: apt, dpkg-deb, zstd and QEMU."""

from __future__ import annotations

import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path


class ProgramError(Exception):
    """A program is not here, or it failed; the text has its last words."""


def run_program(*command: str, folder: Path | None = None) -> bytes:
    """Run a program to its end and return its output; ProgramError if it fails."""
    try:
        done = subprocess.run(  # noqa: S603 - literal commands and apt's own names
            command, cwd=folder, check=False, capture_output=True
        )
    except FileNotFoundError:
        raise ProgramError(f"{command[0]} is not installed") from None
    if done.returncode:
        told = done.stderr.decode(errors="replace").strip().splitlines()
        last = told[-1] if told else f"exit code {done.returncode}"
        raise ProgramError(f"{' '.join(command)}: {last}")
    return done.stdout


class Process:
    """A program at work; what it prints goes to our standard error."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    @property
    def exit_code(self) -> int | None:
        """None as long as it works."""
        return self._process.poll()


@contextmanager
def working(command: Sequence[str]) -> Iterator[Process]:
    """Start a program, and kill it at the end of the block if it still works.

    It is killed, too, if this process ends in whatever way.  ProgramError if it cannot start.
    """
    dying = ("setpriv", "--pdeathsig", "KILL", "--")
    try:
        process = subprocess.Popen(  # noqa: S603 - our own command line
            [*dying, *command], stdin=subprocess.DEVNULL, stdout=sys.stderr
        )
    except FileNotFoundError:
        raise ProgramError("setpriv (of util-linux) is not installed") from None
    with process:
        try:
            yield Process(process)
        finally:
            process.kill()
