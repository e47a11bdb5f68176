"""Buffers with 'maxData' of several tasks at once, on all CPUs: nobody's bytes are another's."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pytest

from lockgate.codegen.tracing.build import build
from lockgate.diagnostics import Diagnostics
from lockgate.frontend.documents import documents_from_text, parse_documents
from lockgate.options import Options
from lockgate.toolchain.clang import compile_c
from lockgate_runtime.state import State
from lockgate_runtime.tracing import generation
from lockgate_runtime.tracing.sites import SITES, read_sites
from tests.kernel.e2e.bundles import CACHE
from tests.targets.running import running_kernel
from tests.tracing.buffer_deeds import pattern, put_nowhere, spell, spell_argument

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from lockgate_runtime.pins import Pins
    from tests.kernel.tracing.sensed import Events

pytestmark = pytest.mark.kernel

NUMBER = 1
SIZE, ROUNDS = 60_000, 60
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
def watched(pins: Pins, events: Events, tmp_path: Path) -> Iterator[Events]:
    """Watch what tasks write that begins as the writers' buffers do."""
    diagnostics = Diagnostics()
    parsed = parse_documents(
        documents_from_text({"policy.yaml": POLICY}), Options(), diagnostics
    )
    made = build(parsed.tracing_policies, running_kernel(), diagnostics)
    objects = compile_c(made.sources, diagnostics, cache_folder=CACHE)
    assert diagnostics.ok, [(d.code, d.message) for d in diagnostics.found]
    folder = (State(pins.root, tmp_path).generation(NUMBER) / SITES).parent
    folder.mkdir(parents=True)
    (folder / "sites.json").write_text(json.dumps(made.sites))
    for name, data in {**made.tables, **objects}.items():
        (folder / name).write_bytes(data)
    sites = read_sites(folder / "sites.json")
    generation.load(pins, NUMBER, 0, sites, folder)
    generation.arm(pins, NUMBER, 0, sites, folder)
    yield events
    generation.remove(pins, NUMBER)


def test_tasks_at_once(watched: Events) -> None:
    """Each event has its own task's bytes, from the first on; where some are lost it says so."""
    buffers = {start(f"writer-{n}:"): pattern(f"writer-{n}", SIZE) for n in range(2)}
    left = set(buffers)
    while left:
        watched.read()
        left -= {pid for pid in left if os.waitpid(pid, os.WNOHANG)[0]}
    for pid, data in buffers.items():
        shown = list(map(argument, watched.of("process_tracepoint", pid)))
        assert len(shown) == ROUNDS
        for text in shown:
            size = int(text.partition(" ")[0])
            assert text == spell(data[:size], SIZE, "" if size == SIZE else "loss")
        assert spell(data, SIZE) in shown


def start(name: str) -> int:
    """Start a task that writes its buffer again and again; return its number."""
    child = os.fork()
    if not child:
        data = pattern(name.rstrip(":"), SIZE)
        for _ in range(ROUNDS):
            put_nowhere(data)
        os._exit(0)
    return child


def argument(body: dict[str, Any]) -> str:
    """Say what an event shows of the buffer."""
    (found,) = body["args"]
    return spell_argument(found)
