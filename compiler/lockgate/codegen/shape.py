"""Choose the shape of the programs: which features are in use, and who asked for each.

Before: verdict tables.  After: a shape, which alone decides the C text.  What changes daily
(endpoints, addresses, rules of the same shape) is map content and never changes it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lockgate.ir.tables import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lockgate.ir.tables import Decision, Tables


@dataclass(frozen=True, slots=True)
class Feature:
    """Something that costs code, and is left out where nobody needs it.

    ``reason`` is one line for a comment: the policy line or the object that asked first.  It
    is no part of the shape's meaning: two shapes that differ in reasons give one object.
    """

    name: str
    is_used: bool
    reason: str


@dataclass(frozen=True, slots=True)
class Shape:
    """The features, always all of them and in one order.

    ``cgroups`` is for whole programs: they are there or not.
    """

    features: tuple[Feature, ...]

    def uses(self, name: str) -> bool:
        """Whether a feature is in use."""
        return next(f.is_used for f in self.features if f.name == name)


def choose_shape(tables: Tables) -> Shape:
    """Find what the tables need, and the first line that asks for it."""
    return Shape(
        (
            _feature("prefixes_v6", _short_prefix(tables)),
            _feature("more_addresses", _endpoint_with_more_addresses(tables)),
            _feature("host_policy", _host_under_policy(tables)),
            _feature("audit", _decision(tables, {Outcome.AUDIT})),
            _feature(
                "unenforced",
                _decision(tables, {Outcome.REDIRECT, Outcome.AUTHENTICATE}),
            ),
            _feature("cgroups", _endpoint_in_cgroup(tables)),
        )
    )


def _feature(name: str, reason: str | None) -> Feature:
    return Feature(name, reason is not None, _comment(reason or "not in use"))


def _comment(text: str) -> str:
    """Make a text safe within a comment of one line."""
    printable = "".join(c if c.isprintable() else "?" for c in text)
    return printable.replace("*/", "* /").replace("/*", "/ *").replace("\\", "/")


def _short_prefix(tables: Tables) -> str | None:
    for entry in tables.addresses:
        if entry.version == 6 and entry.length < 128:  # IP version
            return f"{entry.network}"
    return None


def _endpoint_with_more_addresses(tables: Tables) -> str | None:
    for endpoint in tables.endpoints:
        versions = [address.version for address in endpoint.addresses]
        if versions.count(4) > 1 or versions.count(6) > 1:
            return f"addresses of {endpoint.namespace}/{endpoint.name}"
    return None


def _host_under_policy(tables: Tables) -> str | None:
    for host in tables.hosts:
        if host.is_enforced:
            policies = (
                tables.tables[host.ingress_table].policies
                + tables.tables[host.egress_table].policies
            )
            return f"node {host.node}: {', '.join(policies[:3]) or 'policy mode'}"
    return None


def _decision(tables: Tables, outcomes: Iterable[Outcome]) -> str | None:
    for decision in tables.decisions:
        if decision.outcome in outcomes:
            return _rule(tables, decision)
    return None


def _rule(tables: Tables, decision: Decision) -> str:
    rule = tables.rules[decision.rule]
    span = next(iter(rule.spans), None)
    return f"{span.source.alias}:{span.line}: {rule.name}" if span else rule.name


def _endpoint_in_cgroup(tables: Tables) -> str | None:
    for endpoint in tables.endpoints:
        if endpoint.attachment and endpoint.attachment.cgroup:
            return f"{endpoint.namespace}/{endpoint.name}"
    return None
