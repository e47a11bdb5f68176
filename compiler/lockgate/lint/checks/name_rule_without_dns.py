"""``name-rule-without-dns``: names whose addresses nobody can learn.

``toFQDNs`` selects addresses that the DNS proxy saw in an answer.  Only look-ups that a DNS
rule allows go through that proxy, so without one the names match nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockgate.diagnostics import quote
from lockgate.findings import Finding, Level
from lockgate.ir.l7 import Parser
from lockgate.ir.policy import NamePeer, Tier
from lockgate.lint.neighbours import may_select_same
from lockgate.lint.scene import Check, Needs, Scene

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lockgate.ir.l7 import DnsRule
    from lockgate.ir.policy import Policy

_CURE = (
    "allow the look-up through the proxy: egress to kube-dns with 'toPorts: [{ports: "
    '[{port: "53", protocol: ANY}], rules: {dns: [{matchPattern: "*"}]}}]\''
)


def _find(scene: Scene) -> Iterator[Finding]:
    for policy in scene.policies:
        if policy.tier is not Tier.NORMAL:
            continue  # ClusterNetworkPolicy leaves it open how names become addresses
        names = [
            peer
            for rule in policy.egress.rules
            for peer in rule.peers
            if isinstance(peer, NamePeer)
        ]
        if not names:
            continue
        asked = list(_dns_rules(scene, policy))
        for peer in dict.fromkeys(names):
            if any(_allows(rule, peer) for rule in asked):
                continue
            name = peer.match_name or peer.match_pattern
            why = (
                "no DNS rule of those that it selects allows to ask for it"
                if asked
                else "no DNS rule sends the look-ups of those that it selects to the proxy"
            )
            yield Finding(
                "W6007",
                Level.WARNING,
                f"the addresses of {quote(name)} are never learned: {why}",
                peer.span or policy.span,
                _CURE,
                key=f"{policy.key} {policy.part} {name}",
            )


def _dns_rules(scene: Scene, policy: Policy) -> Iterator[DnsRule | None]:
    """Yield the DNS rules that could concern those whom a policy selects; None: any name."""
    for other in may_select_same(scene, policy):
        for rule in other.egress.rules:
            if rule.l7 is not None and rule.l7.parser is Parser.DNS:
                yield from rule.l7.dns
                if rule.l7.allows_all or not rule.l7.dns:
                    yield None


def _allows(rule: DnsRule | None, peer: NamePeer) -> bool:
    """Whether a rule lets somebody ask for what a peer names; yes where it is not clear."""
    if rule is None or rule.match_pattern is not None:
        pattern = "*" if rule is None else (rule.match_pattern or "")
        if "*" in pattern.strip("*.") or pattern.strip("*.") == "":
            return True  # every name, or too clever to say
        tail = _normal(pattern).lstrip("*").lstrip(".")
        return _normal(peer.match_name or peer.match_pattern or "").endswith(tail)
    name = _normal(rule.match_name or "")
    if peer.match_name is not None:
        return _normal(peer.match_name) == name
    pattern = _normal(peer.match_pattern or "")
    return name.endswith(pattern.split("*")[-1])


def _normal(name: str) -> str:
    return name.lower().rstrip(".")


CHECK = Check("name-rule-without-dns", Needs.SET, _find)
