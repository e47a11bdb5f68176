"""Draw a least-privilege policy from what was recorded: who got through to whom.

Before: recorded flows that are counted.
After:  for each group of pods that a selector can mean, the peers and ports that its flows
        had in either direction, and nothing else.

A flow that got through needs both sides, so each of its ends that is a pod gets its rule.
What policies cannot say apart is one: pods with the same labels, the nodes of the cluster
but for a pod's own.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from ipaddress import collapse_addresses, ip_address, ip_network
from typing import TYPE_CHECKING, NamedTuple

from lockgate.ir.policy import Direction, Entity, Protocol
from lockgate.recordings.ends import End, EndKind, Ends
from lockgate.recordings.selections import Group, Groups, Selection
from lockgate.recordings.tally import FlowKey, Tally
from lockgate.review.workloads import workloads_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from ipaddress import IPv4Network, IPv6Network

    from lockgate.ir.cluster import Cluster, Endpoint
    from lockgate.recordings.record import Record
    from lockgate.recordings.tally import Seen

MOST_ADDRESSES = 50
"""So many addresses outside a rule may name one by one; beyond, it names all of a family."""

WHOLE_WORLD = {4: "0.0.0.0/0", 6: "::/0"}

PORTS = (Protocol.TCP, Protocol.UDP, Protocol.SCTP)
SPOKEN = (*PORTS, Protocol.ICMP, Protocol.ICMPV6)
"""Protocols that the suggested kind can name; a port "0" would mean every port."""

Traffic = tuple[Protocol, int]


@dataclass(slots=True)
class Evidence:
    """What speaks for a rule: lines of the recording, the last time, DNS names."""

    records: int = 0
    last: str = ""
    names: set[str] = field(default_factory=set)

    def add(self, seen: Seen) -> None:
        """Count what was seen of one flow."""
        self.records += seen.counts.total()
        self.last = max(self.last, seen.passes[1])
        self.names |= seen.names

    def join(self, other: Evidence) -> None:
        """Count what speaks for another rule that becomes part of this one."""
        self.records += other.records
        self.last = max(self.last, other.last)
        self.names |= other.names


class Outside(NamedTuple):
    """Addresses outside, as few prefixes as hold them exactly; or all of a family."""

    networks: tuple[str, ...]
    is_widened: bool = False

    def prefixes(self) -> list[IPv4Network | IPv6Network]:
        """Return the networks as values."""
        return [ip_network(text) for text in self.networks]


Peer = Group | Entity | Outside


class Allowance(NamedTuple):
    """One rule: a peer, the traffic with it, and what speaks for it."""

    peer: Peer
    traffic: tuple[Traffic, ...]
    evidence: Evidence


class Suggested(NamedTuple):
    """The policy of one group of pods; ``workloads`` are what people call them."""

    group: Group
    selection: Selection
    name: str
    workloads: tuple[str, ...]
    ingress: tuple[Allowance, ...]
    egress: tuple[Allowance, ...]


@dataclass(frozen=True, slots=True)
class Suggestion:
    """All policies, sorted; ``silent`` are workloads without a recorded flow."""

    policies: tuple[Suggested, ...]
    silent: tuple[str, ...]
    not_judged: Mapping[str, int]
    selections: Mapping[Group, Selection]

    @property
    def widened(self) -> int:
        """How many rules name all of an address family."""
        return sum(
            isinstance(rule.peer, Outside) and rule.peer.is_widened
            for policy in self.policies
            for rule in (*policy.ingress, *policy.egress)
        )


_Rules = dict[Group, dict[Direction, dict[Peer, dict[Traffic, Evidence]]]]


class Suggester:
    """Counts records, then draws policies from those that got through."""

    def __init__(self, cluster: Cluster, most_addresses: int = MOST_ADDRESSES) -> None:
        self._cluster = cluster
        self._most = most_addresses
        self._ends = Ends(cluster)
        self._groups = Groups(cluster.endpoints)
        self._api_servers = set(map(str, cluster.api_server_addresses))
        self._nodes = {node.name: node for node in cluster.nodes}
        self._pods = {
            address: pod for pod in cluster.endpoints for address in pod.addresses
        }
        self._services = {
            str(address): service
            for service in cluster.services
            for address in service.addresses
        }
        self._workloads = workloads_of(cluster)
        self._clients: dict[object, set[str]] = defaultdict(set)
        self._rules: _Rules = defaultdict(
            lambda: {
                Direction.INGRESS: defaultdict(lambda: defaultdict(Evidence)),
                Direction.EGRESS: defaultdict(lambda: defaultdict(Evidence)),
            }
        )
        self._not_judged: Counter[str] = Counter()
        self.tally = Tally(self._ends, self._refine)

    def add(self, records: Iterable[Record]) -> None:
        """Count records."""
        self.tally.add(records)

    def suggest(self, *, isolate_silent: bool = False) -> Suggestion:
        """Return the policies that allow what got through, and nothing else."""
        self._not_judged = Counter(self.tally.unknown)
        heard: set[Group] = set()
        for key, seen in self.tally.flows.items():
            heard |= {
                self._groups.of[end.name]
                for end in (key.source, key.destination)
                if end.kind is EndKind.POD
            }
            why = _why_not(key, seen)
            if why is not None:
                self._not_judged[why] += seen.counts.total()
            else:
                self._allow(key, seen)
        heard |= self._rules.keys()
        chosen = set(self._groups.members) if isolate_silent else heard
        return Suggestion(
            self._policies(chosen),
            tuple(sorted(self._people(set(self._groups.members) - chosen))),
            self._not_judged,
            {group: self._groups.selection(group) for group in self._groups.members},
        )

    # ------------------------------------------------------------ counting

    def _refine(self, key: FlowKey, _record: Record) -> FlowKey:
        """Let the family stand for addresses outside where there are too many."""
        source, destination = key.source, key.destination
        if destination.kind is EndKind.OUTSIDE and source.kind is EndKind.POD:
            return key._replace(destination=self._outside(source, destination, key))
        if source.kind is EndKind.OUTSIDE and destination.kind is EndKind.POD:
            return key._replace(source=self._outside(destination, source, key))
        return key

    def _outside(self, pod: End, end: End, key: FlowKey) -> End:
        version = _version(end.name)
        is_egress = pod is key.source
        group = self._groups.of[pod.name]
        known = self._clients[group, is_egress, version, key.protocol, key.port]
        if len(known) <= self._most:
            known.add(end.name)
        if len(known) <= self._most:
            return end
        whole = WHOLE_WORLD[version]
        return End(EndKind.OUTSIDE, whole, whole)

    # ------------------------------------------------------------ from flows to rules

    def _allow(self, key: FlowKey, seen: Seen) -> None:
        targets = self._targets(key)
        if not targets:
            why = f"flows to service {key.destination.name} on ports without backends"
            self._not_judged[why] += seen.counts.total()
        for destination, number in targets:
            self._allow_one(key.source, destination, (key.protocol, number), seen)

    def _targets(self, key: FlowKey) -> list[tuple[End, int]]:
        """Return who answers: the destination, or a service's backends at their ports."""
        service = self._services.get(key.destination.place)
        if key.destination.kind is not EndKind.SERVICE or service is None:
            return [(key.destination, key.port)]
        return [
            (self._backend(str(backend.address)), backend.port)
            for port in service.ports
            if (port.protocol, port.port) == (key.protocol, key.port)
            for backend in port.backends
        ]

    def _backend(self, address: str) -> End:
        pod = self._pods.get(ip_address(address))
        if pod is not None:
            return End(EndKind.POD, pod.key, address)
        for node in self._cluster.nodes:
            if ip_address(address) in node.addresses:
                return End(EndKind.NODE, node.name, address)
        return End(EndKind.OUTSIDE, address, address)

    def _allow_one(
        self, source: End, destination: End, traffic: Traffic, seen: Seen
    ) -> None:
        ends = ((source, destination), (destination, source))
        for direction, (ours, theirs) in zip(
            (Direction.EGRESS, Direction.INGRESS), ends, strict=True
        ):
            pod = self._ends.pod(ours)
            if pod is not None:
                rules = self._rules[self._groups.of[pod.key]][direction]
                rules[self._peer(pod, theirs)][traffic].add(seen)

    def _peer(self, pod: Endpoint, end: End) -> Peer:
        if end.kind is EndKind.POD:
            return self._groups.of[end.name]
        if end.kind is not EndKind.NODE:
            return Outside((end.name,))
        if end.place in self._api_servers:
            return Entity.KUBE_APISERVER
        is_own = end.name in ("@host", pod.node)
        return Entity.HOST if is_own else Entity.REMOTE_NODE

    # ------------------------------------------------------------ from rules to policies

    def _policies(self, groups: set[Group]) -> tuple[Suggested, ...]:
        names: Counter[tuple[str, str]] = Counter()
        policies = []
        for group in sorted(groups):
            people = self._people({group})
            name = _policy_name(people[0].rpartition("/")[2])
            names[group.namespace, name] += 1
            number = names[group.namespace, name]
            rules = self._rules[group]
            policies.append(
                Suggested(
                    group,
                    self._groups.selection(group),
                    name if number == 1 else f"{name}-{number}",
                    tuple(people),
                    self._allowances(rules[Direction.INGRESS]),
                    self._allowances(rules[Direction.EGRESS]),
                )
            )
        return tuple(policies)

    def _people(self, groups: set[Group]) -> list[str]:
        """Return what people call the pods of some groups."""
        pods = [pod.key for group in groups for pod in self._groups.members[group]]
        return sorted({self._workloads.of_pod(pod).key for pod in pods})

    def _allowances(
        self, rules: Mapping[Peer, Mapping[Traffic, Evidence]]
    ) -> tuple[Allowance, ...]:
        found = []
        outside: dict[Traffic, dict[str, Evidence]] = defaultdict(dict)
        for peer, by_traffic in rules.items():
            if not isinstance(peer, Outside):
                found.append(_allowance(peer, by_traffic))
                continue
            for traffic, evidence in by_traffic.items():
                outside[traffic][peer.networks[0]] = evidence
        return tuple(sorted([*found, *_outside(outside)], key=_order))


