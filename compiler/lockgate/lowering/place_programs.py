"""Programs in user space: their functions, and the probes that they bring."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from lockgate.ir.placement import Placement, Result, Stand
from lockgate.ir.tracing import UserFunction
from lockgate.ir.tracing_actions import ActionKind
from lockgate.lowering.deeds import actions_of, other_hooks
from lockgate.lowering.parameters import untyped
from lockgate.lowering.refusal import RefusalError

if TYPE_CHECKING:
    from lockgate.ir.tracing import Hook, TracingPolicy, UserProbe
    from lockgate.targets.target import Target

_OVERRIDES = frozenset(
    {ActionKind.OVERRIDE, ActionKind.OVERRIDE_REGISTERS, ActionKind.OVERRIDE_CALL}
)


def place_program(
    policy: TracingPolicy,
    hook: Hook,
    target: Target,
    place: UserFunction | UserProbe,
    asked: str,
) -> Placement:
    """Place a hook in a program of user space, which must be a file here."""
    if not target.hooks.get("uprobe"):
        raise RefusalError("E3109", "uprobes do not work", other_hooks(target))
    for action in actions_of(hook):
        if action.kind in _OVERRIDES:
            reason = "no program may change what another program calls or returns here"
            raise RefusalError("E3125", reason, "send a signal instead")
    if not Path(place.path).exists():
        reason = f"there is no file {place.path} here"
        raise RefusalError("E3130", reason, "correct 'path'")
    stand = Stand.UPROBE if isinstance(place, UserFunction) else Stand.USDT
    arguments = tuple(untyped(argument, place.path) for argument in hook.arguments)
    function = asked.split(":", 1)[1]
    return Placement(
        policy,
        hook,
        target.name,
        asked,
        Result.ATTACHED,
        stand,
        function,
        arguments=arguments,
    )
