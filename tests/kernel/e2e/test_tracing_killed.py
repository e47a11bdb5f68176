"""An apply that dies, or that the kernel refuses, leaves the tracing plane that was in force."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.kernel.e2e.everywhere import the_same_everywhere
from tests.kernel.e2e.stage import Stage
from tests.kernel.e2e.traced import (
    acting,
    all_hits,
    links,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.kernel.e2e.conftest import Bundler
    from tests.kernel.e2e.network import Network

pytestmark = pytest.mark.kernel


STEPS = (
    "recover",
    "survey",
    "state",
    "load",
    "sensor",
    "load tracing",
    "place",
    "self-test",
    "arm",
    "fill",
    "classify",
    "serve",
    "trace site_0",
    "switch",
    "switched",
    "settled",
)


@pytest.fixture(scope="module")
def stage(built: Network, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Give the process whose children die."""
    with Stage(built, tmp_path_factory.mktemp("stage")) as stage:
        yield stage


@the_same_everywhere
def test_killed_at_each_step_one_policy_acts(
    network: Network,
    first: Path,
    second: Path,
    stage: Stage,
    request: pytest.FixtureRequest,
) -> None:
    """Before the switch the old one, after it the new one; never none, never both."""
    is_kept = request.node.callspec.params["second"] == "kept"
    network.apply(first)
    number = 1
    for step in STEPS:
        if is_kept and step == "trace site_0":
            continue  # it is attached already
        died = stage.run("apply", str(second), "--node", "node-1", die_at=step)
        assert died.returncode == -9, (step, died.stderr)
        found = acting(network.root)
        assert len(found) == 1, step
        assert (found[0] != number) == (step in ("switched", "settled")), step
        number = found[0]
        network.apply(first)
        (number,) = acting(network.root)
        assert links(network) == [number], step
    stage.run("apply", str(second), "--node", "node-1", die_at="switch")
    network.run("unload")
    assert not network.root.exists()
    assert acting(network.root) == []


@the_same_everywhere
def test_who_was_to_serve_both_ends_with_the_plane(
    network: Network, first: Path, second: Path, bundle: Bundler, stage: Stage
) -> None:
    """A dying apply has told programs that they serve two places; the next one says it anew."""
    network.apply(first)
    stage.run("apply", str(second), "--node", "node-1", die_at="switch")
    network.apply(bundle(), "--drop-plane", "tracing", "--confirm-within", "60s")
    before = all_hits(network.root, 1)
    os.getsid(os.getpid())
    assert all_hits(network.root, 1) == before
    assert links(network) == [1], "it may fall back"
    network.run("rollback")
    assert acting(network.root) == [1]


@the_same_everywhere
def test_killed_at_each_step_of_the_first_apply(
    network: Network, first: Path, stage: Stage
) -> None:
    """Nothing was traced, and nothing is; the next apply works."""
    for step in ("sensor", "load tracing", "arm", "switch"):
        died = stage.run("apply", str(first), "--node", "node-1", die_at=step)
        assert died.returncode == -9, (step, died.stderr)
        assert not acting(network.root), step
    network.apply(first)
    assert len(acting(network.root)) == 1


@the_same_everywhere
def test_no_memory_changes_nothing(
    network: Network, first: Path, second: Path, stage: Stage
) -> None:
    """The kernel refuses one call after the other: an error, and the old one acts."""
    network.apply(first)
    calls = stage.run("apply", str(first), "--node", "node-1").calls
    (number,) = acting(network.root)
    step = calls // 12
    for call in range(int(calls * 0.3), int(calls * 0.8), step):
        refused = stage.run("apply", str(second), "--node", "node-1", fail_at=call)
        assert refused.returncode == 2, refused.stderr
        assert "E5" in refused.stderr
        assert acting(network.root) == [number]
    network.apply(second)
    assert acting(network.root) != [number]
