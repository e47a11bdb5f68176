"""Tracing planes that a node refuses: of other kernels, against itself, by accident."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.kernel.e2e.bundles import Allow, Pod
from tests.kernel.e2e.everywhere import the_same_everywhere
from tests.kernel.e2e.traced import (
    DENYING,
    KEY,
    Trace,
    acting,
    traced_bundle,
)

if TYPE_CHECKING:
    from tests.kernel.e2e.conftest import Bundler
    from tests.kernel.e2e.network import Network

pytestmark = pytest.mark.kernel


PODS = (
    Pod("web", ("10.0.0.1",), ingress=(Allow("client", "udp", 53),)),
    Pod("client", ("10.0.0.2",)),
)


DEED = {
    "policy": KEY,
    "mode": "enforce",
    "source": "kill.yaml:9:5",
    "action": "kill",
    "is_narrowed": False,
    "binaries": [],
    "parents": [],
    "pids": [],
    "namespaces": [],
    "capabilities": [],
}


@the_same_everywhere
def test_a_plane_does_not_end_by_accident(
    network: Network, first: Path, bundle: Bundler
) -> None:
    """A bundle without the plane that is in force is refused, unless one says so."""
    judging = bundle(*PODS)
    network.apply(first)
    refused = network.run("apply", str(judging), "--node", "node-1", check=False)
    assert refused.returncode == 1
    assert "E5141" in refused.stderr
    assert "--drop-plane tracing" in refused.stderr
    assert acting(network.root) == [1]
    network.apply(judging, "--drop-plane", "tracing")
    assert acting(network.root) == []
    refused = network.run("apply", str(first), "--node", "node-1", check=False)
    assert "--drop-plane network" in refused.stderr
    assert network.denies_udp("client", "web", "10.0.0.1", 54)
    network.apply(first, "--drop-plane", "network")
    assert len(acting(network.root)) == 1
    network.run("rollback")
    assert acting(network.root) == []
    assert network.denies_udp("client", "web", "10.0.0.1", 54)


@the_same_everywhere
def test_another_kernel(network: Network, tmp_path: Path) -> None:
    """A bundle for other kernels is refused with what would help."""
    other = traced_bundle(tmp_path / "other", Trace(release="4.19.0-1-amd64"))
    refused = network.run("apply", str(other), "--node", "node-1", check=False)
    assert refused.returncode == 1
    assert "E5140" in refused.stderr
    assert "lockgate target record" in refused.stderr
    assert not network.root.exists()


@the_same_everywhere
def test_guard(network: Network, tmp_path: Path) -> None:
    """A policy that would kill everybody is refused; one for a binary is not."""
    everybody = traced_bundle(tmp_path / "everybody", Trace(deeds=(DEED,)))
    refused = network.run("apply", str(everybody), "--node", "node-1", check=False)
    assert refused.returncode == 1
    assert "E5145" in refused.stderr
    assert "kill.yaml:9:5" in refused.stderr
    assert "would kill init" in refused.stderr
    assert not network.root.exists()
    network.apply(everybody, "--unguarded")
    network.run("unload")
    nginx = {"comparison": "Equal", "values": ["/usr/sbin/nginx"], "is_negated": False}
    one = traced_bundle(tmp_path / "one", Trace(deeds=(DEED | {"binaries": [nginx]},)))
    network.apply(one)


@the_same_everywhere
@pytest.mark.skipif(not Path("/usr/bin/su").exists(), reason="needs su (util-linux)")
def test_guard_of_the_way_to_become_root(network: Network, tmp_path: Path) -> None:
    """Nobody is denied su but by name: who executes it, and it itself, are told."""
    path = {"comparison": "Equal", "texts": ["/usr/bin/su"], "is_negated": False}
    rest = {"ranges": [], "networks": [], "has_lists": False}
    deed = {
        **DEED,
        "action": "deny calls of",
        "functions": ["bprm_check_security"],
        "values": [path | rest],
    }
    denied = traced_bundle(tmp_path / "denied", Trace(deeds=(deed,)))
    refused = network.run("apply", str(denied), "--node", "node-1", check=False)
    assert refused.returncode == 1
    assert "E5145" in refused.stderr
    assert "the shell of a user who logs in" in refused.stderr
    assert "su, once it runs" in refused.stderr
    assert "operator: NotIn, values: [" in refused.stderr
    nginx = {"comparison": "Equal", "values": ["/usr/sbin/nginx"], "is_negated": False}
    spared = traced_bundle(
        tmp_path / "spared", Trace(deeds=(deed | {"binaries": [nginx]},))
    )
    network.apply(spared)


@the_same_everywhere
def test_guard_of_modes(network: Network, tmp_path: Path) -> None:
    """A policy that monitors is let through; to let it enforce is what is refused."""
    deeds = (DEED | {"mode": "monitor"},)
    network.apply(traced_bundle(tmp_path / "everybody", Trace(deeds=deeds)))
    refused = network.run("set-mode", "count", "enforce", check=False)
    assert refused.returncode == 1
    assert "E5145" in refused.stderr
    network.run("set-mode", "count", "enforce", "--unguarded")


@the_same_everywhere
@pytest.mark.parametrize("text", [None, b"", b"null", b"[5]", b'{"a": 3}'])
def test_guard_that_lost_what_it_knows(
    network: Network, tmp_path: Path, text: bytes | None
) -> None:
    """Nobody knows whom a policy would hit, so it does not come to enforce."""
    network.apply(traced_bundle(tmp_path / "everybody", Trace()))
    (deeds,) = network.state.glob("**/deeds.json")
    deeds.unlink()
    if text is not None:
        deeds.write_bytes(text)
    refused = network.run("set-mode", "count", "enforce", check=False)
    assert refused.returncode != 0
    assert "E5148" in refused.stderr
    network.run("set-mode", "count", "monitor")
    network.run("set-mode", "count", "enforce", "--unguarded")


@the_same_everywhere
def test_no_bpf_among_the_security_modules(
    network: Network, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bundle that denies at LSM hooks is refused where nobody would ask it."""
    from lockgate_runtime.tracing import plane

    monkeypatch.setattr(plane, "read_security_modules", lambda: ("landlock", "yama"))
    denying = traced_bundle(tmp_path / "denying", DENYING)
    refused = network.run("apply", str(denying), "--node", "node-1", check=False)
    assert refused.returncode == 2
    assert "E5142" in refused.stderr
    assert "boot with lsm=landlock,yama,bpf" in refused.stderr
    assert not network.root.exists()
