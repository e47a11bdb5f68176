"""Rules that open a way to DNS names: no snapshot knows which addresses those have.

A statement that something never passes to the outside cannot be held against such a rule:
the name may resolve to any address there is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from lockgate.expectations.places import PlaceKind
from lockgate.expectations.traffic import spans_of
from lockgate.ir.policy import Action, Direction, NamePeer

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from lockgate.expectations.places import Place
    from lockgate.expectations.traffic import Atoms, PortSpan
    from lockgate.ir.cluster import Cluster
    from lockgate.ir.resolution import ResolvedRule
    from lockgate.passes.pipeline import Middle


class NameRule(NamedTuple):
    """An egress rule that allows traffic to names; ``names`` as the policy writes them."""

    names: tuple[str, ...]
    traffic: tuple[PortSpan, ...]
    place: str


def name_rules(cluster: Cluster, middle: Middle) -> Mapping[str, tuple[NameRule, ...]]:
    """Return the rules for names of each endpoint (by key) that has some."""
    of_policy: dict[int, tuple[NameRule, ...]] = {}
    for (policy, direction), rules in middle.resolution.rules.items():
        if direction is Direction.EGRESS:
            found = tuple(rule for one in rules if (rule := _name_rule(one)))
            if found:
                of_policy[policy] = found
    if not of_policy:
        return {}
    by_endpoint = {}
    subjects = middle.subjects
    for endpoint, (_, egress) in zip(
        cluster.endpoints, subjects.endpoints, strict=True
    ):
        policies = subjects.subjects[egress].policies if egress >= 0 else ()
        found = tuple(rule for p in policies for rule in of_policy.get(p, ()))
        if found:
            by_endpoint[endpoint.key] = found
    return by_endpoint


def _name_rule(resolved: ResolvedRule) -> NameRule | None:
    rule = resolved.rule
    names = tuple(
        peer.match_name or peer.match_pattern or ""
        for peer in rule.peers
        if isinstance(peer, NamePeer)
    )
    if not names or rule.action is not Action.ALLOW:
        return None
    traffic = spans_of([None] if rule.traffic is None else rule.traffic)
    return NameRule(names, traffic, rule.span.place)


def why_unknown(
    sources: Iterable[Place],
    destinations: Sequence[Place],
    spans: tuple[PortSpan, ...],
    rules: Mapping[str, tuple[NameRule, ...]],
    atoms: Atoms,
) -> str | None:
    """Say by which rule some source may pass to some address outside; None for no such."""
    families = {p.family for p in destinations if p.kind is PlaceKind.OUTSIDE}
    if not rules or not families:
        return None
    for source in sources:
        for rule in rules.get(source.name, ()) if source.kind is PlaceKind.POD else ():
            if source.family in families and (
                atoms.bits(spans, source.family)
                & atoms.bits(rule.traffic, source.family)
            ):
                names = ", ".join(f"'{name}'" for name in rule.names)
                return (
                    f"{source.name} may reach the names {names} ({rule.place}), and which "
                    "addresses a name has is not known before somebody asks"
                )
    return None
