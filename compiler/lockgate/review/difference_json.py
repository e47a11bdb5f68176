"""Print a comparison for machines: one result a line, written while it is made.

A row names sets of sources, destinations and ports; results are all combinations of them,
which may be millions where everything was rewritten.  So they are never all in memory, what
they share is put into words once for each row, and a limit holds, which is stated.
"""

from __future__ import annotations

import json
from itertools import islice
from typing import TYPE_CHECKING, Any

from lockgate.results import RESULTS_VERSION
from lockgate.review.names import list_ports

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from lockgate.review.comparison import Comparison, Row
    from lockgate.review.view import Reason


def print_json(comparison: Comparison, limit: int | None) -> Iterator[str]:
    """Yield the text in pieces; ``limit`` is how many results there are at most."""
    count = sum(map(_count, comparison.rows)) + len(comparison.tracing)
    shown = count if limit is None else min(count, limit)
    yield f'{{\n  "version": {RESULTS_VERSION},\n  "results": ['
    separator = "\n    "
    for text in islice(_print_all(comparison), shown):
        yield separator
        yield text
        separator = ",\n    "
    yield "\n  ],\n" if shown else "],\n"
    summary = {**comparison.summary, "results": count, "left_out": count - shown}
    if shown < count:
        note = f"{count - shown} of {count} results are left out: --limit 0 gives all"
        summary["notes"] = [*summary["notes"], note]
    rest = {"summary": summary, "diagnostics": []}
    text = json.dumps(rest, ensure_ascii=False, indent=2)
    yield text.removeprefix("{\n") + "\n"


def _print_all(comparison: Comparison) -> Iterator[str]:
    """Yield what tracing policies do otherwise, then who reaches whom."""
    if comparison.tracing:
        from lockgate.review.tracing import list_tracing_results

        for result in list_tracing_results(comparison.tracing):
            yield json.dumps(result, ensure_ascii=False)
    yield from _print_results(comparison.rows)


def list_results(rows: Iterable[Row]) -> list[dict[str, Any]]:
    """Return rows as JSON has them: one source, destination and range of ports each.

    ``protocol`` is ``any`` for all traffic.  ``ports`` are destination ports; of ``icmp`` and
    ``icmpv6`` types, of ``other`` protocol numbers.
    """
    return [json.loads(text) for text in _print_results(rows)]


def _print_results(rows: Iterable[Row]) -> Iterator[str]:
    for row in rows:
        before = {
            "change": row.change,
            "cause": row.cause,
            "direction": row.direction,
        }
        after = {
            "before": row.before,
            "after": row.after,
            "exposed": row.is_exposed,
            "because": [
                *(_because("before", reason) for reason in row.because_before),
                *(_because("after", reason) for reason in row.because_after),
            ],
        }
        first, last = _inside(before), _inside(after)
        destinations = [_inside({"destination": name}) for name in row.destinations]
        traffic = [
            _inside({"protocol": protocol, "ports": [low, high]})
            for protocol, low, high in list_ports(row.ports)
        ]
        for name in row.sources:
            source = _inside({"source": name})
            for destination in destinations:
                for some in traffic:
                    yield f"{{{first}, {source}, {destination}, {some}, {last}}}"


def _count(row: Row) -> int:
    return len(row.sources) * len(row.destinations) * len(list_ports(row.ports))


def _inside(fields: dict[str, Any]) -> str:
    """Return the fields of an object without its braces."""
    return json.dumps(fields, ensure_ascii=False)[1:-1]


def _because(side: str, reason: Reason) -> dict[str, Any]:
    return {"side": side, **reason._asdict()}
