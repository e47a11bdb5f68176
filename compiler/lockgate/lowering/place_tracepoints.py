"""Tracepoints: fields of their format, or the raw arguments; they only tell."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from lockgate.diagnostics import did_you_mean
from lockgate.ir.placement import Placement, Reading, Result, Stand
from lockgate.ir.tracing_arguments import Argument, ArgumentType
from lockgate.lowering.deeds import (
    deniable,
    denies,
    other_hooks,
    warn_of_signals,
)
from lockgate.lowering.parameters import module_of, read_data, untyped
from lockgate.lowering.readings import BUFFERS, SIZES, read_argument
from lockgate.lowering.refusal import RefusalError
from lockgate.lowering.syscall_lists import resolve_lists
from lockgate.targets.btf import Kind

if TYPE_CHECKING:
    from lockgate.ir.tracing import Hook, Tracepoint, TracingPolicy
    from lockgate.targets.target import Field, Target

_ELEMENTS = re.compile(r"\[(\d+)\]")
_POINTER = 8
"""Bytes of a field that leads elsewhere."""


def place_tracepoint(
    policy: TracingPolicy, hook: Hook, target: Target, place: Tracepoint, asked: str
) -> Placement:
    """Place a hook at a tracepoint."""
    name = f"{place.subsystem}/{place.event}"
    fields = target.tracepoints.get(name)
    if fields is None:
        near = (
            did_you_mean(name, target.tracepoints)
            or "look in /sys/kernel/tracing/events"
        )
        reason = f"Linux {target.release} has no tracepoint '{name}'"
        raise RefusalError("E3110", reason, near)
    if denies(hook):
        reason = "a tracepoint only tells: nothing can be denied there"
        raise RefusalError("E3120", reason, deniable(place.event, target))
    hook = resolve_lists(policy, hook, target)
    if place.is_raw:
        arguments, stand = _read_raw(hook, target, place), Stand.RAW_TRACEPOINT
    else:
        arguments = tuple(
            replace(
                _read_field(argument, fields, name),
                measure=_read_size(argument, fields, name),
            )
            for argument in hook.arguments
        )
        stand = Stand.TRACEPOINT
    if not target.hooks.get(stand.value):
        raise RefusalError("E3109", f"{stand.value} does not work", other_hooks(target))
    if place.subsystem == "raw_syscalls":
        arguments = tuple(
            _number_of_call(reading, hook.arguments[number].index == where)
            for where in (1 if place.is_raw else _field_number(fields, "id"),)
            for number, reading in enumerate(arguments)
        )
    placement = Placement(
        policy,
        hook,
        target.name,
        asked,
        Result.ATTACHED,
        stand,
        name,
        arguments=arguments,
        data=read_data(hook, target),
    )
    return warn_of_signals(placement, place.event, target)


def _field_number(fields: tuple[Field, ...], name: str) -> int:
    return [field.name for field in fields].index(name)


def _number_of_call(reading: Reading, is_number: bool) -> Reading:
    """Return a reading of a call's number as such: those of 32-bit programs are others."""
    if is_number and reading.size == _POINTER and not reading.steps:
        return replace(reading, type=ArgumentType.SYSCALL64)
    return reading


def _read_field(argument: Argument, fields: tuple[Field, ...], name: str) -> Reading:
    if argument.index >= len(fields):
        reason = f"{name} has {len(fields)} fields on this target: none is number "
        raise RefusalError("E3113", reason + str(argument.index), "correct the index")
    field = fields[argument.index]
    kind = argument.type
    if argument.resolve:
        reason = (
            f"field '{field.name}' of {name} has no types, so 'resolve' leads nowhere"
        )
        raise RefusalError(
            "E3114", reason, "write 'raw: true': its arguments have types"
        )
    if kind is ArgumentType.AUTO:
        kind = _field_type(field, name)
    if kind is ArgumentType.STRING and "__data_loc" in field.kind:
        kind = ArgumentType.DATA_LOC
    _check_field(kind, field, name)
    size, is_signed = SIZES.get(kind, (0, False))
    if size and field.size < size:
        # The field is narrower than the type: read what there is.
        size, is_signed = field.size, field.is_signed
    length = field.size if kind in BUFFERS else 0
    return Reading(
        kind,
        size,
        is_signed,
        spelling=field.kind,
        offset=field.offset,
        length=length,
    )


