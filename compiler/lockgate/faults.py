"""Faults of the environment: no mistake in a document, but nothing can be done.

A document's mistakes are diagnostics, collected and shown together; the exit code is 1.  A
fault (no compiler, no room on the disk, a directory that is not ours) ends the command at
once with exit code 2.  Both have a code that ``lockgate explain`` teaches.
"""

from __future__ import annotations


class Fault(Exception):  # noqa: N818  # one speaks of faults, not of fault errors
    """What is wrong with the environment or the command line, and how to mend it."""

    def __init__(self, code: str, message: str, help: str) -> None:  # noqa: A002
        super().__init__(message)
        self.code = code
        self.message = message
        self.help = help

    def render(self) -> str:
        """Render for a terminal, as diagnostics are."""
        return f"error[{self.code}]: {self.message}\nhelp: {self.help}"
