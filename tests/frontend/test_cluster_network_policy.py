"""lockgate.frontend.cluster_network_policy: tiers, subjects, peers, protocols."""

from __future__ import annotations

from ipaddress import IPv4Network

import pytest

from lockgate.frontend.priorities import report_equal_priorities
from lockgate.ir.policy import (
    Action,
    AnyPeer,
    LabelPeer,
    NamedPortMatch,
    NamePeer,
    NetworkPeer,
    PortMatch,
    PortRange,
    Protocol,
    Scope,
    Tier,
    TrafficMatch,
)
from lockgate.options import Options, Semantics
from tests.frontend.policy_texts import cluster, read_one, read_policies, words

NS = "io.kubernetes.pod.namespace"
LABELS = "io.cilium.k8s.namespace.labels."
CILIUM = Options(semantics=Semantics.CILIUM)
EVERYONE = "subject: {namespaces: {}}"


def _egress(rule: str) -> list[str]:
    return words(cluster(f"{EVERYONE}\negress:\n- {{{rule}}}"))


@pytest.mark.parametrize(
    ("name", "tier"), [("Admin", Tier.ADMIN), ("Baseline", Tier.BASELINE)]
)
def test_tier_and_priority(name: str, tier: Tier) -> None:
    """Order is the priority; nothing is isolated; rules keep their order."""
    rules = f"""
        {EVERYONE}
        ingress:
        - {{name: first, action: Pass, from: [{{namespaces: {{}}}}]}}
        - {{action: Deny, from: [{{namespaces: {{}}}}]}}
        - {{action: Accept, from: [{{namespaces: {{}}}}]}}
    """
    policy = read_one(cluster(rules, tier=name, priority=1000))
    assert (policy.tier, policy.order) == (tier, 1000)
    assert not policy.ingress.isolates
    assert not policy.egress.isolates
    actions = [rule.action for rule in policy.ingress.rules]
    assert actions == [Action.PASS, Action.DENY, Action.ALLOW]
    assert policy.key == "ClusterNetworkPolicy/web"


SUBJECTS = [
    ("{namespaces: {}}", f"k8s:{NS}"),
    ("{namespaces: {matchLabels: {a: b}}}", f"k8s:{LABELS}a=b"),
    (
        "{pods: {namespaceSelector: {matchLabels: {a: b}}, podSelector: {}}}",
        f"k8s:{LABELS}a=b",
    ),
    ("{pods: {podSelector: {matchLabels: {c: d}}}}", f"k8s:c=d & k8s:{NS}"),
]


@pytest.mark.parametrize(("subject", "selector"), SUBJECTS)
def test_subjects_are_pods(subject: str, selector: str) -> None:
    """Namespaces by their labels, pods by both; an absent namespaceSelector is any."""
    text = f"subject: {subject}\negress: []"
    assert str(read_one(cluster(text)).subject) == selector


def test_a_negative_namespaces_peer_means_pods() -> None:
    """Without a positive requirement everyone would match, as in Cilium."""
    negative = "{matchExpressions: [{key: a, operator: DoesNotExist}]}"
    rule = f"action: Deny, to: [{{namespaces: {negative}}}]"
    text = cluster(f"{EVERYONE}\negress:\n- {{{rule}}}")
    pods_only = read_one(text).egress.rules[0].peers
    assert [str(p.selector) for p in pods_only if isinstance(p, LabelPeer)] == [
        f"!k8s:{LABELS}a & k8s:{NS}"
    ]
    assert read_one(text, CILIUM).egress.rules[0].peers == (AnyPeer(),)
    assert words(text) == []
    assert words(text, CILIUM) == [f"N1042 {negative}"]


@pytest.mark.parametrize(
    ("options", "scope"), [(Options(), Scope.EVERY), (CILIUM, Scope.WORLD)]
)
def test_networks_are_addresses(options: Options, scope: Scope) -> None:
    """Each network is a peer; pods and nodes too have addresses, except in Cilium."""
    rule = "action: Deny, to: [{networks: [10.0.0.0/8, 192.0.2.0/24]}]"
    policy = read_one(cluster(f"{EVERYONE}\negress:\n- {{{rule}}}"), options)
    assert policy.egress.rules[0].peers == (
        NetworkPeer(IPv4Network("10.0.0.0/8"), (), scope),
        NetworkPeer(IPv4Network("192.0.2.0/24"), (), scope),
    )


def test_nodes_are_the_host_and_the_others() -> None:
    """By their labels, the node that judges included."""
    rule = "action: Deny, to: [{nodes: {matchLabels: {a: b}}}]"
    policy = read_one(cluster(f"{EVERYONE}\negress:\n- {{{rule}}}"))
    selectors = [
        str(p.selector)
        for p in policy.egress.rules[0].peers
        if isinstance(p, LabelPeer)
    ]
    assert selectors == ["node:a=b & reserved:host", "node:a=b & reserved:remote-node"]


