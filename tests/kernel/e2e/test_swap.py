"""One policy after another: swaps under traffic, deadlines, rollback, what survives."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from lockgate.ir.tables import Outcome
from tests.kernel.e2e.bundles import Allow, Pod

if TYPE_CHECKING:
    from pathlib import Path

    from tests.kernel.e2e.conftest import Bundler
    from tests.kernel.e2e.network import Network

pytestmark = pytest.mark.kernel

WEB, CLIENT = "10.0.0.1", "10.0.0.2"
PODS = (Pod("web", (WEB,)), Pod("client", (CLIENT,)))


def status(network: Network) -> dict[str, Any]:
    """Return what ``status`` says."""
    return network.told("status")


@pytest.fixture
def opened(bundle: Bundler) -> Path:
    """Give a bundle that lets the client in."""
    return bundle(Pod("web", (WEB,), ingress=(Allow("client"),)), PODS[1])


@pytest.fixture
def closed(bundle: Bundler) -> Path:
    """Give a bundle that lets nobody in."""
    return bundle(Pod("web", (WEB,), ingress=()), PODS[1])


@pytest.fixture
def pods(network: Network) -> Network:
    """Give the network; these tests use two pods of it."""
    return network


def test_a_flow_that_is_denied_now_is_cut_at_once(
    pods: Network, opened: Path, closed: Path
) -> None:
    """Bytes from the client stop with the swap; the connection lives on when it is allowed."""
    pods.apply(opened)
    connection = pods.connect("client", "web", WEB)
    assert connection
    with connection:
        assert connection.exchange()
        pods.apply(closed)
        assert not connection.send()
    assert pods.denies_tcp("client", "web", WEB)
    pods.apply(opened)
    assert pods.tcp("client", "web", WEB)


def test_a_flow_that_stays_allowed_lives_on(
    pods: Network, opened: Path, bundle: Bundler
) -> None:
    """A swap between two policies that both allow a flow is not felt by it."""
    other = bundle(Pod("web", (WEB,), ingress=(Allow("client", "tcp", 80),)), PODS[1])
    pods.apply(opened)
    connection = pods.connect("client", "web", WEB)
    assert connection
    with connection:
        for next_bundle in (other, opened, other):
            pods.apply(next_bundle)
            assert connection.exchange()


def test_an_unconfirmed_policy_falls_back_with_every_process_dead(
    pods: Network, opened: Path, closed: Path
) -> None:
    """Apply has ended; the kernel alone goes back at the deadline."""
    pods.apply(opened)
    pods.apply(closed, "--confirm-within", "2s")
    began = time.monotonic()
    assert pods.denies_tcp("client", "web", WEB)
    assert status(pods)["is_pending"]
    time.sleep(max(0.0, 2.1 - (time.monotonic() - began)))
    assert pods.tcp("client", "web", WEB)
    found = status(pods)
    assert found["has_fallen_back"]
    assert found["generation"] == 1
    late = pods.run("confirm", check=False)
    assert late.returncode == 2
    assert "E5032" in late.stderr
    assert pods.tcp("client", "web", WEB)
    assert not status(pods)["has_fallen_back"]


def test_the_first_policy_falls_back_to_none(pods: Network, closed: Path) -> None:
    """What was before the first generation is that nothing is judged."""
    pods.apply(closed, "--confirm-within", "1s")
    time.sleep(1.1)
    assert pods.tcp("client", "web", WEB)
    pods.apply(closed)
    assert pods.denies_tcp("client", "web", WEB)


def test_a_confirmed_policy_stays(pods: Network, opened: Path, closed: Path) -> None:
    """After confirm the deadline is gone."""
    pods.apply(opened)
    pods.apply(closed, "--confirm-within", "1500ms")
    pods.run("confirm")
    time.sleep(1.6)
    assert pods.denies_tcp("client", "web", WEB)
    assert not status(pods)["is_pending"]


def test_nothing_is_applied_while_one_waits(
    pods: Network, opened: Path, closed: Path
) -> None:
    """The policy to fall back to must not be overwritten: refused, with a cure."""
    pods.apply(opened)
    pods.apply(closed, "--confirm-within", "60s")
    refused = pods.run("apply", str(opened), "--node", "node-1", check=False)
    assert refused.returncode == 2
    assert "E5031" in refused.stderr
    assert "lockgate confirm" in refused.stderr
    pods.run("rollback")
    assert pods.tcp("client", "web", WEB)
    assert not status(pods)["is_pending"]


def test_rollback_goes_to_and_fro(pods: Network, opened: Path, closed: Path) -> None:
    """Rollback brings the older generation, and once more the newer one."""
    pods.apply(opened)
    nothing = pods.run("rollback", check=False)
    assert (nothing.returncode, "E5033" in nothing.stderr) == (2, True)
    pods.apply(closed)
    pods.run("rollback")
    assert pods.tcp("client", "web", WEB)
    pods.run("rollback")
    assert pods.denies_tcp("client", "web", WEB)
    assert (status(pods)["generation"], status(pods)["previous"]) == (2, 1)


def test_rollback_judges_an_endpoint_again_that_was_left_out(
    pods: Network, closed: Path, bundle: Bundler
) -> None:
    """An endpoint that the newer bundle lacks is free; going back, it is judged again."""
    pods.apply(closed)
    pods.apply(bundle(PODS[1]))
    assert pods.tcp("client", "web", WEB)
    pods.run("rollback")
    assert pods.denies_tcp("client", "web", WEB)


def test_counters_of_a_rule_survive_swaps(pods: Network, bundle: Bundler) -> None:
    """A rule's packets add up over generations that come and go, by its stable number."""
    web = Pod("web", (WEB,), ingress=(Allow("client", "udp", 53),))
    first, second = bundle(web, PODS[1]), bundle(web, PODS[1], Pod("x", ("10.0.0.9",)))
    name = "Test/default/web#ingress[0]"

    def counted() -> int:
        rows = {row["name"]: row for row in status(pods)["rules"]}
        return int(rows[name]["packets"])

    for sent, next_bundle in enumerate((first, second, first, second), 1):
        pods.apply(next_bundle)
        assert pods.udp("client", "web", WEB)
        assert counted() >= sent
    assert len(list(pods.root.glob("v*/generations/*"))) == 2


