"""What is not the same in tracing policies: what is watched, of whom, and what is done.

Hooks of one policy belong together where they stand at the same place.  GAINED: a hook or a
selector that was not there, or a selector that provably matches more.  LOST: the opposite.
CHANGED: other actions, another mode, another order where it decides, or filters of which
neither provably contains the other.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from lockgate.ir.tracing import Mode
from lockgate.ir.tracing_actions import ActionKind
from lockgate.ir.tracing_meaning import (
    meaning_of_filters,
    meaning_of_hook,
    meaning_of_policy,
    meaning_of_selector,
)
from lockgate.ir.tracing_selectors import HookSelector
from lockgate.language.trace_phrases import (
    phrase_actions,
    phrase_hook,
    phrase_selector,
    phrase_workloads,
)
from lockgate.review.difference import CHANGED, CHANGES, GAINED, LOST
from lockgate.review.tracing_filters import matches_more

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Iterator, Sequence

    from lockgate.ir.tracing import Hook, TracingPolicy
    from lockgate.source import Span

_ENFORCING = frozenset(
    {
        ActionKind.SIGNAL,
        ActionKind.OVERRIDE,
        ActionKind.OVERRIDE_CALL,
        ActionKind.OVERRIDE_REGISTERS,
        ActionKind.NOTIFY_ENFORCER,
        ActionKind.SET,
    }
)


class TracingRow(NamedTuple):
    """One difference.

    ``what`` is policy, hook, reads, selector, actions, order, mode, whom or settings.

    ``selector`` is when it acts, as a predicate; ``before`` and ``after`` are empty where
    there was, or is, nothing.  ``is_enforcing``: a denial or a signal comes, goes or changes.
    """

    change: str
    policy: str
    what: str
    hook: str
    selector: str
    before: str
    after: str
    is_enforcing: bool
    place_before: tuple[str, int] | None
    place_after: tuple[str, int] | None


def compare_tracing(
    before: Iterable[TracingPolicy], after: Iterable[TracingPolicy]
) -> tuple[TracingRow, ...]:
    """Return all differences, those of enforcement first."""
    old = {policy.key: policy for policy in before}
    new = {policy.key: policy for policy in after}
    rows: list[TracingRow] = []
    for key in sorted(old.keys() | new.keys()):
        rows += _Comparer(old.get(key), new.get(key)).rows()
    return tuple(sorted(rows, key=_order))


def list_tracing_results(rows: Iterable[TracingRow]) -> Iterator[dict[str, Any]]:
    """Yield rows as JSON has them."""
    for row in rows:
        yield {
            "change": row.change,
            "cause": "policy",
            "kind": "tracing",
            "policy": row.policy,
            "what": row.what,
            "hook": row.hook,
            "selector": row.selector,
            "before": row.before,
            "after": row.after,
            "enforcing": row.is_enforcing,
            "because": [
                {"side": side, "policy": row.policy, "file": place[0], "line": place[1]}
                for side, place in (
                    ("before", row.place_before),
                    ("after", row.place_after),
                )
                if place is not None
            ],
        }


def enforces(selector: HookSelector) -> bool:
    """Whether a selector denies, kills or writes, in a policy that enforces."""
    return any(
        action.kind in _ENFORCING
        for action in (*selector.actions, *selector.return_actions)
    )


def _order(row: TracingRow) -> tuple[object, ...]:
    return (not row.is_enforcing, CHANGES.index(row.change), *row[1:7])


def _place(span: Span | None) -> tuple[str, int] | None:
    return None if span is None else (span.source.alias, span.line)


def _selectors(hook: Hook) -> tuple[HookSelector, ...]:
    return hook.selectors or (HookSelector(hook.span),)


def _acts(policy: TracingPolicy | None, selectors: Iterable[HookSelector]) -> bool:
    is_in_force = policy is not None and policy.mode is Mode.ENFORCE
    return is_in_force and any(map(enforces, selectors))


class _Comparer:
    """One policy, on both sides."""

    def __init__(self, old: TracingPolicy | None, new: TracingPolicy | None) -> None:
        self._old = old
        self._new = new
        some = old or new
        assert some is not None  # noqa: S101  # its key was found on a side
        self._key = some.key

    def rows(self) -> Iterator[TracingRow]:
        old, new = self._old, self._new
        if old is not None and new is not None:
            if meaning_of_policy(old) == meaning_of_policy(new):
                return
            yield from self._policy(old, new)
        pairs = _pair_hooks(old.hooks if old else (), new.hooks if new else ())
        for one, other in pairs:
            if one is None or other is None:
                yield self._whole_hook(one, other)
            elif meaning_of_hook(one) != meaning_of_hook(other):
                yield from self._hook(one, other)

    def _row(
        self,
        what: str,
        before: str,
        after: str,
        spans: tuple[Span | None, Span | None],
        *,
        change: str = CHANGED,
        hook: str = "",
        selector: str = "",
        is_enforcing: bool = False,
    ) -> TracingRow:
        return TracingRow(
            change,
            self._key,
            what,
            hook,
            selector,
            before,
            after,
            is_enforcing,
            _place(spans[0]),
            _place(spans[1]),
        )

    # ------------------------------------------------------------ the policy

    def _policy(self, old: TracingPolicy, new: TracingPolicy) -> Iterator[TracingRow]:
        spans = old.span, new.span
        does = any(
            map(enforces, (s for p in (old, new) for h in p.hooks for s in h.selectors))
        )
        if old.mode is not new.mode:
            yield self._row(
                "mode", old.mode.value, new.mode.value, spans, is_enforcing=does
            )
        if old.workloads != new.workloads:
            yield self._row(
                "whom",
                phrase_workloads(old.workloads),
                phrase_workloads(new.workloads),
                spans,
                is_enforcing=does,
            )
        before, after = _settings(old), _settings(new)
        for name in before:
            if before[name] != after[name]:
                yield self._row(
                    "settings",
                    f"{name}: {before[name]}",
                    f"{name}: {after[name]}",
                    spans,
                    is_enforcing=does,
                )

    def _whole_hook(self, one: Hook | None, other: Hook | None) -> TracingRow:
        hook = one or other
        assert hook is not None  # noqa: S101  # a pair has one
        said = "; ".join(_say(hook, selector) for selector in _selectors(hook))
        policy = self._new if one is None else self._old
        return self._row(
            "hook" if self._old is not None and self._new is not None else "policy",
            "" if one is None else said,
            said if one is None else "",
            (one.span if one else None, other.span if other else None),
            change=GAINED if one is None else LOST,
            hook=phrase_hook(hook),
            is_enforcing=_acts(policy, hook.selectors),
        )

    # ------------------------------------------------------------ a hook

    def _hook(self, one: Hook, other: Hook) -> Iterator[TracingRow]:
        spans = one.span, other.span
        name = phrase_hook(other)
        bare = [meaning_of_hook(replace(hook, selectors=())) for hook in (one, other)]
        if bare[0] != bare[1]:
            yield self._row("reads", _head(one), _head(other), spans, hook=name)
        left, right = list(_selectors(one)), list(_selectors(other))
        is_reordered = _cancel(left, right)
        if not left and not right and is_reordered:
            both = (*one.selectors, *other.selectors)
            yield self._row(
                "order",
                "; ".join(_say(one, s) for s in one.selectors),
                "; ".join(_say(other, s) for s in other.selectors),
                spans,
                hook=name,
                is_enforcing=_acts(self._old, both) or _acts(self._new, both),
            )
        yield from self._changed(one, other, left, right)

    def _changed(
        self,
        one: Hook,
        other: Hook,
        left: list[HookSelector],
        right: list[HookSelector],
    ) -> Iterator[TracingRow]:
        """Yield what became of selectors that are not on both sides."""
        name = phrase_hook(other)
        for old, new in _take_pairs(left, right, meaning_of_filters):
            yield self._row(
                "actions",
                phrase_actions(one, old),
                phrase_actions(other, new),
                (old.span, new.span),
                hook=name,
                selector=phrase_selector(other, new),
                is_enforcing=_acts(self._old, [old]) or _acts(self._new, [new]),
            )
        reads_alike = _read(one) == _read(other)
        for old, new in _take_pairs(left, right, lambda s: meaning_of_selector(s)[1:]):
            change = CHANGED
            if reads_alike and matches_more(new, old):
                change = GAINED
            elif reads_alike and matches_more(old, new):
                change = LOST
            yield self._row(
                "selector",
                phrase_selector(one, old) or "always",
                phrase_selector(other, new) or "always",
                (old.span, new.span),
                change=change,
                hook=name,
                selector=phrase_actions(other, new),
                is_enforcing=_acts(self._old, [old]) or _acts(self._new, [new]),
            )
        for old in left:
            yield self._row(
                "selector",
                _say(one, old),
                "",
                (old.span, None),
                change=LOST,
                hook=name,
                is_enforcing=_acts(self._old, [old]),
            )
        for new in right:
            yield self._row(
                "selector",
                "",
                _say(other, new),
                (None, new.span),
                change=GAINED,
                hook=name,
                is_enforcing=_acts(self._new, [new]),
            )


# ---------------------------------------------------------------- pairs


def _pair_hooks(
    before: Sequence[Hook], after: Sequence[Hook]
) -> Iterator[tuple[Hook | None, Hook | None]]:
    """Yield hooks with their like: first those that are equal, then by place, in order."""
    left, right = list(before), list(after)
    yield from _take_pairs(left, right, meaning_of_hook)
    yield from _take_pairs(left, right, lambda hook: (hook.attachment, hook.place))
    yield from ((hook, None) for hook in left)
    yield from ((None, hook) for hook in right)


def _take_pairs(left: list[Any], right: list[Any], key: Any) -> list[tuple[Any, Any]]:  # noqa: ANN401  # any two of a kind
    """Remove from both lists what has the same key, and return it in pairs."""
    found = []
    for one in list(left):
        wanted = key(one)
        other = next((r for r in right if key(r) == wanted), None)
        if other is not None:
            left[:] = [item for item in left if item is not one]
            right[:] = [item for item in right if item is not other]
            found.append((one, other))
    return found


def _cancel(left: list[HookSelector], right: list[HookSelector]) -> bool:
    """Remove selectors that are on both sides; whether another order decides otherwise.

    The first selector that matches acts, so order says nothing where all do the same.
    """
    places = {id(selector): place for place, selector in enumerate(right)}
    pairs = _take_pairs(left, right, meaning_of_selector)
    listed = [places[id(other)] for _, other in pairs]
    deeds = {meaning_of_selector(one)[1:] for one, _ in pairs}
    return len(deeds) > 1 and listed != sorted(listed)


# ---------------------------------------------------------------- words


def _say(hook: Hook, selector: HookSelector) -> str:
    condition = phrase_selector(hook, selector)
    where = f"where {condition} " if condition else ""
    return f"{where}=> {phrase_actions(hook, selector)}"


def _head(hook: Hook) -> str:
    said = phrase_hook(hook)
    if hook.message:
        said += f", message {hook.message!r}"
    if hook.tags:
        said += f", tags {' '.join(hook.tags)}"
    return said


def _read(hook: Hook) -> Hashable:
    """Return what values stand for: arguments and data by their places."""
    return meaning_of_hook(replace(hook, selectors=(), message="", tags=()))


def _settings(policy: TracingPolicy) -> dict[str, str]:
    lists = "; ".join(
        f"{one.name} = {one.kind.value or 'names'} "
        f"{', '.join(one.values)}{one.pattern or ''}".rstrip()
        for one in sorted(policy.lists, key=lambda one: one.name)
    )
    calls = [
        getattr(c, "name", None) or f"list:{getattr(c, 'list', '')}"
        for one in policy.enforcers
        for c in one.calls
    ]
    return {
        "lists": lists or "none",
        "enforcers": ", ".join(sorted(calls)) or "none",
        "unknown workloads": "selected" if policy.takes_unknown else "left out",
        "nodeSelector": "all nodes" if policy.nodes is None else str(policy.nodes),
        "disable-kprobe-multi": str(policy.is_multi_disabled).lower(),
        "override-method": policy.override_method or "chosen",
        "sleepable-preload-size": str(policy.sleepable_preload_size or "default"),
    }
