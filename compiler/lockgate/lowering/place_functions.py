"""Functions of the kernel: watched by a trampoline or a probe, denied where that is obeyed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from lockgate.ir.placement import Placement, Result, Stand
from lockgate.ir.tracing import OF_32_BITS, Attachment
from lockgate.ir.tracing_actions import ActionKind
from lockgate.ir.tracing_arguments import ArgumentType
from lockgate.lowering.deeds import (
    check_tracked,
    deniable,
    denies,
    kills,
    other_hooks,
    runs_lsm,
    warn_of_signals,
)
from lockgate.lowering.functions import call_name, nearest, symbol
from lockgate.lowering.lengths import with_lengths
from lockgate.lowering.parameters import (
    has_registers,
    read_data,
    read_parameters,
    read_returned,
    read_syscall,
)
from lockgate.lowering.refusal import RefusalError
from lockgate.lowering.syscall_lists import resolve_lists
from lockgate.targets.btf import Kind

if TYPE_CHECKING:
    from lockgate.ir.tracing import Hook, KernelFunction, TracingPolicy
    from lockgate.targets.target import Prototype, Target

NEVER_RETURNING = frozenset(
    {
        "do_exit",
        "do_group_exit",
        "kthread_complete_and_exit",
        "kthread_exit",
        "make_task_dead",
        "sys_exit",
        "sys_exit_group",
    }
)
"""Functions at whose return kernels let no trampoline stand (kernel/bpf/verifier.c)."""

MOST_REGISTERS = 6
"""So many arguments a probe finds in registers (x86-64 psABI)."""


def place_function(
    policy: TracingPolicy,
    hook: Hook,
    target: Target,
    function: KernelFunction,
    asked: str,
) -> Placement:
    """Place a hook at one function; :class:`RefusalError` where the target cannot."""
    name = _find(hook, function, target)
    check_tracked(hook, target)
    prototype = target.prototype(name)
    hook = with_lengths(resolve_lists(policy, hook, target), prototype)
    placement = Placement(policy, hook, target.name, asked, Result.ATTACHED)
    prefixes = (target.syscall_prefix or "sys_", OF_32_BITS)
    is_call = function.is_syscall and name.startswith(prefixes)
    if is_call:
        arguments = read_syscall(hook, name, target)
    else:
        arguments = read_parameters(hook, prototype, name, target)
    placement = replace(
        placement,
        arguments=arguments,
        data=read_data(hook, target, by_registers=True),
        returned=read_returned(hook, prototype, name),
    )
    by_registers = has_registers(hook) and not is_call
    if denies(hook):
        if by_registers:
            _refuse_registers("no program that can deny has the registers of a call")
        return place_denial(placement, name, prototype, target)
    if kills(hook) and not by_registers and _can_deny(name, prototype, target):
        return _deny_security(placement, name, prototype, target)
    stand = _watch(hook, None if by_registers else prototype, name, target)
    if has_registers(hook) and stand is Stand.KRETPROBE:
        _refuse_registers(
            f"the registers of the call of '{name}' are gone at its return"
        )
    placement = replace(placement, stand=stand, function=name)
    if hook.has_return and call_name(name) in NEVER_RETURNING:
        reason = f"'{name}' never returns, so that nothing is told of it"
        cure = "take 'return' and 'returnArg' away: the call itself is seen"
        return replace(placement, code="W3126", reason=reason, suggestion=cure)
    return warn_of_signals(placement, call_name(name), target)


def _refuse_registers(reason: str) -> None:
    cure = "take what is read from pt_regs out of 'data', or read it as an argument"
    raise RefusalError("E3114", reason, cure)


def _find(hook: Hook, function: KernelFunction, target: Target) -> str:
    """Return the symbol, or say that there is none."""
    name = symbol(function, target)
    _module, count = target.symbols.get(name, ("", 0))
    if count == 0:
        reason = f"Linux {target.release} has no function '{name}'"
        if hook.is_optional:
            reason += ", and the policy says to go on without it"
            raise RefusalError("N3110", reason)
        raise RefusalError("E3110", reason, nearest(function.name, target))
    if count > 1:
        reason = f"{count} functions are called '{name}'; which is meant cannot be said"
        raise RefusalError("E3111", reason, "watch a function that calls it")
    if target.functions and name not in target.functions:
        reason = f"'{name}' cannot be watched: it is inlined, or excluded from tracing"
        raise RefusalError("E3112", reason, nearest(function.name, target))
    return name


def _watch(hook: Hook, prototype: Prototype | None, name: str, target: Target) -> Stand:
    """Return the cheapest way to see a function called (and return, if that is asked)."""
    fits = prototype is not None and len(prototype.type.parameters) <= MOST_REGISTERS
    fits = fits and not (hook.has_return and call_name(name) in NEVER_RETURNING)
    fits = fits and not unreadable(hook, prototype)
    if fits and not _has_structs(prototype) and name in target.functions:
        wanted = "fexit" if hook.has_return else "fentry"
        if target.hooks.get(wanted):
            return Stand(wanted)
    if hook.attachment is Attachment.FENTRY:
        reason = f"'{name}' cannot have a trampoline on this target"
        raise RefusalError("E3112", reason, "write it under 'kprobes'")
    if not target.hooks.get("kprobe"):
        reason = "this target has neither kprobes nor trampolines"
        raise RefusalError("E3109", reason, other_hooks(target))
    _check_registers(hook, prototype, name)
    return Stand.KRETPROBE if hook.has_return else Stand.KPROBE


def unreadable(hook: Hook, prototype: Prototype | None) -> list[str]:
    """Return the arguments that the verifier lets no program at a trampoline read.

    It gives numbers, and pointers to structures, to numbers or to ``void`` itself: one to
    ``const void`` or to another pointer it refuses (btf_ctx_access() of kernel/bpf/btf.c).
    """
    if prototype is None:
        return []
    types, found = prototype.types, []
    read = [a.index for a in hook.arguments if a.type is not ArgumentType.NOP]
    for index in dict.fromkeys(read):
        if index >= len(prototype.type.parameters):
            continue
        number = prototype.type.parameters[index].type
        here = types.strip(number)
        if here.kind is not Kind.POINTER or not here.target:
            continue
        if types.strip(here.target).kind not in (Kind.STRUCT, Kind.UNION, Kind.INT):
            found.append(f"argument {index} ({types.spell(number)})")
    return found


def refuse_unreadable(hook: Hook, prototype: Prototype | None) -> None:
    """Refuse what only a probe can read, where a program must stand at a trampoline."""
    found = unreadable(hook, prototype)
    if found:
        reason = f"no program that can deny may read {', '.join(found)}"
        cure = "take it out of 'args', or watch in a policy of its own without a denial"
        raise RefusalError("E3114", reason, cure)


def _check_registers(hook: Hook, prototype: Prototype | None, name: str) -> None:
    """Refuse arguments that a probe finds in no register: late ones, and those behind structs."""
    known = MOST_REGISTERS
    if prototype is not None:
        types = prototype.types
        for place, parameter in enumerate(prototype.type.parameters):
            if types.strip(parameter.type).kind in (Kind.STRUCT, Kind.UNION):
                known = min(known, place)
    for argument in hook.arguments:
        if argument.index >= known:
            where = f"argument {argument.index} of {name}"
            reason = f"{where} is in no register that a probe knows"
            raise RefusalError("E3113", reason, f"read the first {known} arguments")


def _has_structs(prototype: Prototype | None) -> bool:
    """Whether an argument is a struct by value, which takes registers of its own."""
    if prototype is None:
        return False
    types = prototype.types
    return any(
        types.strip(p.type).kind in (Kind.STRUCT, Kind.UNION)
        for p in prototype.type.parameters
    )


# ---------------------------------------------------------------- denials


def _can_deny(name: str, prototype: Prototype | None, target: Target) -> bool:
    """Whether an operation can be stopped at a function of the security modules."""
    if not name.startswith("security_") or prototype is None:
        return False
    stands = target.hooks.get("fmod_ret") or runs_lsm(target)
    return returns_number(prototype) and bool(stands)


def place_denial(
    placement: Placement, name: str, prototype: Prototype | None, target: Target
) -> Placement:
    """Return a placement at which the return value can be another."""
    for selector in placement.hook.selectors:
        if any(a.kind is ActionKind.OVERRIDE for a in selector.return_actions):
            reason = f"when '{name}' has returned, it cannot be denied any more"
            raise RefusalError("E3120", reason, "move Override to 'matchActions'")
    if name.startswith("security_"):
        return _deny_security(placement, name, prototype, target)
    reason = (
        f"'{name}' cannot be denied: Linux {target.release} lets no program replace what it "
        "returns"
    )
    raise RefusalError("E3120", reason, deniable(call_name(name), target))


def _deny_security(
    placement: Placement, name: str, prototype: Prototype | None, target: Target
) -> Placement:
    if placement.hook.has_return and not target.hooks.get("fexit"):
        reason = f"no trampoline sees what '{name}' returns once it is denied"
        raise RefusalError("E3112", reason, "take 'return' and 'returnArg' away")
    refuse_unreadable(placement.hook, prototype)
    is_number = prototype is not None and returns_number(prototype)
    if not is_number:
        reason = (
            f"'{name}' returns no error on this target, so nothing can be denied there"
        )
        raise RefusalError("E3120", reason, deniable(name, target))
    if target.hooks.get("fmod_ret") and name in target.functions:
        return replace(
            placement, result=Result.LOWERED, stand=Stand.FMOD_RET, function=name
        )
    hook = name.removeprefix("security_")
    if hook in target.lsm_hooks and runs_lsm(target) and same_arguments(name, target):
        return replace(placement, result=Result.LOWERED, stand=Stand.LSM, function=hook)
    reason = f"'{name}' cannot be denied here: no fmod_ret, and no LSM programs run"
    raise RefusalError("E3121", reason, "boot with lsm=...,bpf")


def returns_number(prototype: Prototype) -> bool:
    """Whether a function returns a number, as those do that can refuse."""
    return prototype.types.strip(prototype.type.target).kind is Kind.INT


def same_arguments(name: str, target: Target) -> bool:
    """Whether the hook is given what the function is given."""
    one = target.types.function(name)
    other = target.types.function(f"bpf_lsm_{name.removeprefix('security_')}")
    spell = target.types.spell
    return (
        one is not None
        and other is not None
        and [spell(p.type) for p in one.parameters]
        == [spell(p.type) for p in other.parameters]
    )
