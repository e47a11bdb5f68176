"""Tables against the slow evaluator: random clusters, policies and packets."""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

from lockgate.diagnostics import Diagnostics
from lockgate.ir.cluster import (
    Backend,
    Cluster,
    Endpoint,
    NamedPort,
    Node,
    Service,
    ServicePort,
)
from lockgate.ir.l7 import L7Rules, Parser
from lockgate.ir.labels import Label, Operator, Requirement, Selector
from lockgate.ir.policy import (
    Action,
    AnyPeer,
    Direction,
    Entity,
    EntityPeer,
    IcmpMatch,
    LabelPeer,
    NamedPortMatch,
    NamePeer,
    NetworkPeer,
    Policy,
    PortMatch,
    PortRange,
    Protocol,
    ProtocolMatch,
    Rule,
    Scope,
    Section,
    SubjectKind,
    Tier,
)
from lockgate.ir.verify import verify_tables
from lockgate.options import EnforcementMode, Options, Semantics
from lockgate.passes.pipeline import build_tables
from tests.passes.ir_values import decision, peer_of, span
from tests.passes.slow_evaluator import judge, other_at

if TYPE_CHECKING:
    from random import Random

    from lockgate.ir.labels import Labels
    from lockgate.ir.policy import Peer

KEYS = ("a", "b", "pod-template-hash")
VALUES = ("", "x", "y")
PORTS = (0, 53, 79, 80, 81, 443, 65535)
NAMES = ("http", "dns", "nobody")
WITH_PORTS = (Protocol.TCP, Protocol.UDP, Protocol.SCTP)
ADDRESSES = [ip_address(f"10.0.{i // 4}.{i % 4}") for i in range(16)]
NODE_ADDRESSES = [ip_address(text) for text in ("10.0.9.1", "10.0.9.2", "fd00::9")]
SERVICE_ADDRESSES = [ip_address(text) for text in ("10.0.8.1", "10.0.8.2")]
PROBES = [
    *ADDRESSES,
    *NODE_ADDRESSES,
    *SERVICE_ADDRESSES,
    *map(ip_address, ("10.0.2.77", "8.8.8.8", "fd00::1", "2001:db8::1", "10.0.7.7")),
]
NETWORKS = [
    ip_network(text)
    for text in (
        *("0.0.0.0/0", "10.0.0.0/8", "10.0.0.0/22", "10.0.0.0/23", "10.0.1.0/24"),
        *("10.0.0.2/31", "10.0.0.1/32", "10.0.9.0/24", "8.8.8.8/32", "10.0.8.1/32"),
        *("::/0", "fd00::/8", "fd00::9/128"),
    )
]


def _labels(source: str) -> st.SearchStrategy[Labels]:
    pairs = st.dictionaries(st.sampled_from(KEYS), st.sampled_from(VALUES), max_size=3)
    return pairs.map(lambda d: tuple(sorted(Label(source, k, v) for k, v in d.items())))


NAMED = st.builds(
    NamedPort,
    st.sampled_from(NAMES[:2]),
    st.sampled_from(WITH_PORTS[:2]),
    st.sampled_from(PORTS),
)


