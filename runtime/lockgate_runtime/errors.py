"""What can go wrong on a node: every fault has a code, a message and a cure.

A fault is raised before anything changes, or after everything was put back; the policy
that was in force stays in force.  ``lockgate explain CODE`` teaches the same codes.
"""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


class NodeError(Exception):
    """One thing that went wrong on this node, and how to mend it."""

    def __init__(self, code: str, message: str, cure: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.cure = cure

    def render(self) -> str:
        """Render for a terminal, as the compiler renders its diagnostics."""
        return f"error[{self.code}]: {self.message}\nhelp: {self.cure}"

    def to_json(self) -> dict[str, str]:
        """Return it for ``-o json``."""
        return {"code": self.code, "message": self.message, "help": self.cure}


class BpfError(OSError):
    """The kernel or libbpf refused; ``log`` has what they said (the verifier's log)."""

    def __init__(self, number: int, what: str, log: str = "") -> None:
        name = errno.errorcode.get(number, str(number))
        super().__init__(number, f"{what}: {name} ({os.strerror(number)})")
        self.log = log

    def __str__(self) -> str:
        return str(self.strerror)


class PinError(BpfError):
    """What is pinned at ``path`` could not be opened; ENOENT where nothing is."""

    def __init__(self, number: int, path: Path) -> None:
        super().__init__(number, f"open the pin {path}")
        self.path = path
