"""Random policies, compiled and attached, say of each operation what a plain reading of them says.

The plain reading is :mod:`tests.kernel.tracing.obvious`.
"""

from __future__ import annotations

import contextlib
import ctypes
import itertools
import json
import os
import struct
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from lockgate.codegen.tracing.build import build
from lockgate.codegen.tracing_header import sensor_sources
from lockgate.diagnostics import Diagnostics
from lockgate.frontend.documents import documents_from_text, parse_documents
from lockgate.options import Options
from lockgate.toolchain.clang import compile_c
from lockgate_runtime.bpf import Map
from lockgate_runtime.environment import is_in_first_pid_namespace
from lockgate_runtime.libbpf import RingBuffer
from lockgate_runtime.pins import Pins, remove_tree
from lockgate_runtime.tracing import generation
from lockgate_runtime.tracing.records import decode_record
from lockgate_runtime.tracing.sensor import start_sensor
from lockgate_runtime.tracing.sites import Sites, read_sites
from tests.kernel.e2e.bundles import CACHE
from tests.kernel.e2e.network import IS_EMULATED
from tests.kernel.tracing.drawing import (
    draw_paths,
    draw_policies,
    near_numbers,
    write_policy,
)
from tests.kernel.tracing.obvious import Operation, Policy, expected
from tests.kernel.tracing.programs import require
from tests.targets.running import running_kernel

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lockgate.targets.target import Target

pytestmark = pytest.mark.kernel

SEED = int(os.environ.get("LOCKGATE_TRACING_SEED", "0"))
POLICIES, FILES, NUMBERS = (8, 16, 50) if IS_EMULATED else (16, 32, 100)
_GETPRIORITY = 140
_DETACH = 2
"""MNT_DETACH of umount2(2)."""
_MAY_READ, _MAY_WRITE = 4, 2
_HEAD = "apiVersion: cilium.io/v1alpha1\nkind: TracingPolicy\nmetadata: {{name: {name}}}\nspec:\n"
_REST = "    args: {args}\n    selectors: {selectors}\n"
FILE_HOOK = f"{_HEAD}  kprobes:\n  - call: security_file_permission\n    syscall: false\n{_REST}"
CALL_HOOK = f"{_HEAD}  kprobes:\n  - call: sys_getpriority\n    syscall: true\n{_REST}"
TRACEPOINT = (
    f"{_HEAD}  tracepoints:\n  - subsystem: syscalls\n"
    f"    event: sys_enter_getpriority\n{_REST}"
)
_libc = ctypes.CDLL(None, use_errno=True)
_numbers = itertools.count(1)

# For each word: open it, read a byte, write that byte, close it.
_CODE = bytes.fromhex(
    "488d6c2410 488b7d00 4885ff 7430 be02000000 b802000000 0f05 89c7 488d7424c0"
    "ba01000000 31c0 0f05 b801000000 0f05 b803000000 0f05 4883c508 ebc7"
    "31ff b83c000000 0f05"
)


def write_program(path: Path) -> None:
    """Write a program that reads and writes the files that it is given."""
    base, start = 0x400000, 64 + 56
    size = start + len(_CODE)
    head = (b"\x7fELF\2\1\1", 2, 62, 1, base + start, 64, 0, 0, 64, 56, 1, 64, 0, 0)
    segment = (1, 5, 0, base, base, size, size, 0x1000)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(
        struct.pack("<16sHHIQQQIHHHHHH", *head)
        + struct.pack("<IIQQQQQQ", *segment)
        + _CODE
    )
    path.chmod(0o755)


