"""lockgate.frontend.cilium_rule and cilium_peers: peers and traffic of one element."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network

import pytest

from lockgate.ir.labels import Operator, Requirement, Selector
from lockgate.ir.policy import (
    ALL_PORTS,
    Action,
    AnyPeer,
    CidrGroupPeer,
    Entity,
    EntityPeer,
    IcmpMatch,
    LabelPeer,
    NamedPortMatch,
    NamePeer,
    NetworkPeer,
    Peer,
    PortMatch,
    PortRange,
    Protocol,
    ProtocolMatch,
    Rule,
    Scope,
    ServicePeer,
    TrafficMatch,
)
from lockgate.options import Options, Semantics
from tests.frontend.policy_texts import cilium, codes, read_one, words

NS = "io.kubernetes.pod.namespace"
NS_LABELS = "io.cilium.k8s.namespace.labels"
CLUSTER = "io.cilium.k8s.policy.cluster"


def _rules(element: str, *, direction: str = "egress") -> tuple[Rule, ...]:
    policy = read_one(cilium(f"{direction}:\n- {element}"))
    return policy.egress.rules if direction == "egress" else policy.ingress.rules


def _one(element: str) -> Rule:
    (rule,) = _rules(element)
    return rule


# ---------------------------------------------------------------- peers

ENDPOINTS = [
    ("{}", f"k8s:{CLUSTER}=default & k8s:{NS}=shop"),
    ("{matchLabels: {app: a}}", f"app=a & k8s:{CLUSTER}=default & k8s:{NS}=shop"),
    (f"{{matchLabels: {{{NS}: x}}}}", f"k8s:{CLUSTER}=default & {NS}=x"),
    (f"{{matchLabels: {{'k8s:{NS}': x}}}}", f"k8s:{CLUSTER}=default & k8s:{NS}=x"),
    (
        f"{{matchLabels: {{{NS_LABELS}.team: x}}}}",
        f"{NS_LABELS}.team=x & k8s:{CLUSTER}=default",
    ),
    (
        f"{{matchExpressions: [{{key: {NS}, operator: Exists}}]}}",
        f"k8s:{CLUSTER}=default & {NS}",
    ),
    (f"{{matchLabels: {{{CLUSTER}: c2}}}}", f"{CLUSTER}=c2 & k8s:{NS}=shop"),
    ("{matchLabels: {'reserved:host': ''}}", "reserved:host="),
    (
        "{matchLabels: {'k8s:app': a, 'container:b': c}}",
        f"k8s:app=a & container:b=c & k8s:{CLUSTER}=default & k8s:{NS}=shop",
    ),
]


@pytest.mark.parametrize(("selector", "meaning"), ENDPOINTS)
def test_endpoints_are_of_this_namespace_and_cluster(
    selector: str, meaning: str
) -> None:
    """A namespace, its labels or a cluster that is named replaces the default."""
    (peer,) = _one(f"toEndpoints: [{selector}]").peers
    assert isinstance(peer, LabelPeer)
    assert str(peer.selector) == meaning


def test_endpoints_of_a_clusterwide_policy_are_of_any_namespace() -> None:
    """``{}`` is everything with a namespace, so neither world nor nodes."""
    text = cilium("egress:\n- toEndpoints: [{}]", namespace="")
    (rule,) = read_one(text, Options(cluster_name="c1")).egress.rules
    assert [str(p.selector) for p in rule.peers if isinstance(p, LabelPeer)] == [
        f"k8s:{CLUSTER}=c1 & k8s:{NS}"
    ]
    init = cilium(
        "egress:\n- toEndpoints: [{}]",
        namespace="",
        selector="{matchLabels: {'reserved:init': ''}}",
    )
    (rule,) = read_one(init).egress.rules
    (peer,) = rule.peers
    assert isinstance(peer, LabelPeer)
    assert str(peer.selector) == f"k8s:{CLUSTER}=default"


def _selector(*requirements: Requirement) -> Selector:
    return Selector(requirements)


NETWORK = IPv4Network("10.0.0.0/8")
PEERS: list[tuple[str, tuple[Peer, ...]]] = [
    ("toEntities: [all, world]", (EntityPeer(Entity.ALL), EntityPeer(Entity.WORLD))),
    ("toEntities: [kube-apiserver]", (EntityPeer(Entity.KUBE_APISERVER),)),
    (
        "toCIDR: [10.0.0.0/8, 'fd00::/8']",
        (
            NetworkPeer(NETWORK, (), Scope.WORLD),
            NetworkPeer(IPv6Network("fd00::/8"), (), Scope.WORLD),
        ),
    ),
    (
        "toCIDRSet: [{cidr: 10.0.0.0/8, except: [10.1.0.0/16]}]",
        (NetworkPeer(NETWORK, (IPv4Network("10.1.0.0/16"),), Scope.WORLD),),
    ),
    (
        "toCIDRSet: [{cidrGroupRef: feed, except: [10.1.0.0/16]}]",
        (CidrGroupPeer("feed", None, (IPv4Network("10.1.0.0/16"),)),),
    ),
    (
        "toCIDRSet: [{cidrGroupSelector: {matchLabels: {'cidrgroup:env': prod}}}]",
        (
            CidrGroupPeer(
                None, _selector(Requirement("any", "env", Operator.IN, ("prod",)))
            ),
        ),
    ),
    (
        "toNodes: [{matchLabels: {role: worker}}]",
        (
            LabelPeer(
                _selector(
                    Requirement("reserved", "remote-node", Operator.EXISTS),
                    Requirement("node", "role", Operator.IN, ("worker",)),
                )
            ),
        ),
    ),
    (
        "toServices: [{k8sService: {serviceName: db, namespace: data}}]",
        (ServicePeer("data", "db", None),),
    ),
    (
        "toServices: [{k8sServiceSelector: {selector: {matchLabels: {a: b}}}}]",
        (
            ServicePeer(
                None, None, _selector(Requirement("any", "a", Operator.IN, ("b",)))
            ),
        ),
    ),
    (
        "toFQDNs: [{matchName: a.example}, {matchPattern: '*.example'}]",
        (NamePeer("a.example", None), NamePeer(None, "*.example")),
    ),
]


@pytest.mark.parametrize(("element", "peers"), PEERS)
def test_every_kind_of_peer(element: str, peers: tuple[Peer, ...]) -> None:
    """Peers without ports are about all traffic, ICMP too."""
    rule = _one(element)
    assert rule.peers == peers
    assert rule.traffic is None
    assert rule.action is Action.ALLOW


def test_absent_peers_are_anyone_and_empty_ones_nobody() -> None:
    """With ports, no field of peers is everyone; an empty list selects nothing."""
    ports = "toPorts: [{ports: [{port: '80', protocol: TCP}]}]"
    assert _one(ports).peers == (AnyPeer(),)
    for name in ("toEndpoints", "toCIDR", "toEntities", "toFQDNs", "toServices"):
        empty = f"{name}: []\n  {ports}"
        assert _one(empty).peers == ()
        assert codes(cilium(f"egress:\n- {empty}")) == ["W1042 7:5"]


# ---------------------------------------------------------------- traffic

ANY = (Protocol.TCP, Protocol.UDP, Protocol.SCTP)
TRAFFIC: list[tuple[str, TrafficMatch]] = [
    ("{port: '80', protocol: TCP}", PortMatch((Protocol.TCP,), PortRange(80, 80))),
    ("{port: '80'}", PortMatch(ANY, PortRange(80, 80))),
    ("{port: '80', protocol: ANY}", PortMatch(ANY, PortRange(80, 80))),
    ("{port: '0', protocol: SCTP}", PortMatch((Protocol.SCTP,), ALL_PORTS)),
    ("{port: '80', endPort: 90}", PortMatch(ANY, PortRange(80, 90))),
    ("{port: '80', endPort: 0}", PortMatch(ANY, PortRange(80, 80))),
    ("{port: HTTP-alt, protocol: TCP}", NamedPortMatch((Protocol.TCP,), "http-alt")),
    ("{port: 0x50}", NamedPortMatch(ANY, "0x50")),
    ("{protocol: GRE}", ProtocolMatch(Protocol.GRE)),
    ("{protocol: VRRP, port: '0'}", ProtocolMatch(Protocol.VRRP)),
]


@pytest.mark.parametrize(("port", "match"), TRAFFIC)
def test_ports(port: str, match: TrafficMatch) -> None:
    """ANY is TCP, UDP and SCTP; "0" is every port; names are in lower case."""
    if port == "{port: 0x50}":
        port = "{port: '0x50'}"
    assert _one(f"toPorts: [{{ports: [{port}]}}]").traffic == (match,)


def test_each_element_of_to_ports_is_a_rule() -> None:
    """Path and line tell them apart; peers are shared."""
    element = """
        toEntities: [world]
        toPorts:
        - ports: [{port: '80'}, {port: '81'}]
        - ports: [{port: '90'}]
    """.strip().replace("\n      ", "\n")
    first, second = _rules(element)
    assert first.peers == second.peers
    assert first.traffic is not None
    assert len(first.traffic) == 2
    assert first.path == "spec.egress[0].toPorts[0]"
    assert second.path == "spec.egress[0].toPorts[1]"
    assert (first.span.line, second.span.line) == (9, 10)
    assert _one("toPorts: [{ports: [{port: '80'}]}]").span.line == 7


def test_an_element_without_ports_matches_nothing() -> None:
    """So it is in Cilium: the list is there, and nothing in it."""
    assert _one("toPorts: [{}]").traffic == ()
    assert codes(cilium("egress:\n- toPorts: [{}]")) == ["W1042 7:15"]
    assert _one("icmps: [{}]").traffic == ()
    assert codes(cilium("egress:\n- icmps: [{}]")) == ["W1042 7:13"]


def test_reversed_ranges_mean_what_cilium_makes_of_them() -> None:
    """An endPort that makes no range is no range, with a warning."""
    text = "toPorts: [{ports: [{port: '80', endPort: 70}]}]"
    assert _one(text).traffic == (PortMatch(ANY, PortRange(80, 80)),)
    assert codes(cilium(f"egress:\n- {text}")) == ["W1047 7:46"]
    text = "toPorts: [{ports: [{port: '0', endPort: 70}]}]"
    assert _one(text).traffic == (PortMatch(ANY, ALL_PORTS),)


ICMP = [
    ("{type: 8}", IcmpMatch(Protocol.ICMP, 8)),
    ("{type: '8'}", IcmpMatch(Protocol.ICMP, 8)),
    ("{type: EchoRequest}", IcmpMatch(Protocol.ICMP, 8)),
    ("{type: EchoRequest, family: IPv6}", IcmpMatch(Protocol.ICMPV6, 128)),
    ("{type: 255, family: IPv6}", IcmpMatch(Protocol.ICMPV6, 255)),
    ("{type: 0}", IcmpMatch(Protocol.ICMP, 0)),
]


@pytest.mark.parametrize(("field", "match"), ICMP)
def test_icmp_types(field: str, match: IcmpMatch) -> None:
    """By number or name; IPv4 where no family is given."""
    rule = _one(f"icmps: [{{fields: [{field}]}}]")
    assert rule.traffic == (match,)
    assert rule.path == "spec.egress[0].icmps[0]"


def test_icmp_type_zero_is_every_type_in_cilium() -> None:
    """The deviation is said where the specification is followed."""
    text = cilium("egress:\n- icmps: [{fields: [{type: EchoReply}]}]")
    options = Options(semantics=Semantics.CILIUM)
    (rule,) = read_one(text, options).egress.rules
    assert rule.traffic == (IcmpMatch(Protocol.ICMP, None),)
    assert codes(text) == ["N1041 7:30"]
    assert codes(text, options) == []


# ---------------------------------------------------------------- mistakes

MISTAKES = [
    ("toEndpoints: [{}], toCIDR: [10.0.0.0/8]", "E1044 toCIDR"),
    ("toEntities: [wrold]", "E1007 wrold"),
    ("toEntities: [World]", "E1007 World"),
    ("toCIDR: [10.0.0.1]", "E1040 10.0.0.1"),
    ("toCIDR: [10.0.0.0/33]", "E1040 10.0.0.0/33"),
    ("toCIDR: [10.0.0.0/255.0.0.0]", "E1040 10.0.0.0/255.0.0.0"),
    ("toCIDR: ['::ffff:10.0.0.0/104']", "E1040 '::ffff:10.0.0.0/104'"),
    ("toCIDR: [10.0.0.1/8]", "W1040 10.0.0.1/8"),
    ("toCIDRSet: [{cidr: 10.0.0.0/8, except: [11.0.0.0/8]}]", "E1041 11.0.0.0/8"),
    ("toCIDRSet: [{cidr: 10.0.0.0/16, except: [10.0.0.0/8]}]", "E1041 10.0.0.0/8"),
    ("toCIDRSet: [{cidr: 10.0.0.0/8, cidrGroupRef: a}]", "E1050 cidrGroupRef"),
    ("toCIDRSet: [{except: [10.0.0.0/8]}]", "E1050 {except: [10.0.0.0/8]}"),
    ("toServices: [{}]", "E1050 {}"),
    ("toServices: [{k8sService: {namespace: a}}]", "E1006 {namespace: a}"),
    ("toFQDNs: [{matchName: '*.a'}]", "E1056 '*.a'"),
    ("toFQDNs: [{matchName: a, matchPattern: b}]", "E1050 matchPattern"),
    ("toGroups: [{aws: {}}]", "E1058 toGroups"),
    ("toRequires: [{}]", "E1057 toRequires"),
    ("auth: {mode: required}", "E1004 auth"),
    ("fromEndpoints: [{}]", "E1009 fromEndpoints"),
    ("ports: [{port: '80'}]", "E1009 ports"),
    ("toPorts: [{ports: [{port: '80'}], http: [{}]}]", "E1009 http"),
    ("toPorts: [{ports: [{port: 80}]}]", "E1005 80"),
    ("toPorts: [{ports: [{port: '65536'}]}]", "E1042 '65536'"),
    ("toPorts: [{ports: [{port: a_b}]}]", "E1042 a_b"),
    ("toPorts: [{ports: [{port: a-very-long-name}]}]", "E1042 a-very-long-name"),
    ("toPorts: [{ports: [{port: http, endPort: 90}]}]", "E1043 90"),
    ("toPorts: [{ports: [{port: '80', protocol: tcp}]}]", "E1007 tcp"),
    ("toPorts: [{ports: [{port: '80', protocol: ICMP}]}]", "E1052 ICMP"),
    ("toPorts: [{ports: [{port: '80', protocol: GRE}]}]", "E1052 '80'"),
    ("toPorts: [{ports: [{protocol: TCP}]}]", "E1006 {protocol: TCP}"),
    ("icmps: [{fields: [{type: 256}]}]", "E1046 256"),
    ("icmps: [{fields: [{type: Ping}]}]", "E1046 Ping"),
    ("icmps: [{fields: [{family: IPv4}]}]", "E1006 {family: IPv4}"),
    ("icmps: [{fields: [{type: 8, family: ipv4}]}]", "E1007 ipv4"),
    (
        "icmps: [{fields: [{type: 8}]}], toPorts: [{ports: [{port: '80'}]}]",
        "E1045 icmps",
    ),
]


@pytest.mark.parametrize(("element", "said"), MISTAKES)
def test_mistakes(element: str, said: str) -> None:
    """Each is one diagnostic at the word that is wrong."""
    assert words(cilium(f"egress:\n- {{{element}}}")) == [said]


DENY_MISTAKES = [
    ("toFQDNs: [{matchName: a}]", "E1009 toFQDNs"),
    ("authentication: {mode: required}", "E1009 authentication"),
    ("toPorts: [{ports: [{port: '80'}], rules: {http: [{}]}}]", "E1009 rules"),
]


@pytest.mark.parametrize(("element", "said"), DENY_MISTAKES)
def test_deny_rules_have_no_layer_7(element: str, said: str) -> None:
    """Names, authentication and L7 rules belong to allow rules."""
    assert words(cilium(f"egressDeny:\n- {{{element}}}")) == [said]


def test_deny_rules() -> None:
    """They stand in their direction with their own path."""
    policy = read_one(cilium("ingressDeny:\n- fromEntities: [world]"))
    (rule,) = policy.ingress.rules
    assert rule.action is Action.DENY
    assert rule.path == "spec.ingressDeny[0]"
