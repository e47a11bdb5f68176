"""A small world with a policy of everything, as plain rules and as verdict tables."""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from ipaddress import ip_network

from lockgate.ir.policy import Direction, Protocol, Tier
from lockgate.ir.tables import (
    AddressEntry,
    Decision,
    EndpointEntry,
    HostEntry,
    Identity,
    Outcome,
    PeerEntry,
    PortAtoms,
    Rows,
    RuleEntry,
    Tables,
    VerdictTable,
)

WORLD, WEB, CLIENT, STRANGER, HOST, REMOTE_NODE = range(6)
"""Identity classes, and places in ``IDENTITIES``."""

IDENTITIES = (2, 300, 301, 302, 1, 6)

PREFIXES = {
    "0.0.0.0/0": WORLD,
    "::/0": WORLD,
    "10.0.0.1/32": WEB,
    "fd00::1/128": WEB,
    "10.0.0.101/32": WEB,
    "fd00::101/128": WEB,
    "10.0.0.2/32": CLIENT,
    "fd00::2/128": CLIENT,
    "10.0.0.3/32": STRANGER,
    "fd00::3/128": STRANGER,
    "10.9.0.1/32": HOST,
    "fd00:9::1/128": HOST,
    "10.9.0.2/32": REMOTE_NODE,
    "fd00:9::2/128": REMOTE_NODE,
    # A prefix within one byte, one across bytes, one that an address takes a hole from.
    "192.0.2.0/28": STRANGER,
    "198.18.0.0/15": CLIENT,
    "198.18.7.7/32": STRANGER,
    "2001:db8:1::/48": CLIENT,
}

PORTED = (Protocol.TCP, Protocol.UDP, Protocol.SCTP)


@dataclass(frozen=True)
class Rule:
    """What one rule says; ``peers`` None is everybody, ``protocol`` None all traffic.

    ``first`` and ``last`` are destination ports, or types of ICMP.
    """

    peers: frozenset[int] | None
    protocol: int | None
    first: int = 0
    last: int = 65535
    outcome: Outcome = Outcome.ALLOW

    def matches(self, peer: int, protocol: int, port: int) -> bool:
        """Whether the rule is about this packet."""
        if self.peers is not None and peer not in self.peers:
            return False
        if self.protocol is None:
            return True
        return protocol == self.protocol and self.first <= port <= self.last


def _from(*peers: int) -> frozenset[int]:
    return frozenset(peers)


POLICIES: dict[str, tuple[Direction, tuple[Rule, ...] | None]] = {
    # The first rule that matches decides; nothing matching is a denial; None is no policy.
    "no-policy-ingress": (Direction.INGRESS, None),
    "no-policy-egress": (Direction.EGRESS, None),
    "web-ingress": (
        Direction.INGRESS,
        (
            Rule(_from(CLIENT), Protocol.TCP, 80, 89),
            Rule(_from(CLIENT), Protocol.TCP, 90, 90, Outcome.AUDIT),
            Rule(_from(CLIENT), Protocol.TCP, 91, 91, Outcome.REDIRECT),
            Rule(_from(CLIENT), Protocol.TCP, 92, 92, Outcome.AUTHENTICATE),
            Rule(_from(CLIENT), Protocol.TCP, 65535, 65535),
            Rule(_from(CLIENT, WORLD), Protocol.UDP, 53, 53),
            Rule(_from(CLIENT), Protocol.SCTP, 80, 80),
            Rule(_from(CLIENT), Protocol.ICMP, 8, 8),
            Rule(_from(CLIENT), Protocol.ICMPV6, 128, 128),
            Rule(_from(CLIENT), Protocol.GRE),
            Rule(_from(HOST), None),
        ),
    ),
    "web-egress": (
        Direction.EGRESS,
        (
            Rule(_from(STRANGER), None, outcome=Outcome.DENY),
            Rule(_from(CLIENT), Protocol.TCP, 5000, 5999),
            Rule(None, Protocol.UDP, 53, 67),
            Rule(None, Protocol.UDP, 547, 547),
            Rule(_from(HOST), Protocol.TCP, 1, 1024),
            Rule(None, Protocol.ICMP, 8, 8),
            Rule(None, Protocol.ICMPV6, 128, 128),
        ),
    ),
    "host-ingress": (
        Direction.INGRESS,
        (
            Rule(_from(WEB), Protocol.TCP, 22, 22),
            Rule(_from(REMOTE_NODE), Protocol.TCP, 10250, 10250),
            Rule(None, Protocol.ICMP, 8, 8),
        ),
    ),
    "host-egress": (
        Direction.EGRESS,
        (
            Rule(_from(WEB), Protocol.TCP, 80, 80),
            Rule(_from(REMOTE_NODE), Protocol.TCP, 443, 443),
        ),
    ),
    "closed-ingress": (Direction.INGRESS, ()),
    "closed-egress": (Direction.EGRESS, ()),
}

