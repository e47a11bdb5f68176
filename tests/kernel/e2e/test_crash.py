"""Whatever ends an apply, one whole policy is in force, and the next apply repairs the rest."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import pytest

from lockgate_runtime.pins import Pins, remove_tree
from tests.kernel.e2e.bundles import Allow, Pod
from tests.kernel.e2e.everywhere import the_same_everywhere
from tests.kernel.e2e.network import IS_EMULATED, sh
from tests.kernel.e2e.stage import Stage

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.kernel.e2e.conftest import Bundler
    from tests.kernel.e2e.network import Network

pytestmark = pytest.mark.kernel

WEB, CLIENT = "10.0.0.1", "10.0.0.2"
OPEN, CLOSED = 53, 54
DEATHS = 2 if IS_EMULATED else 16
"""How many calls of bpf(2) are the last one; each costs seconds in emulation."""

MOST = 3
"""Generations at a time: two in place, and one of an apply that just died."""

STEPS: tuple[str, ...] = (
    "recover",
    "survey",
    "pins",
    "state",
    "before",
    "sweeper",
    "load",
    "place",
    "attach",
    "switch",
    "switched",
    "settled",
)


@pytest.fixture
def pods(network: Network) -> Network:
    """Give the network; these tests use two pods of it."""
    return network


@pytest.fixture
def first(bundle: Bundler) -> Path:
    """Give a policy that allows the one port."""
    return _only(bundle, OPEN)


@pytest.fixture
def second(bundle: Bundler) -> Path:
    """Give a policy that allows the other port."""
    return _only(bundle, CLOSED)


def _only(bundle: Bundler, port: int) -> Path:
    web = Pod("web", (WEB,), ingress=(Allow("client", "udp", port),))
    return bundle(web, Pod("client", (CLIENT,)))


@pytest.fixture(scope="module")
def stage(built: Network, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Give the process whose children die."""
    with Stage(built, tmp_path_factory.mktemp("stage")) as stage:
        yield stage


def apply_of(bundle: Path) -> tuple[str, ...]:
    """Return the words of an apply."""
    return ("apply", str(bundle), "--node", "node-1")


def in_force(network: Network) -> int:
    """Return which port is open; one of the two must be, and not both."""
    if network.denies_udp("client", "web", WEB, OPEN):
        assert network.udp("client", "web", WEB, CLOSED)
        return CLOSED
    assert network.denies_udp("client", "web", WEB, CLOSED)
    return OPEN


def test_killed_at_each_step_one_policy_is_in_force(
    pods: Network, first: Path, second: Path, stage: Stage
) -> None:
    """Before the switch it is the old one, after it the new one; the next apply works."""
    pods.apply(first)
    # In emulation every third one: each costs seconds, and what follows depends on no kernel.
    for step in STEPS[1::3] if IS_EMULATED else STEPS:
        assert stage.run(*apply_of(second), die_at=step).returncode == -9
        assert len(list(pods.root.glob("v*/generations/*"))) <= MOST
        is_switched = step in ("switched", "settled")
        assert in_force(pods) == (CLOSED if is_switched else OPEN), step
        if is_switched:
            pods.apply(first)
    pods.run("rollback")
    assert in_force(pods) == CLOSED
    pods.run("rollback")
    assert in_force(pods) == OPEN
    assert len(list(pods.root.glob("v*/generations/*"))) == 2


def test_killed_at_each_step_of_the_first_apply_nothing_is_judged(
    pods: Network, first: Path, stage: Stage
) -> None:
    """There was no policy, and there is none; the next apply works."""
    # In emulation every second one, as above.
    for step in STEPS[:: 2 if IS_EMULATED else 1]:
        if step in ("recover", "switched", "settled"):
            continue
        assert stage.run(*apply_of(first), die_at=step).returncode == -9
        assert pods.udp("client", "web", WEB, CLOSED), step
    pods.apply(first)
    assert in_force(pods) == OPEN


