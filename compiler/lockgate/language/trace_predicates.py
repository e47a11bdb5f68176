"""Predicates of traces to selectors: disjunctive normal form, within a bound.

A selector is a conjunction of filters, and selectors of a hook are alternatives; so ``or`` makes
selectors, ``and`` filters, and ``not`` the operator that says the opposite.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import TYPE_CHECKING

from lockgate.language.ast_traces import And, Call, Comparison, Field, Not, Or
from lockgate.language.trace_filters import FilterReader, Refused

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from lockgate.diagnostics import Diagnostics
    from lockgate.language.ast_traces import Predicate
    from lockgate.language.trace_filters import Conjunction, Filter, Place
    from lockgate.source import Span

MOST_SELECTORS = 64
"""So many alternatives a predicate may come to; a site numbers selectors by bits of masks."""


class PredicateReader:
    """Reads the predicates of one probe; ``places`` are its values by name."""

    def __init__(self, places: Mapping[str, Place], diagnostics: Diagnostics) -> None:
        self._filters = FilterReader(places, diagnostics)
        self._diagnostics = diagnostics

    def read(self, predicate: Predicate | None) -> list[Conjunction]:
        """Return the alternatives; an empty list where none can be told (it is reported)."""
        if predicate is None:
            return [()]
        try:
            found = self._normalise(predicate, is_negated=False)
            merged = [self._merge(conjunction) for conjunction in found]
        except Refused:
            return []
        kept = list(dict.fromkeys(one for one in merged if one is not None))
        if not kept:
            message = "this never holds: no process has what it asks for"
            self._diagnostics.error("E1821", message, predicate.span)
        return kept

    # ------------------------------------------------------------ logic

    def _normalise(
        self, predicate: Predicate, *, is_negated: bool
    ) -> list[Conjunction]:
        match predicate:
            case Not(inner):
                return self._normalise(inner, is_negated=not is_negated)
            case And(parts) | Or(parts):
                some = [self._normalise(p, is_negated=is_negated) for p in parts]
                if isinstance(predicate, Or) != is_negated:
                    return self._bounded([c for one in some for c in one], predicate)
                found: list[Conjunction] = [()]
                for one in some:
                    self._check(len(found) * len(one), predicate.span)
                    found = [(*a, *b) for a, b in product(found, one)]
                return found
            case Comparison():
                return self._filters.compare(predicate, is_negated=is_negated)
            case Call():
                return self._filters.test(predicate, is_negated=is_negated)
            case Field():
                cure = f"compare it: {'.'.join(predicate.path)} == ..."
                raise self._filters.refuse(
                    "a value alone is no condition", predicate, cure
                )
        raise self._filters.refuse("this is no condition", predicate)

    def _bounded(self, found: list[Conjunction], at: Predicate) -> list[Conjunction]:
        self._check(len(found), at.span)
        return found

    def _check(self, count: int, span: Span) -> None:
        if count > MOST_SELECTORS:
            message = f"this comes to {count} alternatives, more than {MOST_SELECTORS} selectors"
            cure = "gather values in one set (`x in {...}`), or write several probes"
            self._diagnostics.error("E1822", message, span, help=cure)
            raise Refused

    # ------------------------------------------------------------ at most one

    def _merge(self, conjunction: Conjunction) -> Conjunction | None:
        """Join filters on one binary, of which a selector has one; None: never holds."""
        kept: list[Filter] = []
        for one in dict.fromkeys(conjunction):
            if one.section not in ("matchBinaries", "matchParentBinaries"):
                kept.append(one)
                continue
            other = next((k for k in kept if k.section == one.section), None)
            if other is None:
                kept.append(one)
                continue
            joined = self._join(other, one)
            if joined is None:
                return None
            kept[kept.index(other)] = joined
        return tuple(kept)

    def _join(self, one: Filter, other: Filter) -> Filter | None:
        pair = {one.operator, other.operator}
        if one.fields == other.fields:
            if one.operator == other.operator and one.operator.startswith("Not"):
                return replace(one, values=_union(one.values, other.values))
            if pair == {"In"} or pair == {"In", "NotIn"}:
                first, second = (one, other) if one.operator == "In" else (other, one)
                wanted = second.operator == "In"
                texts = {text for text, _ in second.values}
                left = tuple(v for v in first.values if (v[0] in texts) == wanted)
                return replace(first, values=left) if left else None
        message = (
            f"one selector cannot ask {one.operator} and {other.operator} of a binary"
        )
        cure = "ask for one of them here, and let an earlier `where ... => silent` do the other"
        self._diagnostics.error("E1821", message, other.span, help=cure)
        raise Refused


def _union(
    one: tuple[tuple[str, Span], ...], other: Iterable[tuple[str, Span]]
) -> tuple[tuple[str, Span], ...]:
    return tuple({text: (text, span) for text, span in (*one, *other)}.values())