POLICY_NUMBERS = {name: number for number, name in enumerate(POLICIES)}

AXES = (
    (Protocol.TCP, 65536),
    (Protocol.UDP, 65536),
    (Protocol.SCTP, 65536),
    (Protocol.ICMP, 256),
    (Protocol.ICMPV6, 256),
    (None, 256),
)


def decide(policy: str, peer: int, protocol: int, port: int) -> Outcome:
    """Return what a policy says, straight from its rules."""
    rules = POLICIES[policy][1]
    if rules is None:
        return Outcome.ALLOW
    for rule in rules:
        if rule.matches(peer, protocol, port):
            return rule.outcome
    return Outcome.DENY


def build_tables(*, hosts_enforced: bool = True) -> Tables:
    """Build the same as verdict tables."""
    atoms = _atoms()
    rules, decisions, tables = [], [], []
    for name, (direction, policy) in POLICIES.items():
        numbers = []
        for i in range(len(policy or ()) + 1):
            is_last = i == len(policy or ())
            rule_name = f"Test/{name}#{i}"
            number = 1000 * (1 + POLICY_NUMBERS[name]) + i
            rules.append(RuleEntry(number, rule_name, (name,), (), "test"))
            if is_last:
                outcome = Outcome.ALLOW if policy is None else Outcome.DENY
            else:
                assert policy
                outcome = policy[i].outcome
            here = len(rules) - 1
            decisions.append(
                Decision(outcome, here, 0, (here,), ((Tier.NORMAL, here),))
            )
            numbers.append(len(decisions) - 1)
        tables.append(_table(name, direction, policy, numbers, atoms))
    peers = [
        PeerEntry(identity, number, number, number)
        for number, identity in enumerate(IDENTITIES)
    ]
    return Tables(
        identities=tuple(Identity(n, (), f"identity-{n}") for n in sorted(IDENTITIES)),
        peers=tuple(peers),
        class_count=len(IDENTITIES),
        addresses=tuple(
            AddressEntry.of(ip_network(prefix), peer)
            for prefix, peer in PREFIXES.items()
        ),
        atoms=atoms,
        tables=tuple(tables),
        decisions=tuple(decisions),
        rules=tuple(rules),
        endpoints=(
            EndpointEntry("default", "web", "node", 300, (), 2, 3),
            EndpointEntry("default", "client", "node", 301, (), 0, 1),
        ),
        hosts=(HostEntry("node", 1, (), 4, 5, False, hosts_enforced),),
    )


def _atoms() -> PortAtoms:
    starts = []
    for protocol, size in AXES:
        borders = {0}
        for _, rules in POLICIES.values():
            for rule in rules or ():
                if rule.protocol is None:
                    continue
                if protocol is None and rule.protocol not in _known():
                    borders |= {rule.protocol, rule.protocol + 1}
                elif rule.protocol == protocol:
                    borders |= {rule.first, rule.last + 1}
        starts.append(tuple(sorted(b for b in borders if b < size)))
    return PortAtoms(tuple(starts))


def _known() -> tuple[int, ...]:
    return tuple(protocol for protocol, _ in AXES if protocol is not None)


def _table(
    name: str,
    direction: Direction,
    policy: tuple[Rule, ...] | None,
    numbers: list[int],
    atoms: PortAtoms,
) -> VerdictTable:
    cells = []
    for peer in range(len(IDENTITIES)):
        for (protocol, _), starts in zip(AXES, atoms.starts, strict=True):
            for start in starts:
                number = start if protocol is None else protocol
                port = 0 if protocol is None else start
                place = next(
                    (
                        i
                        for i, rule in enumerate(policy or ())
                        if rule.matches(peer, number, port)
                    ),
                    len(policy or ()),
                )
                cells.append(numbers[place])
    return VerdictTable(
        direction=direction,
        policies=(name,),
        rows=Rows.of(range(len(IDENTITIES))),
        intervals=array("H", range(atoms.count)),
        interval_count=atoms.count,
        cells=array("I", cells),
    )
