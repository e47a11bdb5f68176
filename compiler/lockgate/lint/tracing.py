"""What checks of tracing policies share: every selector with its hook, and what stands where."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from lockgate.ir.tracing import KernelFunction, LsmHook, Tracepoint
from lockgate.ir.tracing_actions import ActionKind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lockgate.ir.tracing import Hook, TracingPolicy
    from lockgate.ir.tracing_selectors import HookSelector
    from lockgate.lint.scene import Scene

_PREFIXES = ("security_", "bpf_lsm_")
ENFORCING = frozenset(
    {ActionKind.SIGNAL, ActionKind.OVERRIDE, ActionKind.NOTIFY_ENFORCER}
)


class Placed(NamedTuple):
    """A selector, the hook that has it, and the policy."""

    policy: TracingPolicy
    hook: Hook
    selector: HookSelector

    @property
    def decision(self) -> frozenset[tuple[ActionKind, int, int]]:
        """What is done to the process: empty where events are all there is."""
        return frozenset(
            (action.kind, action.signal, action.error)
            for action in self.selector.actions
            if action.kind in ENFORCING
        )


def selectors(scene: Scene) -> Iterator[Placed]:
    """Yield every selector."""
    for policy in scene.tracing:
        for hook in policy.hooks:
            for selector in hook.selectors:
                yield Placed(policy, hook, selector)


def name_of(hook: Hook) -> str:
    """Return the operation that a hook is about: ``file_open``, ``sys_openat``."""
    match hook.place:
        case KernelFunction(name) | LsmHook(name):
            for prefix in _PREFIXES:
                name = name.removeprefix(prefix)
            return name
        case Tracepoint(subsystem, event):
            return f"{subsystem}/{event}"
    return ""
