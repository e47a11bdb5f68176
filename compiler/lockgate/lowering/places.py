"""Decide for each hook of a policy where it stands on a target, or why it cannot.

What a policy asks for is kept where the target can do it; two things move a hook.  A function
with types is better watched by a trampoline (fentry, fexit) than by a probe: the same events at
half the cost.  And a denial must stand where the kernel obeys it: an Override on a function of
the security modules becomes a program that may change its return (fmod_ret), or a hook of
theirs (lsm) where ``bpf`` is among the modules that the kernel asks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockgate.ir.placement import Placement, Result
from lockgate.ir.tracing import (
    KernelFunction,
    KernelFunctions,
    LsmHook,
    Tracepoint,
    UserFunction,
    UserProbe,
)
from lockgate.lowering.enforcers import check_notified
from lockgate.lowering.functions import symbol, watched_functions
from lockgate.lowering.place_functions import place_function
from lockgate.lowering.place_loader import place_loader
from lockgate.lowering.place_lsm import place_lsm
from lockgate.lowering.place_programs import place_program
from lockgate.lowering.place_tracepoints import place_tracepoint
from lockgate.lowering.refusal import RefusalError
from lockgate.lowering.supplements import check_supplements
from lockgate.lowering.unsupported import refuse_unsupported

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lockgate.ir.tracing import Hook, TracingPolicy
    from lockgate.targets.target import Target


def place_policy(policy: TracingPolicy, target: Target) -> Iterator[Placement]:
    """Yield a placement for each hook, and for each function of a list."""
    for hook in policy.hooks:
        place = hook.place
        if isinstance(place, KernelFunction | KernelFunctions):
            functions = watched_functions(place, policy, target)
            if not functions:
                refusal = RefusalError(
                    "E3110",
                    "no function of this target is in the list",
                    "correct the pattern or the values of the list",
                )
                yield _refused(policy, hook, target, _asked(hook), refusal)
            for function in functions:
                yield from _place(policy, hook, target, function)
        else:
            yield from _place(policy, hook, target, None)


def _place(
    policy: TracingPolicy, hook: Hook, target: Target, function: KernelFunction | None
) -> list[Placement]:
    """Return where a hook stands: at one place, or at several of a program of user space."""
    asked = _asked(hook, None if function is None else symbol(function, target))
    try:
        check_notified(policy, hook, target)
        place = hook.place
        if isinstance(place, UserFunction | UserProbe):
            placements = list(place_program(policy, hook, target, place, asked))
        else:
            placements = [_find_place(policy, hook, target, function, asked)]
        for placement in placements:
            refuse_unsupported(placement)
            check_supplements(placement, target)
    except RefusalError as refusal:
        return [_refused(policy, hook, target, asked, refusal)]
    return placements


def _find_place(
    policy: TracingPolicy,
    hook: Hook,
    target: Target,
    function: KernelFunction | None,
    asked: str,
) -> Placement:
    if function is not None:
        return place_function(policy, hook, target, function, asked)
    if isinstance(hook.place, Tracepoint):
        return place_tracepoint(policy, hook, target, hook.place, asked)
    if isinstance(hook.place, LsmHook):
        return place_lsm(policy, hook, target, hook.place, asked)
    return place_loader(policy, hook, target, asked)


def _asked(hook: Hook, function: str | None = None) -> str:
    """Return how the policy names the place: ``kprobe:tcp_connect``."""
    place, word = hook.place, hook.attachment.value
    match place:
        case KernelFunction():
            return f"{word}:{function or place.name}"
        case KernelFunctions():
            return f"{word}:{function or f'list:{place.list}'}"
        case Tracepoint():
            raw = "raw_" if place.is_raw else ""
            return f"{raw}{word}:{place.subsystem}/{place.event}"
        case LsmHook():
            return f"{word}:{place.name}"
        case UserFunction():
            where = place.symbols or place.offsets or place.addresses
            return f"{word}:{place.path}:{','.join(map(str, where))}"
        case UserProbe():
            return f"{word}:{place.path}:{place.provider}:{place.name}"
    return word


def _refused(
    policy: TracingPolicy,
    hook: Hook,
    target: Target,
    asked: str,
    refusal: RefusalError,
) -> Placement:
    return Placement(
        policy,
        hook,
        target.name,
        asked,
        Result.REFUSED,
        code=refusal.code,
        reason=refusal.reason,
        suggestion=refusal.suggestion,
    )
