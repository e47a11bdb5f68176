"""Programs in user space: their functions, and the probes that they bring.

Each symbol, offset or address is a place of its own, so that policies that share one meet there.
A probe is split by where its notes say that the arguments are: at each of these its program
reads other registers.  What is attached is looked up on the node; what can be seen here is
judged here, and the file of a probe must be here.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from lockgate.diagnostics import did_you_mean
from lockgate.ir.placement import Operand, Placement, Reading, Result, Stand
from lockgate.ir.tracing import UserFunction, UserProbe
from lockgate.ir.tracing_actions import ActionKind
from lockgate.ir.tracing_arguments import ArgumentType, Source
from lockgate.ir.user_places import probe_name, user_places
from lockgate.lowering.deeds import actions_of, other_hooks
from lockgate.lowering.parameters import (
    read_data,
    read_operand,
    read_register,
    untyped,
)
from lockgate.lowering.probe_arguments import ProbeArgumentError, parse_probe_arguments
from lockgate.lowering.readings import SIZES
from lockgate.lowering.refusal import RefusalError
from lockgate.lowering.registers import ARGUMENTS, RETURNED
from lockgate.lowering.user_types import read_member
from lockgate_runtime.tracing.elf import Binary, ElfError, read_binary

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lockgate.ir.tracing import Hook, TracingPolicy
    from lockgate.ir.tracing_arguments import Argument
    from lockgate.ir.user_places import UserPlace
    from lockgate.targets.target import Target
    from lockgate_runtime.tracing.elf import UserProbe as Note

_OVERRIDES = frozenset(
    {ActionKind.OVERRIDE, ActionKind.OVERRIDE_REGISTERS, ActionKind.OVERRIDE_CALL}
)
_TYPES = frozenset(
    {
        *SIZES,
        ArgumentType.STRING,
        ArgumentType.CHAR_BUF,
        ArgumentType.NOP,
    }
) - {ArgumentType.FD, ArgumentType.SYSCALL64}
"""What a program of user space can give; all others are structures of the kernel."""


def place_program(
    policy: TracingPolicy,
    hook: Hook,
    target: Target,
    place: UserFunction | UserProbe,
    asked: str,
) -> Iterator[Placement]:
    """Place a hook in a program of user space, which must be a file here."""
    if not target.hooks.get("uprobe"):
        raise RefusalError("E3109", "uprobes do not work", other_hooks(target))
    if target.machine not in ARGUMENTS:
        reason = f"registers of {target.machine} are not known"
        raise RefusalError("E3131", reason, "x86_64 and aarch64 are")
    for action in actions_of(hook):
        if action.kind in _OVERRIDES:
            reason = "no program may change what another program calls or returns here"
            raise RefusalError("E3125", reason, "send a signal instead")
        if action.kind is ActionKind.SET and not _can_write(target):
            reason = "this kernel lets no program write to the memory of others"
            cure = "boot without lockdown=..., or send a signal instead"
            raise RefusalError("E3163", reason, cure)
    placement = Placement(policy, hook, target.name, asked, Result.ATTACHED)
    if isinstance(place, UserProbe):
        yield from _probes(placement, place, _open(place.path), target)
        return
    binary = None
    if place.offsets and not Path(place.path).exists():
        pass  # there is nothing to look up
    elif target.is_running or Path(place.path).exists():
        binary = _open(place.path)
    else:
        # A kernel was recorded on its node, a program was not.
        reason = (
            f"there is no file {place.path} here: its places are looked up on the node"
        )
        cure = "apply refuses (E5146) if the node's file does not have them"
        placement = replace(placement, code="N3164", reason=reason, suggestion=cure)
    yield from _functions(placement, place, binary, target)


def _can_write(target: Target) -> bool:
    """Whether bpf_probe_write_user is there; which helpers exist does not depend on the hook."""
    return any("probe_write_user" in helpers for helpers in target.helpers.values())


def _open(path: str) -> Binary:
    try:
        return Binary(read_binary(Path(path)))
    except FileNotFoundError:
        reason = f"there is no file {path} here"
        cure = "correct 'path', or bring the file here: where it has its places is read from it"
        raise RefusalError("E3130", reason, cure) from None
    except (OSError, ElfError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        reason = f"{path} cannot be read as a program: {why}"
        raise RefusalError("E3130", reason, "correct 'path'") from None


# ---------------------------------------------------------------- functions


def _functions(
    placement: Placement, place: UserFunction, binary: Binary | None, target: Target
) -> Iterator[Placement]:
    hook = placement.hook
    registers = ARGUMENTS[target.machine]
    arguments = tuple(_argument(a, place, registers, target) for a in hook.arguments)
    data = _read_data(hook, target)
    returned = None
    if hook.returned is not None:
        _check_type(hook.returned, "what is returned")
        returned = untyped(hook.returned, place.path)
    for each in user_places(place):
        if binary is not None:
            _look_up(each, place.path, binary)
        yield replace(
            placement,
            stand=Stand.URETPROBE if hook.has_return else Stand.UPROBE,
            function=each.name,
            arguments=arguments,
            data=data,
            returned=returned
            and Reading(
                returned.type,
                returned.size,
                returned.is_signed,
                operand=Operand(RETURNED[target.machine]),
            ),
        )


def _look_up(each: UserPlace, path: str, binary: Binary) -> None:
    """Refuse a place that the binary does not have."""
    try:
        if each.symbol:
            binary.function(each.symbol)
        if each.address is not None:
            binary.file_offset(each.address)
    except ElfError as error:
        reason = f"{path} has no such place: {error}"
        names = sorted({name.decode(errors="replace") for name in binary.functions()})
        near = did_you_mean(each.symbol, names) if each.symbol else ""
        cure = near or f"see readelf -Ws {path}"
        raise RefusalError("E3160", reason, cure) from None


def _argument(
    argument: Argument,
    place: UserFunction,
    registers: tuple[str, ...],
    target: Target,
) -> Reading:
    where = f"argument {argument.index}"
    _check_type(argument, where)
    if argument.source is Source.PT_REGS:
        return read_register(argument, where, target)
    if argument.source is Source.CURRENT_TASK:
        reason = f"{where} is read from current_task"
        raise RefusalError("E3114", reason, "move it to 'data'")
    if argument.index >= len(registers):
        reason = f"only the first {len(registers)} arguments are in registers"
        raise RefusalError("E3113", reason, "take it out")
    operand = Operand(registers[argument.index])
    if argument.resolve:
        return read_member(argument, operand, place.types, where)
    found = untyped(argument, place.path)
    measure = None
    if argument.size_index is not None and not argument.is_copied_at_return:
        if argument.size_index >= len(registers):
            reason = f"only the first {len(registers)} arguments are in registers"
            raise RefusalError("E3113", reason, "correct 'sizeArgIndex'")
        size = Operand(registers[argument.size_index])
        measure = Reading(ArgumentType.UINT64, 8, operand=size)
    return Reading(
        found.type, found.size, found.is_signed, operand=operand, measure=measure
    )


def _read_data(hook: Hook, target: Target) -> tuple[Reading, ...]:
    """Return how 'data' is read: from registers, or from the task."""
    found = []
    for place, argument in enumerate(hook.data):
        if argument.source is Source.PT_REGS:
            where = f"data {place}"
            _check_type(argument, where)
            found.append(read_register(argument, where, target))
        else:
            found += read_data(replace(hook, data=(argument,)), target)
    return tuple(found)


def _check_type(argument: Argument, where: str) -> None:
    kind = argument.type
    if kind not in (*_TYPES, ArgumentType.AUTO):
        reason = f"{where}: a program of user space has no {kind.value}"
        raise RefusalError("E3114", reason, "read a number or a string")


# ---------------------------------------------------------------- static probes


def _probes(
    placement: Placement, place: UserProbe, binary: Binary, target: Target
) -> Iterator[Placement]:
    hook = placement.hook
    known = _notes(binary, place)
    texts = {p.arguments for p in known if (p.provider, p.name) == _names(place)}
    if not texts:
        names = sorted({f"{probe.provider}:{probe.name}" for probe in known})
        reason = f"{place.path} has no probe {place.provider}:{place.name}"
        cure = did_you_mean(f"{place.provider}:{place.name}", names)
        cure = cure or f"see readelf -n {place.path}"
        raise RefusalError("E3160", reason, cure)
    data = _read_data(hook, target)
    for text in sorted(texts):
        yield Placement(
            placement.policy,
            hook,
            target.name,
            placement.asked,
            placement.result,
            Stand.USDT,
            probe_name(place, text),
            arguments=_read_operands(hook, place, text, target.machine),
            data=data,
        )


def _notes(binary: Binary, place: UserProbe) -> list[Note]:
    try:
        return list(binary.probes())
    except ElfError as error:
        reason = f"{place.path} has notes that cannot be read: {error}"
        raise RefusalError("E3160", reason, f"see readelf -n {place.path}") from None


def _names(place: UserProbe) -> tuple[str, str]:
    return place.provider, place.name


def _read_operands(
    hook: Hook, place: UserProbe, text: str, machine: str
) -> tuple[Reading, ...]:
    """Return how the arguments of a probe are read where its note has this text."""
    if not hook.arguments:
        return ()
    try:
        operands = parse_probe_arguments(text, machine)
    except ProbeArgumentError as error:
        reason = f"{place.name} has an argument at '{error}', which no program can read"
        cure = (
            "build the program with this argument in a register of numbers or in memory"
        )
        raise RefusalError("E3161", reason, cure) from None
    found = []
    for argument in hook.arguments:
        where = f"argument {argument.index} of {place.name}"
        if argument.index >= len(operands):
            reason = f"{place.name} has {len(operands)} arguments: no {where}"
            raise RefusalError("E3113", reason, "correct the index")
        _check_type(argument, where)
        if argument.resolve:
            operand = operands[argument.index]
            found.append(read_member(argument, operand, place.types, where))
            continue
        measure = None
        if argument.size_index is not None:
            if argument.size_index >= len(operands):
                reason = f"{place.name} has {len(operands)} arguments: none is number "
                reason += str(argument.size_index)
                raise RefusalError("E3113", reason, "correct 'sizeArgIndex'")
            size = operands[argument.size_index]
            measure = Reading(ArgumentType.UINT64, 8, operand=size)
        reading = read_operand(argument, operands[argument.index])
        found.append(replace(reading, measure=measure))
    _check_sets(hook, place, text, operands)
    return tuple(found)


def _check_sets(
    hook: Hook, place: UserProbe, text: str, operands: tuple[Operand, ...]
) -> None:
    for action in actions_of(hook):
        if action.kind is ActionKind.SET and action.argument is not None:
            argument = hook.arguments[action.argument]
            if argument.resolve:
                reason = f"'Set' on a member of argument {argument.index}"
                cure = "set an argument without 'resolve'"
                raise RefusalError("E3162", reason, cure)
            _check_set(operands[argument.index], place, text)


def _check_set(operand: Operand, place: UserProbe, text: str) -> None:
    if operand.is_memory:
        return
    what = "a register" if operand.base else "a constant"
    reason = f"'Set' on {what}: {place.name} has its arguments at '{text}'"
    cure = "let the program keep it in memory (volatile), or send a signal instead"
    raise RefusalError("E3162", reason, cure)
