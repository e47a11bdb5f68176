"""lockgate.frontend.network_policy: what NetworkPolicy's own specification says."""

from __future__ import annotations

from ipaddress import IPv4Network

import pytest

from lockgate.ir.policy import (
    AnyPeer,
    LabelPeer,
    NamedPortMatch,
    NetworkPeer,
    PortMatch,
    PortRange,
    Protocol,
    Scope,
    Tier,
)
from lockgate.options import Options, Semantics
from tests.frontend.policy_texts import codes, kubernetes, read_one

CILIUM = Options(semantics=Semantics.CILIUM)

ISOLATION = [
    ("podSelector: {}", True, False),
    ("podSelector: {}\ningress: []", True, False),
    ("podSelector: {}\negress: []", True, False),
    ("podSelector: {}\negress: [{}]", True, True),
    ("podSelector: {}\npolicyTypes: []\negress: [{}]", True, True),
    ("podSelector: {}\npolicyTypes: [Ingress]", True, False),
    ("podSelector: {}\npolicyTypes: [Egress]", False, True),
    ("podSelector: {}\npolicyTypes: [Ingress, Egress]", True, True),
]


@pytest.mark.parametrize(("rules", "ingress", "egress"), ISOLATION)
@pytest.mark.parametrize("options", [Options(), CILIUM])
def test_policy_types_isolate(
    rules: str, ingress: bool, egress: bool, options: Options
) -> None:
    """Absent policyTypes are Ingress, and Egress only where there are egress rules."""
    policy = read_one(kubernetes(rules), options)
    assert (policy.ingress.isolates, policy.egress.isolates) == (ingress, egress)
    assert policy.tier is Tier.NORMAL


def test_rules_without_their_type_mean_nothing() -> None:
    """Kubernetes ignores them with a warning of ours; Cilium enforces them."""
    text = kubernetes("podSelector: {}\npolicyTypes: [Ingress]\negress: [{}]")
    policy = read_one(text)
    assert not policy.egress.isolates
    assert policy.egress.rules == ()
    assert codes(text) == ["W1043 7:3"]
    followed = read_one(text, CILIUM)
    assert followed.egress.isolates
    assert len(followed.egress.rules) == 1
    assert codes(text, CILIUM) == []


PEERS = [
    ("{podSelector: {matchLabels: {app: a}}}", "k8s:app=a & k8s:{ns}=shop"),
    ("{namespaceSelector: {}}", "k8s:{ns}"),
    ("{namespaceSelector: {matchLabels: {team: x}}}", "k8s:{labels}team=x"),
    (
        "{namespaceSelector: {matchLabels: {team: x}}, podSelector: {matchLabels: {b: c}}}",
        "k8s:b=c & k8s:{labels}team=x",
    ),
    (
        "{namespaceSelector: {matchExpressions: [{key: e, operator: NotIn, values: [p]}]}}",
        "k8s:{labels}e notin (p) & k8s:{ns}",
    ),
]


@pytest.mark.parametrize(("peer", "selector"), PEERS)
@pytest.mark.parametrize("options", [Options(), CILIUM])
def test_pod_peers(peer: str, selector: str, options: Options) -> None:
    """PodSelector alone means this namespace; both mean AND; none of them non-pods."""
    text = kubernetes(f"podSelector: {{}}\ningress:\n- from: [{peer}]")
    (rule,) = read_one(text, options).ingress.rules
    (found,) = rule.peers
    assert isinstance(found, LabelPeer)
    names = {
        "ns": "io.kubernetes.pod.namespace",
        "labels": "io.cilium.k8s.namespace.labels.",
    }
    assert str(found.selector) == selector.format(**names)


def test_items_of_from_are_alternatives() -> None:
    """Two items are two peers; no items are everyone, for all traffic."""
    rules = """
        podSelector: {}
        ingress:
        - from:
          - podSelector: {}
          - ipBlock: {cidr: 10.0.0.0/8, except: [10.1.0.0/16]}
        - from: []
          ports: []
    """
    first, second = read_one(kubernetes(rules)).ingress.rules
    assert len(first.peers) == 2
    assert second.peers == (AnyPeer(),)
    assert second.traffic is None
    assert [rule.path for rule in (first, second)] == [
        "spec.ingress[0]",
        "spec.ingress[1]",
    ]
    assert [rule.span.line for rule in (first, second)] == [7, 10]


