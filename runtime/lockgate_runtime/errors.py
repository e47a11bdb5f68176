"""What can go wrong on a node: every fault has a code, a message and a cure.

A fault is raised before anything changes, or after everything was put back; the policy
that was in force stays in force.  ``lockgate explain CODE`` teaches the same codes.
"""

from __future__ import annotations

import errno
import os

CODES: dict[str, str] = {
    "E5001": "this needs root or the capabilities CAP_BPF and CAP_NET_ADMIN",
    "E5002": "no BPF file system is mounted where the pins go",
    "E5003": "this kernel is older than 6.1",
    "E5004": "libbpf is missing or too old",
    "E5005": "this kernel shows no BTF",
    "E5006": "this kernel lacks a feature that the bundle needs",
    "E5007": "the bundle was compiled for another architecture",
    "E5008": "no cgroup2 file system is mounted",
    "E5010": "the bundle cannot be read",
    "E5011": "the bundle was changed after it was written",
    "E5012": "the bundle is of another schema version",
    "E5013": "the bundle does not know this node",
    "E5014": "the list of endpoints cannot be read or names what the bundle lacks",
    "E5020": "the kernel refused a program",
    "E5021": "the kernel refused a map",
    "E5022": "a pinned map is of another shape",
    "E5023": "attaching to a device or a cgroup failed",
    "E5024": "the device of an endpoint cannot be told",
    "E5025": "no device was found for the host's policy",
    "E5026": "two attachments have the same number",
    "E5030": "another process is applying",
    "E5031": "a generation is waiting for its confirmation",
    "E5032": "nothing is waiting for a confirmation",
    "E5033": "there is no generation to go back to",
    "E5034": "nothing is loaded",
    "E5035": "the policy would cut the connection that applies it",
    "E5036": "the connection to be guarded is not known",
    "E5037": "the state directory cannot be written",
    "E5038": "the sweeper of timed-out flows did not start",
    "E5039": "another process is reading the events",
    "E5040": "a line is no flow that observe recorded",
}
"""Every code and its title; ``lockgate.codes`` has the same with example and cure."""


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
