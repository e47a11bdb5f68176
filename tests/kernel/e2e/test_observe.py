"""From the text of a policy to the line that a person reads: compile, apply, drive, observe."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path
from typing import Any

import pytest

from lockgate.cli.main import main
from lockgate.driver import Settings, compile_policies, write_outputs
from tests.kernel.e2e.bundles import CACHE
from tests.kernel.e2e.everywhere import the_same_everywhere
from tests.kernel.e2e.network import (
    CLIENT,
    OTHER,
    OUTSIDE_V4,
    PODS,
    WEB,
    Network,
    spawn,
)

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

POD = """\
---
apiVersion: v1
kind: Pod
metadata: {{name: {name}, namespace: shop, labels: {{app: {name}}}}}
spec: {{nodeName: node-1, containers: [{{name: main, image: example}}]}}
status: {{phase: Running, podIP: {v4}, podIPs: [{{ip: {v4}}}, {{ip: "{v6}"}}]}}
"""

CLUSTER = """\
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {kubernetes.io/metadata.name: shop}}
---
apiVersion: v1
kind: Node
metadata: {name: node-1}
status: {addresses: [{type: InternalIP, address: 198.51.100.1}]}
"""


@pytest.fixture
def applied(network: Network, tmp_path: Path) -> Network:
    """Compile the policy as it stands, and put it in force."""
    pods = (POD.format(name=n, v4=v4, v6=v6) for n, (v4, v6) in PODS.items())
    (tmp_path / "policy.yaml").write_text(POLICY)
    (tmp_path / "cluster.yaml").write_text(CLUSTER + "".join(pods))
    files = [tmp_path / "policy.yaml", tmp_path / "cluster.yaml"]
    compilation = compile_policies(files, settings=Settings(cache=CACHE))
    assert write_outputs(compilation, tmp_path / "bundle", Settings())
    network.apply(tmp_path / "bundle")
    return network


def observed(network: Network, *conditions: str) -> list[dict[str, Any]]:
    """Return what happened while nobody looked."""
    done = network.run("observe", "--last", "1000", "-o", "json", *conditions)
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_allowed_and_denied_flows_are_told_with_their_lines(applied: Network) -> None:
    """Names at both ends, the verdict, and the line of the policy that decided."""
    assert applied.tcp("client", "web", WEB[0])
    assert applied.denies_tcp("other", "web", WEB[1])
    into_web = observed(applied, "--destination", "shop/web", "--direction", "ingress")

    allowed = [flow for flow in into_web if flow["source"]["name"] == "shop/client"]
    assert allowed[0]["verdict"] == "allowed"
    assert allowed[0]["source"]["address"] == CLIENT[0]
    assert allowed[0]["destination"]["port"] == 80
    assert allowed[0]["rule"] == "NetworkPolicy/shop/web#spec.ingress[0]"
    assert allowed[0]["places"] == ["policy.yaml:7:5"]

    denied = [flow for flow in into_web if flow["source"]["name"] == "shop/other"]
    assert denied[0]["verdict"] == "denied"
    assert denied[0]["source"]["address"] == OTHER[1]
    assert denied[0]["effect"] == "default-deny"
    assert denied[0]["policies"] == ["NetworkPolicy/shop/web"]
    assert denied[0]["endpoint"] == "shop/web"
    assert observed(applied) == [], "each event is read once"


def test_what_was_observed_can_be_replayed(
    applied: Network, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same policy changes nothing; a narrower one breaks; a suggestion is enough."""
    assert applied.tcp("client", "web", WEB[0])
    assert applied.denies_tcp("other", "web", WEB[1])
    assert applied.ping("other", CLIENT[0])
    recording = tmp_path / "flows.jsonl"
    done = applied.run("observe", "--last", "1000", "-o", "json")
    recording.write_text(done.stdout)
    cluster = str(tmp_path / "cluster.yaml")

    def replay(policy: str) -> tuple[int, dict[str, Any]]:
        words = ["replay", "-f", policy, "-f", cluster, "--no-cache", "-o", "json"]
        code = main([*words, str(recording)])
        return code, json.loads(capsys.readouterr().out)

    code, whole = replay(str(tmp_path / "policy.yaml"))
    assert (code, whole["results"]) == (0, [])
    assert whole["summary"]["unchanged"] >= 3
    assert not whole["summary"]["not_judged"]

    narrow = tmp_path / "narrow.yaml"
    narrow.write_text(POLICY.replace("port: 80", "port: 81"))
    code, whole = replay(str(narrow))
    (row,) = whole["results"]
    assert code == 1
    assert (row["source"], row["destination"]) == ("shop/client", "shop/web")
    assert row["because"][0]["line"] == 5

    assert main(["suggest", "-f", cluster, "--no-cache", str(recording)]) == 0
    suggested = tmp_path / "suggested.yaml"
    suggested.write_text(capsys.readouterr().out)
    code, whole = replay(str(suggested))
    assert (code, whole["results"]) == (0, [])


def test_text_names_everything_a_person_asks_for(applied: Network) -> None:
    """One line: who, to whom, how, and why not."""
    assert applied.denies_tcp("out", "web", WEB[0], 22)
    done = applied.run("observe", "--last", "1000", "--verdict", "denied")
    line = done.stdout.splitlines()[-1]
    assert f"{OUTSIDE_V4}:" in line
    assert " (world-ipv4) → shop/web:22  TCP SYN  " in line
    assert line.endswith("default deny, because policy.yaml:5 selects it")


def wait_for_lock(root: Path) -> None:
    """Wait until somebody reads the ring, without asking for it oneself."""
    (maps,) = root.glob("v*/maps")
    lock = re.compile(rf"FLOCK .*:{maps.stat().st_ino} ")
    deadline = time.monotonic() + 30
    while not lock.search(Path("/proc/locks").read_text()):
        assert time.monotonic() < deadline, "the reader does not start"
        time.sleep(0.02)


def test_flows_are_told_as_they_happen(applied: Network) -> None:
    """A reader that waits sees a flow at once; a second reader is refused meanwhile."""
    command = applied.command(
        "observe", "-o", "json", "--protocol", "udp", "--count", "1"
    )
    with spawn(*command) as reader:
        try:
            assert reader.stdout is not None
            wait_for_lock(applied.root)
            refused = applied.run("observe", "--last", "1", check=False)
            assert "E5039" in refused.stderr
            assert applied.denies_udp("client", "web", WEB[0])
            flow = json.loads(reader.stdout.readline())
            assert flow["protocol"] == "UDP"
            assert flow["destination"]["name"] == "shop/web"
            assert reader.wait(10) == 0
        finally:
            reader.kill()


@the_same_everywhere
def test_flows_are_told_after_unload_and_apply(
    applied: Network, tmp_path: Path
) -> None:
    """Who watches goes over to what is applied next, and says so."""
    command = applied.command("observe", "-o", "json", "--protocol", "udp")
    with spawn(*command) as reader:
        try:
            assert reader.stdout is not None
            assert reader.stderr is not None
            wait_for_lock(applied.root)
            applied.run("unload")
            applied.apply(tmp_path / "bundle")
            wait_for_lock(applied.root)
            assert applied.denies_udp("client", "web", WEB[0])
            flow = json.loads(reader.stdout.readline())
            assert flow["destination"]["name"] == "shop/web"
            reader.kill()
            assert "going on with what was applied anew" in reader.stderr.read()
        finally:
            reader.kill()