@dataclass
class Stage:
    """Where generations are put in force; the events that came of something."""

    pins: Pins
    folder: Path

    def arm(self, policies: list[Policy], place: str, *, first: int = 0) -> Sites:
        """Compile policies for the running kernel and put them in force."""
        number = next(_numbers)
        return self._arm(number, policies, place, first, is_probe=False)

    def arm_at_probes(self, policies: list[Policy], place: str) -> Sites:
        """Do the same as if the kernel had no trampolines."""
        return self._arm(next(_numbers), policies, place, 0, is_probe=True)

    def _arm(
        self,
        number: int,
        policies: list[Policy],
        place: str,
        first: int,
        is_probe: bool,
    ) -> Sites:
        target = running_kernel()
        if is_probe:
            lacking = dict.fromkeys(("fentry", "fexit", "fmod_ret"), False)
            target = replace(target, hooks={**target.hooks, **lacking})
        texts = {f"{p.name}.yaml": write_policy(p, place, first) for p in policies}
        return self.arm_texts(number, texts, target)

    def arm_texts(self, number: int, texts: dict[str, str], target: Target) -> Sites:
        """Put policies in force as they are written."""
        diagnostics = Diagnostics()
        parsed = parse_documents(documents_from_text(texts), Options(), diagnostics)
        made = build(parsed.tracing_policies, target, diagnostics)
        objects = compile_c(made.sources, diagnostics, cache_folder=CACHE)
        assert diagnostics.ok, [(d.code, d.message) for d in diagnostics.found]
        folder = self.folder / str(number)
        folder.mkdir()
        (folder / "sites.json").write_text(json.dumps(made.sites))
        for name, data in {**made.tables, **objects}.items():
            (folder / name).write_bytes(data)
        sites = read_sites(folder / "sites.json")
        assert len(sites.sites) == 1, "one program decides for all"
        generation.load(self.pins, number, 0, sites, folder)
        generation.arm(self.pins, number, 0, sites, folder)
        return sites

    def take(self) -> list[Any]:
        """Return the hooks' events that are in the ring."""
        records = []
        with Map.pinned(self.pins.map("events")) as events:
            ring = RingBuffer(events.fd)
            while batch := ring.take(0):
                records += batch
            ring.close()
        return [r for r in map(decode_record, records) if r.kind == "hook"]


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """Start the process sensor below a root of our own; all is gone after the test."""
    if os.geteuid() != 0 or not is_in_first_pid_namespace():
        pytest.skip("needs root in the first PID namespace")
    diagnostics = Diagnostics()
    objects = compile_c(sensor_sources(), diagnostics, cache_folder=CACHE)
    assert diagnostics.ok
    root = Path(f"/sys/fs/bpf/lockgate-differential-{os.getpid()}")
    pins = Pins(root)
    pins.create()
    start_sensor(pins, objects["process.o"])
    yield Stage(pins, tmp_path)
    for number in pins.generation_numbers():
        generation.remove(pins, number)
    remove_tree(root)


def names_of(sites: Sites, selectors: int) -> frozenset[tuple[str, int]]:
    """Return who is told of by the selectors of an event: (policy, place of the selector)."""
    return frozenset(
        (hook["name"], place)
        for hook in sites.hooks
        for place, selector in enumerate(hook["selectors"])
        if selectors >> selector["number"] & 1
    )


def signed(number: int) -> int:
    """Return a register of 64 bits as ctypes takes it."""
    return ctypes.c_int64(number).value


def judge_numbers(stage: Stage, sites: Sites, policies: list[Policy]) -> None:
    """Make system calls with numbers near the values; compare each call's event."""
    random = Random(SEED)  # noqa: S311  # to be drawn again
    values = near_numbers()
    answers = set()
    for _ in range(NUMBERS):
        pair = (random.choice(values), random.choice(values))
        stage.take()
        _libc.syscall(_GETPRIORITY, *(ctypes.c_int64(signed(n)) for n in pair))
        events = [e for e in stage.take() if e.tgid == os.getpid()]
        wanted = expected(policies, Operation(pair))
        found = [names_of(sites, event.selectors) for event in events]
        assert found == ([wanted] if wanted else []), (SEED, pair)
        answers.add(wanted)
    assert len(answers) > NUMBERS // 20, "calls are told apart"


NUMBER_TYPES = [
    ("int", "int64"),
    ("uint32", "uint64"),
    ("int64", "int"),
    ("uint64", "uint32"),
]