def test_killed_at_any_call_of_the_kernel(
    pods: Network, first: Path, second: Path, stage: Stage
) -> None:
    """The same at calls of bpf(2), spread over a whole apply, each time from the ruins."""
    pods.apply(first)
    calls = stage.run(*apply_of(second)).calls
    assert calls > 50
    now = CLOSED
    for number in range(3, calls, calls // DEATHS):
        other = first if now == CLOSED else second
        assert stage.run(*apply_of(other), die_at=str(number)).returncode == -9, number
        before, now = now, in_force(pods)
        assert now == before or number > calls * 0.8, number
    pods.apply(first)
    assert in_force(pods) == OPEN


def test_rollback_after_a_crash_goes_to_a_whole_policy(
    pods: Network, first: Path, second: Path, stage: Stage
) -> None:
    """A place that a dying apply has half filled gets its older policy back."""
    pods.apply(first)
    pods.apply(second)
    # The place of `first` is taken.
    assert stage.run(*apply_of(second), die_at="attach").returncode == -9
    pods.run("rollback")
    assert in_force(pods) == OPEN


@the_same_everywhere
def test_apply_after_an_unload_that_died(pods: Network, first: Path) -> None:
    """Half of the pins are gone, and what is left is no reason to fail."""
    pods.apply(first)
    (top,) = pods.root.glob("v*")
    for part in ("links", "generations", "maps"):
        remove_tree(top / part)
    pods.apply(first)
    assert in_force(pods) == OPEN


@the_same_everywhere
def test_a_map_that_lost_its_pin(pods: Network, first: Path, second: Path) -> None:
    """Stubs would go on with a map that nobody can reach: refused, not called done."""
    pods.apply(first)
    (programs,) = pods.root.glob("v*/maps/programs_tc")
    programs.unlink()
    refused = pods.run("apply", str(second), "--node", "node-1", check=False)
    assert refused.returncode == 2
    assert "E5022" in refused.stderr
    assert "lockgate unload" in refused.stderr
    pods.run("unload")
    pods.apply(second)
    assert in_force(pods) == CLOSED


@the_same_everywhere
def test_a_full_disk_changes_nothing(
    pods: Network, first: Path, second: Path, tmp_path: Path
) -> None:
    """No room for names: an error before anything changes, and the old policy stays."""
    pods.apply(first)
    small = tmp_path / "small"
    small.mkdir()
    sh(f"mount -t tmpfs -o size=8k none {small}")
    try:
        pods.state = small / "state"
        refused = pods.run("apply", str(second), "--node", "node-1", check=False)
    finally:
        sh(f"umount {small}")
    assert refused.returncode == 2
    assert "E5037" in refused.stderr
    assert in_force(pods) == OPEN
    kept = {folder.name for folder in pods.root.glob("v*/generations/*")}
    assert kept - {"0"} == {
        "1"
    }  # what passed everything before the first is in no place


def test_no_memory_changes_nothing(
    pods: Network, first: Path, second: Path, stage: Stage
) -> None:
    """The kernel has no room for a map: an error, and the old policy stays."""
    pods.apply(first)
    calls = stage.run(*apply_of(first)).calls
    for number in range(5, int(calls * 0.75), calls // (DEATHS // 2)):
        refused = stage.run(*apply_of(second), fail_at=number)
        assert refused.returncode == 2, refused.stderr
        assert "E50" in refused.stderr
        assert "nothing was changed" in refused.stderr
        assert in_force(pods) == OPEN
    pods.apply(second)
    assert in_force(pods) == CLOSED


@the_same_everywhere
def test_two_applies_at_once(
    pods: Network, first: Path, second: Path, stage: Stage
) -> None:
    """One waits for the other, or is refused; both ways one policy is in force after."""
    pods.apply(first)
    with Pins(pods.root).lock():
        refused = stage.run(*apply_of(second), "--no-wait")
        assert refused.returncode == 2
        assert "E5030" in refused.stderr
        assert in_force(pods) == OPEN
        waiting = stage.start(*apply_of(second))
        deadline = time.monotonic() + 30
        while "waiting for another process" not in waiting.said("stderr"):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert in_force(pods) == OPEN
    assert waiting.wait().returncode == 0
    assert in_force(pods) == CLOSED


@the_same_everywhere
def test_many_applies_at_once(
    pods: Network, first: Path, second: Path, stage: Stage
) -> None:
    """Four at a time: all succeed, one after the other, and one policy is in force."""
    bundles = (first, second, first, second)
    running = [stage.start(*apply_of(bundle), "-o", "json") for bundle in bundles]
    ended = [one.wait() for one in running]
    assert [one.returncode for one in ended] == [0] * 4
    numbers = [json.loads(one.stdout)["results"][0]["generation"] for one in ended]
    assert sorted(numbers) == [1, 2, 3, 4]
    last = bundles[numbers.index(4)]
    assert in_force(pods) == (OPEN if last == first else CLOSED)
