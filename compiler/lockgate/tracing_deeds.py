"""What enforcing selectors do and to whom, for the guard of apply (``deeds.json``).

Which processes would be hit is asked on the node (:mod:`lockgate_runtime.tracing.guard`), where
they run; here stands all that a selector says of them, and of the values that narrow it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lockgate.ir.tracing import (
    KernelFunction,
    KernelFunctions,
    LsmHook,
    Tracepoint,
    UserFunction,
    UserProbe,
)
from lockgate.ir.tracing_actions import ActionKind

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lockgate.ir.cluster import Cluster
    from lockgate.ir.tracing import Hook, TracingPolicy
    from lockgate.ir.tracing_actions import Action
    from lockgate.ir.tracing_selectors import (
        BinaryMatch,
        CapabilityMatch,
        HookSelector,
        ValueMatch,
    )

_KILL = 9


def describe_deeds(
    policies: Sequence[TracingPolicy], cluster: Cluster | None = None
) -> Iterator[dict[str, Any]]:
    """Yield for each enforcing selector what it does, and which processes it is about.

    ``spared_nodes`` are those of the snapshot on which the policy is not for anybody.
    """
    for policy in sorted(policies, key=lambda policy: policy.key):
        for hook in policy.hooks:
            for selector in hook.selectors:
                actions = (*selector.actions, *selector.return_actions)
                deed = next(filter(None, map(_deed, actions)), None)
                if deed is not None:
                    yield {
                        "policy": policy.key,
                        "mode": policy.mode.value,
                        "source": selector.span.place,
                        "action": deed,
                        "functions": list(_functions(policy, hook)),
                        "file": _file(hook),
                        "spared_nodes": _spared(policy, cluster),
                        "is_narrowed": not _reaches_host(policy, selector),
                        "values": [
                            _value(value)
                            for value in (
                                *selector.arguments,
                                *selector.data,
                                *selector.returns,
                            )
                        ],
                        **_whom(selector),
                    }


def _spared(policy: TracingPolicy, cluster: Cluster | None) -> list[str]:
    if policy.nodes is None or cluster is None:
        return []
    return [n.name for n in cluster.nodes if not policy.nodes.selects(n.labels)]


def _deed(action: Action) -> str | None:
    """Return a verb for an action that enforces."""
    if action.kind in (ActionKind.SIGNAL, ActionKind.NOTIFY_ENFORCER) and action.signal:
        is_deadly = action.signal == _KILL
        return "kill" if is_deadly else f"send signal {action.signal} to"
    if action.kind in (ActionKind.OVERRIDE, ActionKind.NOTIFY_ENFORCER):
        return "deny calls of"
    return None


def _functions(policy: TracingPolicy, hook: Hook) -> Iterator[str]:
    """Yield where the hook stands; a list that is generated is everywhere (``*``)."""
    place = hook.place
    if isinstance(place, KernelFunction | LsmHook):
        yield place.name
    elif isinstance(place, Tracepoint):
        yield place.event
    elif isinstance(place, KernelFunctions):
        found = next((one for one in policy.lists if one.name == place.list), None)
        yield from found.values if found and found.values else ("*",)


def _file(hook: Hook) -> str | None:
    """Return the binary or library of a hook that only concerns who has mapped it."""
    place = hook.place
    return place.path if isinstance(place, UserFunction | UserProbe) else None


def _reaches_host(policy: TracingPolicy, selector: HookSelector) -> bool:
    """Whether processes outside of pods are meant, too."""
    return not policy.namespace and all(
        match.is_everything or match.host
        for match in (policy.workloads, selector.workloads)
    )


def _value(value: ValueMatch) -> dict[str, Any]:
    return {
        "comparison": value.comparison.value,
        "is_negated": value.is_negated,
        "texts": list(value.texts),
        "ranges": [[one.first, one.last] for one in value.ranges],
        "networks": [str(network) for network in value.networks],
        "has_lists": bool(value.lists),
    }


def _binary(match: BinaryMatch) -> dict[str, Any]:
    return {
        "comparison": match.comparison.value,
        "values": list(match.values),
        "is_negated": match.is_negated,
        "follows": match.follows_children,
    }


def _whom(selector: HookSelector) -> dict[str, Any]:
    return {
        "binaries": list(map(_binary, selector.binaries)),
        "parents": list(map(_binary, selector.parent_binaries)),
        "pids": [
            {
                "pids": list(one.pids),
                "is_negated": one.is_negated,
                "is_namespaced": one.is_namespaced,
                "follows": one.follows_forks,
            }
            for one in selector.pids
        ],
        "namespaces": [
            {
                "namespace": one.namespace.value,
                "inodes": list(one.inodes),
                "is_host": one.is_host,
                "is_negated": one.is_negated,
            }
            for one in selector.namespaces
        ],
        "capabilities": list(map(_capability, selector.capabilities)),
        "namespace_changes": [
            {
                "namespaces": [namespace.value for namespace in one.namespaces],
                "is_negated": one.is_negated,
            }
            for one in selector.namespace_changes
        ],
        "capability_changes": list(map(_capability, selector.capability_changes)),
    }


def _capability(match: CapabilityMatch) -> dict[str, Any]:
    return {
        "set": match.set.value,
        "capabilities": match.capabilities,
        "is_negated": match.is_negated,
        "is_namespaced": match.is_namespaced,
    }
