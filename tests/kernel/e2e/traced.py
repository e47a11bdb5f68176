"""Bundles with a tracing plane made by hand: one site that counts, and may deny.

Not made by the generator: a test here can only fail for what the runtime does.  The counters
say how often the site was hit while its generation was in force, and while it was not; two
generations that have the same program have rows of their own in one map.
"""

from __future__ import annotations

import contextlib
import json
import os
import struct
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from lockgate.codegen.tracing import TracingBuild
from lockgate.diagnostics import Diagnostics
from lockgate.tracing_plane import Compiling, Plane, compile_plane
from lockgate_runtime.bpf import Map
from lockgate_runtime.pins import Pins, list_folder
from lockgate_runtime.tracing.layout import POLICY_MODE
from lockgate_runtime.tracing.plane import running_kernel
from tests.kernel.e2e.bundles import CACHE, build_tables, write_tables

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from tests.kernel.e2e.bundles import Pod
    from tests.kernel.e2e.network import Network

KEY = "TracingPolicy/count"
OTHER_KEY = "TracingPolicy/other"
HITS, IDLE_HITS, CLASS, ENFORCED = 0, 1, 2, 3
ROWS, WIDTH = 64, 4
"""Of the map hits: by generation (modulo), as many words as there are counters."""

_SITE = """#include "act.h"
#include "turn.h"

char licence[] SEC("license") = "GPL";

/* Programs of one number are the same. */
const volatile u32 number = {number};

struct {{
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, u32);
	__type(value, u32);
	__uint(max_entries, 1);
}} whom SEC(".maps");

struct {{
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, u32);
	__type(value, u64);
	__uint(max_entries, 1);
}} hits SEC(".maps");

SEC("{section}")
int site_0(void *context)
{{
	u32 zero = 0, which, row, tgid = bpf_get_current_pid_tgid() >> 32;
	u32 *us = bpf_map_lookup_elem(&whom, &zero);
	u32 place = served_place() & 1;
	struct process *process;
	u64 *value;

	if (!us || *us != tgid)
		return 0;
	row = service.generation[place] % {rows} * {width};
	which = row + !is_our_turn(context);
	value = bpf_map_lookup_elem(&hits, &which);
	if (value)
		__sync_fetch_and_add(value, 1);
	if (which > row)
		return 0;
	process = find_process(tgid);
	which = row + 2;
	value = bpf_map_lookup_elem(&hits, &which);
	if (value && process)
		*value = process->binary[place];
	which = row + 3;
	value = bpf_map_lookup_elem(&hits, &which);
	if (!enforces(0, place))
		return 0;
	if (value)
		__sync_fetch_and_add(value, 1);
	return {denial};
}}
"""

_CLASSIFY = """#include "maps.h"

char licence[] SEC("license") = "GPL";

SEC("tp_btf/sched_process_exec")
int classify(u64 *context)
{
	struct process *process = find_process(bpf_get_current_pid_tgid() >> 32);

	if (process)
		process->binary[config.place & 1] = 1000 + NUMBER;
	if (!config.place)
		bpf_tail_call_static(context, &classifiers, 1);
	return 0;
}

static long (*const for_each_element)(void *map, void *callback, void *context,
	unsigned long long flags) = (void *)164;

static long each(void *map, u64 *tgid, struct process *process, void *unused)
{
	process->binary[config.place & 1] = 2000 + NUMBER;
	return 0;
}

SEC("syscall")
int classify_all(void *context)
{
	for_each_element(&processes, each, NULL, 0);
	return 0;
}

SEC("tp_btf/sched_process_fork")
int classify_fork(u64 *context)
{
	if (!config.place)
		bpf_tail_call_static(context, &fork_classifiers, 1);
	return 0;
}

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, u32);
	__type(value, struct former_generation);
	__uint(max_entries, 1);
} former SEC(".maps");

SEC("syscall")
int know(void *context)
{
	u32 zero = 0;

	return !bpf_map_lookup_elem(&former, &zero);
}
"""


@dataclass(frozen=True)
class Trace:
    """What a bundle traces: ``denies`` answers EPERM in enforce mode, at an LSM hook."""

    section: str = "tp/syscalls/sys_enter_getsid"
    stand: str = "tracepoint"
    functions: tuple[str, ...] = ("syscalls/sys_enter_getsid",)
    mode: str = "monitor"
    key: str = KEY
    denial: int = 0
    deeds: tuple[Mapping[str, Any], ...] = ()
    release: str | None = None
    workloads: Mapping[str, Any] | None = None
    number: int = 1
    """Which program it is; processes have it as their class, and 1000 or 2000 more."""