@pytest.mark.parametrize(
    ("options", "scope"), [(Options(), Scope.EVERY), (CILIUM, Scope.WORLD)]
)
def test_scope_of_a_block(options: Options, scope: Scope) -> None:
    """IpBlock matches every address; in Cilium, pods and nodes have none for it."""
    text = kubernetes(
        "podSelector: {}\negress: [{to: [{ipBlock: {cidr: 10.0.0.0/8}}]}]"
    )
    (rule,) = read_one(text, options).egress.rules
    assert rule.peers == (NetworkPeer(IPv4Network("10.0.0.0/8"), (), scope),)


TCP, UDP = (Protocol.TCP,), (Protocol.UDP,)
PORTS = [
    ("{port: 80}", PortMatch(TCP, PortRange(80, 80))),
    ("{protocol: UDP}", PortMatch(UDP, PortRange(0, 65535))),
    ("{port: 80, endPort: 90, protocol: UDP}", PortMatch(UDP, PortRange(80, 90))),
    ("{port: 80, endPort: 80}", PortMatch(TCP, PortRange(80, 80))),
    ("{port: http}", NamedPortMatch(TCP, "http")),
]


@pytest.mark.parametrize(("port", "match"), PORTS)
def test_ports(port: str, match: PortMatch | NamedPortMatch) -> None:
    """No protocol is TCP; no port is every port of the protocol."""
    (rule,) = read_one(
        kubernetes(f"podSelector: {{}}\ningress: [{{ports: [{port}]}}]")
    ).ingress.rules
    assert rule.traffic == (match,)


MISTAKES = [
    ("ports: [{port: '80'}]", "E1042"),
    ("ports: [{port: 0}]", "E1042"),
    ("ports: [{port: 65536}]", "E1042"),
    ("ports: [{port: HTTP}]", "E1042"),
    ("ports: [{port: 80, endPort: 79}]", "E1043"),
    ("ports: [{port: http, endPort: 79}]", "E1043"),
    ("ports: [{endPort: 79}]", "E1043"),
    ("ports: [{port: 80, protocol: tcp}]", "E1007"),
    ("ports: [{port: 80, protocol: ICMP}]", "E1007"),
    ("from: [{}]", "E1050"),
    ("from: [{ipBlock: {cidr: 10.0.0.0/8}, podSelector: {}}]", "E1050"),
    ("from: [{ipBlock: {cidr: 10.0.0.1}}]", "E1040"),
    ("from: [{ipBlock: {cidr: 10.0.0.0/8, except: [11.0.0.0/16]}}]", "E1041"),
    ("from: [{ipBlock: {cidr: 10.0.0.0/8, except: [10.0.0.0/8]}}]", "E1041"),
    ("from: [{ipBlock: {}}]", "E1006"),
    ("from: [{podSelector: {matchLabels: {'k8s:app': a}}}]", "E1018"),
    ("to: [{podSelector: {}}]", "E1009"),
    ("form: [{podSelector: {}}]", "E1004"),
    ("podSelector: {}", "E1009"),
    ("port: 80", "E1009"),
]


@pytest.mark.parametrize(("rule", "code"), MISTAKES)
def test_mistakes(rule: str, code: str) -> None:
    """What the API server would refuse is one error, on the line where it stands."""
    found = codes(kubernetes(f"podSelector: {{}}\ningress:\n- {rule}"))
    assert [place.split(":")[0] for place in found] == [f"{code} 7"]


def test_a_field_of_the_spec_beside_it_is_misplaced() -> None:
    """A rule outside spec is an error that says where it belongs."""
    text = kubernetes("podSelector: {}") + "ingress: []\n"
    assert codes(text) == ["E1009 6:1"]


def test_a_pod_selector_is_expected() -> None:
    """Kubernetes takes none for every pod: allowed, with a warning."""
    assert codes(kubernetes("ingress: []")) == ["W1050 5:3"]
    assert codes(
        "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: a}\n"
    ) == ["E1006 1:1"]
