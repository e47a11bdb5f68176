"""Ways through members: from an argument to what 'resolve' names, by the types of a target."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lockgate.diagnostics import did_you_mean
from lockgate.ir.placement import PathStep, Step
from lockgate.lowering.refusal import RefusalError
from lockgate.targets.btf import Btf, Kind, Type

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lockgate.ir.tracing_arguments import Argument

COMPOSITE = (Kind.STRUCT, Kind.UNION)
_OF_MODULES = "correct 'btfType', or name the module with 'btfTypeModule'"
_ELEMENT = re.compile(r"(?P<name>\w*)\[(?P<index>\d{1,4})\]|(?P<plain>\w+)")


@dataclass(frozen=True, slots=True)
class Value:
    """Where a way through members has come to."""

    types: Btf
    number: int
    steps: tuple[PathStep, ...] = ()


def start_at(argument: Argument, types: Btf, number: int, module: Btf | None) -> Value:
    """Return the argument itself, as the type that the policy casts it to."""
    if argument.cast is None:
        return Value(types, number)
    name = composite_name(argument.cast)
    found = (module or types).find(name, *COMPOSITE)
    if found is None:
        place = f"in module '{argument.cast_module}'" if module else "on this target"
        reason = f"there is no type '{argument.cast}' {place}"
        cure = "correct 'btfType'" if module else _OF_MODULES
        raise RefusalError("E3115", reason, cure)
    pointer = PathStep(Step.FOLLOW, name)
    is_pointer = types.strip(number).kind is Kind.POINTER
    steps = (pointer,) if is_pointer else ()
    return Value(module or types, found.number, steps)


def composite_name(spelling: str) -> str:
    """Return the name of ``struct cred``, ``union u`` or ``cred``."""
    return re.sub(r"^(struct|union)\s+", "", spelling)


def follow(value: Value, names: Iterable[str], where: str) -> Value:
    """Follow ``resolve``; :class:`RefusalError` where it leads nowhere.

    ``where`` names the argument in messages ("argument 0 of tcp_connect").
    """
    for name in names:
        value = _take(value, name, where)
    return value


def _take(value: Value, text: str, where: str) -> Value:
    """Follow one name of ``resolve``: a member, or an element of an array."""
    match = _ELEMENT.fullmatch(text)
    if match is None:
        raise RefusalError(
            "E3115", f"'{text}' is no member", "write 'name' or 'name[2]'"
        )
    name = match["plain"] or match["name"]
    if name:
        value = take_member(value, name, where)
    if match["index"] is not None:
        value = _take_element(value, int(match["index"]), where)
    return value


def take_member(value: Value, name: str, where: str) -> Value:
    """Follow a member, through all pointers that lead to the structure."""
    types = value.types
    here, steps = types.strip(value.number), value.steps
    while here.kind is Kind.POINTER:
        here = types.strip(here.target)
        steps = (*steps, PathStep(Step.FOLLOW, here.name))
    if here.kind is Kind.FORWARD:
        found = types.find(here.name, *COMPOSITE)
        here = found or here
    if here.kind not in COMPOSITE:
        reason = f"{where}: {types.spell(value.number)} has no members"
        raise RefusalError("E3115", reason, f"end 'resolve' before '{name}'")
    member = types.member(here, name)
    if member is None:
        reason = f"{where}: {types.spell(here.number)} has no member '{name}'"
        cure = (
            did_you_mean(name, _names(types, here)) or "look at the type on this target"
        )
        raise RefusalError("E3115", reason, cure)
    # What has no name cannot be relocated, nor can a module's types where it is not loaded: the
    # member stands where it stands here.
    composite = "" if types.is_own(here.number) else here.name
    declaration = _declare(types, member.type, name)
    if member.width:
        bits = member.offset
        declaration += f" : {member.width}"
        step = PathStep(Step.BITS, composite, name, bits, declaration, member.width)
        return Value(types, member.type, (*steps, step))
    offset = 0 if composite else member.offset // 8
    step = PathStep(Step.MEMBER, composite, name, offset, declaration)
    return Value(types, member.type, (*steps, step))


def _declare(types: Btf, number: int, name: str) -> str:
    """Return a declaration of a member that relocation takes for the same (libbpf's rules)."""
    found, elements = types.strip(number), ""
    while found.kind is Kind.ARRAY:
        elements += "[1]"
        found = types.strip(found.target)
    match found.kind:
        case Kind.POINTER:
            return f"void *{name}{elements}"
        case Kind.STRUCT | Kind.UNION:
            return f"struct {{ u8 byte; }} {name}{elements}"
        case Kind.ENUM | Kind.ENUM64:
            return f"enum {{ ENUM_{name}, }} {name}{elements}"
    return f"u{8 * (found.size or 4)} {name}{elements}"


def _take_element(value: Value, index: int, where: str) -> Value:
    types = value.types
    here = types.strip(value.number)
    if here.kind is Kind.POINTER:
        element = PathStep(Step.INDEX, index=index, size=size_of(types, here.target))
        steps = (*value.steps, PathStep(Step.FOLLOW), element)
        return Value(types, here.target, steps)
    if here.kind is not Kind.ARRAY:
        reason = f"{where}: {types.spell(value.number)} has no elements"
        raise RefusalError("E3115", reason, f"take '[{index}]' away")
    # Without a count it ends where its owner does.
    if here.count and index >= here.count:
        reason = f"{where}: the array has {here.count} elements, and {index} is beyond"
        raise RefusalError("E3115", reason)
    element = PathStep(Step.INDEX, index=index, size=size_of(types, here.target))
    return Value(types, here.target, (*value.steps, element))


def size_of(types: Btf, number: int) -> int:
    """Return the bytes of a value of this type."""
    found, count = types.strip(number), 1
    while found.kind is Kind.ARRAY:
        count *= found.count
        found = types.strip(found.target)
    return count * (8 if found.kind is Kind.POINTER else found.size)


def _names(types: Btf, composite: Type) -> list[str]:
    found = []
    for member in composite.members:
        if member.name:
            found.append(member.name)
        else:
            found += _names(types, types.strip(member.type))
    return found


def pointed(value: Value) -> Type:
    """Return the type of a value, or of what it points to."""
    here = value.types.strip(value.number)
    return value.types.strip(here.target) if here.kind is Kind.POINTER else here
