"""The rows by groups; see :mod:`tests.tracing.cases.case`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tests.tracing.cases.bpf import BPF
from tests.tracing.cases.buffers import BUFFERS
from tests.tracing.cases.catalog import CATALOG
from tests.tracing.cases.credentials import CREDENTIALS
from tests.tracing.cases.denials import DENIALS
from tests.tracing.cases.files import FILES
from tests.tracing.cases.hooks import HOOKS
from tests.tracing.cases.limits import LIMITS
from tests.tracing.cases.loader import LOADER
from tests.tracing.cases.long_buffers import BY_PROBES as LONG_BY_PROBES
from tests.tracing.cases.long_buffers import FLOOD, LONG_BUFFERS, TAKEN
from tests.tracing.cases.names import NAMES
from tests.tracing.cases.network import NETWORK
from tests.tracing.cases.numbers import NUMBERS
from tests.tracing.cases.objects import OBJECTS
from tests.tracing.cases.outgrown import OUTGROWN
from tests.tracing.cases.processes import PROCESSES
from tests.tracing.cases.races import RACES
from tests.tracing.cases.returns import (
    RETURNS,
    RETURNS_BY_HOOKS,
    RETURNS_BY_PROBES,
)
from tests.tracing.cases.signals import CALLS, ENFORCED, SIGNALS, SIGNALS_BY_PROBES
from tests.tracing.cases.sockets import SOCKETS
from tests.tracing.cases.stacks import STACKS
from tests.tracing.cases.tasks import TASKS
from tests.tracing.cases.tracking import TRACKED, TRACKED_BY_ACTIONS, TRACKED_BY_PROBES
from tests.tracing.cases.unseen import UNSEEN
from tests.tracing.cases.values import VALUES
from tests.tracing.cases.ways import WAYS
from tests.tracing.cases.workloads import PROBES as WORKLOAD_PROBES
from tests.tracing.cases.workloads import WORKLOADS

if TYPE_CHECKING:
    from tests.tracing.cases.case import Case

PROBES = tuple(replace(case, name=f"probe-{case.name}") for case in (*FILES, *NUMBERS))
NAMES_BY_PROBES = tuple(replace(case, name=f"probe-{case.name}") for case in NAMES)

GROUPS: dict[str, tuple[Case, ...]] = {
    "files": FILES,
    "probes": PROBES,
    "names": NAMES,
    "names-by-probes": NAMES_BY_PROBES,
    "denials": DENIALS,
    "numbers": NUMBERS,
    "processes": PROCESSES,
    "sockets": SOCKETS,
    "network": NETWORK,
    "tasks": TASKS,
    "credentials": CREDENTIALS,
    "catalog": CATALOG,
    "hooks": HOOKS,
    "returns": RETURNS,
    "enforced": ENFORCED,
    "signals": SIGNALS,
    "calls": CALLS,
    "signals-by-probes": SIGNALS_BY_PROBES,
    "tracked": TRACKED,
    "tracked-by-probes": TRACKED_BY_PROBES,
    "tracked-by-actions": TRACKED_BY_ACTIONS,
    "returns-by-hooks": RETURNS_BY_HOOKS,
    "returns-by-probes": RETURNS_BY_PROBES,
    "stacks": STACKS,
    "workloads": WORKLOADS,
    "workload-probes": WORKLOAD_PROBES,
    "outgrown": OUTGROWN,
    "limits": LIMITS,
    "loader": LOADER,
    "races": RACES,
    "objects": OBJECTS,
    "bpf": BPF,
    "buffers": BUFFERS,
    "long-buffers": (*LONG_BUFFERS, *TAKEN, FLOOD),
    "long-by-probes": LONG_BY_PROBES,
    "values": VALUES,
    "ways": WAYS,
    "unseen": UNSEEN,
}
"""Cases whose policies are one generation together, so that they are merged at their hooks."""

BY_HOOKS = frozenset({"returns-by-hooks"})
"""Groups that are compiled for a kernel that lets nobody modify returns: they deny at LSM hooks."""

BY_PROBES = frozenset(
    {
        "probes",
        "long-by-probes",
        "names-by-probes",
        "returns-by-probes",
        "signals-by-probes",
        "tracked-by-probes",
        "workload-probes",
    }
)
"""Groups that are compiled for a kernel without trampolines, so that they stand at kprobes."""
