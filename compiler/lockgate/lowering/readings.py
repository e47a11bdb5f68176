"""Arguments against the types of a target: what is read, through which members.

A kernel's types are the truth.  A policy that calls a socket a file would match nothing, or
worse, something; that is an error here, with the type that the function really takes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lockgate.diagnostics import did_you_mean
from lockgate.ir.placement import PathStep, Reading, Step
from lockgate.ir.tracing_arguments import Argument, ArgumentType, Source
from lockgate.targets.btf import Btf, Kind, Type

if TYPE_CHECKING:
    from collections.abc import Mapping

STRUCTURES: Mapping[ArgumentType, tuple[str, ...]] = {
    ArgumentType.BPF_ATTR: ("bpf_attr",),
    ArgumentType.BPF_MAP: ("bpf_map",),
    ArgumentType.BPF_PROG: ("bpf_prog",),
    ArgumentType.CHAR_IOVEC: ("iovec",),
    ArgumentType.CRED: ("cred",),
    ArgumentType.DENTRY: ("dentry",),
    ArgumentType.FILE: ("file",),
    ArgumentType.FILENAME: ("filename",),
    ArgumentType.IOV_ITER: ("iov_iter",),
    ArgumentType.KIOCB: ("kiocb",),
    ArgumentType.LINUX_BINPRM: ("linux_binprm",),
    ArgumentType.LOAD_INFO: ("load_info",),
    ArgumentType.MODULE: ("module",),
    ArgumentType.NET_DEVICE: ("net_device",),
    ArgumentType.PATH: ("path",),
    ArgumentType.PERF_EVENT: ("perf_event",),
    ArgumentType.SKB: ("sk_buff",),
    ArgumentType.SOCK: ("sock", "tcp_sock", "inet_sock", "udp_sock", "unix_sock"),
    ArgumentType.SOCKADDR: (
        "sockaddr",
        "__kernel_sockaddr_storage",
        "sockaddr_storage",
    ),
    ArgumentType.SOCKADDR_UN: ("sockaddr_un", "sockaddr"),
    ArgumentType.SOCKET: ("socket",),
    ArgumentType.USER_NAMESPACE: ("user_namespace",),
}
"""What an argument of a type points to; a pointer to nothing in particular may be any."""

_BY_STRUCTURE = {
    names[0]: kind
    for kind, names in STRUCTURES.items()
    if kind is not ArgumentType.SOCKADDR_UN
}
_NUMBERS = {
    (1, True): ArgumentType.INT8,
    (1, False): ArgumentType.UINT8,
    (2, True): ArgumentType.INT16,
    (2, False): ArgumentType.UINT16,
    (4, True): ArgumentType.INT,
    (4, False): ArgumentType.UINT32,
    (8, True): ArgumentType.LONG,
    (8, False): ArgumentType.ULONG,
}
SIZES = {
    ArgumentType.INT8: (1, True),
    ArgumentType.UINT8: (1, False),
    ArgumentType.INT16: (2, True),
    ArgumentType.UINT16: (2, False),
    ArgumentType.INT: (4, True),
    ArgumentType.UINT32: (4, False),
    ArgumentType.FD: (4, True),
    ArgumentType.BPF_CMD: (4, True),
    ArgumentType.CAPABILITY: (4, True),
    ArgumentType.LONG: (8, True),
    ArgumentType.ULONG: (8, False),
    ArgumentType.UINT64: (8, False),
    ArgumentType.SIZE_T: (8, False),
    ArgumentType.SYSCALL64: (8, False),
}
"""Bytes and sign of what is read as a number."""

BUFFERS = frozenset({ArgumentType.CONST_BUF})
"""Types whose length is that of the kernel's own type."""

CAPABILITY_SETS = frozenset(
    {
        ArgumentType.KERNEL_CAP_T,
        ArgumentType.CAP_EFFECTIVE,
        ArgumentType.CAP_INHERITABLE,
        ArgumentType.CAP_PERMITTED,
    }
)
_OF_CREDENTIALS = CAPABILITY_SETS - {ArgumentType.KERNEL_CAP_T}
"""Types that are the name of a member of ``struct cred``, too."""
CAPABILITY_BYTES = 8
"""``kernel_cap_t`` is two words of 32 bits, and one of 64 since Linux 6.3: the same bytes."""

