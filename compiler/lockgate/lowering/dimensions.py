"""Split what the selectors of a site ask into dimensions, each judged for all of them at once.

Before: selectors with filters of many kinds.  After: dimensions with at most one test for each
selector; a selector that asks twice about one thing has a test in two dimensions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockgate.ir.site import PATHS, TEXTS, Dimension, Facet, Test, WorkloadTest
from lockgate.ir.tracing_selectors import Comparison, Range

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lockgate.ir.site import Site, SiteHook
    from lockgate.ir.tracing import TracingPolicy
    from lockgate.ir.tracing_arguments import ArgumentType
    from lockgate.ir.tracing_selectors import BinaryMatch, HookSelector, ValueMatch

    Asked = tuple[Facet, int | None, str, Test]

FACETS = {
    Comparison.MASK: Facet.BITS,
    Comparison.SOURCE_PORT: Facet.SOURCE_PORT,
    Comparison.SOURCE_PORT_PRIVILEGED: Facet.SOURCE_PORT,
    Comparison.DESTINATION_PORT: Facet.DESTINATION_PORT,
    Comparison.DESTINATION_PORT_PRIVILEGED: Facet.DESTINATION_PORT,
    Comparison.SOURCE_ADDRESS: Facet.SOURCE_ADDRESS,
    Comparison.DESTINATION_ADDRESS: Facet.DESTINATION_ADDRESS,
    Comparison.PROTOCOL: Facet.PROTOCOL,
    Comparison.FAMILY: Facet.FAMILY,
    Comparison.STATE: Facet.STATE,
    Comparison.FILE_TYPE: Facet.FILE_TYPE,
}
"""What of a value a comparison judges, where its type does not say."""

_LAST_PRIVILEGED_PORT = 1023


def dimensions_of(site: Site) -> tuple[Dimension, ...]:
    """Return the dimensions of a site, in the order in which they were first asked for."""
    hooks = {number: hook for hook in site.hooks for number in hook.selectors}
    found: dict[tuple[Facet, int | None, str, int], list[Test]] = {}
    for each in site.selectors:
        layers: dict[tuple[Facet, int | None, str], int] = {}
        asked = _asked(each.number, each.selector, hooks[each.number], site)
        for facet, value, detail, test in asked:
            layer = layers[facet, value, detail] = (
                layers.get((facet, value, detail), -1) + 1
            )
            found.setdefault((facet, value, detail, layer), []).append(test)
    return tuple(
        Dimension(facet, value, tuple(tests), detail)
        for (facet, value, detail, _), tests in found.items()
    )


def facet_of(comparison: Comparison, kind: ArgumentType) -> Facet:
    """Return what of a value a comparison judges."""
    if comparison in FACETS:
        return FACETS[comparison]
    if kind in TEXTS:
        return Facet.TEXT
    return Facet.PATH if kind in PATHS else Facet.NUMBER


def _asked(
    number: int, selector: HookSelector, hook: SiteHook, site: Site
) -> Iterator[Asked]:
    for match in selector.arguments:
        yield _match(number, match, hook.arguments, site)
    for match in selector.data:
        yield _match(number, match, hook.data, site)
    for match in selector.returns:
        assert hook.returned is not None  # noqa: S101  # the front end has seen to it
        yield _match(number, match, (hook.returned,), site)
    workload = _workload(hook.policy, selector)
    if workload is not None:
        span = selector.span if hook.policy.is_for_everything else hook.policy.span
        test = Test(number, Comparison.EQUAL, span, workload=workload)
        yield Facet.WORKLOAD, None, "", test
    for pids in selector.pids:
        facet = Facet.NAMESPACE_PID if pids.is_namespaced else Facet.PID
        ranges = tuple(Range(pid, pid) for pid in pids.pids)
        test = Test(number, Comparison.EQUAL, pids.span, pids.is_negated, ranges=ranges)
        yield facet, None, "", test
    for binary in selector.binaries:
        facet = Facet.FOLLOWED if binary.follows_children else Facet.BINARY
        yield _binary(number, facet, binary)
    for binary in selector.parent_binaries:
        yield _binary(number, Facet.PARENT_BINARY, binary)
    for space in selector.namespaces:
        ranges = tuple(Range(inode, inode) for inode in space.inodes)
        test = Test(
            number,
            Comparison.EQUAL,
            space.span,
            space.is_negated,
            texts=("host",) if space.is_host else (),
            ranges=ranges,
        )
        yield Facet.NAMESPACE, None, space.namespace.value, test
    for held in selector.capabilities:
        ranges = (Range(held.capabilities, held.capabilities),)
        test = Test(number, Comparison.MASK, held.span, held.is_negated, ranges=ranges)
        yield Facet.CAPABILITY, None, held.set.value, test


def _workload(policy: TracingPolicy, selector: HookSelector) -> WorkloadTest | None:
    """Return whom a selector of a policy concerns; None where that is everything."""
    if policy.is_for_everything and selector.workloads.is_everything:
        return None
    matches = (policy.workloads, selector.workloads)
    return WorkloadTest(
        tuple(match for match in matches if not match.is_everything),
        policy.namespace,
        policy.nodes,
        policy.takes_unknown,
    )


def _binary(number: int, facet: Facet, match: BinaryMatch) -> Asked:
    test = Test(
        number, match.comparison, match.span, match.is_negated, texts=match.values
    )
    return facet, None, "", test


def _match(
    number: int, match: ValueMatch, values: tuple[int, ...], site: Site
) -> Asked:
    """Return what a filter over some of the values asks."""
    if match.expression is None:
        place = match.arguments[0] if match.arguments else 0
        return _value(number, match, values[place], site)
    expression = match.expression.moved(dict(enumerate(values)))
    test = Test(number, match.comparison, match.span, expression=expression)
    return Facet.EXPRESSION, None, "", test


def _value(number: int, match: ValueMatch, place: int, site: Site) -> Asked:
    kind = site.values[place].type
    ranges = match.ranges
    if match.comparison in (
        Comparison.SOURCE_PORT_PRIVILEGED,
        Comparison.DESTINATION_PORT_PRIVILEGED,
    ):
        ranges = (Range(0, _LAST_PRIVILEGED_PORT),)
    test = Test(
        number,
        match.comparison,
        match.span,
        match.is_negated,
        match.texts,
        ranges,
        match.networks,
    )
    # An automaton reads every byte in one way: who ignores case has one of its own.
    ignores_case = match.comparison is Comparison.SUBSTRING_IGNORE_CASE
    detail = "ignoring case" if ignores_case else ""
    return facet_of(match.comparison, kind), place, detail, test
