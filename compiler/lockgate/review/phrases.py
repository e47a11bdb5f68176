"""What both the text and the Markdown of a comparison say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockgate.review.difference import CHANGES
from lockgate.review.view import ABSENT, DENY

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from lockgate.review.comparison import Comparison, Sizes
    from lockgate.review.view import Reason

MOST_NAMES = 6
MOST_REASONS = 3

BUILT_IN = {
    "lockgate/no-policy": "no policy has a say",
    "lockgate/host-to-endpoint": "a node may reach its own pods",
    "lockgate/enforcement-mode-always": "the enforcement mode is 'always'",
    "lockgate/identity-init": "the pod has no labels yet",
}
"""What rules of our own mean, for people."""


def summarise(comparison: Comparison) -> str:
    """Return the first line: what happened, in a few words."""
    if comparison.is_same:
        if comparison.is_same_text:
            return "identical: not even the text differs"
        if comparison.uncompared:
            left_out = " and ".join(comparison.uncompared)
            return f"nothing differs of what was compared, and {left_out} were not"
        return "semantically identical: only text differs"
    counts = [f"{comparison.count(c)} {c}" for c in CHANGES if comparison.count(c)]
    for word, what in (
        ("exposed", "newly exposed to the world"),
        ("unprotected", "newly unprotected"),
        ("isolated", "now isolated"),
        ("enforcing", "what is enforced on hooks differs"),
    ):
        if comparison.has(word):
            counts.append(what)
    return ", ".join(counts) or "no verdict differs; the snapshot does"


def name_some(names: Sequence[str], most: int | None = MOST_NAMES) -> str:
    """Join names, so many at most."""
    if most is None or len(names) <= most + 1:  # "1 more" is longer than a name
        return ", ".join(names)
    return f"{', '.join(names[:most])} and {len(names) - most} more"


def list_reasons(
    reasons: Iterable[Reason], most: int | None = MOST_REASONS
) -> Iterator[str]:
    """Say why, a phrase for each effect: ``denied by default: policies.yaml:6``."""
    by_effect: dict[str, list[str]] = {}
    for reason in reasons:
        if reason.file is None:
            phrase = BUILT_IN.get(reason.rule, reason.rule)
            by_effect.setdefault(phrase, [])
            continue
        phrase = "denied by default" if reason.effect == "default-deny" else ""
        text = f"{reason.file}:{reason.line}"
        if not phrase:
            text += f" {reason.policy}"
        by_effect.setdefault(phrase, []).append(text)
    for phrase, places in sorted(by_effect.items()):
        listed = name_some(list(dict.fromkeys(places)), most)
        yield ": ".join(part for part in (phrase, listed) if part)


def print_verdict(verdict: str) -> str:
    """Return a verdict as a word of a sentence."""
    return {ABSENT: "not there"}.get(verdict, verdict)


def print_arrow(before: str, after: str) -> str:
    """Return both verdicts; a redirect's common beginning stands once."""
    return f"{print_verdict(before)} → {print_verdict(after)}"


def list_sizes(sizes: tuple[Sizes, Sizes]) -> Iterator[tuple[str, str, str, str]]:
    """Yield (what, before, after, difference) for each size that both sides have."""
    before, after = sizes
    for what, one, other, show in (
        ("map entries", before.map_entries, after.map_entries, _count),
        ("map bytes", before.map_bytes, after.map_bytes, print_bytes),
        ("instructions", before.instructions, after.instructions, _count),
    ):
        if one is not None and other is not None:
            sign = "+" if other >= one else "-"
            delta = "=" if one == other else sign + show(abs(other - one))
            yield what, show(one), show(other), delta


def _count(number: int) -> str:
    return f"{number:,}"


def print_bytes(count: int) -> str:
    """Return a size as ``report.md`` has it."""
    if count < 1000:
        return f"{count} B"
    return f"{count / 1e6:.1f} MB" if count >= 1e6 else f"{count / 1e3:.1f} kB"


__all__ = [
    "BUILT_IN",
    "DENY",
    "list_reasons",
    "list_sizes",
    "name_some",
    "print_arrow",
    "print_bytes",
    "summarise",
]
