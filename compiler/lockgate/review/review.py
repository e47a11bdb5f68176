"""Compare what two words name: the whole story of ``lockgate diff``, top to bottom."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from lockgate.collection import keep_to_the_end, without_collection
from lockgate.faults import Fault
from lockgate.frontend.audit import report_unknown_audited
from lockgate.frontend.priorities import report_equal_priorities
from lockgate.review.arguments import read_sides
from lockgate.review.comparison import compare_views
from lockgate.review.difference import POLICY, UNKNOWN
from lockgate.review.policy_set import (
    SourceReader,
    compile_parsed,
    has_same_snapshot,
    move_policies,
    read_bundle_set,
    require_snapshot,
)
from lockgate.review.view import REDIRECT, without_requests

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence
    from pathlib import Path

    from lockgate.diagnostics import Diagnostics
    from lockgate.options import Options
    from lockgate.review.arguments import Side
    from lockgate.review.comparison import Comparison
    from lockgate.review.policy_set import Parsed, PolicySet
    from lockgate.review.tracing import TracingRow

TRACING, REQUESTS = "tracing policies", "L7 rules and DNS names"
"""What is not compared, as it is called in results."""

_MEANING = {
    "semantics": "--semantics",
    "enforcement_mode": "--enforcement-mode",
    "cluster_name": "--cluster-name",
}
"""Options that change what policies mean, by their names in a manifest."""


def review(
    words: Sequence[str],
    files: Sequence[str],
    options: Options,
    cache: Path | None,
    diagnostics: Diagnostics,
    *,
    is_complete: bool = False,
    progress: Callable[[str], None] = lambda _step: None,
) -> Comparison | None:
    """Compare two sides; None where the documents of one have errors.

    Errors and notes of both sides are in ``diagnostics``; warnings are for ``compile`` and
    ``lint`` to say.
    """
    with without_collection():
        progress("reading")
        sides = read_sides(words, files, diagnostics)
        with _blaming([side.label for side in sides if side.bundle is not None]):
            sets = _compile_sides(sides, options, cache, diagnostics, progress)
            if sets is None:
                return None
            keep_to_the_end(sets)
            progress("comparing")
            return compare_sets(*sets, options, is_complete=is_complete)


def compare_sets(
    old: PolicySet, new: PolicySet, options: Options, *, is_complete: bool = False
) -> Comparison:
    """Compare two compiled sides."""
    require_snapshot(old, new)
    before, between, after = old.view, None, new.view
    cause = POLICY
    if not has_same_snapshot(old, new):
        between = move_policies(old, new, options)
        cause = UNKNOWN
    uncompared = tuple(_find_uncompared(old, new))
    notes = tuple(_notes(old, new, uncompared))
    if old.parsed is None or new.parsed is None:
        # A bundle has no L7 rules and no names, so those of the other side say nothing.
        before, after = without_requests(before), without_requests(after)
    comparison = compare_views(before, between, after, cause, is_complete=is_complete)
    return replace(
        comparison,
        notes=(*comparison.notes, *notes),
        uncompared=uncompared,
        tracing=_compare_tracing(old, new),
        sizes=(old.sizes, new.sizes),
        hashes=(old.digest, new.digest),
        is_same_text=_is_same_text(old, new),
        paths=new.paths,
    )


def _compare_tracing(old: PolicySet, new: PolicySet) -> tuple[TracingRow, ...]:
    if old.parsed is None or new.parsed is None:
        return ()
    before, after = old.parsed.tracing_policies, new.parsed.tracing_policies
    if not before and not after:
        return ()
    from lockgate.review.tracing import compare_tracing

    return compare_tracing(before, after)


@contextmanager
def _blaming(bundles: Sequence[str]) -> Iterator[None]:
    """Put it down to bundles where one is compared and tables turn out to be nonsense.

    Their hashes only say that files belong together; what numbers in them lead to is found
    out where it is looked up.
    """
    try:
        yield
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        if not bundles:
            raise
        found = f"{type(error).__name__}: {error}"
        raise Fault(
            "E5010",
            f"the tables of {' or '.join(bundles)} do not fit together ({found})",
            "compile it again with this Lockgate, or use the one that compiled it",
        ) from error


def _compile_sides(
    sides: tuple[Side, Side],
    options: Options,
    cache: Path | None,
    diagnostics: Diagnostics,
    progress: Callable[[str], None],
) -> tuple[PolicySet, PolicySet] | None:
    reader = SourceReader(options, cache, diagnostics)
    parsed = [
        reader.read(side.files, side.shared) if side.bundle is None else None
        for side in sides
    ]
    _report(parsed, options, diagnostics)
    if not diagnostics.ok:
        return None
    sets = []
    for side, said in zip(sides, parsed, strict=True):
        progress(f"building tables of {side.label}")
        if side.bundle is not None:
            sets.append(read_bundle_set(side.bundle))
        elif said is not None:
            files = (*side.files, *side.shared)
            made = compile_parsed(side.label, said, options, diagnostics, files)
            sets += [made] if made else []
    return (sets[0], sets[1]) if len(sets) == len(sides) else None


def _report(
    parsed: Sequence[Parsed | None], options: Options, diagnostics: Diagnostics
) -> None:
    """Report what can be wrong with policies as a whole."""
    policies = [policy for said in parsed if said for policy in said.policies]
    if policies:
        report_unknown_audited(policies, options, diagnostics)
    for said in parsed:
        if said is not None:
            report_equal_priorities(said.policies, diagnostics)


def _find_uncompared(old: PolicySet, new: PolicySet) -> Iterator[str]:
    """Yield what one of the sides has that cannot be compared."""
    is_bundle = old.parsed is None or new.parsed is None
    if is_bundle and any(side.has_tracing for side in (old, new)):
        yield TRACING
    if is_bundle and any(map(_has_requests, (old, new))):
        yield REQUESTS


def _notes(
    old: PolicySet, new: PolicySet, uncompared: Collection[str]
) -> Iterator[str]:
    """Say what this comparison leaves out, and what else is not the same."""
    if TRACING in uncompared:
        yield "a bundle keeps no tracing policies: none are compared; compare sources for that"
    for name, option in _MEANING.items():
        one, other = old.meaning.get(name), new.meaning.get(name)
        if one != other:
            yield f"compiled with other options: {option} {one} before, {other} after"
    if REQUESTS in uncompared:
        yield (
            "a bundle keeps no L7 rules and no DNS names: none are compared; compare sources "
            "for that"
        )


def _has_requests(side: PolicySet) -> bool:
    """Whether somebody asks for L7 rules or DNS names."""
    redirects = any(verdict.startswith(REDIRECT) for verdict in side.view.verdicts)
    return redirects or bool(side.view.names) or not side.is_whole


def _is_same_text(old: PolicySet, new: PolicySet) -> bool:
    if old.digest is not None or new.digest is not None:
        return old.digest == new.digest
    return old.texts == new.texts
