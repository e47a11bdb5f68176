"""Lists of system calls as values of a filter: their numbers on a target."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from lockgate.diagnostics import did_you_mean
from lockgate.ir.tracing import OF_32_BITS, KernelFunctions, ListKind
from lockgate.ir.tracing_selectors import Range
from lockgate.lowering.functions import call_name, functions_of
from lockgate.lowering.refusal import RefusalError
from lockgate.targets.syscalls import TABLE_OF_32_BITS, syscall_numbers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lockgate.ir.tracing import Hook, TracingPolicy
    from lockgate.ir.tracing_selectors import ValueMatch
    from lockgate.targets.target import Target

_OF_CALLS = (ListKind.SYSCALLS, ListKind.EVERY_SYSCALL)


def resolve_lists(policy: TracingPolicy, hook: Hook, target: Target) -> Hook:
    """Return a hook whose filters have numbers for the lists of system calls that they name."""
    selectors = tuple(
        replace(
            selector,
            arguments=tuple(_resolve(m, policy, target) for m in selector.arguments),
            data=tuple(_resolve(m, policy, target) for m in selector.data),
            returns=tuple(_resolve(m, policy, target) for m in selector.returns),
        )
        for selector in hook.selectors
    )
    return replace(hook, selectors=selectors)


def _resolve(match: ValueMatch, policy: TracingPolicy, target: Target) -> ValueMatch:
    if not match.lists:
        return match
    found = list(match.ranges)
    for reference in match.lists:
        found += _numbers(reference.name, policy, target)
    return replace(match, ranges=tuple(found), lists=())


def _numbers(name: str, policy: TracingPolicy, target: Target) -> Iterator[Range]:
    names = next(found for found in policy.lists if found.name == name)
    if names.kind not in _OF_CALLS:
        reason = f"the list '{name}' is none of system calls, whose numbers could be compared"
        raise RefusalError("E3131", reason, "give it 'type: syscalls'")
    tables = {
        False: syscall_numbers(target.machine),
        True: syscall_numbers("i386" if target.machine == "x86_64" else ""),
    }
    for function in functions_of(KernelFunctions(name, True), policy, target):
        call = call_name(function.name).removeprefix("sys_")
        is_narrow = function.name.startswith(OF_32_BITS)
        numbers = tables[is_narrow]
        if call in numbers:
            number = numbers[call] | (TABLE_OF_32_BITS if is_narrow else 0)
            yield Range(number, number)
        elif names.kind is not ListKind.EVERY_SYSCALL:
            machine = "i386" if is_narrow else target.machine
            reason = f"{machine} has no system call '{call}'"
            cure = did_you_mean(call, numbers) or "see syscalls(2)"
            raise RefusalError("E3110", reason, cure)