_COMPOSITE = (Kind.STRUCT, Kind.UNION)
_OF_MODULES = "correct 'btfType', or name the module with 'btfTypeModule'"
_ELEMENT = re.compile(r"(?P<name>\w*)\[(?P<index>\d{1,4})\]|(?P<plain>\w+)")


class ReadingError(Exception):
    """An argument that cannot be read as the policy says: code, reason, suggestion."""

    def __init__(self, code: str, reason: str, suggestion: str = "") -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason
        self.suggestion = suggestion


@dataclass(frozen=True, slots=True)
class _Value:
    """Where a way through members has come to."""

    types: Btf
    number: int
    steps: tuple[PathStep, ...] = ()


def read_argument(
    argument: Argument,
    types: Btf,
    number: int,
    where: str,
    module: Btf | None = None,
) -> Reading:
    """Return how an argument of type ``number`` is read; :class:`ReadingError` if not at all.

    ``where`` names the argument in messages ("argument 0 of tcp_connect"); ``module`` has the
    type that it is cast to, where a module is named.
    """
    return _arrive(
        _start(argument, types, number, module), argument, types.spell(number), where
    )


def read_cast(argument: Argument, types: Btf, where: str) -> Reading:
    """Return how a member is read of the type that an argument is said to point to."""
    name = re.sub(r"^(struct|union)\s+", "", argument.cast or "")
    found = types.find(name, *_COMPOSITE)
    if found is None:
        reason = f"there is no type '{argument.cast}' among the program's"
        raise ReadingError("E3115", reason, "correct 'btfType', or 'btfPath'")
    value = _Value(types, found.number, (PathStep(Step.FOLLOW, name),))
    return _arrive(value, argument, f"struct {name} *", where)


def _arrive(value: _Value, argument: Argument, spelling: str, where: str) -> Reading:
    """Return how the value is read to which 'resolve' leads from here."""
    for name in argument.resolve:
        value = _take(value, name, where)
    kind = argument.type
    if kind is ArgumentType.AUTO:
        kind = _infer(value, where)
    _check(kind, value, where, is_resolved=bool(argument.resolve))
    return _reading(kind, value, spelling, has_size=argument.size_index is not None)


def read_task(argument: Argument, types: Btf, where: str) -> Reading:
    """Return how a piece of data is read from the current task."""
    task = types.find("task_struct", Kind.STRUCT)
    if task is None or argument.source is not Source.CURRENT_TASK:
        source = argument.source.value
        raise ReadingError("E3114", f"{where} cannot be read from {source} here")
    value = _Value(types, task.number)
    for name in argument.resolve:
        value = _take(value, name, where)
    kind = argument.type
    if kind is ArgumentType.AUTO:
        kind = _infer(value, where)
    _check(kind, value, where, is_resolved=True)
    return _reading(kind, value, "struct task_struct")


def unmeasured(spelling: str) -> ReadingError:
    """Return the error of a buffer of whose length nobody knows."""
    reason = f"nothing says how many bytes {spelling or 'the buffer'} has"
    cure = "name the argument with its size: 'sizeArgIndex', which counts from 1"
    return ReadingError("E3114", reason, cure)


def _reading(
    kind: ArgumentType, value: _Value, spelling: str, *, has_size: bool = False
) -> Reading:
    """Return how a value is read at the end of its way."""
    if kind in CAPABILITY_SETS:
        return _capabilities(kind, value, spelling)
    size, is_signed = SIZES.get(kind, (0, False))
    end = value.types.strip(value.number)
    is_pointer = end.kind is Kind.POINTER
    is_narrow = end.kind in (Kind.INT, Kind.ENUM, Kind.ENUM64) and end.size < size
    is_field = bool(value.steps) and value.steps[-1].step is Step.BITS
    if is_field or (value.steps and is_narrow):
        # A number in memory is as wide as its own type says; the rest is its neighbours'.
        size, is_signed = end.size, end.is_signed
    length = buffer_length(value.types, value.number) if kind in BUFFERS else 0
    if kind in BUFFERS and not length and not has_size:
        raise unmeasured(spelling)
    return Reading(
        kind, size, is_signed, value.steps, spelling, is_pointer, length=length
    )


