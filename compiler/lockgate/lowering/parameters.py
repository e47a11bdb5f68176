"""What a hook reads: the parameters of functions and system calls, the return, the task."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockgate.ir.placement import Operand, PathStep, Reading, Step
from lockgate.ir.tracing import OF_32_BITS
from lockgate.ir.tracing_arguments import ArgumentType, Source
from lockgate.lowering.functions import call_name
from lockgate.lowering.readings import (
    BUFFERS,
    CAPABILITY_BYTES,
    CAPABILITY_SETS,
    SIZES,
    read_argument,
    read_task,
    unmeasured,
)
from lockgate.lowering.refusal import RefusalError
from lockgate.lowering.registers import find_register
from lockgate.targets.btf import Kind

if TYPE_CHECKING:
    from lockgate.ir.tracing import Hook
    from lockgate.ir.tracing_arguments import Argument
    from lockgate.targets.btf import Btf
    from lockgate.targets.target import Field, Prototype, Target

_BY_SIZE = {
    found: kind
    for kind, found in SIZES.items()
    if kind.value in ("int8", "uint8", "int16", "uint16", "int", "uint32", "long")
} | {(8, False): ArgumentType.UINT64}

_OF_THE_KERNEL = CAPABILITY_SETS | {ArgumentType.CRED, ArgumentType.USER_NAMESPACE}
"""Types that only functions of the kernel are given."""


def read_parameters(
    hook: Hook, prototype: Prototype | None, name: str, target: Target
) -> tuple[Reading, ...]:
    """Return how the arguments of a function are read, by its types where it has some."""
    if prototype is None:
        return tuple(untyped(argument, name) for argument in hook.arguments)
    found = []
    parameters = prototype.type.parameters
    for argument in hook.arguments:
        where = f"argument {argument.index} of {name}"
        if argument.index >= len(parameters):
            reason = (
                f"{name} has {len(parameters)} arguments on this target: no {where}"
            )
            raise RefusalError("E3113", reason, "correct the index")
        number = parameters[argument.index].type
        if argument.type is ArgumentType.NOP:
            found.append(Reading(argument.type, spelling=prototype.types.spell(number)))
            continue
        module = module_of(argument, target)
        reading = read_argument(argument, prototype.types, number, where, module)
        found.append(reading)
    return tuple(found)


def module_of(argument: Argument, target: Target) -> Btf | None:
    """Return the types of the module that an argument names; None where it names none."""
    name = argument.cast_module
    if name is None:
        return None
    if name not in target.module_names:
        reason = f"the types of module '{name}' are not in this target"
        cure = "load the module where it is recorded, and record it again"
        raise RefusalError("E3115", reason, cure)
    return target.module(name)


def untyped(argument: Argument, name: str) -> Reading:
    """Return how an argument of a function without types is read: as it was declared."""
    if argument.type is ArgumentType.AUTO or argument.resolve:
        reason = f"{name} has no types on this target, so argument {argument.index} needs one"
        raise RefusalError("E3114", reason, "write its 'type', and no 'resolve'")
    if argument.type in BUFFERS and argument.size_index is None:
        raise unmeasured("")
    if argument.type in CAPABILITY_SETS:
        return Reading(argument.type, CAPABILITY_BYTES, steps=(PathStep(Step.FOLLOW),))
    size, is_signed = SIZES.get(argument.type, (0, False))
    return Reading(argument.type, size, is_signed)


def read_register(argument: Argument, where: str, target: Target) -> Reading:
    """Return how the register is read that an argument names with 'resolve'."""
    name = ".".join(argument.resolve)
    register = find_register(name, target.machine)
    if register is None:
        reason = f"{where}: {target.machine} has no register '{name}'"
        cure = "write one of it, such as " + (
            "rdi or eax" if target.machine == "x86_64" else "x0 or w0"
        )
        raise RefusalError("E3115", reason, cure)
    operand = Operand(register.member, size=register.size, shift=register.shift)
    return read_operand(argument, operand)


def read_operand(argument: Argument, operand: Operand) -> Reading:
    """Return how an operand is read: as what it was declared, else as what it is."""
    kind = argument.type
    if kind is ArgumentType.AUTO:
        kind = _BY_SIZE[operand.size, operand.is_signed]
    size, is_signed = SIZES.get(kind, (0, False))
    return Reading(kind, size, is_signed, operand=operand)


def has_registers(hook: Hook) -> bool:
    """Whether a hook reads registers."""
    return any(argument.source is Source.PT_REGS for argument in hook.data)


def read_data(
    hook: Hook, target: Target, *, by_registers: bool = False
) -> tuple[Reading, ...]:
    """Return how the pieces of 'data' are read: from the task, or a function's registers."""
    found = []
    for place, argument in enumerate(hook.data):
        where = f"data {place}"
        if argument.source is Source.CURRENT_TASK:
            found.append(read_task(argument, target.types, where))
            continue
        if argument.source is Source.PT_REGS and by_registers:
            found.append(read_register(argument, where, target))
            continue
        reason = (
            f"{where} is read from {argument.source.value}, which only functions have"
        )
        raise RefusalError(
            "E3114", reason, "read it from current_task, or as an argument"
        )
    return tuple(found)


