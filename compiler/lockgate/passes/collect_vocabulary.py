"""Collect what rules can see: label keys, prefixes, named ports.

Before: policies without groups and services.
After:  the vocabulary; what it does not hold, no pass needs to keep apart.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockgate.ir.policy import (
    Direction,
    LabelPeer,
    NamedPortMatch,
    NetworkPeer,
    Scope,
)
from lockgate.ir.prefixes import Prefix
from lockgate.ir.resolution import Vocabulary

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lockgate.ir.labels import Selector
    from lockgate.ir.policy import Policy, Rule


def collect_vocabulary(policies: Sequence[Policy]) -> Vocabulary:
    """Return all that some selector, prefix or port of a policy names."""
    words = _Words()
    for policy in policies:
        words.selectors[id(policy.subject)] = policy.subject
        for rule in policy.ingress.rules:
            words.add_rule(rule, Direction.INGRESS)
        for rule in policy.egress.rules:
            words.add_rule(rule, Direction.EGRESS)
    requirements = {r for s in words.selectors.values() for r in s.requirements}
    return Vocabulary(
        keys=frozenset(r.key for r in requirements),
        every=frozenset(words.prefixes[Scope.EVERY]),
        world=frozenset(words.prefixes[Scope.WORLD]),
        subject_ports=frozenset(words.ports[Direction.INGRESS]),
        peer_ports=frozenset(words.ports[Direction.EGRESS]),
        sees_groups=any(r.source == "cidrgroup" for r in requirements),
    )


class _Words:
    """What was found so far."""

    def __init__(self) -> None:
        self.selectors: dict[int, Selector] = {}  # by identity: most are shared
        self.prefixes: dict[Scope, set[Prefix]] = {scope: set() for scope in Scope}
        self.ports: dict[Direction, set[str]] = {d: set() for d in Direction}

    def add_rule(self, rule: Rule, direction: Direction) -> None:
        """Note the words of one rule."""
        for peer in rule.peers:
            if isinstance(peer, LabelPeer):
                self.selectors[id(peer.selector)] = peer.selector
            elif isinstance(peer, NetworkPeer):
                prefixes = self.prefixes[peer.scope]
                prefixes.add(Prefix.of(peer.network))
                prefixes.update(map(Prefix.of, peer.excepts))
        for match in rule.traffic or ():
            if isinstance(match, NamedPortMatch):
                self.ports[direction].add(match.name)