def buffer_length(types: Btf, number: int) -> int:
    """Return the bytes of an array, or of what a pointer to a structure or array leads to."""
    here = types.strip(number)
    if here.kind is Kind.POINTER:
        here = types.strip(here.target)
        if here.kind not in (*_COMPOSITE, Kind.ARRAY):
            return 0
    return _size(types, here.number) if here.kind in (*_COMPOSITE, Kind.ARRAY) else 0


def _capabilities(kind: ArgumentType, value: _Value, spelling: str) -> Reading:
    """Return how a set of capabilities is read: a number of 64 bits behind all pointers."""
    types = value.types
    if _pointed(value).name == "cred":
        value = _take_member(value, kind.value, spelling)
    steps = value.steps
    if types.strip(value.number).kind is Kind.POINTER:
        steps = (*steps, PathStep(Step.FOLLOW, _pointed(value).name))
    return Reading(kind, CAPABILITY_BYTES, False, steps, spelling)


def _pointed(value: _Value) -> Type:
    """Return the type of a value, or of what it points to."""
    here = value.types.strip(value.number)
    return value.types.strip(here.target) if here.kind is Kind.POINTER else here


# ---------------------------------------------------------------- ways through members


def _start(argument: Argument, types: Btf, number: int, module: Btf | None) -> _Value:
    """Return the argument itself, as the type that the policy casts it to."""
    if argument.cast is None:
        return _Value(types, number)
    name = re.sub(r"^(struct|union)\s+", "", argument.cast)
    found = (module or types).find(name, *_COMPOSITE)
    if found is None:
        place = f"in module '{argument.cast_module}'" if module else "on this target"
        reason = f"there is no type '{argument.cast}' {place}"
        cure = "correct 'btfType'" if module else _OF_MODULES
        raise ReadingError("E3115", reason, cure)
    pointer = PathStep(Step.FOLLOW, name)
    is_pointer = types.strip(number).kind is Kind.POINTER
    steps = (pointer,) if is_pointer else ()
    return _Value(module or types, found.number, steps)


def _take(value: _Value, text: str, where: str) -> _Value:
    """Follow one name of ``resolve``: a member, or an element of an array."""
    match = _ELEMENT.fullmatch(text)
    if match is None:
        raise ReadingError(
            "E3115", f"'{text}' is no member", "write 'name' or 'name[2]'"
        )
    name = match["plain"] or match["name"]
    if name:
        value = _take_member(value, name, where)
    if match["index"] is not None:
        value = _take_element(value, int(match["index"]), where)
    return value


def _take_member(value: _Value, name: str, where: str) -> _Value:
    types = value.types
    here, steps = types.strip(value.number), value.steps
    while here.kind is Kind.POINTER:
        here = types.strip(here.target)
        steps = (*steps, PathStep(Step.FOLLOW, here.name))
    if here.kind is Kind.FORWARD:
        found = types.find(here.name, *_COMPOSITE)
        here = found or here
    if here.kind not in _COMPOSITE:
        reason = f"{where}: {types.spell(value.number)} has no members"
        raise ReadingError("E3115", reason, f"end 'resolve' before '{name}'")
    member = types.member(here, name)
    if member is None:
        reason = f"{where}: {types.spell(here.number)} has no member '{name}'"
        cure = (
            did_you_mean(name, _names(types, here)) or "look at the type on this target"
        )
        raise ReadingError("E3115", reason, cure)
    # What has no name cannot be relocated, nor can a module's types where it is not loaded: the
    # member stands where it stands here.
    composite = "" if types.is_own(here.number) else here.name
    declaration = _declare(types, member.type, name)
    if member.width:
        bits = member.offset
        declaration += f" : {member.width}"
        step = PathStep(Step.BITS, composite, name, bits, declaration, member.width)
        return _Value(types, member.type, (*steps, step))
    offset = 0 if composite else member.offset // 8
    step = PathStep(Step.MEMBER, composite, name, offset, declaration)
    return _Value(types, member.type, (*steps, step))


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