def read_syscall(hook: Hook, symbol: str, target: Target) -> tuple[Reading, ...]:
    """Return how arguments of a system call are read: registers, pointers to user space."""
    name = call_name(symbol)
    # Calls of 32-bit programs may have others: a number of 64 bits takes two.
    is_narrow = symbol.startswith(OF_32_BITS)
    fields = None if is_narrow else _syscall_fields(name, target)
    found = []
    for argument in hook.arguments:
        if fields is not None and argument.index >= len(fields):
            reason = (
                f"{name} has {len(fields)} arguments: none is number {argument.index}"
            )
            raise RefusalError("E3113", reason, "correct the index")
        if argument.resolve or argument.type is ArgumentType.AUTO:
            reason = f"arguments of {name} come from user space without types"
            raise RefusalError("E3114", reason, "write their 'type', and no 'resolve'")
        if argument.type in BUFFERS and argument.size_index is None:
            raise unmeasured("")
        if argument.type in _OF_THE_KERNEL:
            reason = f"{name} is called by programs, which have no {argument.type.value} to give"
            cure = "read it where the kernel has it: commit_creds, security_capset"
            raise RefusalError("E3114", reason, cure)
        size, is_signed = SIZES.get(argument.type, (0, False))
        spelling = fields[argument.index].kind if fields is not None else ""
        found.append(Reading(argument.type, size, is_signed, spelling=spelling))
    return tuple(found)


def _syscall_fields(name: str, target: Target) -> tuple[Field, ...] | None:
    """Return the arguments of a system call by its tracepoint; None where it has none."""
    event = f"syscalls/sys_enter_{name.removeprefix('sys_')}"
    fields = target.tracepoints.get(event)
    if fields is None:
        return None
    names = [field.name for field in fields]
    return (
        fields[names.index("__syscall_nr") + 1 :] if "__syscall_nr" in names else None
    )


def read_returned(hook: Hook, prototype: Prototype | None, name: str) -> Reading | None:
    """Return how what a function returns is read; None where the hook does not ask."""
    if hook.returned is None:
        return None
    if prototype is None or name.startswith("__"):
        size, is_signed = SIZES.get(hook.returned.type, (0, False))
        return Reading(hook.returned.type, size, is_signed)
    number = prototype.type.target
    if prototype.types.strip(number).kind is Kind.VOID:
        reason = f"{name} returns nothing on this target"
        raise RefusalError("E3113", reason, "take 'return' and 'returnArg' away")
    where = f"what {name} returns"
    return read_argument(hook.returned, prototype.types, number, where)