def test_domain_names_are_names() -> None:
    """``*.`` stands for one label or more, which patterns write ``**.``."""
    rule = "action: Accept, to: [{domainNames: [example.com, '*.example.com']}]"
    policy = read_one(cluster(f"{EVERYONE}\negress:\n- {{{rule}}}"))
    assert policy.egress.rules[0].peers == (
        NamePeer("example.com", None),
        NamePeer(None, "**.example.com"),
    )


ANY = (Protocol.TCP, Protocol.UDP, Protocol.SCTP)
PROTOCOLS: list[tuple[str, TrafficMatch]] = [
    (
        "{tcp: {destinationPort: {number: 80}}}",
        PortMatch((Protocol.TCP,), PortRange(80, 80)),
    ),
    (
        "{sctp: {destinationPort: {range: {start: 1, end: 65535}}}}",
        PortMatch((Protocol.SCTP,), PortRange(1, 65535)),
    ),
    ("{destinationNamedPort: http}", NamedPortMatch(ANY, "http")),
]


@pytest.mark.parametrize(("protocol", "match"), PROTOCOLS)
def test_protocols(protocol: str, match: TrafficMatch) -> None:
    """A number, a range, or a name of any protocol."""
    rule = f"action: Accept, from: [{{namespaces: {{}}}}], protocols: [{protocol}]"
    policy = read_one(cluster(f"{EVERYONE}\ningress:\n- {{{rule}}}"))
    assert policy.ingress.rules[0].traffic == (match,)


PEER = "to: [{namespaces: {}}]"
MISTAKES = [
    (f"action: Allow, {PEER}", "E1007 Allow"),
    (f"action: deny, {PEER}", "E1007 deny"),
    ("action: Deny, to: []", "E1051 []"),
    ("action: Deny", "E1006 {action: Deny}"),
    ("action: Deny, to: [{}]", "E1050 {}"),
    ("action: Deny, to: [{namespaces: {}, networks: [10.0.0.0/8]}]", "E1050 networks"),
    ("action: Deny, to: [{networks: []}]", "E1051 []"),
    ("action: Deny, to: [{networks: [10.0.0.1]}]", "E1040 10.0.0.1"),
    (
        "action: Deny, to: [{pods: {namespaceSelector: {}}}]",
        "E1006 {namespaceSelector: {}}",
    ),
    ("action: Accept, to: [{domainNames: [example]}]", "E1056 example"),
    ("action: Accept, to: [{domainNames: ['a.*.com']}]", "E1056 'a.*.com'"),
    ("action: Deny, to: [{domainNames: [example.com]}]", "E1060 example.com"),
    ("action: Deny, from: [{namespaces: {}}], " + PEER, "E1009 from"),
    (f"action: Deny, {PEER}, ports: []", "E1004 ports"),
    (f"action: Deny, {PEER}, protocols: []", "E1051 []"),
    (f"action: Deny, {PEER}, protocols: [{{}}]", "E1050 {}"),
    (f"action: Deny, {PEER}, protocols: [{{tcp: {{}}}}]", "E1006 {}"),
    (
        f"action: Deny, {PEER}, protocols: [{{tcp: {{destinationPort: {{number: 0}}}}}}]",
        "E1013 0",
    ),
    (
        f"action: Deny, {PEER}, "
        "protocols: [{tcp: {destinationPort: {range: {start: 5, end: 5}}}}]",
        "E1043 {start: 5, end: 5}",
    ),
    (f"action: Deny, {PEER}, protocols: [{{destinationNamedPort: a_b}}]", "E1042 a_b"),
    (
        "action: Deny, to: [{nodes: {}}], protocols: [{destinationNamedPort: http}]",
        "W1059 nodes",
    ),
]


@pytest.mark.parametrize(("rule", "said"), MISTAKES)
def test_mistakes(rule: str, said: str) -> None:
    """What the schema of v1alpha2 refuses is one diagnostic at the word that is wrong."""
    assert _egress(rule) == [said]


def test_mistakes_of_the_spec() -> None:
    """Tier, priority and subject are required and limited."""
    assert words(cluster(EVERYONE, tier="admin")) == ["E1007 admin"]
    assert words(cluster(EVERYONE, priority=1001)) == ["E1013 1001"]
    assert words(cluster("subject: {}")) == ["E1050 {}"]
    two = "subject: {namespaces: {}, pods: {podSelector: {}}}"
    assert words(cluster(two)) == ["E1050 pods"]
    nodes = "{action: Deny, from: [{nodes: {}}]}"
    text = cluster(f"{EVERYONE}\ningress: [{nodes}]")
    assert words(text) == ["E1009 nodes"]


def test_equal_priorities_are_said_once() -> None:
    """Only within a tier, and naming the policy that is asked first."""
    texts = [
        cluster(EVERYONE, tier=tier, priority=priority).replace("web", name)
        for name, tier, priority in [
            ("b", "Admin", 5),
            ("a", "Admin", 5),
            ("c", "Admin", 6),
            ("d", "Baseline", 5),
        ]
    ]
    policies, diagnostics = read_policies("---\n".join(texts))
    report_equal_priorities(policies, diagnostics)
    (only,) = diagnostics.found
    assert only.code == "N1043"
    assert only.message.endswith("'a' is asked first")
    assert [said for _, said in only.related] == ["also 'b'"]