def _take_element(value: _Value, index: int, where: str) -> _Value:
    types = value.types
    here = types.strip(value.number)
    if here.kind is Kind.POINTER:
        element = PathStep(Step.INDEX, index=index, size=_size(types, here.target))
        steps = (*value.steps, PathStep(Step.FOLLOW), element)
        return _Value(types, here.target, steps)
    if here.kind is not Kind.ARRAY:
        reason = f"{where}: {types.spell(value.number)} has no elements"
        raise ReadingError("E3115", reason, f"take '[{index}]' away")
    if (
        here.count and index >= here.count
    ):  # without a count it ends where its owner does
        reason = f"{where}: the array has {here.count} elements, and {index} is beyond"
        raise ReadingError("E3115", reason)
    element = PathStep(Step.INDEX, index=index, size=_size(types, here.target))
    return _Value(types, here.target, (*value.steps, element))


def _size(types: Btf, number: int) -> int:
    """Return the bytes of one element."""
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


# ---------------------------------------------------------------- types


def _infer(value: _Value, where: str) -> ArgumentType:
    """Return what ``type: auto`` means here."""
    types = value.types
    here = types.strip(value.number)
    if here.kind in (Kind.INT, Kind.ENUM, Kind.ENUM64):
        return _NUMBERS[here.size or 4, here.is_signed]
    inner = types.strip(here.target) if here.kind is Kind.POINTER else here
    if (
        inner.kind is Kind.INT
        and inner.size == 1
        and here.kind in (Kind.POINTER, Kind.ARRAY)
    ):
        return ArgumentType.STRING
    if here.kind is Kind.ARRAY and types.strip(here.target).size == 1:
        return ArgumentType.STRING
    found = _BY_STRUCTURE.get(inner.name)
    if found is not None:
        return found
    reason = f"{where} is {types.spell(value.number)}, which has no type here"
    raise ReadingError(
        "E3114", reason, "name the type, or read a member with 'resolve'"
    )


def _check(kind: ArgumentType, value: _Value, where: str, *, is_resolved: bool) -> None:
    """Refuse a declared type that the value cannot be."""
    types = value.types
    here = types.strip(value.number)
    spelling = types.spell(value.number)
    inner = _pointed(value)
    wanted = STRUCTURES.get(kind)
    if wanted is not None:
        is_untyped = here.kind is Kind.POINTER and inner.kind is Kind.VOID
        if inner.name not in wanted and not is_untyped:
            raise _mismatch(kind, where, spelling, value)
        return
    if kind in CAPABILITY_SETS:
        is_member = inner.name == "cred" and kind in _OF_CREDENTIALS
        is_set = (
            inner.kind in (Kind.STRUCT, Kind.INT) and inner.size == CAPABILITY_BYTES
        )
        is_untyped = here.kind is Kind.POINTER and inner.kind is Kind.VOID
        if not (is_member or is_set or is_untyped):
            raise _mismatch(kind, where, spelling, value)
        return
    if kind in SIZES and inner.kind in _COMPOSITE and here.kind is not Kind.POINTER:
        raise _mismatch(kind, where, spelling, value)
    if kind in (ArgumentType.STRING, ArgumentType.CHAR_BUF, ArgumentType.CONST_BUF):
        is_text = here.kind in (Kind.POINTER, Kind.ARRAY)
        if not is_text and not (
            is_resolved and here.kind is Kind.INT and here.size == 1
        ):
            raise _mismatch(kind, where, spelling, value)


def _mismatch(
    kind: ArgumentType, where: str, spelling: str, value: _Value
) -> ReadingError:
    reason = f"{where} is {spelling} on this target, not {kind.value}"
    try:
        cure = f"write 'type: {_infer(value, where).value}'"
    except ReadingError:
        cure = "read a member of it with 'resolve', or take it out of 'args'"
    return ReadingError("E3114", reason, cure)
