"""IR values in few words, for tests of the passes."""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING

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
from lockgate.ir.labels import NAMESPACE, Label, Operator, Requirement, Selector
from lockgate.ir.policy import (
    Action,
    IcmpMatch,
    LabelPeer,
    NamedPortMatch,
    NetworkPeer,
    Policy,
    PortMatch,
    PortRange,
    Protocol,
    Rule,
    Scope,
    Section,
    Tier,
)
from lockgate.options import Options
from lockgate.passes.pipeline import build_tables
from lockgate.source import Source, Span

if TYPE_CHECKING:
    from lockgate.ir.policy import Peer, TrafficMatch
    from lockgate.ir.tables import Decision, Tables, VerdictTable

SOURCE = Source("policies.yaml", "kind: NetworkPolicy\n" * 100)
TCP, UDP, SCTP = Protocol.TCP, Protocol.UDP, Protocol.SCTP
EVERYTHING = Selector()


def span(line: int = 1) -> Span:
    """Return a place in the source of these tests."""
    start = SOURCE.offset(line)
    return Span(SOURCE, start, start + 4)


def labels(text: str, namespace: str | None = None) -> tuple[Label, ...]:
    """Return labels of source k8s: ``a=b c=d``; a word with a colon has its own source."""
    found = []
    for word in text.split():
        source, _, rest = word.rpartition(":")
        key, _, value = rest.partition("=")
        found.append(Label(source or "k8s", key, value))
    if namespace:
        found.append(Label("k8s", NAMESPACE, namespace))
    return tuple(sorted(found))


def endpoint(
    name: str,
    text: str,
    *addresses: str,
    node: str | None = "node-1",
    ports: tuple[NamedPort, ...] = (),
) -> Endpoint:
    """Return an endpoint ``namespace/name`` with labels and addresses."""
    namespace, _, own = name.partition("/")
    return Endpoint(
        namespace,
        own,
        labels(text, namespace),
        tuple(map(ip_address, addresses)),
        node,
        ports,
        span(),
    )


def node(name: str, text: str, *addresses: str) -> Node:
    """Return a node."""
    return Node(name, labels(text), tuple(map(ip_address, addresses)), span())


def service(name: str, address: str, port: int, *backends: str) -> Service:
    """Return a service of one TCP port; backends are ``address:port`` (IPv4)."""
    namespace, _, own = name.partition("/")
    ready = []
    for backend in backends:
        host, _, number = backend.rpartition(":")
        ready.append(Backend(ip_address(host), int(number)))
    return Service(
        namespace,
        own,
        (),
        (ip_address(address),),
        (ServicePort(TCP, port, "", tuple(ready)),),
        tuple(backend.address for backend in ready),
        has_selector=True,
        span=span(90),
    )


def selector(text: str, source: str = "any") -> Selector:
    """Return a selector: ``a=b !c d`` (a value, absent, present)."""
    requirements = []
    for word in text.split():
        if word.startswith("!"):
            requirements.append(Requirement(source, word[1:], Operator.DOES_NOT_EXIST))
        elif "=" in word:
            key, _, value = word.partition("=")
            requirements.append(Requirement(source, key, Operator.IN, (value,)))
        else:
            requirements.append(Requirement(source, word, Operator.EXISTS))
    return Selector(tuple(requirements))


def pods(text: str) -> LabelPeer:
    """Return the peer of a selector."""
    return LabelPeer(selector(text))


def network(text: str, *excepts: str, scope: Scope = Scope.WORLD) -> NetworkPeer:
    """Return the peer of a prefix."""
    return NetworkPeer(ip_network(text), tuple(map(ip_network, excepts)), scope)


def tcp(first: int, last: int | None = None) -> PortMatch:
    """Return a match of TCP ports."""
    return PortMatch((TCP,), PortRange(first, first if last is None else last))


def named(name: str) -> NamedPortMatch:
    """Return a match of a named TCP port."""
    return NamedPortMatch((TCP,), name)


def icmp(number: int | None) -> IcmpMatch:
    """Return a match of an ICMP type."""
    return IcmpMatch(Protocol.ICMP, number)


def rule(
    *peers: Peer,
    traffic: tuple[TrafficMatch, ...] | None = None,
    action: Action = Action.ALLOW,
    line: int = 1,
) -> Rule:
    """Return a rule."""
    return Rule(f"spec.rules[{line}]", span(line), action, peers, traffic)


def policy(
    name: str,
    subject: str,
    *,
    ingress: tuple[Rule, ...] | None = None,
    egress: tuple[Rule, ...] | None = None,
    tier: Tier = Tier.NORMAL,
    order: int = 0,
    isolates: bool = True,
    is_audited: bool = False,
) -> Policy:
    """Return a policy; in NORMAL it isolates in the directions that are given."""
    normal = isolates and tier is Tier.NORMAL
    return Policy(
        "CiliumNetworkPolicy",
        "shop",
        name,
        span(),
        selector(subject),
        tier=tier,
        order=order,
        ingress=Section(normal and ingress is not None, ingress or ()),
        egress=Section(normal and egress is not None, egress or ()),
        is_audited=is_audited,
    )


# ---------------------------------------------------------------- looking up


def compiled(
    cluster: Cluster, *policies: Policy, options: Options | None = None
) -> Tables:
    """Compile without complaint."""
    diagnostics = Diagnostics()
    tables = build_tables(cluster, policies, None, options or Options(), diagnostics)
    assert diagnostics.ok, diagnostics.found
    return tables


def peer_of(tables: Tables, address: str) -> int:
    """Return the peer of an address: the longest prefix decides."""
    value = ip_address(address)
    width = {4: 32, 6: 128}[value.version]
    covering = [
        entry
        for entry in tables.addresses
        if entry.version == value.version
        and int(value) >> (width - entry.length)
        == entry.value >> (width - entry.length)
    ]
    return max(covering, key=lambda entry: entry.length).peer


def table_of(tables: Tables, key: str, direction: str) -> VerdictTable:
    """Return the table of an endpoint."""
    entry = next(e for e in tables.endpoints if f"{e.namespace}/{e.name}" == key)
    ingress = direction == "ingress"
    return tables.tables[entry.ingress_table if ingress else entry.egress_table]


def decision(
    tables: Tables, table: VerdictTable, peer: int, protocol: int, port: int = 0
) -> Decision:
    """Return what a table says of a peer and a port."""
    row = table.rows[tables.peers[peer].identity_class]
    interval = table.intervals[tables.atoms.find(protocol, port)]
    return tables.decisions[table.cells[row * table.interval_count + interval]]


def verdict(
    tables: Tables,
    direction: str,
    subject: str,
    other: str,
    port: int = 80,
    protocol: int = TCP,
) -> str:
    """Return the outcome at ``subject`` of traffic with the address ``other``."""
    table = table_of(tables, subject, direction)
    found = decision(tables, table, peer_of(tables, other), protocol, port)
    return found.outcome.name
