"""Split what the selectors of a site ask into dimensions, each judged for all of them at once.

Before: selectors with filters of many kinds.  After: dimensions with at most one test for each
selector; a selector that asks twice about one thing has a test in two dimensions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockgate.ir.site import (
    BY_NUMBER,
    PATHS,
    TEXTS,
    Dimension,
    Facet,
    Test,
    WorkloadTest,
)
from lockgate.ir.tracing_selectors import Comparison, Namespace, Range

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lockgate.ir.site import Site, SiteHook
    from lockgate.ir.tracing import TracingPolicy
    from lockgate.ir.tracing_arguments import ArgumentType
    from lockgate.ir.tracing_selectors import (
        BinaryMatch,
        CapabilityMatch,
        HookSelector,
        NamespaceChangeMatch,
        NamespaceMatch,
        PidMatch,
        ValueMatch,
    )
    from lockgate.source import Span

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
_EVERY_CAPABILITY = (1 << 64) - 1


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
        if match.comparison is Comparison.CAPABILITIES_GAINED:
            yield _gained(number, match, hook.arguments)
        else:
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
    yield from _asked_of_process(number, selector)


def _asked_of_process(number: int, selector: HookSelector) -> Iterator[Asked]:
    for pids in selector.pids:
        yield from _pids(number, pids)
    for binary in selector.binaries:
        facet = Facet.FOLLOWED if binary.follows_children else Facet.BINARY
        yield _binary(number, facet, binary)
    for binary in selector.parent_binaries:
        yield _binary(number, Facet.PARENT_BINARY, binary)
    for space in selector.namespaces:
        yield _namespace(number, space)
    for changed in selector.namespace_changes:
        yield _namespace_change(number, changed)
    for held in selector.capabilities:
        yield from _capability(number, held)
    for held in selector.capability_changes:
        yield from _capability_change(number, held)


def _pids(number: int, match: PidMatch) -> Iterator[Asked]:
    """Yield what a filter of numbers asks; whom it follows has a bit for it.

    A number in a namespace is asked of processes that are in one: in the reference, too, those
    of the host are neither in the list nor out of it where they would be followed.
    """
    facet, detail = Facet.NAMESPACE_PID if match.is_namespaced else Facet.PID, ""
    if match.follows_forks:
        facet, detail = Facet.FOLLOWED, BY_NUMBER
        if match.is_namespaced:
            yield _elsewhere(number, Namespace.PID, match.span)
    test = Test(
        number,
        Comparison.EQUAL,
        match.span,
        match.is_negated,
        ranges=tuple(Range(pid, pid) for pid in match.pids),
        is_namespaced=match.is_namespaced,
    )
    yield facet, None, detail, test


def _namespace(number: int, match: NamespaceMatch) -> Asked:
    test = Test(
        number,
        Comparison.EQUAL,
        match.span,
        match.is_negated,
        texts=("host",) if match.is_host else (),
        ranges=tuple(Range(inode, inode) for inode in match.inodes),
    )
    return Facet.NAMESPACE, None, match.namespace.value, test


def _elsewhere(number: int, space: Namespace, span: Span) -> Asked:
    """Return the question whether a process is in another namespace than the host's."""
    test = Test(number, Comparison.EQUAL, span, is_negated=True, texts=("host",))
    return Facet.NAMESPACE, None, space.value, test


def _bits(number: int, bits: int, span: Span, *, is_negated: bool = False) -> Test:
    return Test(number, Comparison.MASK, span, is_negated, ranges=(Range(bits, bits),))


def _namespace_change(number: int, match: NamespaceChangeMatch) -> Asked:
    """Return the question for a change: NotIn asks for one of all others."""
    asked = [space in match.namespaces for space in Namespace]
    bits = mask = 0
    for place, is_named in enumerate(asked):
        mask |= 1 << place
        bits |= is_named << place
    test = _bits(number, mask & ~bits if match.is_negated else bits, match.span)
    return Facet.NAMESPACE_CHANGE, None, "", test


def _capability(number: int, match: CapabilityMatch) -> Iterator[Asked]:
    if match.is_namespaced:
        yield _elsewhere(number, Namespace.USER, match.span)
    test = _bits(number, match.capabilities, match.span, is_negated=match.is_negated)
    yield Facet.CAPABILITY, None, match.set.value, test


def _capability_change(number: int, match: CapabilityMatch) -> Iterator[Asked]:
    """Yield the questions for a change: NotIn asks that others changed, and these did not."""
    facet, detail = Facet.CAPABILITY_CHANGE, match.set.value
    if match.is_namespaced:
        yield _elsewhere(number, Namespace.USER, match.span)
    if match.is_negated:
        others = _EVERY_CAPABILITY & ~match.capabilities
        yield facet, None, detail, _bits(number, others, match.span)
    test = _bits(number, match.capabilities, match.span, is_negated=match.is_negated)
    yield facet, None, detail, test


def _gained(number: int, match: ValueMatch, places: Sequence[int]) -> Asked:
    """Return the question whether the second set has what the first has not."""
    old, new = (places[place] for place in match.arguments)
    test = _bits(number, _EVERY_CAPABILITY, match.span)
    return Facet.CAPABILITIES_GAINED, old, str(new), test


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
