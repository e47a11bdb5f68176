"""From YAML to packets by the commands that people type."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import pytest

from lockgate_runtime.netlink import Netlink
from lockgate_runtime.pins import Pins
from lockgate_runtime.recovery import attachments, detach
from lockgate_runtime.state import State
from lockgate_runtime.unload import remove_everything
from tests.kernel.e2e.bundles import Pod
from tests.kernel.e2e.network import (
    CLIENT,
    HOST_V4,
    OTHER,
    WEB,
    inside,
    on_real_machines,
    start,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.kernel.e2e.conftest import Bundler
    from tests.kernel.e2e.network import Network

pytestmark = pytest.mark.kernel

POLICY = """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {matchLabels: {app: web}}
  ingress:
  - from: [{podSelector: {matchLabels: {app: client}}}]
    ports: [{port: 80}]
"""
ENDPOINT = """\
---
apiVersion: lockgate.dev/v1
kind: Endpoint
metadata: {{name: {name}, namespace: shop, labels: {{app: {name}}}}}
spec: {{addresses: ["{v4}", "{v6}"]{where}}}
"""
NAMESPACE = "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n"


def lockgate(network: Network, *words: str) -> tuple[int, str, str]:
    """Run ``lockgate`` on the host."""
    done = start(
        "nsenter",
        f"--net=/run/netns/{network.host}",
        sys.executable,
        "-m",
        "lockgate.cli",
        *words,
    )
    return done.returncode, done.stdout, done.stderr


@on_real_machines
def test_compile_apply_status_rollback_unload(network: Network, tmp_path: Path) -> None:
    """A policy, endpoints placed by YAML at apply, and every verb after it."""
    pods = {"web": WEB, "client": CLIENT, "other": OTHER}
    (tmp_path / "policy.yaml").write_text(POLICY)
    (tmp_path / "cluster.yaml").write_text(
        NAMESPACE
        + "".join(
            ENDPOINT.format(name=n, v4=v4, v6=v6, where=f", interface: gone-{n}")
            for n, (v4, v6) in pods.items()
        )
    )
    here = tmp_path / "here.yaml"
    here.write_text(
        "".join(
            ENDPOINT.format(name=n, v4=v4, v6=v6, where=f", interface: lg-{n}")
            for n, (v4, v6) in pods.items()
        )
    )
    bundle = tmp_path / "bundle"
    place = ("--root", str(network.root), "--state", str(network.state))

    code, _, errors = lockgate(
        network, "compile", "-f", str(tmp_path / "policy.yaml"), "-f",
        str(tmp_path / "cluster.yaml"), "-o", str(bundle),
    )  # fmt: skip
    assert code == 0, errors
    code, _, errors = lockgate(network, "apply", str(bundle), *place)
    assert code == 0, errors
    assert network.tcp("other", "web", WEB[0])  # nobody is where the documents say
    code, output, errors = lockgate(
        network, "apply", str(bundle), "--endpoints", str(here), *place, "-o", "json"
    )
    assert code == 0, errors
    assert len(json.loads(output)["results"][0]["endpoints"]) == 3
    for family in (0, 1):
        assert network.tcp("client", "web", WEB[family])
        assert network.denies_tcp("client", "web", WEB[family], 81)
        assert network.denies_tcp("other", "web", WEB[family])
        assert network.tcp("web", "other", OTHER[family])

    code, output, _ = lockgate(network, "status", *place)
    assert code == 0
    assert "NetworkPolicy/shop/web" in output
    assert "policy.yaml:7:" in output
    code, output, errors = lockgate(network, "verify", str(bundle))
    assert code == 0, errors
    assert "from_endpoint" in output
    assert lockgate(network, "rollback", *place)[0] == 0
    assert network.tcp("other", "web", WEB[0])
    assert lockgate(network, "unload", *place)[0] == 0
    assert network.tcp("client", network.host, HOST_V4, 81)

    here.write_text("kind: Endpoint\n")
    code, _, errors = lockgate(
        network, "apply", str(bundle), "--endpoints", str(here), *place
    )
    assert code == 1
    assert "here.yaml:1:1" in errors


def test_gc_looks_when_nobody_else_is_at_it(
    network: Network, bundle: Bundler, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What an unload took away while we waited for the lock is not missed; nothing is left."""
    network.apply(bundle(Pod("web", WEB[:1], ingress=())))
    before_lock = Pins.lock

    def unload_first(pins: Pins, *, wait: bool, waiting: Callable[[], None]) -> object:
        monkeypatch.setattr(Pins, "lock", before_lock)
        network.run("unload")
        return before_lock(pins, wait=wait, waiting=waiting)

    monkeypatch.setattr(Pins, "lock", unload_first)
    assert network.run("gc").stdout.rstrip().endswith("are gone: 0")
    assert not network.root.exists()
    assert network.run("gc").returncode == 0
    assert not network.root.exists()


def test_status_during_an_unload_is_no_half_truth(
    network: Network, bundle: Bundler
) -> None:
    """It waits a little for who is at it; then it says that somebody is."""
    network.apply(bundle(Pod("web", WEB[:1], ingress=())))
    pins, state = Pins(network.root), State(network.root, network.state)
    with inside(network.host), Netlink() as netlink, pins.lock():
        detach(pins, attachments(pins)[0], netlink)
        half = network.told("status")
        assert (half["is_changing"], half["is_loaded"]) == (True, True)
        assert "another process is changing" in network.run("status").stdout
        pins.map("programs_tc").unlink()
        (pins.generation(1) / "maps" / "decisions").unlink()
        remove_everything(pins, state, netlink)
    done = network.told("status")
    assert (done["is_loaded"], done["is_changing"]) == (False, False)
