"""What the actions of a hook do to an operation: deny it, kill its process."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from lockgate.ir.tracing_actions import TRACKING, ActionKind
from lockgate.ir.tracing_arguments import ArgumentType
from lockgate.lowering.refusal import RefusalError
from lockgate.targets.denials import DENIABLE, SOCKET_ENDS

if TYPE_CHECKING:
    from lockgate.ir.placement import Placement
    from lockgate.ir.tracing import Hook
    from lockgate.ir.tracing_actions import Action
    from lockgate.targets.target import Target


def actions_of(hook: Hook) -> list[Action]:
    """Return the actions of all selectors, at the call and at the return."""
    return [
        action
        for selector in hook.selectors
        for action in (*selector.actions, *selector.return_actions)
    ]


def denies(hook: Hook) -> bool:
    """Whether some action gives the operation another result."""
    return any(action.kind is ActionKind.OVERRIDE for action in actions_of(hook))


def kills(hook: Hook) -> bool:
    """Whether some action kills the process here (an enforcer does it elsewhere)."""
    return any(
        action.signal == 9 and action.kind is ActionKind.SIGNAL
        for action in actions_of(hook)
    )


def check_tracked(hook: Hook, target: Target) -> None:
    """Refuse to track what is no socket, or what nobody says the end of."""
    tracked = [
        hook.arguments[action.argument].type
        for action in actions_of(hook)
        if action.kind in TRACKING and action.argument is not None
    ]
    if hook.return_action is not None:
        if hook.returned is None:
            reason = (
                f"'returnArgAction: {hook.return_action.value}' without 'returnArg'"
            )
            cure = "add 'return: true' and 'returnArg: {index: 0, type: sock}'"
            raise RefusalError("E3114", reason, cure)
        tracked.append(hook.returned.type)
    for kind in tracked:
        if kind not in (ArgumentType.SOCK, ArgumentType.SOCKET):
            reason = f"a {kind.value} is tracked, and is no socket"
            raise RefusalError("E3114", reason, "track an argument of type sock")
    if tracked and not any(name in target.functions for name in SOCKET_ENDS):
        reason = "nothing on this target tells when a socket ends"
        raise RefusalError("E3112", reason, "take TrackSock and UntrackSock out")


def warn_of_signals(placement: Placement, name: str, target: Target) -> Placement:
    """Say of a signal where nothing is denied that the operation may complete."""
    if not any(action.signal == 9 for action in actions_of(placement.hook)):
        return placement
    reason = f"the signal stops the process; the operation at '{name}' may complete"
    return replace(
        placement, code="W3123", reason=reason, suggestion=deniable(name, target)
    )


def deniable(name: str, target: Target) -> str:
    """Return where the operation of a function could be denied on this target."""
    hook = DENIABLE.get(name)
    if hook is not None and hook in target.lsm_hooks:
        where = f"the hook '{hook}' (lsmhooks) can deny it"
        return where if runs_lsm(target) else f"security_{hook} can deny it"
    return "deny it at a function security_*, or at a hook of 'lsmhooks'"


def runs_lsm(target: Target) -> bool:
    """Whether programs at hooks of security modules are asked at all."""
    return bool(target.hooks.get("lsm")) and "bpf" in target.security_modules


def other_hooks(target: Target) -> str:
    """Return what can be attached on this target, for messages."""
    works = sorted(name for name, does in target.hooks.items() if does)
    return f"what works there: {', '.join(works) or 'nothing'}"
