"""``tracing-excludes-nobody``: exceptions in selectors of their own, which cancel each other.

Selectors are alternatives: what one leaves out, the next takes in.
"""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, Any

from lockgate.findings import Finding, Level
from lockgate.ir.tracing_selectors import FILTERS
from lockgate.lint.scene import Check, Needs, Scene

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lockgate.ir.tracing_selectors import HookSelector


def _find(scene: Scene) -> Iterator[Finding]:
    for policy in scene.tracing:
        for hook in policy.hooks:
            for one, other in combinations(hook.selectors, 2):
                if _excludes_nobody(one, other):
                    yield Finding(
                        "W6046",
                        Level.WARNING,
                        "together with another selector this leaves out nobody: what one "
                        "excepts, the other takes in",
                        other.span,
                        "selectors are alternatives: write all exceptions into one 'values'",
                        ((one.span, "the other selector"),),
                    )


def _excludes_nobody(one: HookSelector, other: HookSelector) -> bool:
    """Whether each has nothing but one exception, about the same, of other values."""
    left, right = _only(one), _only(other)
    if left is None or right is None or left[0] != right[0]:
        return False
    a, b = left[1], right[1]
    alike = ("arguments", "comparison", "namespace", "set", "is_namespaced")
    if any(getattr(a, n, None) != getattr(b, n, None) for n in alike):
        return False
    return a.is_negated and b.is_negated and _all(a).isdisjoint(_all(b))


def _only(selector: HookSelector) -> tuple[str, Any] | None:
    """Return the one filter of a selector that has one."""
    some = [(s, match) for s in FILTERS for match in getattr(selector, s)]
    return some[0] if len(some) == 1 and selector.workloads.is_everything else None


def _all(match: Any) -> set[object]:  # noqa: ANN401  # any filter
    """Return the values of a filter that compares for equality; lists and masks are one."""
    found: set[object] = set()
    for name in ("texts", "ranges", "networks", "values", "pids", "inodes", "lists"):
        found |= set(getattr(match, name, ()))
    return found


CHECK = Check("tracing-excludes-nobody", Needs.POLICY, _find)