def _read_size(
    argument: Argument, fields: tuple[Field, ...], name: str
) -> Reading | None:
    """Return how the field is read that has the size of a buffer."""
    if argument.size_index is None:
        return None
    return _read_field(
        Argument(argument.size_index, ArgumentType.AUTO, argument.span), fields, name
    )


def _check_field(kind: ArgumentType, field: Field, name: str) -> None:
    """Refuse a type that a field cannot be: numbers are no pointers, arrays no numbers."""
    is_array = "[" in field.kind
    is_text = kind is ArgumentType.STRING and "char" in field.kind
    if kind is ArgumentType.NOP or (is_array and is_text):
        return
    if kind in BUFFERS:
        return  # its bytes are shown as they stand there
    is_right = not is_array and (kind in SIZES or field.size == _POINTER)
    if is_array and kind in SIZES:
        # A number is the first of an array of them, as in the reference.
        is_right = SIZES[kind][0] <= _element_size(field)
    if kind is ArgumentType.DATA_LOC:
        is_right = "__data_loc" in field.kind
    if not is_right:
        what = f"{field.kind} of {field.size} bytes"
        reason = f"field '{field.name}' of {name} is {what}, not {kind.value}"
        raise RefusalError(
            "E3114", reason, "write 'type: auto', or leave the field out"
        )


def _element_size(field: Field) -> int:
    """Return the bytes of one element of a field that is an array of numbers; 0 for any other."""
    count = _ELEMENTS.search(field.kind)
    is_text = "char" in field.kind or "*" in field.kind or "struct" in field.kind
    if is_text or count is None or not int(count[1]):
        return 0
    return field.size // int(count[1])


def _field_type(field: Field, name: str) -> ArgumentType:
    """Return what ``type: auto`` means for a field."""
    if "__data_loc" in field.kind:
        return ArgumentType.DATA_LOC
    if "char" in field.kind and ("*" in field.kind or "[" in field.kind):
        return ArgumentType.STRING
    for kind, (size, is_signed) in SIZES.items():
        if (size, is_signed) == (field.size, field.is_signed):
            return kind
    if _element_size(field):
        return ArgumentType.CONST_BUF
    reason = f"field '{field.name}' of {name} is {field.kind}, which has no type here"
    raise RefusalError("E3114", reason, "name its 'type'")


def _read_raw(hook: Hook, target: Target, place: Tracepoint) -> tuple[Reading, ...]:
    """Return how the arguments of a raw tracepoint are read; the first is number 0."""
    types = target.types
    found = types.find(f"btf_trace_{place.event}", Kind.TYPEDEF)
    pointer = found and types.strip(found.target)
    prototype = types.strip(pointer.target) if pointer else None
    if prototype is None or prototype.kind is not Kind.PROTOTYPE:
        return tuple(untyped(argument, place.event) for argument in hook.arguments)
    # The first parameter is the tracepoint's own data (include/linux/tracepoint.h).
    parameters = prototype.parameters[1:]
    readings = []
    for argument in hook.arguments:
        where = f"argument {argument.index} of {place.event}"
        if argument.index >= len(parameters):
            reason = f"{place.event} has {len(parameters)} arguments: no {where}"
            raise RefusalError("E3113", reason, "correct the index")
        number = parameters[argument.index].type
        module = module_of(argument, target)
        readings.append(read_argument(argument, types, number, where, module))
    return tuple(readings)
