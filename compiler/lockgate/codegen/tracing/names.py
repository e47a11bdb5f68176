"""What ``sites.json`` says of a generation: programs, hooks, policies, by their numbers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from lockgate.codegen.tracing.calls import ENTRIES, denial_function, keeps_calls
from lockgate.ir.site import Facet, NumberTest
from lockgate.ir.tracing import (
    KernelFunction,
    KernelFunctions,
    Loader,
    LsmHook,
    Tracepoint,
    UserFunction,
    UserProbe,
)
from lockgate.ir.tracing_actions import ActionKind
from lockgate.ir.user_places import probe_arguments, user_places

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lockgate.ir.site import FollowRule, Generation, Site, SiteHook
    from lockgate.ir.tracing_actions import Action
    from lockgate.ir.tracing_arguments import Argument

_ENFORCING = frozenset({ActionKind.SIGNAL, ActionKind.OVERRIDE, ActionKind.SET})


def print_sites(
    generation: Generation,
    tables: Sequence[dict[str, object]],
    others: Sequence[dict[str, Any]] = (),
) -> dict[str, Any]:
    """Return the values of ``sites.json``; ``others`` are programs that no hook is at."""
    return {
        # A site's number is its place here; what keeps calls for returns stands behind them.
        "sites": [
            *(_site(site) for site in generation.sites),
            *(_call_site(site) for site in generation.sites if _has_call(site)),
            *others,
        ],
        "hooks": [_hook(hook, generation) for hook in generation.hooks],
        "policies": [
            {
                "number": number,
                "key": policy.key,
                "name": policy.name,
                "namespace": policy.namespace,
                "mode": policy.mode.value,
                "unknown_workloads": "selected" if policy.takes_unknown else "left-out",
                "enforces": any(
                    action.kind in _ENFORCING
                    for hook in policy.hooks
                    for selector in hook.selectors
                    for action in (*selector.actions, *selector.return_actions)
                ),
            }
            for number, policy in enumerate(generation.policies)
        ],
        "followed": [_rule(rule) for rule in generation.followed],
        "tables": list(tables),
    }


def _site(site: Site) -> dict[str, Any]:
    place = site.hooks[0].hook.place
    found: dict[str, Any] = {
        "program": site.name,
        "object": f"{site.name}.o",
        "stand": site.stand.value,
        "functions": list(site.functions),
        "hooks": [hook.number for hook in site.hooks],
        "reads": _reads(site),
        "is_multi_disabled": any(hook.policy.is_multi_disabled for hook in site.hooks),
    }
    if isinstance(place, UserFunction | UserProbe):
        found["binary"] = place.path
    if isinstance(place, UserFunction):
        places = [each for each in user_places(place) if each.name in site.functions]
        found["functions"] = [each.symbol for each in places if each.symbol]
        found["offsets"] = [p.offset for p in places if p.offset is not None]
        found["addresses"] = [p.address for p in places if p.address is not None]
        found["semaphores"] = [
            each.counter for each in places if place.reference_counters
        ]
        found["digests"] = list(place.digests)
        found["is_skipped_on_digest"] = place.is_skipped_on_digest
    if isinstance(place, UserProbe):
        found["functions"] = [f"{place.provider}:{place.name}"]
        found["arguments"] = [probe_arguments(name, place) for name in site.functions]
    return found


def _rule(rule: FollowRule) -> str:
    """Return a rule that follows processes in words: two are the same where these are."""
    if isinstance(rule, NumberTest):
        numbers = " ".join(map(str, rule.numbers))
        return f"{'namespaced ' if rule.is_namespaced else ''}numbers {numbers}"
    return f"{rule.comparison.value} {' '.join(map(json.dumps, rule.values))}"


def _reads(site: Site) -> list[str]:
    """Return what of the shared records the site judges."""
    facets = {dimension.facet for dimension in site.dimensions}
    found = {
        "classes": facets & {Facet.BINARY, Facet.PARENT_BINARY, Facet.FOLLOWED},
        "workloads": facets & {Facet.WORKLOAD},
    }
    return [name for name, judged in found.items() if judged]


def _has_call(site: Site) -> bool:
    return site.denial is not None or keeps_calls(site)


def _call_site(site: Site) -> dict[str, Any]:
    """Return the row of the program that sees the calls whose returns a site sees."""
    found = _site(site) | {"program": f"{site.name}_call", "hooks": []}
    if site.denial is not None:
        functions = [denial_function(site, each) for each in site.functions]
        return found | {"stand": site.denial.value, "functions": functions}
    return found | {"stand": ENTRIES[site.stand].value}


def _hook(hook: SiteHook, generation: Generation) -> dict[str, Any]:
    policy, written = hook.policy, hook.hook
    return {
        "number": hook.number,
        "policy": policy.key,
        "name": policy.name,
        "policy_number": hook.policy_number,
        "path": written.path,
        "source": written.span.place,
        "kind": written.attachment.value,
        "function": _function(hook),
        "message": written.message,
        "tags": list(written.tags),
        "arguments": [_argument(argument) for argument in written.arguments],
        "data": [_argument(argument) for argument in written.data],
        "returned": _argument(written.returned) if written.returned else None,
        "selectors": [
            {
                "number": selector.number,
                "site": site.number,
                "label": selector.selector.label,
                "span": selector.selector.span.place,
                "actions": [_action(a) for a in selector.selector.actions],
                "return_actions": [
                    _action(a) for a in selector.selector.return_actions
                ],
            }
            for site in generation.sites
            for selector in site.selectors
            if selector.hook == hook.number
        ],
    }


def _function(hook: SiteHook) -> str:
    """Return the place as the policy names it, which events show."""
    place = hook.hook.place
    match place:
        case KernelFunctions() | KernelFunction(is_syscall=True):
            return (
                hook.placement.function
            )  # with its architecture, as the reference shows it
        case KernelFunction() | LsmHook() | UserProbe():
            return place.name
        case Tracepoint():
            return f"{place.subsystem}/{place.event}"
        case UserFunction():
            return ",".join(place.symbols)
        case Loader():
            return "loader"


def _argument(argument: Argument) -> dict[str, Any]:
    return {
        "index": argument.index,
        "type": argument.type.value,
        "label": argument.label,
    }


def _action(action: Action) -> dict[str, Any]:
    found: dict[str, Any] = {"kind": action.kind.value}
    for name in ("signal", "error", "text", "rate_limit"):
        if getattr(action, name):
            found[name] = getattr(action, name)
    return found
