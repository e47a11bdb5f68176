"""What tests of the process sensor share: its object, its events, children to watch."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lockgate.codegen.tracing_header import sensor_sources
from lockgate.diagnostics import Diagnostics
from lockgate.toolchain.clang import compile_c
from tests.kernel.e2e.bundles import CACHE

if TYPE_CHECKING:
    from collections.abc import Callable

    from lockgate_runtime.tracing.process_cache import ProcessCache
    from lockgate_runtime.tracing.stream import EventStream

ALL = frozenset({"exec", "exit"})
"""The kinds of events that these tests read."""


def sensor() -> bytes:
    """Compile the sensor, or take it from the cache."""
    diagnostics = Diagnostics()
    objects = compile_c(sensor_sources(), diagnostics, cache_folder=CACHE)
    assert diagnostics.ok, diagnostics.found
    return objects["process.o"]


class Events:
    """What the reader made of it: events in their order."""

    def __init__(self, stream: EventStream) -> None:
        self._stream = stream
        self.lines: list[str] = []

    def read(self) -> list[dict[str, Any]]:
        """Take in what is there, and return all events so far."""
        while lines := self._stream.take(0):
            self.lines += lines
        return [json.loads(line) for line in self.lines]

    def of(self, kind: str, pid: int) -> list[dict[str, Any]]:
        """Return the bodies of a process's events of one kind."""
        found = [event[kind] for event in self.read() if kind in event]
        return [body for body in found if body["process"]["pid"] == pid]

    def execs(self) -> list[dict[str, Any]]:
        """Return the bodies of all execs so far."""
        return [e["process_exec"] for e in self.read() if "process_exec" in e]

    @property
    def cache(self) -> ProcessCache:
        """The processes that the reader knows."""
        return self._stream.cache


def spawn(*words: str, **options: Any) -> int:  # noqa: ANN401 - of posix_spawn
    """Run a program to its end; return its number."""
    child = os.posix_spawn(words[0], words, options.pop("env", {}), **options)
    os.waitpid(child, 0)
    return child


def execs_with(events: Events, arguments: str) -> list[dict[str, Any]]:
    """Return the bodies of execs with some arguments."""
    return [b for b in events.execs() if b["process"].get("arguments") == arguments]


def run_python(program: str, events: Events) -> int:
    """Run a program of Python to its end; read meanwhile, since the ring is small."""
    child = subprocess.Popen([sys.executable, "-S", "-c", program])  # noqa: S603 - ours
    while child.poll() is None:
        events.read()
        time.sleep(0.01)
    return child.pid


def take_number(number: int, *words: str) -> subprocess.Popen[bytes] | None:
    """Run a program in a process of some number; None where others always took it."""
    for _ in range(50):
        Path("/proc/sys/kernel/ns_last_pid").write_text(str(number - 1))
        child = subprocess.Popen(words)  # noqa: S603 - ours
        if child.pid == number:
            return child
        child.wait()
    return None


def in_child(act: Callable[[], object]) -> tuple[int, int]:
    """Fork, let the child act and end; return its number and wait status."""
    child = os.fork()
    if not child:
        try:
            act()
        finally:
            os._exit(99)
    return child, os.waitpid(child, 0)[1]


def execute(
    program: str | int, *words: str, directory: Path | None = None
) -> Callable[[], None]:
    """Return an act of a child: execute a program, given by its path or open file."""

    def act() -> None:
        if directory:
            os.chdir(directory)
        os.execve(program, ["program", *words], {})  # noqa: S606 - what is tested

    return act