def test_the_state_may_be_lost(pods: Network, opened: Path, closed: Path) -> None:
    """Names are gone with the state; what is in force is not."""
    import shutil

    pods.apply(opened)
    shutil.rmtree(pods.state)
    found = status(pods)
    assert (found["generation"], found["bundle"]) == (1, None)
    pods.apply(closed)
    shutil.rmtree(pods.state)
    pods.run("rollback")
    assert pods.tcp("client", "web", WEB)


def test_after_a_reboot_it_is_applied_anew(pods: Network, closed: Path) -> None:
    """Pins and links gone, the state left over: the next apply begins at the beginning."""
    pods.apply(closed)
    state = pods.state.rename(pods.state.with_name("kept"))
    pods.run("unload")
    state.rename(pods.state)
    assert pods.tcp("client", "web", WEB)
    pods.apply(closed)
    assert pods.denies_tcp("client", "web", WEB)


def test_a_dry_run_changes_nothing(pods: Network, opened: Path, closed: Path) -> None:
    """It says what would be attached, before the first apply and after."""
    said = pods.told("apply", str(closed), "--node", "node-1", "--dry-run")
    assert len(said["attached"]) == 4
    assert not pods.root.exists()
    assert not pods.state.exists()
    pods.apply(opened)
    pods.run("apply", str(closed), "--node", "node-1", "--dry-run")
    assert pods.tcp("client", "web", WEB)
    assert status(pods)["generation"] == 1


def test_an_unjudged_outcome_is_denied(pods: Network, bundle: Bundler) -> None:
    """A redirect, which nobody serves yet, drops."""
    allow = Allow("client", "tcp", 80, Outcome.REDIRECT)
    pods.apply(bundle(Pod("web", (WEB,), ingress=(allow,)), PODS[1]))
    assert pods.denies_tcp("client", "web", WEB, 80)


def test_replies_pass_though_egress_is_closed(pods: Network, bundle: Bundler) -> None:
    """The server may not open connections, but it may answer."""
    web = Pod("web", (WEB,), ingress=(Allow("client"),), egress=())
    pods.apply(bundle(web, PODS[1]))
    assert pods.tcp("client", "web", WEB)
    assert pods.denies_tcp("web", "client", CLIENT)
    assert pods.denies_ping("web", CLIENT)
    assert pods.ping("client", WEB)
