"""Files of the state folder that are damaged, pins that somebody removed, rings that are gone."""

from __future__ import annotations

import json
import struct
import threading
import time
from functools import partial
from typing import IO, TYPE_CHECKING

import pytest

from lockgate_runtime.bpf import Map
from lockgate_runtime.pins import Pins, remove_tree
from lockgate_runtime.slot import read_slot
from lockgate_runtime.state import State
from lockgate_runtime.tracing.generation import tracing_folder
from tests.kernel.e2e.bundles import Allow, Pod
from tests.kernel.e2e.everywhere import the_same_everywhere
from tests.kernel.e2e.network import PATIENCE, spawn, start
from tests.kernel.e2e.traced import OTHER_KEY, Trace, acting, links, traced_bundle

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.kernel.e2e.network import Network

pytestmark = pytest.mark.kernel

PODS = (
    Pod("web", ("10.0.0.1",), ingress=(Allow("client", "udp", 53),)),
    Pod("client", ("10.0.0.2",)),
)
WORKLOADS = {"hosts": {"": 1}, "unknown_pods": {"": 2}, "pods": [], "cgroups": {}}
DAMAGE = (
    b"[" * 5000,
    b"",
    b"null",
    b"[5]",
    b'{"a": 3}',
    b"\xff\xfe",
    b'{"hooks": 3, "rules": 5}',
)
SHOWN = ("node.json", "rules.json", "identities.json", "endpoints.json")
NEEDED = ("sites.json", "workloads.json")
LASTING = ("totals.json", "events.json")


def two_generations(network: Network, folder: Path) -> None:
    """Put a bundle with both planes in force, and another one after it."""
    for number, key in ((1, "TracingPolicy/count"), (2, OTHER_KEY)):
        trace = Trace(key=key, number=number, workloads=WORKLOADS)
        network.apply(traced_bundle(folder / str(number), trace, PODS))


@the_same_everywhere
def test_damaged_names(network: Network, tmp_path: Path) -> None:
    """What is only shown is as if it were lost; nothing ends with a traceback."""
    two_generations(network, tmp_path)
    state = State(network.root, network.state)
    for damage in DAMAGE:
        for name in (*SHOWN, *NEEDED):
            for number in (1, 2):
                (state.generation(number) / name).write_bytes(damage)
        for name in LASTING:
            (state.folder / name).write_bytes(damage)
        assert "generation 2 is in force" in network.run("status").stdout
        for verb in ("metrics", "gc", "events"):
            network.run(verb)
        assert "E5032" in network.run("confirm", check=False).stderr
        refused = network.run("set-mode", "other", "monitor", check=False)
        assert (refused.returncode, "E5148" in refused.stderr) == (2, True)
    assert network.denies_udp("other", "web", "10.0.0.1")
    assert "→" in network.run("observe", "--last", "5").stdout


@the_same_everywhere
def test_damaged_for_rollback(network: Network, tmp_path: Path) -> None:
    """Nobody guesses what was attached where, or whose processes are whose."""
    two_generations(network, tmp_path)
    for name in NEEDED:
        path = State(network.root, network.state).generation(1) / name
        kept = path.read_bytes()
        for damage in DAMAGE:
            path.write_bytes(damage)
            assert name in lost(network)["message"]
        path.write_bytes(kept)
    network.run("rollback")
    assert acting(network.root) == [1]


def lost(network: Network) -> dict[str, str]:
    """Return why one cannot go back from generation 2, of which nothing changes."""
    refused = network.run("rollback", "-o", "json", check=False)
    (told,) = json.loads(refused.stdout)["diagnostics"]
    assert (refused.returncode, told["code"]) == (2, "E5148")
    assert told["help"] == "apply its bundle again instead"
    assert "what is in force stays" in told["message"]
    assert (acting(network.root), links(network)) == ([2], [2])
    pins = Pins(network.root)
    with Map.pinned(pins.map("classifiers")) as classifiers:
        assert not classifiers.get(struct.pack("=I", read_slot(pins).other))
    found: dict[str, str] = told
    return found


@the_same_everywhere
def test_lost_for_rollback(network: Network, tmp_path: Path) -> None:
    """Workloads that are judged are not left out; lost names of places are told."""
    two_generations(network, tmp_path)
    folder = State(network.root, network.state).generation(1)
    sites = json.loads((folder / "sites.json").read_bytes())
    judging = {"sites": [row | {"reads": ["workloads"]} for row in sites["sites"]]}
    (folder / "sites.json").write_text(json.dumps(sites | judging))
    (folder / "node.json").unlink()
    refused = network.run("rollback", check=False)
    assert "E5148" in refused.stderr
    assert "node.json does not say for which node it was" in refused.stderr
    (folder / "workloads.json").unlink()
    assert "no workloads.json" in network.run("rollback", check=False).stderr
    (folder / "sites.json").write_text(json.dumps(sites))
    said = network.run("rollback").stdout
    assert "warning: where generation 1 judged packets is not known any more" in said
    assert acting(network.root) == [1]


@the_same_everywhere
def test_removed_pins(network: Network, tmp_path: Path) -> None:
    """What cannot be attached again is refused, and nothing of it stays attached."""
    two_generations(network, tmp_path)
    pins = Pins(network.root)
    path = State(network.root, network.state).generation(1) / "sites.json"
    kept = path.read_bytes()
    sites = json.loads(kept)
    sites["sites"].append(sites["sites"][0] | {"program": "site_1"})
    path.write_text(json.dumps(sites))
    assert "site_1-0: ENOENT" in lost(network)["message"], "site_0 was attached before"
    path.write_bytes(kept)
    programs = tracing_folder(pins, 1) / "programs"
    (programs / "site_0-0").unlink()
    assert "site_0-0: ENOENT" in lost(network)["message"]
    (programs / "classify_all").unlink()
    assert "somebody removed a program" in lost(network)["message"]
    remove_tree(tracing_folder(pins, 1))
    assert "not pinned any more" in lost(network)["message"]


ONLY = '{"event_set": ["PROCESS_EXEC"], "arguments_regex": ["marked-[0-9]"]}'


@the_same_everywhere
def test_followed_over_unload(network: Network, first: Path, tmp_path: Path) -> None:
    """Who follows takes what is left, and goes over to what is applied next."""
    network.apply(first)
    written = tmp_path / "events.json"
    chosen = ["--follow", "--out", str(written), "--allow", ONLY, "--count", "3"]
    with spawn(*network.command("events", *chosen)) as reader:
        impatience = threading.Timer(3 * PATIENCE, reader.kill)
        impatience.start()
        try:
            assert reader.stderr is not None
            wait_for(written.exists)
            for number in range(3):
                start("/bin/sh", "-c", f": marked-{number}")
                wait_for(partial(is_in, written, f"marked-{number}"))
                if number < 2:
                    network.run("unload")
                    read_until(reader.stderr, "any more: waiting for the next apply")
                    network.apply(first)
                    read_until(reader.stderr, "going on with what was applied anew")
            assert reader.wait(PATIENCE) == 0
        finally:
            impatience.cancel()
            reader.kill()


def wait_for(is_there: Callable[[], bool]) -> None:
    """Wait some seconds for what another process does."""
    end = time.monotonic() + PATIENCE
    while not is_there():
        assert time.monotonic() < end
        time.sleep(0.02)


def is_in(path: Path, text: str) -> bool:
    """Whether a file has a text by now."""
    return text in path.read_text()


def read_until(lines: IO[str], text: str) -> None:
    """Read lines up to one with a text."""
    assert any(text in line for line in lines)
