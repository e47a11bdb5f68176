"""lockgate.requests: HTTP requests and DNS queries judged by L7 rules."""

from __future__ import annotations

from typing import Any

import pytest

from lockgate.flows import parse_flow
from lockgate.requests import is_within
from tests.conformance.compiling import compile_objects, make_options

PODS = [
    {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "a", "labels": {"app": name}},
        "spec": {"nodeName": "n", "containers": []},
        "status": {
            "phase": "Running",
            "podIP": f"10.0.0.{i}",
            "podIPs": [{"ip": f"10.0.0.{i}"}],
        },
    }
    for i, name in enumerate(("client", "web"), 1)
]
FLOW = {"src": "a/client", "dst": "a/web", "protocol": "TCP", "port": 80}


def verdict(rules: dict[str, Any], **request: object) -> str:
    """Judge one request by one rule on port 80 (HTTP, ingress) or 53 (DNS, egress)."""
    is_dns = "dns" in rules
    port = {"port": "53" if is_dns else "80", "protocol": "UDP" if is_dns else "TCP"}
    section = "egress" if is_dns else "ingress"
    policy = {
        "apiVersion": "cilium.io/v2",
        "kind": "CiliumNetworkPolicy",
        "metadata": {"name": "p", "namespace": "a"},
        "spec": {
            "endpointSelector": {"matchLabels": {"app": "client" if is_dns else "web"}},
            section: [{"toPorts": [{"ports": [port], "rules": rules}]}],
        },
    }
    flow = {**FLOW, **request}
    if is_dns:
        flow |= {"protocol": "UDP", "port": 53}
    simulation = compile_objects([*PODS, policy], make_options())
    return simulation.answer(parse_flow(flow)).verdict


@pytest.mark.parametrize(
    ("rule", "request_", "passes"),
    [
        ({}, {"method": "GET", "path": "/"}, True),
        ({"method": "GET"}, {"method": "GET"}, True),
        ({"method": "GET"}, {"method": "get"}, False),
        ({"method": "GET|HEAD"}, {"method": "HEAD"}, True),
        ({"path": "/a"}, {"path": "/a/b"}, False),
        ({"path": "/a.*"}, {"path": "/a?x=1"}, True),
        ({"host": "foo.bar"}, {"host": "fooXbar"}, True),
        ({"headers": ["X-Key: 1"]}, {"headers": {"x-key": "1"}}, True),
        ({"headers": ["X-Key: 1"]}, {"headers": {"x-key": "2"}}, False),
        ({"headers": ["X-Key"]}, {"headers": {"x-key": "2"}}, True),
        ({"headers": ["X-Key"]}, {"headers": {}}, False),
        (
            {"headerMatches": [{"name": "K", "value": "v"}]},
            {"headers": {"k": "v"}},
            True,
        ),
        ({"headerMatches": [{"name": "K", "value": "v"}]}, {"headers": {}}, False),
        (
            {"headerMatches": [{"name": "K", "value": "v", "mismatch": "LOG"}]},
            {"headers": {}},
            True,
        ),
        ({"path": "/a", "method": "GET"}, {"path": "/a", "method": "POST"}, False),
    ],
)
def test_http(rule: dict[str, Any], request_: dict[str, Any], passes: bool) -> None:
    """Fields are and; regular expressions match in full; header names have no case."""
    expected = "l7-allow" if passes else "l7-deny"
    assert verdict({"http": [rule]}, http=request_) == expected


def test_http_rules_are_or() -> None:
    """One of the rules is enough; without a request nothing passes."""
    rules = {"http": [{"path": "/a"}, {"path": "/b"}]}
    assert verdict(rules, http={"path": "/b"}) == "l7-allow"
    assert verdict(rules) == "l7-deny"


@pytest.mark.parametrize(
    ("rule", "query", "passes"),
    [
        ({"matchName": "a.example"}, "A.Example.", True),
        ({"matchName": "a.example"}, "b.a.example", False),
        ({"matchPattern": "*"}, "any.thing", True),
        ({"matchPattern": "*.example"}, "a.example", True),
        ({"matchPattern": "*.example"}, "b.a.example", False),
        ({"matchPattern": "*.example"}, "example", False),
        ({"matchPattern": "**.example"}, "b.a.example", True),
        ({"matchPattern": "**.example"}, "example", False),
        ({"matchPattern": "*example.com"}, "subexample.com", True),
        ({"matchPattern": "*example.com"}, "www.example.com", False),
        ({"matchPattern": "api-*.net"}, "api-1.net", True),
        ({"matchPattern": "api-*.net"}, "apix1.net", False),
    ],
)
def test_dns(rule: dict[str, Any], query: str, passes: bool) -> None:
    """A star stays in its label, two stars are one label or more, names have no case."""
    expected = "l7-allow" if passes else "l7-deny"
    assert verdict({"dns": [rule]}, dns={"query": query}) == expected


@pytest.mark.parametrize(
    ("name", "pattern", "expected"),
    [
        ("a.example", "a.example", True),
        ("a.example", "*.example", True),
        ("b.a.example", "*.example", False),
        ("b.a.example", "**.example", True),
        ("*.example", "**.example", True),
        ("**.example", "*.example", False),
        ("**.a.example", "**.example", True),
        ("**.example", "**.a.example", False),
        ("**.example", "*", True),
        ("*", "**.example", False),
        ("*", "**", False),
        ("a*.example", "*.example", True),
        ("*.example", "a*.example", False),
        ("*.example", "a.example", False),
        ("a-*-b.example", "a*b.example", True),
    ],
)
def test_a_pattern_within_another(name: str, pattern: str, expected: bool) -> None:
    """A name is within a pattern that matches it; a pattern, within one that has it all."""
    assert is_within(name, pattern) is expected