DENYING = Trace("lsm/task_getsid", "lsm", ("task_getsid",), "enforce", denial=-1)
DENYING_BY_RETURN = Trace(
    "fmod_ret/security_task_getsid",
    "fmod_ret",
    ("security_task_getsid",),
    "enforce",
    denial=-1,
)


def traced_bundle(folder: Path, trace: Trace, pods: Sequence[Pod] = ()) -> Path:
    """Write a bundle that traces, and judges packets of these pods."""
    return write_tables(folder, build_tables(pods), make_plane(trace))


def make_plane(trace: Trace) -> Plane:
    """Return the plane for the running kernel."""
    kernel = running_kernel()
    facts = {
        "release": trace.release or kernel.release,
        "machine": kernel.machine,
        "types": "" if trace.release else kernel.types,
    }
    sources = {
        "site_0.c": _SITE.format(
            section=trace.section,
            denial=trace.denial,
            number=trace.number,
            rows=ROWS,
            width=WIDTH,
        ),
        "classify.c": f"#define NUMBER {trace.number}\n{_CLASSIFY}",
    }
    is_enforced = trace.mode == "enforce"
    tables = {
        "modes.bin": POLICY_MODE.pack(enforces=struct.pack("=I", is_enforced) * 4),
        "whom.bin": struct.pack("=I", os.getpid()),
        "hits.bin": bytes(8 * ROWS * WIDTH),
    }
    if trace.workloads is not None:
        tables["workloads.json"] = json.dumps(trace.workloads).encode()
    build = TracingBuild(sources, _sites(trace), tables)
    diagnostics = Diagnostics()
    plane = compile_plane(
        {"here": (facts, build)}, (), diagnostics, Compiling(cache=CACHE)
    )
    assert plane, [d.message for d in diagnostics.found]
    return replace(plane, deeds=trace.deeds)


def _sites(trace: Trace) -> dict[str, Any]:
    name = trace.key.partition("/")[2]
    return {
        "sites": [
            {
                "program": "site_0",
                "object": "site_0.o",
                "stand": trace.stand,
                "functions": list(trace.functions),
                "binary": None,
                "offsets": [],
                "hooks": [0],
            }
        ],
        "hooks": [{"number": 0, "policy": trace.key, "policy_number": 0}],
        "policies": [
            {
                "number": 0,
                "key": trace.key,
                "name": name,
                "namespace": "",
                "mode": trace.mode,
                "enforces": bool(trace.denial),
            }
        ],
        "tables": [
            {
                "object": "",
                "map": n,
                "file": f"{n}.bin",
                "keys": None,
                "records": count,
                "form": "",
                "room": 0,
            }
            for n, count in (("hits", ROWS * WIDTH), ("modes", 1), ("whom", 1))
        ],
    }


def hits_of(root: Path, generation: int) -> list[int]:
    """Return the counters of a generation; empty when it has none any more."""
    path = Pins(root).generation(generation) / "tracing" / "maps" / "hits"
    if not path.exists():
        return []
    with Map.pinned(path) as hits:
        row = hits.read_array()[generation % ROWS * WIDTH * 8 :]
    return list(struct.unpack_from(f"={WIDTH}Q", row))


def all_hits(root: Path, generation: int) -> int:
    """Return how many calls the programs of a generation counted, for whichever one."""
    path = Pins(root).generation(generation) / "tracing" / "maps" / "hits"
    with Map.pinned(path) as hits:
        words = struct.unpack(f"={ROWS * WIDTH}Q", hits.read_array())
    return sum(words[HITS::WIDTH])


def acting(root: Path) -> list[int]:
    """Call getsid(2) once; return the generations that counted it as theirs."""
    numbers = Pins(root).generation_numbers()
    before = {number: hits_of(root, number) for number in numbers}
    with contextlib.suppress(PermissionError):
        os.getsid(os.getpid())
    return [n for n in numbers if before[n] and hits_of(root, n)[0] != before[n][0]]


def links(network: Network) -> list[int]:
    """Return the generations that have links."""
    pins = Pins(network.root)
    return [
        number
        for number in pins.generation_numbers()
        if list_folder(pins.generation(number) / "tracing" / "links")
    ]
