"""What a tracing policy means, without the words: equal for policies that do the same.

Places in the text do not count, nor does the order of filters in a selector and of values in a
filter.  The order of selectors does (the first that matches acts), and that of hooks does not.
"""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING, Any

from lockgate.ir.tracing_actions import Action, ActionKind
from lockgate.ir.tracing_selectors import Comparison, HookSelector

if TYPE_CHECKING:
    from collections.abc import Hashable

    from lockgate.ir.tracing import Hook, TracingPolicy

_RETURNING = frozenset({ActionKind.OVERRIDE, ActionKind.NOTIFY_ENFORCER})
_WITHOUT_PLACE = frozenset({"span", "path"})
_UNORDERED = frozenset(
    {
        "arguments",
        "binaries",
        "capabilities",
        "capability_changes",
        "data",
        "inodes",
        "lists",
        "namespace_changes",
        "namespaces",
        "networks",
        "parent_binaries",
        "pids",
        "ranges",
        "returns",
        "texts",
        "values",
    }
)
"""Fields of selectors and filters whose order says nothing."""


def meaning_of_policy(policy: TracingPolicy) -> Hashable:
    """Return all that a policy means, its name and namespace included."""
    hooks = tuple(sorted((meaning_of_hook(h) for h in policy.hooks), key=repr))
    return _form(replace(policy, hooks=())), hooks


def meaning_of_hook(hook: Hook) -> Hashable:
    """Return what a hook means."""
    selectors = hook.selectors or (HookSelector(hook.span),)
    rest = replace(hook, selectors=())
    return _form(rest), tuple(meaning_of_selector(one) for one in selectors)


def meaning_of_selector(selector: HookSelector) -> tuple[Hashable, ...]:
    """Return what a selector means; no actions are an event."""
    actions = selector.actions or (Action(ActionKind.POST, selector.span),)
    returned = selector.return_actions
    deeds = tuple(_form(tuple(map(_bare, some))) for some in (actions, returned))
    return meaning_of_filters(selector), *deeds


def _bare(action: Action) -> Action:
    """Return an action without the fields that mean nothing beside its kind."""
    if action.kind in _RETURNING:
        return action
    return replace(action, error=0)


def meaning_of_filters(selector: HookSelector) -> Hashable:
    """Return whom and what a selector matches, without what is done."""
    form: Hashable = _form(
        replace(selector, actions=(), return_actions=()), is_selector=True
    )
    return form


def _form(value: Any, *, is_selector: bool = False) -> Any:  # noqa: ANN401  # any value
    """Return a value of the IR as nested tuples."""
    if isinstance(value, Enum):
        return value.name
    if isinstance(value, tuple):
        return tuple(_form(item, is_selector=is_selector) for item in value)
    if not is_dataclass(value) or isinstance(value, type):
        return value
    name = type(value).__name__
    is_match = is_selector or name.endswith("Match")
    found = []
    for field in fields(value):
        if field.name in _WITHOUT_PLACE and not (
            name in ("UserFunction", "UserProbe") and field.name == "path"
        ):
            continue
        said = getattr(value, field.name)
        if said is Comparison.IN_MAP and not getattr(value, "lists", ()):
            said = Comparison.EQUAL
        said = _form(said, is_selector=is_match)
        # The arguments of CapabilitiesGained stand in order: new, then old.
        is_ordered = name == "ValueMatch" and field.name == "arguments"
        is_set = is_match and field.name in _UNORDERED and isinstance(said, tuple)
        if is_set and not is_ordered:
            said = tuple(sorted(said, key=repr))
        found.append(said)
    return (name, *found)