def test_numbers_of_system_calls(stage: Stage) -> None:
    """Numbers of all widths and signs at a function."""
    require("fentry")
    random = Random(SEED)  # noqa: S311  # to be drawn again
    policies = draw_policies(random, POLICIES // 2, NUMBER_TYPES, [], [])
    judge_numbers(stage, stage.arm(policies, CALL_HOOK), policies)


def test_numbers_of_tracepoints(stage: Stage) -> None:
    """Numbers at a tracepoint, whose fields have places of their own."""
    require("tracepoint")
    types = [("int64", "int64"), ("uint64", "uint64"), ("int64", "uint64")]
    random = Random(SEED + 1)  # noqa: S311  # to be drawn again
    policies = draw_policies(random, POLICIES, types, [], [])
    sites = stage.arm(policies, TRACEPOINT, first=5)
    judge_numbers(stage, sites, policies)


def ancestors() -> tuple[str, ...]:
    """Return the programs of this process and of those that it descends from."""
    found, pid = [], os.getpid()
    while pid:
        with contextlib.suppress(OSError):  # of a thread of the kernel
            found.append(str(Path(f"/proc/{pid}/exe").readlink()))
        pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    return tuple(found)


@pytest.mark.parametrize("is_probe", [False, True], ids=("fentry", "kprobe"))
def test_files(stage: Stage, is_probe: bool) -> None:
    """Paths, masks and programs, at a trampoline and at a probe."""
    require("kprobe" if is_probe else "fentry")
    random = Random(SEED + 2)  # noqa: S311  # to be drawn again
    tops = ("/tmp/lg-drawn", "/lg-drawn-with-a-long-name")  # noqa: S108  # on mounts of ours
    for top in tops:
        Path(top).mkdir(exist_ok=True)
        assert _libc.mount(b"none", top.encode(), b"tmpfs", 0, None) == 0
    paths = draw_paths(random, tops, FILES)
    programs = [f"{tops[0]}/bin/{name}" for name in ("one", "two", "one.sh", "on")]
    try:
        for program in programs:
            write_program(Path(program))
        for path in paths:
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            Path(path).write_bytes(b"x")
        near = [*paths, *paths, tops[0], tops[1], "/usr/bin/env"]
        known = [*programs, *programs, *ancestors()]
        policies = draw_policies(random, POLICIES, [("file", "int")], near, known)
        arm = stage.arm_at_probes if is_probe else stage.arm
        sites = arm(policies, FILE_HOOK)
        judge_files(stage, sites, policies, paths, programs)
    finally:
        for top in tops:
            _libc.umount2(top.encode(), _DETACH)
            Path(top).rmdir()


def describe(wrong: list[tuple[Any, ...]], policies: list[Policy]) -> str:
    """Return for people which policies were told of and should not, or the reverse."""
    by_name = {policy.name: policy for policy in policies}
    lines: dict[str, str] = {}
    for program, path, mask, found, wanted in wrong:
        for name, place in (found[0] if found else frozenset()) ^ wanted:
            what = "missing" if (name, place) in wanted else "too much"
            key = f"{what}: {name} {place} {by_name[name]}"
            lines.setdefault(key, f"{key} at {program} {path} {mask}")
    return "\n".join([f"seed {SEED}: {len(wrong)} are wrong", *sorted(lines.values())])


def judge_files(
    stage: Stage,
    sites: Sites,
    policies: list[Policy],
    paths: list[str],
    programs: list[str],
) -> None:
    """Let each program read and write each file; compare each operation's event."""
    line = ancestors()
    wrong, answers = [], set()
    for program in programs:
        stage.take()
        child = os.posix_spawn(program, [program, *paths], {})
        assert os.waitpid(child, 0)[1] == 0
        events: dict[tuple[str, int], list[frozenset[tuple[str, int]]]] = {}
        for event in (e for e in stage.take() if e.tgid == child):
            path = event.values[0].data[8:].rstrip(b"\0").decode()
            mask = int.from_bytes(event.values[1].data, "little")
            events.setdefault((path, mask), []).append(names_of(sites, event.selectors))
        for path in paths:
            for mask in (_MAY_READ, _MAY_WRITE):
                operation = Operation((path, mask), program, line[0], line)
                wanted = expected(policies, operation)
                found = events.get((path, mask), [])
                answers.add(wanted)
                if found != ([wanted] if wanted else []):
                    wrong.append((program, path, mask, found, wanted))
    assert not wrong, describe(wrong, policies)
    assert len(answers) > len(paths) // 4, "operations are told apart"
