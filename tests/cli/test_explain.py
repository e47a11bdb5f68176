"""lockgate explain: the way through the tiers, rules with their lines, and codes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lockgate.cli.main import main

CLUSTER = Path(__file__).parents[1] / "conformance/own/cluster.yaml"
POLICIES = """\
apiVersion: policy.networking.k8s.io/v1alpha2
kind: ClusterNetworkPolicy
metadata: {name: adm}
spec:
  tier: Admin
  priority: 10
  subject: {namespaces: {}}
  ingress:
  - {action: Pass, from: [{namespaces: {}}]}
  - {action: Accept, from: [{namespaces: {}}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: a}
spec:
  podSelector: {matchLabels: {app: web}}
  ingress:
  - {from: [{podSelector: {}}], ports: [{port: 80}, {port: 81}]}
---
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: deny, namespace: a}
spec:
  endpointSelector: {matchLabels: {app: web}}
  ingressDeny:
  - {fromEndpoints: [{}], toPorts: [{ports: [{port: "81"}]}]}
"""


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    """Return the arguments that name the policies and the cluster."""
    policy = tmp_path / "policy.yaml"
    policy.write_text(POLICIES)
    return ["-f", str(policy), "-f", str(CLUSTER), "--no-cache"]


def explain(
    capsys: pytest.CaptureFixture[str], *words: str, code: int = 0
) -> tuple[str, str]:
    """Run the verb; return what it printed."""
    assert main(["explain", *words]) == code
    out, err = capsys.readouterr()
    return out, err


def test_a_denial(files: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Both directions, the chain, the rule with its line, and what lost against it."""
    out, _ = explain(capsys, "a/client", "a/web", "81/TCP", *files)
    assert (
        out
        == """\
a/client → a/web, TCP 81: deny

egress at a/client: allow
  [Baseline] no policy: allowed
  lockgate/no-policy: no policy has a say

ingress at a/web: deny
  [Admin] Pass → [NetworkPolicy] denied
  pass: ClusterNetworkPolicy/adm#spec.ingress[0]
    policy.yaml:9:5
      |   - {action: Pass, from: [{namespaces: {}}]}
      |     ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
  deny: CiliumNetworkPolicy/a/deny#spec.ingressDeny[0].toPorts[0]
    policy.yaml:26:5
      |   - {fromEndpoints: [{}], toPorts: [{ports: [{port: "81"}]}]}
      |     ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
  did not decide:
    policy.yaml:10:5  ClusterNetworkPolicy/adm#spec.ingress[1]: \
an earlier rule of its tier passed the packet on
    policy.yaml:18:5  NetworkPolicy/a/web#spec.ingress[0]: \
a deny rule stands before every allow rule
"""
    )