def _why_not(key: FlowKey, seen: Seen) -> str | None:
    """Say why a flow asks for no rule; None where it does."""
    if not seen.passed:
        return "flows that were denied"
    if EndKind.POD not in (key.source.kind, key.destination.kind):
        return "flows in which no pod takes part"
    if key.protocol not in SPOKEN:
        return f"flows of {key.protocol.name}, which the suggested kind cannot name"
    if key.protocol in PORTS and key.port == 0:
        return f"flows of {key.protocol.name} to port 0, which no policy can name"
    return None


def _allowance(peer: Peer, by_traffic: Mapping[Traffic, Evidence]) -> Allowance:
    """Return one rule for all traffic with a peer."""
    evidence = Evidence()
    for one in by_traffic.values():
        evidence.join(one)
    return Allowance(peer, tuple(sorted(by_traffic)), evidence)


def _outside(found: Mapping[Traffic, Mapping[str, Evidence]]) -> list[Allowance]:
    """Return a rule for each set of prefixes; traffic with the same ones is one rule."""
    by_networks: dict[Outside, dict[Traffic, Evidence]] = defaultdict(dict)
    for traffic, addresses in found.items():
        for version in (4, 6):
            own = {a: e for a, e in addresses.items() if _version(a) == version}
            if own:
                networks = _prefixes(own, version)
                evidence = by_networks[networks][traffic] = Evidence()
                for one in own.values():
                    evidence.join(one)
    return [_allowance(networks, traffic) for networks, traffic in by_networks.items()]


def _prefixes(addresses: Iterable[str], version: int) -> Outside:
    whole = WHOLE_WORLD[version]
    if whole in addresses:
        return Outside((whole,), is_widened=True)
    networks: list[IPv4Network | IPv6Network] = [ip_network(a) for a in addresses]
    merged = collapse_addresses(networks)  # type: ignore[type-var]  # of one version
    return Outside(tuple(str(network) for network in merged))


def _version(text: str) -> int:
    return 6 if ":" in text else 4


def _order(allowance: Allowance) -> tuple[int, str, tuple[Traffic, ...]]:
    peer = allowance.peer
    if isinstance(peer, Group):
        return 0, str(peer), allowance.traffic
    if isinstance(peer, Entity):
        return 1, peer.value, allowance.traffic
    return 2, str(peer.networks), allowance.traffic


def _policy_name(workload: str) -> str:
    """Return a legal name (RFC 1123) for the policy of a workload."""
    name = "".join(c if c.isascii() and c.isalnum() else "-" for c in workload.lower())
    return f"suggested-{name.strip('-')}"[:240].rstrip("-")
