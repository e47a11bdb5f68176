"""Buffers with 'maxData' of several tasks at once, on all CPUs: nobody's bytes are another's."""

from __future__ import annotations

import json
import mmap
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lockgate.codegen.tracing.build import build
from lockgate.diagnostics import Diagnostics
from lockgate.frontend.documents import documents_from_text, parse_documents
from lockgate.options import Options
from lockgate.toolchain.clang import compile_c
from lockgate_runtime.pins import Pins, remove_tree
from lockgate_runtime.state import State
from lockgate_runtime.tracing import generation
from lockgate_runtime.tracing.sites import SITES, read_sites
from lockgate_runtime.tracing.stream import EventStream
from tests.kernel.e2e.bundles import CACHE
from tests.targets.running import running_kernel
from tests.tracing.buffer_deeds import pattern, put_nowhere, spell, spell_argument

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.kernel

NUMBER = 1
SIZE, ROUNDS = 200_000, 10
POLICY = """
apiVersion: cilium.io/v1alpha1
kind: TracingPolicy
metadata: {name: long-buffers}
spec:
  tracepoints:
  - subsystem: syscalls
    event: sys_enter_write
    args: [{index: 6, type: char_buf, sizeArgIndex: 8, maxData: true}]
    selectors:
    - matchArgs: [{index: 6, operator: Prefix, values: ['writer-']}]
"""


@pytest.fixture
def stream(tmp_path: Path) -> Iterator[EventStream]:
    """Watch what tasks write that begins as the writers' buffers do, and nothing else."""
    if os.geteuid() != 0 or " /sys/fs/bpf bpf " not in Path("/proc/mounts").read_text():
        pytest.skip("needs root and a BPF file system")
    diagnostics = Diagnostics()
    parsed = parse_documents(
        documents_from_text({"policy.yaml": POLICY}), Options(), diagnostics
    )
    made = build(parsed.tracing_policies, running_kernel(), diagnostics)
    objects = compile_c(made.sources, diagnostics, cache_folder=CACHE)
    assert diagnostics.ok, [(d.code, d.message) for d in diagnostics.found]
    pins = Pins(Path(f"/sys/fs/bpf/lockgate-long-{os.getpid()}"))
    state = State(pins.root, tmp_path)
    folder = (state.generation(NUMBER) / SITES).parent
    folder.mkdir(parents=True)
    (folder / "sites.json").write_text(json.dumps(made.sites))
    for name, data in {**made.tables, **objects}.items():
        (folder / name).write_bytes(data)
    sites = read_sites(folder / "sites.json")
    pins.create()
    try:
        generation.load(pins, NUMBER, 0, sites, folder)
        generation.arm(pins, NUMBER, 0, sites, folder)
        with EventStream(pins, state, "node-1", frozenset()) as stream:
            yield stream
        generation.remove(pins, NUMBER)
    finally:
        remove_tree(pins.root)


def test_tasks_at_once(stream: EventStream) -> None:
    """Each event has all bytes of its own task's buffer, and none of another's."""
    rounds = mmap.mmap(-1, mmap.PAGESIZE)
    buffers = {
        start(number, rounds): pattern(f"writer-{number}", SIZE) for number in (1, 2)
    }
    shown: dict[int, list[str]] = {pid: [] for pid in buffers}
    for turn in range(1, ROUNDS + 1):
        rounds[0] = turn
        while min(rounds[1], rounds[2]) < turn:
            time.sleep(0.001)
        for line in stream.take(0):
            body = json.loads(line)["process_tracepoint"]
            shown[body["process"]["pid"]].append(spell_argument(body["args"][0]))
    for pid, data in buffers.items():
        os.waitpid(pid, 0)
        assert shown[pid] == [spell(data, SIZE)] * 2 * ROUNDS


def test_what_a_full_ring_cuts_is_counted(stream: EventStream, tmp_path: Path) -> None:
    """Each value says so itself, and metrics say how many; no event is lost."""
    data = pattern("writer-", SIZE)
    for _ in range(ROUNDS):
        for _ in range(5):
            put_nowhere(data)
    lines = stream.take(0)
    while more := stream.take(0):
        lines += more
    assert not [line for line in lines if '"losses"' in line]
    bodies = [json.loads(line)["process_tracepoint"] for line in lines]
    shown = [spell_argument(body["args"][0]) for body in bodies]
    assert len(shown) == 5 * ROUNDS
    cut = [text for text in shown if text.endswith("loss")]
    assert ROUNDS < len(cut) < 4 * ROUNDS
    stream.confirm()
    (left,) = tmp_path.rglob("events.json")
    assert json.loads(left.read_text())["cut"] == len(cut)


def start(number: int, rounds: mmap.mmap) -> int:
    """Start a task that writes its buffer twice in each round; return its process."""
    parent = os.getpid()
    child = os.fork()
    if not child:
        data = pattern(f"writer-{number}", SIZE)
        for turn in range(1, ROUNDS + 1):
            while rounds[0] < turn and os.getppid() == parent:
                pass  # all begin at the same moment
            put_nowhere(data)
            put_nowhere(data)
            rounds[number] = turn
        os._exit(0)
    return child