def test_a_default_deny_names_who_caused_it(
    files: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Every policy that isolates the endpoint stands there with its place."""
    out, _ = explain(capsys, "b/client", "a/web", "TCP/80", *files)
    assert "[Admin] Pass → [NetworkPolicy] denied by default" in out
    assert "default deny, because these policies select it:" in out
    assert "policy.yaml:24:3  CiliumNetworkPolicy/a/deny" in out
    assert "policy.yaml:16:3  NetworkPolicy/a/web" in out
    near = "NetworkPolicy/a/web#spec.ingress[0]: the port matches, the peer does not"
    assert near in out


def test_json_has_all_of_it(
    files: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Outcome, subject, chain, rules and losers, for each direction."""
    out, _ = explain(capsys, "a/client", "a/web", "80/TCP", "-o", "json", *files)
    (row,) = json.loads(out)["results"]
    assert row["verdict"] == "allow"
    ingress = row["ingress"]
    assert [(s["tier"], s["step"]) for s in ingress["chain"]] == [
        ("Admin", "Pass"),
        ("NetworkPolicy", "allowed"),
    ]
    assert ingress["because"][0]["places"] == ["policy.yaml:18:5"]
    assert [loser["matched"] for loser in ingress["lost"]] == [True, False]


def test_codes_are_taught(capsys: pytest.CaptureFixture[str]) -> None:
    """One word is a code; an unknown one is a wrong command line."""
    out, _ = explain(capsys, "e2241")
    assert out.startswith("E2241 (unknown-end)")
    _, err = explain(capsys, "E9999", code=2)
    assert "no code E9999" in err


def test_findings_are_taught_by_name(capsys: pytest.CaptureFixture[str]) -> None:
    """With every code that has the name; a name that is none suggests one."""
    assert main(["explain", "unenforced-http"]) == 0
    out = capsys.readouterr().out
    assert "E3001 (unenforced-http)" in out
    assert "W3001 (unenforced-http)" in out
    assert main(["explain", "shadowed-rul"]) == 2
    assert "did you mean 'shadowed-rule'?" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words", [("a/client", "a/web"), ("a/client", "a/web", "http"), ("a",)]
)
def test_a_wrong_command_line(
    words: tuple[str, ...], files: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 2, and how to write it."""
    _, err = explain(capsys, *words, *files, code=2)
    assert "E2203" in err


def test_an_unknown_end(files: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is explained of nobody: exit code 2."""
    _, err = explain(capsys, "a/nobody", "a/web", "80/TCP", *files, code=2)
    assert "nobody is called 'a/nobody'" in err


HOST_POLICY = """\
apiVersion: cilium.io/v2
kind: CiliumClusterwideNetworkPolicy
metadata: {name: ssh}
spec:
  nodeSelector: {matchLabels: {zone: x}}
  ingress: [{fromEntities: [cluster]}]
"""


@pytest.fixture
def host_files(tmp_path: Path) -> list[str]:
    """Return the arguments that name a host policy for n1, and the cluster of n1 and n2."""
    policy = tmp_path / "host.yaml"
    policy.write_text(HOST_POLICY)
    return ["-f", str(policy), "-f", str(CLUSTER), "--no-cache"]


def test_a_pod_on_the_host_network_is_its_node(
    files: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its name means the same in files and in the bundle that is made of them."""
    bundle = str(tmp_path / "bundle")
    assert main(["compile", *files, "-o", bundle]) == 0
    capsys.readouterr()
    for source in (files, [bundle]):
        out, _ = explain(capsys, "a/agent", "a/web", "80/TCP", *source)
        assert out.startswith("a/agent → a/web, TCP 80: allow\n")
        assert "egress: none" in out
        assert "lockgate/host-to-endpoint" in out


def test_the_host_beside_an_outsider_is_named(
    host_files: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Of two nodes one must be named; a pod's own needs no name."""
    flow = ("192.0.2.7", "@host", "22/TCP")
    _, err = explain(capsys, *flow, *host_files, code=2)
    assert "@host" in err
    assert "n1" in err
    assert "--node" in err
    out, _ = explain(capsys, *flow, "--node", "n1", *host_files)
    assert "ingress at node n1: deny" in out
    out, _ = explain(capsys, *flow, "--node", "n2", *host_files)
    assert "ingress: none (this end is not enforced)" in out
    out, _ = explain(capsys, "@host", "192.0.2.7", "22/TCP", "--node=n1", *host_files)
    assert "egress at node n1: allow" in out
    out, _ = explain(capsys, "a/client", "@host", "22/TCP", *host_files)
    assert "ingress at node n1: allow" in out
    _, err = explain(capsys, *flow, "--node", "n3", *host_files, code=2)
    assert "E2203" in err
    assert "n1" in err


def test_the_only_node_is_the_host(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where there is one node, nobody need name it."""
    policy = tmp_path / "host.yaml"
    node = "kind: Node\nmetadata: {name: n1, labels: {zone: x}}\n"
    address = "status: {addresses: [{type: InternalIP, address: 192.168.0.10}]}\n"
    policy.write_text(f"{HOST_POLICY}---\napiVersion: v1\n{node}{address}")
    files = ("-f", str(policy), "--no-cache")
    out, _ = explain(capsys, "192.0.2.7", "@host", "22/TCP", *files)
    assert "ingress at node n1: deny" in out


def test_no_host_policy_no_question(
    files: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Where no node is enforced, it is the same for all of them."""
    out, _ = explain(capsys, "192.0.2.7", "@host", "22/TCP", *files)
    assert "ingress: none (this end is not enforced)" in out


def test_a_bundle_that_is_not_there_or_damaged(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing can be explained by either."""
    flow = ("a/client", "a/web", "80/TCP")
    _, err = explain(capsys, *flow, str(tmp_path / "nope"), code=2)
    assert "E5011" in err
    _, err = explain(capsys, *flow, str(tmp_path), code=2)
    assert "E5010" in err
