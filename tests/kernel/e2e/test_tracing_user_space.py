"""Programs at a library's function follow one another, and each call is told of once."""

from __future__ import annotations

import ctypes
import json
import shutil
import threading
import time
from contextlib import contextmanager
from ctypes.util import find_library
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lockgate.driver import Settings, compile_policies, write_outputs
from lockgate_runtime.pins import Pins
from lockgate_runtime.state import State
from lockgate_runtime.tracing.stream import EventStream
from lockgate_runtime.tracing.tracing_status import read_counters
from tests.kernel.e2e.bundles import CACHE
from tests.kernel.e2e.everywhere import the_same_everywhere
from tests.targets.running import running_kernel

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.kernel.e2e.network import Network

pytestmark = pytest.mark.kernel

POLICY = """apiVersion: cilium.io/v1alpha1
kind: TracingPolicy
metadata: {{name: functions}}
spec:
  uprobes:
  - path: {library}
    symbols: {symbols}
    args: [{{index: 0, type: int}}]
    selectors:
    - matchArgs: [{{index: 0, operator: Equal, values: ["7", "{value}"]}}]
"""
PAUSE = 0.0005
"""Seconds between two calls, so that the ring has room for all."""


@pytest.fixture
def library(tmp_path: Path) -> ctypes.CDLL:
    """Give a library that only this test calls: its functions take a number first."""
    name = find_library("m")
    assert name
    ctypes.CDLL(name)
    lines = Path("/proc/self/maps").read_text().splitlines()
    found = min(path for line in lines if (path := line.split()[-1]).endswith(name))
    copied = shutil.copy(found, tmp_path / "library.so")
    loaded = ctypes.CDLL(str(copied))
    for function in (loaded.jn, loaded.yn):
        function.argtypes, function.restype = (ctypes.c_int, ctypes.c_double), None
    return loaded


def make(folder: Path, library: ctypes.CDLL, value: int, *symbols: str) -> Path:
    """Compile a policy that asks for 7 and another value."""
    folder = folder / f"{value}-{len(symbols)}"
    folder.mkdir()
    text = POLICY.format(
        library=library._name, symbols=json.dumps(symbols), value=value
    )
    (folder / "policy.yaml").write_text(text)
    settings = Settings(cache=CACHE, targets=lambda: [running_kernel()])
    made = compile_policies([folder / "policy.yaml"], settings=settings)
    assert made.ok, made.diagnostics.found
    assert write_outputs(made, folder / "bundle", settings)
    return folder / "bundle"


@contextmanager
def told_once(network: Network, library: ctypes.CDLL) -> Iterator[None]:
    """Call functions all the time; at the end there is one event of each call."""
    calls, told, is_ended = 0, 0, threading.Event()
    pins, state = Pins(network.root), State(network.root, network.state)

    def call() -> None:
        nonlocal calls
        while not is_ended.is_set():
            library.jn(7, 1.0)
            calls += 1
            time.sleep(PAUSE)

    def read() -> None:
        nonlocal told
        while (lines := stream.take(100)) or caller.is_alive():
            told += sum("process_uprobe" in line for line in lines)

    with EventStream(pins, state, "node-1", frozenset()) as stream:
        caller, reader = threading.Thread(target=call), threading.Thread(target=read)
        caller.start()
        reader.start()
        try:
            yield
        finally:
            is_ended.set()
            caller.join()
            reader.join()
    assert calls
    assert read_counters(pins)["lost"] == 0
    assert told == calls


@the_same_everywhere
@pytest.mark.parametrize("symbols", [("jn",), ("jn", "yn")], ids=["one", "several"])
def test_a_value_changes_under_load(
    network: Network, tmp_path: Path, library: ctypes.CDLL, symbols: tuple[str, ...]
) -> None:
    """Applied, rolled back before and after it is confirmed: no call is lost, none told twice."""
    first, second = (make(tmp_path, library, value, *symbols) for value in (1, 2))
    network.apply(first)
    with told_once(network, library):
        for bundle in (second, first, second):
            network.apply(bundle)
        network.run("rollback")
        network.apply(second, "--confirm-within", "60s")
        network.run("rollback")
        network.apply(second, "--confirm-within", "60s")
        network.run("confirm")
        network.run("rollback")
