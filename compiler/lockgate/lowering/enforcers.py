"""Where the enforcers of policies stand: the calls at which a notified thread gets its signal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockgate.ir.placement import Stand
from lockgate.ir.site import EnforcerSite
from lockgate.ir.tracing_actions import ActionKind
from lockgate.lowering.deeds import actions_of, other_hooks
from lockgate.lowering.functions import functions_of, nearest, symbol
from lockgate.lowering.refusal import RefusalError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lockgate.ir.tracing import Hook, TracingPolicy
    from lockgate.targets.target import Target


def check_notified(policy: TracingPolicy, hook: Hook, target: Target) -> None:
    """Refuse to leave to an enforcer what it cannot do: a denial, or nothing at all."""
    notes = [a for a in actions_of(hook) if a.kind is ActionKind.NOTIFY_ENFORCER]
    for action in notes:
        if action.error:
            reason = "an enforcer cannot deny: no program may replace what system calls return"
            cure = (
                "leave 'argError' out to send the signal alone; to deny, use 'lsmhooks'"
            )
            raise RefusalError("E3122", reason, cure)
        if not action.signal:
            reason = "NotifyEnforcer without 'argSig' asks its enforcer for nothing"
            raise RefusalError("E3122", reason, "write 'argSig: 9'")
    if notes:
        enforcer_site(policy, 0, target)


def enforcer_sites(
    policies: Sequence[TracingPolicy], target: Target
) -> Iterator[EnforcerSite]:
    """Yield where the enforcers stand of policies that notify them."""
    for number, policy in enumerate(policies):
        kinds = {a.kind for hook in policy.hooks for a in actions_of(hook)}
        if ActionKind.NOTIFY_ENFORCER in kinds:
            yield enforcer_site(policy, number, target)


def enforcer_site(policy: TracingPolicy, number: int, target: Target) -> EnforcerSite:
    """Return where the enforcer of a policy stands; RefusalError where it cannot."""
    functions = set()
    for enforcer in policy.enforcers:
        for call in enforcer.calls:
            for function in functions_of(call, policy, target):
                name = symbol(function, target)
                if name not in target.functions:
                    reason = (
                        f"the enforcer's call '{name}' cannot be watched on this target"
                    )
                    raise RefusalError("E3110", reason, nearest(function.name, target))
                functions.add(name)
    stand = next((s for s in _STANDS if target.hooks.get(s.value)), None)
    if stand is None:
        reason = "an enforcer needs kprobes or trampolines"
        raise RefusalError("E3109", reason, other_hooks(target))
    return EnforcerSite(number, policy, stand, tuple(sorted(functions)))


_STANDS = (Stand.KPROBE, Stand.FENTRY)
"""A probe comes first: one program stands at all calls."""