@st.composite
def clusters(draw: st.DrawFn) -> Cluster:
    """Draw a cluster whose addresses prefixes tell apart."""
    free = draw(st.permutations(ADDRESSES))
    endpoints = []
    for number in range(draw(st.integers(0, 6))):
        labels = draw(_labels("k8s"))
        if draw(st.integers(0, 9)) == 0:
            labels = (Label("reserved", "init"),)
        endpoints.append(
            Endpoint(
                "shop",
                f"pod-{number}",
                labels,
                tuple(free.pop() for _ in range(draw(st.integers(0, 2)))),
                draw(st.sampled_from(["node-0", "node-1", None])),
                tuple(draw(st.lists(NAMED, max_size=2))),
                span(),
            )
        )
    nodes = [
        Node(f"node-{n}", draw(_labels("k8s")), addresses, span())
        for n, addresses in enumerate(
            (tuple(NODE_ADDRESSES[:1]), tuple(NODE_ADDRESSES[1:]))
        )
    ]
    services = []
    for number, address in enumerate(SERVICE_ADDRESSES):
        backends = st.builds(
            Backend,
            st.sampled_from([*ADDRESSES, *NODE_ADDRESSES, ip_address("8.8.8.8")]),
            st.sampled_from(PORTS),
        )
        ports = [
            ServicePort(protocol, port, "", tuple(draw(st.lists(backends, max_size=3))))
            for protocol, port in ((Protocol.TCP, 80), (Protocol.UDP, 53))
        ]
        services.append(
            Service(
                "shop", f"s{number}", (), (address,), tuple(ports), (), True, span()
            )
        )
    some_api = st.sampled_from([*NODE_ADDRESSES, ip_address("10.0.7.7")])
    return Cluster(
        endpoints=tuple(endpoints),
        nodes=tuple(nodes),
        services=tuple(services),
        api_server_addresses=tuple(draw(st.lists(some_api, max_size=1))),
    )


REQUIREMENTS = st.builds(
    lambda source, key, operator, values: Requirement(
        source,
        key,
        operator,
        tuple(sorted(values)) if "In" in operator.value else (),
    ),
    st.sampled_from(["any", "any", "k8s", "node", "reserved"]),
    st.sampled_from([*KEYS, "world", "remote-node", "host"]),
    st.sampled_from(Operator),
    st.sets(st.sampled_from(VALUES), min_size=1),
)
SELECTORS = st.lists(REQUIREMENTS, max_size=2).map(lambda r: Selector(tuple(r)))


@st.composite
def networks(draw: st.DrawFn) -> NetworkPeer:
    """Draw a prefix with exceptions inside of it."""
    network = draw(st.sampled_from(NETWORKS))
    inside = [
        n
        for n in NETWORKS
        if n.version == network.version and n != network and n.subnet_of(network)  # type: ignore[arg-type]  # same version
    ]
    excepts = draw(st.lists(st.sampled_from(inside), max_size=2)) if inside else []
    return NetworkPeer(network, tuple(excepts), draw(st.sampled_from(Scope)))


PEERS: st.SearchStrategy[Peer] = st.one_of(
    st.just(AnyPeer()),
    st.builds(LabelPeer, SELECTORS),
    st.builds(EntityPeer, st.sampled_from(Entity)),
    networks(),
    st.just(NamePeer("example.com", None)),
)
RANGES = st.tuples(st.sampled_from(PORTS), st.sampled_from(PORTS)).map(
    lambda pair: PortRange(*sorted(pair))
)
SOME_PROTOCOLS = st.sets(st.sampled_from(WITH_PORTS), min_size=1).map(
    lambda some: tuple(sorted(some))
)
TRAFFIC = st.one_of(
    st.builds(PortMatch, SOME_PROTOCOLS, RANGES),
    st.builds(NamedPortMatch, SOME_PROTOCOLS, st.sampled_from(NAMES)),
    st.builds(
        IcmpMatch,
        st.sampled_from([Protocol.ICMP, Protocol.ICMPV6]),
        st.sampled_from([None, 0, 8]),
    ),
    st.builds(ProtocolMatch, st.sampled_from([Protocol.GRE, Protocol.ESP])),
)
L7 = st.one_of(
    st.none(),
    st.none(),
    st.builds(L7Rules, st.just(Parser.HTTP), st.just(span(50))),
    st.builds(
        L7Rules,
        st.just(Parser.AUTHENTICATION),
        st.just(span(51)),
        authentication=st.sampled_from(["required", "disabled"]),
    ),
)


