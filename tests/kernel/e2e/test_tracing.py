"""Tracing planes come in force and leave as the network's do: whole, and by one write."""

from __future__ import annotations

import os
import struct
import subprocess
import threading
import time
from typing import TYPE_CHECKING

import pytest

from lockgate_runtime.bpf import Map
from lockgate_runtime.pins import Pins
from lockgate_runtime.slot import read_slot
from lockgate_runtime.tracing.layout import PROCESS
from tests.kernel.e2e.bundles import Allow, Pod
from tests.kernel.e2e.everywhere import the_same_everywhere
from tests.kernel.e2e.traced import (
    CLASS,
    HITS,
    IDLE_HITS,
    OTHER_KEY,
    Trace,
    acting,
    hits_of,
    links,
    traced_bundle,
)

if TYPE_CHECKING:
    from pathlib import Path

    from tests.kernel.e2e.network import Network

pytestmark = pytest.mark.kernel


PODS = (
    Pod("web", ("10.0.0.1",), ingress=(Allow("client", "udp", 53),)),
    Pod("client", ("10.0.0.2",)),
)


def test_one_after_the_other(network: Network, first: Path, second: Path) -> None:
    """Each hit belongs to one generation; only what acts, or may act, is attached."""
    network.apply(first)
    assert acting(network.root) == [1]
    network.apply(second)
    assert acting(network.root) == [2]
    assert links(network) == [2]
    network.run("rollback")
    assert acting(network.root) == [1]
    assert links(network) == [1]
    said = network.run("unload").stdout
    assert "detached 1 link of tracing policies\nremoved; nothing is loaded" in said
    assert "removed" not in network.run("unload").stdout
    assert not network.root.exists()
    assert acting(network.root) == []


@the_same_everywhere
def test_processes_are_classified_before_hooks_are_attached(
    network: Network, first: Path, changed: Path
) -> None:
    """What runs already has its class in the place of the new generation."""
    network.apply(first)
    os.getsid(os.getpid())
    assert hits_of(network.root, 1)[CLASS] == 2001
    network.apply(changed)
    os.getsid(os.getpid())
    assert hits_of(network.root, 2)[CLASS] == 2002


def test_processes_are_classified_when_they_execute(
    network: Network, first: Path, changed: Path
) -> None:
    """By the generations that are armed, whichever of the two places they have."""
    network.apply(first)
    _, place = classes_of_a_child(network)
    assert place == 1001, "the first generation is in place 1"
    within = 60
    network.apply(changed, "--confirm-within", f"{within}s")
    assert classes_of_a_child(network) == (1002, 1001)
    network.run("confirm")
    assert classes_of_a_child(network)[0] == 1002


@the_same_everywhere
def test_who_stays_reads_what_is_kept_up(
    network: Network, first: Path, tmp_path: Path
) -> None:
    """A program of both generations judges by the classes of the one in force."""
    network.apply(first)
    network.apply(traced_bundle(tmp_path / "same", Trace(key=OTHER_KEY)))
    for number in (2, 1):
        outdated = read_slot(Pins(network.root)).other
        with Map.pinned(Pins(network.root).map("processes")) as processes:
            key = struct.pack("=Q", os.getpid())
            record = bytearray(processes.get(key) or b"")
            at = PROCESS.offset("binary") + 4 * outdated
            record[at : at + 4] = struct.pack("=I", 7)
            processes.set(key, bytes(record))
        os.getsid(os.getpid())
        assert hits_of(network.root, number)[CLASS] == 2001
        network.run("rollback")


def classes_of_a_child(network: Network) -> tuple[int, ...]:
    """Execute something; return its classes by place, once it has any."""
    with subprocess.Popen(["/bin/sleep", "30"]) as child:
        try:
            with Map.pinned(Pins(network.root).map("processes")) as processes:
                for _ in range(100):
                    value = processes.get(struct.pack("=Q", child.pid))
                    classes = PROCESS.unpack(value)["binary"] if value else b""
                    # A fork has its parent's classes, which user space gave (2000 and more).
                    found = struct.unpack("=2I", bytes(classes)) if classes else ()
                    if any(1000 < one < 2000 for one in found):
                        return found
                    time.sleep(0.02)
        finally:
            child.kill()
    return ()


