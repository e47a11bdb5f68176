"""Which selectors of tracing policies the trials exercise: those that told of an operation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockgate.expectations.coverage import Coverage, CoveredRule

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from lockgate.expectations.told import Told
    from lockgate.ir.tracing import TracingPolicy


def measure_coverage(
    policies: Iterable[TracingPolicy], results: Iterable[Told]
) -> Coverage:
    """Return which selectors an event named, of a statement that holds."""
    exercised = {
        place
        for told in results
        if told.diagnostic is None
        for place in told.fields["because"]
    }
    return Coverage(
        tuple(
            CoveredRule(policy.key, place, "trace", place in exercised)
            for policy in policies
            for place in sorted(_places(policy))
        )
    )


def _places(policy: TracingPolicy) -> Iterator[str]:
    """Yield each selector's place; a hook without selectors is one itself."""
    for hook in policy.hooks:
        spans = [selector.span for selector in hook.selectors] or [hook.span]
        yield from (span.place for span in spans)
