"""A crowd of binaries and pods: the classes of whom the other rows are about have no room left."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from lockgate_runtime.tracing.layout import CLASS_ROOM
from tests.tracing.cases.case import Case
from tests.tracing.cases.processes import PROCESSES
from tests.tracing.cases.workloads import WORKLOADS

if TYPE_CHECKING:
    from collections.abc import Iterator

_TRACEPOINT = """apiVersion: cilium.io/v1alpha1
kind: TracingPolicy
metadata: {{name: {name}}}
spec:
{scope}  tracepoints:
  - subsystem: syscalls
    event: sys_enter_setpriority
{rest}"""
_LETTERS = "0123456789abcdef"
"""So many prefixes and postfixes: more pairs of them than classes have room."""
_BITS = range(9)
_PODS = CLASS_ROOM + 20
"""So many pods, of which no two are chosen by the same policies."""


def _binaries() -> str:
    """Return a policy whose selectors name prefixes and postfixes, each its own."""
    asked = (
        f"    - matchBinaries: [{{operator: {operator}, values: ['{value}']}}]\n"
        for letter in _LETTERS
        for operator, value in (("Prefix", f"/{letter}"), ("Postfix", f"#{letter}"))
    )
    rest = "    selectors:\n" + "".join(asked)
    return _TRACEPOINT.format(name="crowd", scope="", rest=rest)


def _policies() -> Iterator[str]:
    yield _binaries()
    for bit in _BITS:
        scope = f"  podSelector: {{matchLabels: {{bit{bit}: 'yes'}}}}\n"
        yield _TRACEPOINT.format(name=f"crowd-{bit}", scope=scope, rest="")


def _pods() -> Iterator[str]:
    for number in range(1, _PODS + 1):
        labels = ", ".join(f"bit{bit}: 'yes'" for bit in _BITS if number >> bit & 1)
        yield (
            "---\napiVersion: v1\nkind: Pod\n"
            f"metadata: {{name: pod-{number}, namespace: a-crowd, labels: {{{labels}}}, "
            f"uid: 5f3c41d2-8f0e-4d6a-9d5e-{number:012}}}\n"
            "spec: {nodeName: node-1}\nstatus: {phase: Running}\n"
        )


CROWD = "".join(_pods())
"""Pods that come before those of the snapshot."""

OUTGROWN = (
    Case("crowd", "", "", "", "", text="---\n".join(_policies())),
    *(replace(case, name=f"outgrown-{case.name}") for case in (*PROCESSES, *WORKLOADS)),
)