@st.composite
def policies(draw: st.DrawFn) -> list[Policy]:
    """Draw some policies of all tiers."""
    found = []
    for number in range(draw(st.integers(0, 4))):
        tier = draw(st.sampled_from([Tier.NORMAL, Tier.NORMAL, *Tier]))
        actions = [Action.ALLOW, Action.DENY]
        if tier is not Tier.NORMAL:
            actions.append(Action.PASS)
        sections = []
        for direction in Direction:
            rules = []
            for place in range(draw(st.integers(0, 3))):
                action = draw(st.sampled_from(actions))
                rules.append(
                    Rule(
                        f"spec.{direction.value}[{place}]",
                        span(place + 1),
                        action,
                        tuple(draw(st.lists(PEERS, min_size=1, max_size=2))),
                        draw(
                            st.none()
                            | st.lists(TRAFFIC, min_size=1, max_size=2).map(tuple)
                        ),
                        draw(L7) if action is Action.ALLOW else None,
                    )
                )
            isolates = tier is Tier.NORMAL and draw(st.booleans())
            sections.append(Section(isolates, tuple(rules)))
        found.append(
            Policy(
                "CiliumClusterwideNetworkPolicy",
                "",
                f"p{number}",
                span(),
                draw(SELECTORS),
                draw(st.sampled_from([SubjectKind.ENDPOINT] * 3 + [SubjectKind.HOST])),
                tier,
                draw(st.integers(0, 2)) if tier is not Tier.NORMAL else 0,
                "spec",
                ingress=sections[0],
                egress=sections[1],
                is_audited=draw(st.integers(0, 4)) == 0,
            )
        )
    return found


OPTIONS = st.builds(
    Options,
    semantics=st.sampled_from(Semantics),
    enforcement_mode=st.sampled_from(
        [EnforcementMode.DEFAULT, EnforcementMode.DEFAULT, *EnforcementMode]
    ),
    audit=st.sampled_from(
        [frozenset(), frozenset({"CiliumClusterwideNetworkPolicy/p1"})]
    ),
)
PACKETS = [(p, port) for p in WITH_PORTS for port in PORTS]
PACKETS += [(p, t) for p in (Protocol.ICMP, Protocol.ICMPV6) for t in (0, 8, 255)]
PACKETS += [(Protocol.GRE, 0), (Protocol.AH, 0)]


@given(clusters(), policies(), OPTIONS, st.randoms(use_true_random=False))
@settings(deadline=None, max_examples=60)
def test_tables_say_what_the_rules_say(
    cluster: Cluster, some: list[Policy], options: Options, chance: Random
) -> None:
    """Subjects, directions, peers and packets come out as the slow evaluator has it."""
    diagnostics = Diagnostics()
    tables = build_tables(cluster, some, None, options, diagnostics)
    assert diagnostics.ok, diagnostics.found
    verify_tables(tables)
    endpoints = [
        (endpoint, (entry.ingress_table, entry.egress_table), endpoint.node)
        for endpoint, entry in zip(cluster.endpoints, tables.endpoints, strict=True)
    ]
    hosts = [
        (node, (entry.ingress_table, entry.egress_table), node.name)
        for node, entry in zip(cluster.nodes, tables.hosts, strict=True)
    ]
    subjects: list[tuple[Endpoint | Node, tuple[int, int], str | None]]
    subjects = [*endpoints, *hosts]
    for subject, pair, home in subjects:
        for address in chance.sample(PROBES, 8):
            peer = peer_of(tables, str(address))
            other = other_at(cluster, address, home)
            if other.kind == "host":
                of_host = tables.peers[peer]
                serving = Label("reserved", "kube-apiserver") in other.labels
                peer = of_host.api_server_host if serving else of_host.host
            for direction, number in zip(Direction, pair, strict=True):
                table = tables.tables[number]
                for protocol, port in chance.sample(PACKETS, 10):
                    wanted = judge(
                        cluster,
                        some,
                        options,
                        subject,
                        direction,
                        other,
                        protocol,
                        port,
                    )
                    found = decision(tables, table, peer, protocol, port)
                    assert found.outcome.name == wanted, (
                        f"{direction} of {subject.name}, {address}, {protocol}, {port}: "
                        f"{found.outcome.name}, not {wanted}: "
                        f"{[tables.rules[rule].name for _, rule in found.chain]}"
                    )
