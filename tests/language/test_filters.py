"""Filters of flows: what an expression means is judged by the runtime's own evaluator."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from lockgate.cli.main import main
from lockgate.diagnostics import Diagnostics
from lockgate.language.filters import FIELDS, compile_filter
from lockgate.source import Source
from lockgate_runtime.observe.flows import VERDICTS, End, Flow, lost_flow
from lockgate_runtime.observe.predicates import FIELDS as FIELDS_OF_FLOWS
from lockgate_runtime.observe.predicates import read_predicate

if TYPE_CHECKING:
    from pathlib import Path

WEB = End(
    "10.0.0.7",
    40000,
    "shop/web-0",
    300,
    "pod",
    (
        "k8s:app=web",
        "k8s:io.cilium.k8s.namespace.labels.env=prod",
        "k8s:io.kubernetes.pod.namespace=shop",
    ),
)
WORLD = End(
    "192.0.2.9", 5432, None, 2, "world", ("cidr:192.0.2.0/24", "reserved:world")
)
FLOW = Flow(
    time="2026-01-01T00:00:00Z",
    event="verdict",
    verdict="denied",
    reason="policy",
    direction="egress",
    hook="tc",
    protocol="TCP",
    source=WEB,
    destination=WORLD,
    endpoint="shop/web-0",
    icmp_type=None,
    icmp_code=None,
    tcp_flags=("SYN",),
    flow_state="new",
    rule="Policy/shop/web#out[0]",
    effect="deny",
    policies=("Policy/shop/web",),
    places=("web.gate:3:3",),
    generation=1,
    packets=1,
    bytes=60,
)
PING = replace(FLOW, protocol="ICMP", icmp_type=8, icmp_code=0)

TRUE = (
    "src ns shop & verdict=denied & tcp/5432",
    "src shop:app=web",
    "end app in {web, api}",
    "src ns.env=prod & src ns in {shop, ops} & src has app & src not legacy",
    "src app!=api",
    "dst @world & not dst @host",
    "dst cidr 192.0.2.0/24 except 192.0.2.128/25",
    "end pod shop/web-0 | end node n1",
    "(verdict=allowed | verdict in {denied, audit}) & direction!=ingress",
    'policy="Policy/shop/web" & event=verdict & hook=tc',
    "any & any/5432 & tcp/5000-6000 & tcp",
    "src @cluster & end everything",
)
FALSE = (
    "src ns shopp",
    "dst app=web",
    "src shop:app=api",
    "src not app",
    "src app!=web",
    "udp/5432",
    "tcp/40000",
    "icmp/8",
    "dst cidr 192.0.2.0/24 except 192.0.2.0/28",
    "verdict=allowed",
    "verdict!=denied",
    'policy="Policy/shop/we"',
    "dst @none",
    "end pod shop/web",
    "not (verdict=denied)",
    "verdict=denied & (udp | tcp/1)",
)


def _holds(expression: str, flow: Flow) -> bool:
    diagnostics = Diagnostics()
    predicate = compile_filter(Source("--filter", expression), diagnostics)
    assert diagnostics.found == []
    return read_predicate(json.loads(json.dumps(predicate)))(flow)


@pytest.mark.parametrize("expression", TRUE)
def test_holds(expression: str) -> None:
    """The flow is meant; and its opposite is not."""
    assert _holds(expression, FLOW)
    assert not _holds(f"not ({expression})", FLOW)


@pytest.mark.parametrize("expression", FALSE)
def test_does_not_hold(expression: str) -> None:
    """The flow is not meant."""
    assert not _holds(expression, FLOW)


def test_icmp_and_lost() -> None:
    """ICMP goes by its type; what was lost is always shown."""
    assert _holds("icmp/8", PING)
    assert _holds("icmp/EchoRequest & icmp", PING)
    assert not _holds("icmp/0", PING)
    assert _holds("verdict=allowed", lost_flow(3, 0))


def test_fields_are_those_of_flows() -> None:
    """Both sides know the same fields, and flows have them."""
    assert set(FIELDS) == {*FIELDS_OF_FLOWS, "policy"}
    assert FIELDS["verdict"] is not None
    assert set(FIELDS["verdict"]) == set(VERDICTS)
    assert all(hasattr(FLOW, name) for name in FIELDS_OF_FLOWS)


@pytest.mark.parametrize(
    ("expression", "code", "help"),
    [
        ("verdikt=denied", "E1840", "did you mean 'verdict'?"),
        ("verdict=deny", "E1840", "did you mean 'denied'?"),
        ("app=web", "E1840", "labels stand after src, dst or end"),
        ("tcp/http", "E1806", "write the number"),
        ("src 10.0.0.1", "E1802", "write 'cidr 10.0.0.1/32'"),
        ("src k8s:app=web", "E1801", "leave it out"),
        ("src ns shop and verdict=denied", "E1800", "'&'"),
        ("(verdict=denied", "E1800", "')'"),
        ("", "E1800", "expected"),
    ],
)
def test_mistakes(expression: str, code: str, help: str) -> None:  # noqa: A002  # the user's word
    """A mistake is told with its cure."""
    diagnostics = Diagnostics()
    assert compile_filter(Source("--filter", expression), diagnostics) is None
    assert [d.code for d in diagnostics.found][:1] == [code]
    assert help in (diagnostics.found[0].help or "")


@pytest.mark.parametrize(
    "value",
    [
        None,
        {},
        {"version": 2, "flow": {"all": []}},
        {"version": 1, "flow": {"all": []}, "more": 1},
        {"version": 1, "flow": {"every": []}},
        {"version": 1, "flow": {"all": {}}},
        {"version": 1, "flow": {"field": "colour", "in": []}},
        {"version": 1, "flow": {"end": "middle", "is": {"name": "a"}}},
        {"version": 1, "flow": {"end": "source", "is": {"shape": "a"}}},
        {"version": 1, "flow": {"protocols": ["TCP"], "colour": 1}},
        {"version": 1, "flow": {"end": "source", "is": {"network": "x"}}},
    ],
)
def test_unknown_predicates_are_refused(value: object) -> None:
    """What the runtime does not know, it does not pass over."""
    with pytest.raises(ValueError, match=r"\w"):
        read_predicate(value)


def test_verb(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A recording is filtered by an expression, or by the predicate it is compiled to."""
    recording = tmp_path / "flows.jsonl"
    lines = [FLOW.to_json(), replace(FLOW, verdict="allowed").to_json()]
    recording.write_text("".join(f"{line}\n" for line in lines))
    command = ["observe", "--from", str(recording), "-o", "json"]
    assert main([*command, "--filter", "src ns shop & verdict=denied"]) == 0
    assert capsys.readouterr().out == f"{lines[0]}\n"
    assert main([*command, "--filter", "verdict=allowed", "--print-predicate"]) == 0
    predicate = tmp_path / "predicate.json"
    predicate.write_text(capsys.readouterr().out)
    assert main([*command, "--predicate", str(predicate)]) == 0
    assert capsys.readouterr().out == f"{lines[1]}\n"
    assert main([*command, "--filter", "verdict=maybe"]) == 2
    assert "E1840" in capsys.readouterr().err
    assert main([*command, "--predicate", "{}"]) == 2
    assert "E5041" in capsys.readouterr().err
