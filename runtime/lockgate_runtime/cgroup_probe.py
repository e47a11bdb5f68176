"""Ask the programs for cgroups about packets that nobody sends.

As :mod:`lockgate_runtime.probe` does for devices.  Whose packet it is a stub would say, in
the packet's control block; here the context of the test run does.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from lockgate_runtime.probe import CONTEXT_SIZE, NotJudgedError, Probe

if TYPE_CHECKING:
    from lockgate_runtime.bpf import Program
    from lockgate_runtime.probe import Asked

_CB_OFFSET = 48
"""Of ``cb[0]`` in struct __sk_buff (linux/bpf.h)."""


class CgroupProbe(Probe):
    """One node's programs for cgroups, loaded for questions."""

    kind = "cgroup"
    returns = {1: True, 0: False}  # noqa: RUF012  # as its base declares it

    def _point_at(self, asked: Asked) -> tuple[str, Program]:
        """Choose the hook; nodes have none."""
        if asked.subject is None:
            raise NotJudgedError("a node is no cgroup")
        hook = "cgroup_ingress" if asked.is_ingress else "cgroup_egress"
        return hook, self._programs[hook]

    def _context(self, hook: str, asked: Asked) -> bytes:
        del hook
        context = bytearray(CONTEXT_SIZE)
        if asked.subject is not None:
            place = self._places[asked.subject.key]
            struct.pack_into("=I", context, _CB_OFFSET, place)
        return bytes(context)
