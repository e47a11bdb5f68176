"""What enforces denies, what monitors does not, and people change that while it runs."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from lockgate_runtime.tracing.metric import spell_labels
from tests.kernel.e2e.everywhere import the_same_everywhere
from tests.kernel.e2e.traced import (
    DENYING,
    DENYING_BY_RETURN,
    ENFORCED,
    HITS,
    KEY,
    OTHER_KEY,
    Trace,
    hits_of,
    traced_bundle,
)
from tests.kernel.tracing.programs import require

if TYPE_CHECKING:
    from pathlib import Path

    from tests.kernel.e2e.network import Network

pytestmark = pytest.mark.kernel


@pytest.mark.parametrize("trace", [DENYING, DENYING_BY_RETURN], ids=("lsm", "fmod_ret"))
def test_denials(network: Network, tmp_path: Path, trace: Trace) -> None:
    """An operation of our own is denied; apply said that it tried."""
    require(trace.stand)
    denying = traced_bundle(tmp_path / "denying", trace)
    said = network.told("apply", str(denying), "--node", "node-1")
    assert said["self_tests"] == [trace.stand]
    with pytest.raises(PermissionError):
        os.getsid(os.getpid())
    assert hits_of(network.root, 1)[HITS] == 1
    network.run("unload")
    for _ in range(100):
        try:
            os.getsid(os.getpid())
            break
        except PermissionError:
            time.sleep(0.05)
    os.getsid(os.getpid())


@the_same_everywhere
def test_set_mode(network: Network, first: Path) -> None:
    """The mode of a policy changes at once, by its name or its key."""
    nothing = network.run("set-mode", "count", "enforce", check=False)
    assert "E5034" in nothing.stderr
    network.apply(first)
    for name, mode in (("count", "enforce"), (KEY, "monitor")):
        before = "monitor" if mode == "enforce" else "enforce"
        assert network.answer("set-mode", name, mode) == {
            "version": 1,
            "results": [{"policy": KEY, "mode": mode, "before": before}],
            "summary": {"changed": 1},
            "diagnostics": [],
        }
        status = network.told("status")
        assert status["tracing"]["policies"][0]["mode"] == mode
    refused = network.run("set-mode", "cont", "enforce", check=False)
    assert refused.returncode == 2
    assert "E5149" in refused.stderr
    assert "did you mean count?" in refused.stderr


@the_same_everywhere
def test_each_generation_has_its_modes(
    network: Network, first: Path, second: Path
) -> None:
    """Whatever is the same in two of them: going back brings the mode back, too."""
    network.apply(first)
    network.run("set-mode", "count", "enforce")
    assert modes(network, 1) == ({KEY: "enforce"}, True)
    network.apply(second)
    assert modes(network, 2) == ({OTHER_KEY: "monitor"}, False)
    network.run("rollback")
    assert modes(network, 1) == ({KEY: "enforce"}, True)
    network.run("set-mode", "count", "monitor")
    network.run("rollback")
    network.run("set-mode", "other", "enforce")
    assert modes(network, 2) == ({OTHER_KEY: "enforce"}, True)
    network.run("rollback")
    assert modes(network, 1) == ({KEY: "monitor"}, False)


def modes(network: Network, number: int) -> tuple[dict[str, str], bool]:
    """Return the modes of the policies in force, and whether the program enforces."""
    policies = network.told("status")["tracing"]["policies"]
    told = {row["policy"]: row["mode"] for row in policies}
    before = hits_of(network.root, number)[ENFORCED]
    os.getsid(os.getpid())
    return told, hits_of(network.root, number)[ENFORCED] > before


@the_same_everywhere
def test_metrics(network: Network, first: Path) -> None:
    """They say what is in force, as Prometheus and as JSON do; also when nothing is."""
    none = {row["name"]: row for row in network.answer("metrics")["results"]}
    assert none["lockgate_loaded"]["samples"] == [{"labels": {}, "value": 0}]
    network.apply(first)
    text = network.run("metrics").stdout
    assert "# TYPE lockgate_tracing_lost_total counter" in text
    samples = {
        f"{metric['name']}{spell_labels(sample['labels'])} {sample['value']}"
        for metric in network.answer("metrics")["results"]
        for sample in metric["samples"]
    }
    in_force = f'lockgate_tracing_policy{{policy="{KEY}",mode="observe"}} 1'
    assert {in_force, "lockgate_loaded 1", "lockgate_generation 1"} <= samples
    assert samples & set(text.splitlines()) >= {in_force, "lockgate_generation 1"}


def test_who_is_locked_out_waits(network: Network, tmp_path: Path) -> None:
    """A policy that denies is left by the kernel when nobody could confirm it."""
    require("lsm")
    network.apply(traced_bundle(tmp_path / "first", Trace()))
    within = 2
    denying = traced_bundle(tmp_path / "denying", DENYING)
    network.apply(denying, "--confirm-within", f"{within}s")
    with pytest.raises(PermissionError):
        os.getsid(os.getpid())
    time.sleep(within)
    os.getsid(os.getpid())
    status = network.told("status")
    assert status["has_fallen_back"]
    assert status["generation"] == 1


@pytest.mark.parametrize("trace", [DENYING, DENYING_BY_RETURN], ids=("lsm", "fmod_ret"))
def test_monitored_then_enforced(
    network: Network, tmp_path: Path, trace: Trace
) -> None:
    """In monitor mode nothing is denied; from the next call on it is."""
    require(trace.stand)
    monitored = replace(trace, mode="monitor")
    network.apply(traced_bundle(tmp_path / "monitored", monitored))
    os.getsid(os.getpid())
    assert hits_of(network.root, 1)[HITS] == 1
    network.run("set-mode", "count", "enforce")
    with pytest.raises(PermissionError):
        os.getsid(os.getpid())
    network.run("set-mode", "count", "monitor")
    os.getsid(os.getpid())