@the_same_everywhere
def test_confirmed_or_fallen_back(network: Network, first: Path, changed: Path) -> None:
    """Until it is confirmed both are attached; when the time is up, the old one acts."""
    network.apply(first)
    within = 2
    network.apply(changed, "--confirm-within", f"{within}s")
    assert acting(network.root) == [2]
    assert links(network) == [1, 2]
    os.getsid(os.getpid())
    assert hits_of(network.root, 1)[IDLE_HITS] > 0, "attached, and not in force"
    time.sleep(within)
    assert acting(network.root) == [1], "the kernel went back by itself"
    network.apply(changed, "--confirm-within", "60s")
    assert acting(network.root) == [3]
    network.run("confirm")
    assert acting(network.root) == [3]
    assert links(network) == [3]


@the_same_everywhere
@pytest.mark.usefixtures("short_turns")
def test_swapped_under_load(network: Network, first: Path, second: Path) -> None:
    """While bundles are exchanged each call is counted by exactly one generation."""
    network.apply(first)
    before = hits_of(network.root, 1)[HITS]
    calls, stopping = 0, threading.Event()

    def call() -> None:
        nonlocal calls
        while not stopping.is_set():
            os.getsid(os.getpid())
            calls += 1

    caller = threading.Thread(target=call)
    caller.start()
    counted: dict[int, int] = {}
    swaps = 6
    try:
        for number in range(swaps):
            network.apply(first if number % 2 else second)
            for generation in Pins(network.root).generation_numbers():
                found = hits_of(network.root, generation)
                counted |= {generation: found[HITS]} if found else {}
    finally:
        stopping.set()
        caller.join()
    last = max(counted)
    counted[last] = hits_of(network.root, last)[HITS]
    assert len(counted) == 1 + swaps
    assert sum(counted.values()) - before == calls, counted
    # One that is in force for a moment may see no call: who calls shares a lock with who applies.
    assert sum(map(bool, counted.values())) > swaps // 2, counted


@the_same_everywhere
def test_both_planes_switch_together(network: Network, tmp_path: Path) -> None:
    """One bundle judges packets and traces."""
    both = traced_bundle(tmp_path / "both", Trace(), PODS)
    network.apply(both)
    assert acting(network.root) == [1]
    assert network.denies_udp("client", "web", "10.0.0.1", 54)
    assert network.udp("client", "web", "10.0.0.1", 53)


@the_same_everywhere
def test_status(network: Network, first: Path) -> None:
    """What is traced, its hooks and links, and what was lost, are told."""
    network.apply(first)
    said = network.run("status").stdout
    assert "      1  TracingPolicy/count" in said
    assert "  links: 1, events: " in said
    tracing = network.told("status")["tracing"]
    assert tracing["has_sensor"]
    assert tracing["sites"] == [
        {
            "program": "site_0",
            "stand": "tracepoint",
            "functions": ["syscalls/sys_enter_getsid"],
            "links": 1,
        }
    ]
    (link,) = network.root.glob("v*/generations/1/tracing/links/*")
    link.unlink()
    assert "site_0 is not attached" in network.run("status").stdout
    (modes,) = network.root.glob("v*/generations/1/tracing/maps/modes")
    modes.unlink()
    refused = network.run("set-mode", "count", "monitor", check=False)
    assert refused.returncode == 2
    assert "E5148" in refused.stderr


@the_same_everywhere
def test_verify(network: Network, first: Path, tmp_path: Path) -> None:
    """The verifier is asked about tracing programs, too, and for this kernel."""
    rows = {
        (row["object"], row["program"]): row["is_accepted"]
        for row in network.told("verify", str(first))["programs"]
    }
    for wanted in (("site_0", "site_0"), ("classify", "classify_all")):
        assert rows[wanted]
    assert rows["process", "process_exec"]
    other = traced_bundle(tmp_path / "other", Trace(release="4.19.0-1-amd64"))
    refused = network.run("verify", str(other), check=False)
    assert "E5140" in refused.stderr
