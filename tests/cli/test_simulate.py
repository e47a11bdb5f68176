"""lockgate simulate: answers, expectations and exit codes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from lockgate.cli.main import main

if TYPE_CHECKING:
    from collections.abc import Callable

CLUSTER = Path(__file__).parents[1] / "conformance/own/cluster.yaml"
POLICY = """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: a}
spec:
  podSelector: {matchLabels: {app: web}}
  ingress:
  - from: [{podSelector: {matchLabels: {app: client}}}]
    ports: [{port: 80}]
"""
ALLOWED = {"src": "a/client", "dst": "a/web", "protocol": "TCP", "port": 80}
DENIED = ALLOWED | {"port": 81}


@pytest.fixture
def simulate(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, list[dict[str, Any]], str]]:
    """Run the verb over some flows; return exit code, answers, standard error."""

    def run(*flows: object, more: tuple[str, ...] = ()) -> tuple[int, list[Any], str]:
        policy, file = tmp_path / "policy.yaml", tmp_path / "flows.jsonl"
        policy.write_text(POLICY)
        file.write_text(
            "".join(f if isinstance(f, str) else json.dumps(f) + "\n" for f in flows)
        )
        files = ("-f", str(policy), "-f", str(CLUSTER), "--flows", str(file))
        code = main(["simulate", *files, "--no-cache", "-o", "json", *more])
        out, err = capsys.readouterr()
        return code, [json.loads(line) for line in out.splitlines()], err

    return run


def test_one_answer_a_flow_in_order(simulate: Callable[..., Any]) -> None:
    """A denied flow is exit code 0, and names what denied it."""
    code, answers, _ = simulate(DENIED, ALLOWED)
    assert code == 0
    assert [a["verdict"] for a in answers] == ["deny", "allow"]
    assert answers[0] == {
        **DENIED,
        "ingress": "deny",
        "egress": "allow",
        "verdict": "deny",
        "because": [
            {
                "direction": "ingress",
                "policy": "NetworkPolicy/a/web",
                "file": "policy.yaml",
                "line": 5,
                "effect": "default-deny",
            }
        ],
    }
    assert answers[1]["because"][0]["line"] == 7


def test_an_expectation_that_is_met_or_not(simulate: Callable[..., Any]) -> None:
    """An answer that differs is exit code 1; expectations are no part of an answer."""
    expecting = {**DENIED, "expect": {"verdict": "deny", "egress": "allow"}}
    code, answers, _ = simulate(expecting)
    assert (code, "expect" in answers[0]) == (0, False)
    code, _, err = simulate({**DENIED, "expect": {"ingress": "allow"}})
    assert code == 1
    assert "flows.jsonl:1: ingress is deny, not allow" in err


def test_the_specification_is_expected_before_cilium(
    simulate: Callable[..., Any],
) -> None:
    """``expect_k8s`` counts by default, ``expect`` with Cilium's semantics."""
    both = {
        **DENIED,
        "expect": {"verdict": "allow"},
        "expect_k8s": {"verdict": "deny"},
    }
    assert simulate(both)[0] == 0
    assert simulate(both, more=("--semantics", "cilium"))[0] == 1


@pytest.mark.parametrize(
    ("flow", "code"),
    [
        ("{]\n", "E2240"),
        ({**ALLOWED, "port": 65536}, "E2240"),
        ({**ALLOWED, "port": True}, "E2240"),
        ({**ALLOWED, "protocol": "ICMP", "port": 256}, "E2240"),
        ({**ALLOWED, "protocol": "GRE"}, "E2240"),
        ({"src": "a/client", "protocol": "TCP", "port": 1}, "E2240"),
        ({**ALLOWED, "dst": "a/nobody"}, "E2241"),
        ({**ALLOWED, "dst": "a/job"}, "E2241"),
    ],
)
def test_a_bad_flow_is_refused(
    flow: object, code: str, simulate: Callable[..., Any]
) -> None:
    """What cannot be judged is a diagnostic with its line; the others are judged."""
    exit_code, answers, err = simulate(ALLOWED, flow)
    assert exit_code == 2
    assert f"error[{code}]" in err
    assert "flows.jsonl:2:1" in err
    assert answers[0]["verdict"] == "allow"


def test_families_that_disagree_are_an_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A block of one family leaves a dual-stack flow without one answer."""
    policy = tmp_path / "p.yaml"
    block = "ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8}}]}]"
    policy.write_text(POLICY[: POLICY.index("  ingress")] + f"  {block}\n")
    flows = tmp_path / "flows.jsonl"
    flows.write_text(json.dumps(ALLOWED))
    files = ["-f", str(policy), "-f", str(CLUSTER), "--flows", str(flows)]
    assert main(["simulate", *files, "--no-cache"]) == 2
    assert "error[E2242]" in capsys.readouterr().err


def test_files_or_a_bundle(capsys: pytest.CaptureFixture[str]) -> None:
    """Neither, or both, is a wrong command line."""
    assert main(["simulate", "--flows", "/dev/null"]) == 2
    assert "E2203" in capsys.readouterr().err


def test_by_refused_policies_nothing_is_judged(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A policy that is mistaken is exit code 2."""
    policy = tmp_path / "p.yaml"
    policy.write_text(POLICY.replace("ingress", "ingres"))
    files = ["-f", str(policy), "-f", str(CLUSTER), "--flows", "/dev/null"]
    assert main(["simulate", *files, "--no-cache"]) == 2
    assert "E1004" in capsys.readouterr().err


def test_the_host_beside_an_outsider(
    tmp_path: Path, simulate: Callable[..., Any]
) -> None:
    """It is nobody unless a node is named; that is said where a node would judge."""
    host = tmp_path / "host.yaml"
    host.write_text(
        "apiVersion: cilium.io/v2\nkind: CiliumClusterwideNetworkPolicy\n"
        "metadata: {name: h}\n"
        "spec: {nodeSelector: {}, ingress: [{fromEntities: [cluster]}]}\n"
    )
    flow = {"src": "192.0.2.7", "dst": "@host", "protocol": "TCP", "port": 22}
    more = ("-f", str(host))
    code, answers, err = simulate(flow, ALLOWED, more=more)
    assert (code, answers[0]["ingress"]) == (0, "none")
    assert "1 flows" in err
    assert "--node" in err
    code, answers, err = simulate(flow, ALLOWED, more=(*more, "--node", "n2"))
    assert (code, answers[0]["ingress"], "--node" in err) == (0, "deny", False)
    assert "--node" not in simulate(flow)[2]


@pytest.mark.kernel
def test_the_kernel_answers_alike(simulate: Callable[..., Any]) -> None:
    """The program's answers are those of the tables, rules and lines included."""
    host = {**ALLOWED, "src": "@host", "port": 443}
    flows = (DENIED, ALLOWED, host)
    _, tables, _ = simulate(*flows)
    code, kernel, _ = simulate(*flows, more=("--engine", "kernel"))
    assert (code, kernel) == (0, tables)


@pytest.mark.kernel
def test_what_no_packet_can_ask_is_skipped(simulate: Callable[..., Any]) -> None:
    """A source that nobody may have, ICMP of the other family: said, and counted."""
    multicast = {**ALLOWED, "src": "224.0.0.1"}
    foreign = {"src": "a/db", "dst": "a/web", "protocol": "ICMPv6", "port": 128}
    code, answers, err = simulate(multicast, foreign, more=("--engine", "kernel"))
    assert code == 0
    assert [a["skipped"] for a in answers] == [
        "nobody may send from this address",
        "ICMP of the other version of IP",
    ]
    assert "1 flow not judged: nobody may send from this address" in err
