"""Replace CIDR groups and services in peers by prefixes.

Before: rules whose peers may name a CiliumCIDRGroup or a service.
After:  the same rules with prefixes only.  A group's prefixes are addresses outside of the
        cluster (scope WORLD); a service's are the addresses of its ready backends, whoever
        has them (scope EVERY).

A group or a service that the snapshot lacks is a warning, and selects nothing until it
exists, as in Cilium.
"""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_network
from typing import TYPE_CHECKING

from lockgate.diagnostics import did_you_mean, quote
from lockgate.ir.labels import Operator
from lockgate.ir.policy import CidrGroupPeer, NetworkPeer, Scope, ServicePeer

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from lockgate.diagnostics import Diagnostics
    from lockgate.ir.cluster import CidrGroup, Cluster, Service
    from lockgate.ir.labels import Labels, Selector
    from lockgate.ir.policy import Peer, Policy, Rule, Section


def resolve_groups(
    cluster: Cluster, policies: Sequence[Policy], diagnostics: Diagnostics
) -> tuple[Policy, ...]:
    """Return the policies without groups and services."""
    resolver = _Resolver(cluster, diagnostics)
    return tuple(
        replace(
            policy,
            ingress=resolver.section(policy.ingress),
            egress=resolver.section(policy.egress),
        )
        if _names_groups(policy)
        else policy
        for policy in policies
    )


def _names_groups(policy: Policy) -> bool:
    for section in (policy.ingress, policy.egress):
        for rule in section.rules:
            for peer in rule.peers:
                if isinstance(peer, (CidrGroupPeer, ServicePeer)):
                    return True
    return False


class _Resolver:
    """The groups and services of a snapshot, and where to complain."""

    def __init__(self, cluster: Cluster, diagnostics: Diagnostics) -> None:
        self._groups = {group.name: group for group in cluster.cidr_groups}
        self._services = {service.key: service for service in cluster.services}
        self._diagnostics = diagnostics

    def section(self, section: Section) -> Section:
        """Return a section with its rules' peers replaced."""
        rules = tuple(map(self._rule, section.rules))
        return replace(section, rules=rules)

    def _rule(self, rule: Rule) -> Rule:
        peers = tuple(p for peer in rule.peers for p in self._peers(rule, peer))
        return replace(rule, peers=peers)

    def _peers(self, rule: Rule, peer: Peer) -> Iterator[Peer]:
        if isinstance(peer, CidrGroupPeer):
            for group in self._find_groups(peer, rule):
                for network in group.networks:
                    inside = (e for e in peer.excepts if e.version == network.version)
                    yield NetworkPeer(network, tuple(inside), Scope.WORLD)
        elif isinstance(peer, ServicePeer):
            services = self._find_services(peer, rule)
            addresses = {a for service in services for a in service.backends}
            for address in sorted(addresses, key=lambda a: (a.version, int(a))):
                yield NetworkPeer(ip_network(address), (), Scope.EVERY)
        else:
            yield peer

    def _find_groups(self, peer: CidrGroupPeer, rule: Rule) -> Iterable[CidrGroup]:
        if peer.selector is not None:
            selector = peer.selector
            return [g for g in self._groups.values() if _matches(selector, g.labels)]
        group = self._groups.get(peer.name or "")
        if group is not None:
            return [group]
        self._diagnostics.warning(
            "W2050",
            f"there is no CiliumCIDRGroup {quote(peer.name)}: this peer selects nothing",
            rule.span,
            help=did_you_mean(peer.name or "", self._groups),
        )
        return []

    def _find_services(self, peer: ServicePeer, rule: Rule) -> Iterable[Service]:
        """Return the services of a name or with labels; without a namespace, of any."""
        if peer.selector is not None:
            selector = peer.selector
            return [
                service
                for service in self._services.values()
                if peer.namespace in (None, service.namespace)
                and _matches(selector, service.labels)
            ]
        found = [
            service
            for service in self._services.values()
            if peer.namespace in (None, service.namespace) and service.name == peer.name
        ]
        if found:
            return found
        key = f"{peer.namespace}/{peer.name}" if peer.namespace else peer.name or ""
        names = (s.key if peer.namespace else s.name for s in self._services.values())
        self._diagnostics.warning(
            "W2051",
            f"the snapshot has no service {quote(key)}: this peer selects nothing",
            rule.span,
            help=did_you_mean(key, set(names)),
        )
        return []


def _matches(selector: Selector, labels: Labels) -> bool:
    """Judge a selector against labels of one object, whatever their source."""
    values = {label.key: label.value for label in labels}
    for requirement in selector.requirements:
        value = values.get(requirement.key)
        match requirement.operator:
            case Operator.IN:
                holds = value is not None and value in requirement.values
            case Operator.NOT_IN:
                holds = value is None or value not in requirement.values
            case Operator.EXISTS:
                holds = value is not None
            case Operator.DOES_NOT_EXIST:
                holds = value is None
        if not holds:
            return False
    return True
