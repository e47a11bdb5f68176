"""Names of kernel functions on a target: system calls, lists, near misses."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from lockgate.diagnostics import did_you_mean
from lockgate.ir.tracing import OF_32_BITS, KernelFunction, KernelFunctions, ListKind
from lockgate.targets.denials import RENAMED

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lockgate.ir.tracing import NameList, TracingPolicy
    from lockgate.targets.target import Target

_COMPATIBLE = f"{OF_32_BITS}compat_"

_ARCHITECTURE = re.compile(r"__(?:x64|ia32|arm64|x32|riscv)_")


def symbol(function: KernelFunction, target: Target) -> str:
    """Return the name of a function's code on a target."""
    if function.is_syscall and function.name.startswith(f"{OF_32_BITS}sys_"):
        # Where there is one for both sizes of pointers, the table of 32 bits has that.
        other = _COMPATIBLE + function.name.removeprefix(OF_32_BITS)
        return other if other in target.symbols else function.name
    if not function.is_syscall or not function.name.startswith("sys_"):
        return function.name
    return target.syscall_prefix + function.name


def call_name(name: str) -> str:
    """Return a system call's name without its architecture: ``sys_dup``."""
    return _ARCHITECTURE.sub("", name, count=1).removeprefix("compat_")


def functions_of(
    place: KernelFunction | KernelFunctions, policy: TracingPolicy, target: Target
) -> tuple[KernelFunction, ...]:
    """Return the functions that a place names: itself, or those of a list."""
    if isinstance(place, KernelFunction):
        return (place,)
    names = next(found for found in policy.lists if found.name == place.list)
    return tuple(_expand(names, place.are_syscalls, target))


def watched_functions(
    place: KernelFunction | KernelFunctions, policy: TracingPolicy, target: Target
) -> tuple[KernelFunction, ...]:
    """Return the functions at which a hook stands: of all system calls those that can be watched.

    Nobody wrote their names: one that only says that there is no such call (``sys_ni_syscall``) or
    that is excluded from tracing is not missed.
    """
    found = functions_of(place, policy, target)
    if isinstance(place, KernelFunction) or not target.functions:
        return found
    names = next(each for each in policy.lists if each.name == place.list)
    if names.kind is not ListKind.EVERY_SYSCALL:
        return found
    return tuple(each for each in found if symbol(each, target) in target.functions)


def _expand(
    names: NameList, are_syscalls: bool, target: Target
) -> Iterable[KernelFunction]:
    match names.kind:
        case ListKind.SYSCALLS:
            return [_syscall(value) for value in names.values]
        case ListKind.EVERY_SYSCALL:
            return [KernelFunction(name, True) for name in syscalls(target)]
        case ListKind.MATCHING_FUNCTIONS:
            # The reference searches anywhere in the name, as its tool of choice does.
            pattern = re.compile(names.pattern or "")
            found = (name for name in target.functions if pattern.search(name))
            return [KernelFunction(name) for name in sorted(found)]
    return [KernelFunction(value, are_syscalls) for value in names.values]


def _syscall(value: str) -> KernelFunction:
    """Return the system call that an item of a list of them means.

    ``i386/`` and ``__ia32_`` stand for the entry of 32-bit programs, a function of its own.
    """
    table, _, value = value.rpartition("/")
    is_narrow = table == "i386" or value.startswith(OF_32_BITS)
    name = call_name(value)
    if is_narrow:
        return KernelFunction(OF_32_BITS + name, True)
    if table not in ("", "x64", "arm64"):
        name = f"{table}/{name}"
    return KernelFunction(name if name.startswith("sys_") else f"sys_{name}", True)


def syscalls(target: Target) -> tuple[str, ...]:
    """Return every system call of a target as ``sys_NAME``, sorted."""
    prefix = target.syscall_prefix + "sys_"
    return tuple(
        sorted(
            name.removeprefix(target.syscall_prefix)
            for name in target.symbols
            if name.startswith(prefix)
        )
    )


def nearest(name: str, target: Target) -> str:
    """Return what to write instead of a function that a target does not have."""
    for other in RENAMED.get(name, ()):
        if other in target.functions or other in target.symbols:
            return f"this target has '{other}'"
    head = name[:6]
    near = [each for each in target.symbols if each[:6] == head]
    return did_you_mean(name, near) or "look for its name in the target's functions"
