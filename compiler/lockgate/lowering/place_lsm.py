"""Hooks of the security modules: what they return is obeyed, if programs are asked at all."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from lockgate.diagnostics import did_you_mean
from lockgate.ir.placement import Placement, Result, Stand
from lockgate.lowering.deeds import deniable, denies, runs_lsm, warn_of_signals
from lockgate.lowering.lengths import with_lengths
from lockgate.lowering.parameters import read_data, read_parameters
from lockgate.lowering.place_functions import (
    refuse_unreadable,
    returns_number,
    same_arguments,
)
from lockgate.lowering.refusal import RefusalError
from lockgate.lowering.syscall_lists import resolve_lists

if TYPE_CHECKING:
    from lockgate.ir.tracing import Hook, LsmHook, TracingPolicy
    from lockgate.targets.target import Target


def place_lsm(
    policy: TracingPolicy, hook: Hook, target: Target, place: LsmHook, asked: str
) -> Placement:
    """Place a hook of security modules; where none is asked, at the function around it."""
    function = f"bpf_lsm_{place.name}"
    prototype = target.prototype(function)
    if prototype is None:
        reason = (
            f"Linux {target.release} has no hook '{place.name}' of security modules"
        )
        cure = did_you_mean(place.name, target.lsm_hooks) or "see lsm_hook_defs.h"
        raise RefusalError("E3110", reason, cure)
    refuse_unreadable(hook, prototype)
    hook = with_lengths(resolve_lists(policy, hook, target), prototype)
    placement = Placement(
        policy,
        hook,
        target.name,
        asked,
        Result.ATTACHED,
        Stand.LSM,
        place.name,
        arguments=read_parameters(hook, prototype, f"the hook {place.name}", target),
        data=read_data(hook, target),
    )
    if not returns_number(prototype):
        if denies(hook):
            reason = f"the hook '{place.name}' returns nothing, so nothing can be denied there"
            raise RefusalError("E3120", reason, deniable(place.name, target))
        placement = replace(placement, can_deny=False)
        placement = warn_of_signals(placement, place.name, target)
    if runs_lsm(target):
        return placement
    name = f"security_{place.name}"
    if target.hooks.get("fmod_ret") and name in target.functions:
        same = target.prototype(name)
        if same is not None and same_arguments(name, target) and returns_number(same):
            reason = (
                "programs at hooks do not run: 'bpf' is not in the kernel's lsm= list"
            )
            return replace(
                placement,
                result=Result.LOWERED,
                stand=Stand.FMOD_RET,
                function=name,
                code="W3124",
                reason=reason,
            )
    reason = f"the hook '{place.name}' would never run: 'bpf' is not in the lsm= list"
    raise RefusalError("E3121", reason, "boot with lsm=...,bpf")
