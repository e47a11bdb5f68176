"""``tracing-decides-differently``: two policies that do not do the same to one operation.

Where selectors of two policies match the same operation, actions unite: a denial wins, and of
signals the most severe.  That is seldom what either of the authors meant.
"""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

from lockgate.findings import Finding, Level
from lockgate.lint.scene import Check, Needs, Scene
from lockgate.lint.tracing import Placed, name_of, selectors
from lockgate.review.tracing_filters import matches_more

if TYPE_CHECKING:
    from collections.abc import Iterator


def _find(scene: Scene) -> Iterator[Finding]:
    by_name: dict[str, list[Placed]] = {}
    for placed in selectors(scene):
        name = name_of(placed.hook)
        if name and placed.decision:
            by_name.setdefault(name, []).append(placed)
    for name, some in sorted(by_name.items()):
        for one, other in combinations(some, 2):
            if one.policy is other.policy or one.decision == other.decision:
                continue
            if one.hook.arguments and not _reads_alike(one, other):
                continue
            if matches_more(one.selector, other.selector) or matches_more(
                other.selector, one.selector
            ):
                yield Finding(
                    "W6040",
                    Level.WARNING,
                    f"'{one.policy.key}' and '{other.policy.key}' decide differently on "
                    f"'{name}' where both match",
                    other.selector.span,
                    "both are done there (a denial wins, of signals the most severe): let one "
                    "policy decide, or narrow one of them",
                    ((one.selector.span, "decides otherwise"),),
                )


def _reads_alike(one: Placed, other: Placed) -> bool:
    def read(placed: Placed) -> list[tuple[object, ...]]:
        return [(a.index, a.type, a.resolve) for a in placed.hook.arguments]

    return read(one) == read(other)


CHECK = Check("tracing-decides-differently", Needs.POLICY, _find)
