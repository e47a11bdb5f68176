"""Pins that somebody removed by hand: each verb says so or does its work, and nothing is worse."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from lockgate_runtime.damage import has_links
from lockgate_runtime.pins import Pins, remove_tree
from tests.kernel.e2e.bundles import Allow, Pod
from tests.kernel.e2e.everywhere import the_same_everywhere
from tests.kernel.e2e.traced import OTHER_KEY, Trace, acting, traced_bundle

if TYPE_CHECKING:
    from pathlib import Path

    from tests.kernel.e2e.network import Network

pytestmark = pytest.mark.kernel

PODS = (
    Pod("web", ("10.0.0.1",), ingress=(Allow("client", "udp", 53),)),
    Pod("client", ("10.0.0.2",)),
)
WORKLOADS = {"hosts": {"": 1}, "unknown_pods": {"": 2}, "pods": [], "cgroups": {}}

READERS = ("observe", "events")
UNKNOWN = ("status", "metrics", "set-mode", "gc", "confirm", "rollback")
"""Verbs that must know what is in force."""
WORDS = {
    "observe": ("observe", "--last", "5"),
    "set-mode": ("set-mode", "count", "monitor"),
}
AFTER_ALL = ("confirm", "rollback")
"""They refuse in any case: nothing waits, and nothing was before."""
REMOVED = {
    "maps/slot": UNKNOWN,
    "maps/programs_tc": UNKNOWN,
    "maps/events": READERS,
    "maps/classifiers": (),
    "generations/1/programs/from_endpoint": UNKNOWN,
    "generations/1/tracing": ("set-mode",),
    "tracing/*/links/process_exec-0": (),
}
"""What is removed, of each kind one; and which verbs then can only say so."""
TOLD = {
    "generations/1/tracing": "site_0 is not attached: apply again",
    "tracing/*/links/process_exec-0": "the process sensor is not attached: apply again",
}
"""What status says where it can."""
LOST = "generations/1/tracing"
"""It is known what is in force; its links are no more without pins, and its modes: E5148."""
NOT_APPLIED = {
    "maps/slot": "E5042",
    "maps/programs_tc": "E5022",
    "maps/events": "E5022",
    "maps/classifiers": "E5022",
}
"""Where apply asks for unload first: what acts holds a map that nobody else would find."""


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a bundle with both planes."""
    return traced_bundle(
        tmp_path_factory.mktemp("both"), Trace(workloads=WORKLOADS), PODS
    )


@the_same_everywhere
@pytest.mark.parametrize("removed", REMOVED)
def test_removed(removed: str, network: Network, both: Path) -> None:
    """Refusals have a code and a cure and change nothing; apply or unload put it right."""
    network.apply(both)
    (path,) = Pins(network.root).top.glob(removed)
    if path.is_dir():
        remove_tree(path)
    else:
        path.unlink()
    is_left = has_links(Pins(network.root))
    refusing = REMOVED[removed]
    for verb in (*READERS, *UNKNOWN):
        error = refusal(network, verb)
        assert bool(error) == (verb in (*refusing, *AFTER_ALL)), (verb, error)
        assert ("E5042" in error) == (verb in refusing and removed != LOST), verb
    assert network.denies_udp("other", "web", "10.0.0.1")
    assert has_links(Pins(network.root)) == is_left
    if removed in TOLD:
        assert TOLD[removed] in network.run("status").stdout
    assert acting(network.root) == ([] if removed == LOST else [1])
    words = ("apply", str(both), "--node", "node-1", "-o", "json")
    applied = network.run(*words, check=False)
    if removed in NOT_APPLIED:
        (error,) = json.loads(applied.stdout)["diagnostics"]
        assert (applied.returncode, error["code"]) == (2, NOT_APPLIED[removed])
        assert "unload" in error["help"]
        assert acting(network.root) == [1]
        network.run("unload")
        network.apply(both)
    assert not applied.returncode or removed in NOT_APPLIED, applied.stderr
    status = network.run("status").stdout
    assert "is in force" in status
    assert "apply again" not in status
    assert len(acting(network.root)) == 1
    network.run("unload")
    assert not network.root.exists()
    assert "nothing is loaded" in network.run("status").stdout


def refusal(network: Network, verb: str) -> str:
    """Run a verb; return why it refuses, which is one of our errors, or nothing."""
    form = () if verb == "events" else ("-o", "json")
    done = network.run(*WORDS.get(verb, (verb,)), *form, check=False)
    if not done.returncode:
        return ""
    assert done.returncode == 2
    error, cure = done.stderr.splitlines()
    assert error.startswith("error[E5")
    assert "apply" in cure
    if "E5032" not in error and "E5033" not in error:
        assert "somebody removed" in error
    return error


@the_same_everywhere
def test_removed_of_the_generation_before(
    network: Network, both: Path, tmp_path: Path
) -> None:
    """One goes back to what is whole, and to nothing that would drop every packet.

    Both have the same tracing program, which goes on where nobody knows who is in force.
    """
    network.apply(both)
    trace = Trace(key=OTHER_KEY, workloads=WORKLOADS)
    network.apply(traced_bundle(tmp_path / "other", trace, PODS))
    top = Pins(network.root).top
    remove_tree(top / "generations/1/tracing/links")
    remove_tree(top / "links")
    assert "lg-web (gone, or detached: apply again)" in network.run("status").stdout
    assert "warning" not in network.run("rollback").stdout
    assert network.denies_udp("other", "web", "10.0.0.1")
    assert acting(network.root) == [1]
    (top / "generations/2/programs/from_endpoint").unlink()
    assert "E5033" in refusal(network, "rollback")
    assert acting(network.root) == [1]
    assert network.udp("client", "web", "10.0.0.1")
    network.apply(both)
    (now,) = acting(network.root)
    assert now != 1
    (top / f"generations/{now}/programs/from_endpoint").unlink()
    assert "E5042" in refusal(network, "rollback")
    assert acting(network.root) == [now]
