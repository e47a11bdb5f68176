"""Arguments against the types of a target: what is read at the end of the way, and as what.

A kernel's types are the truth.  A policy that calls a socket a file would match nothing, or
worse, something; that is an error here, with the type that the function really takes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockgate.ir.placement import PathStep, Reading, Step
from lockgate.ir.tracing_arguments import ArgumentType, Source
from lockgate.lowering.members import (
    COMPOSITE,
    Value,
    composite_name,
    follow,
    pointed,
    size_of,
    start_at,
    take_member,
)
from lockgate.lowering.refusal import RefusalError
from lockgate.targets.btf import Kind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lockgate.ir.tracing_arguments import Argument
    from lockgate.targets.btf import Btf

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


def read_argument(
    argument: Argument,
    types: Btf,
    number: int,
    where: str,
    module: Btf | None = None,
) -> Reading:
    """Return how an argument of type ``number`` is read; :class:`RefusalError` if not at all.

    ``where`` names the argument in messages ("argument 0 of tcp_connect"); ``module`` has the
    type that it is cast to, where a module is named.
    """
    return _arrive(
        start_at(argument, types, number, module), argument, types.spell(number), where
    )


def read_cast(argument: Argument, types: Btf, where: str) -> Reading:
    """Return how a member is read of the type that an argument is said to point to."""
    name = composite_name(argument.cast or "")
    found = types.find(name, *COMPOSITE)
    if found is None:
        reason = f"there is no type '{argument.cast}' among the program's"
        raise RefusalError("E3115", reason, "correct 'btfType', or 'btfPath'")
    value = Value(types, found.number, (PathStep(Step.FOLLOW, name),))
    return _arrive(value, argument, f"struct {name} *", where)


def _arrive(value: Value, argument: Argument, spelling: str, where: str) -> Reading:
    """Return how the value is read to which 'resolve' leads from here."""
    value = follow(value, argument.resolve, where)
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
        raise RefusalError("E3114", f"{where} cannot be read from {source} here")
    value = follow(Value(types, task.number), argument.resolve, where)
    kind = argument.type
    if kind is ArgumentType.AUTO:
        kind = _infer(value, where)
    _check(kind, value, where, is_resolved=True)
    return _reading(kind, value, "struct task_struct")


def unmeasured(spelling: str) -> RefusalError:
    """Return the error of a buffer of whose length nobody knows."""
    reason = f"nothing says how many bytes {spelling or 'the buffer'} has"
    cure = "name the argument with its size: 'sizeArgIndex', which counts from 1"
    return RefusalError("E3114", reason, cure)


def _reading(
    kind: ArgumentType, value: Value, spelling: str, *, has_size: bool = False
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
        if here.kind not in (*COMPOSITE, Kind.ARRAY):
            return 0
    return size_of(types, here.number) if here.kind in (*COMPOSITE, Kind.ARRAY) else 0


def _capabilities(kind: ArgumentType, value: Value, spelling: str) -> Reading:
    """Return how a set of capabilities is read: a number of 64 bits behind all pointers."""
    types = value.types
    if pointed(value).name == "cred":
        value = take_member(value, kind.value, spelling)
    steps = value.steps
    if types.strip(value.number).kind is Kind.POINTER:
        steps = (*steps, PathStep(Step.FOLLOW, pointed(value).name))
    return Reading(kind, CAPABILITY_BYTES, False, steps, spelling)


def _infer(value: Value, where: str) -> ArgumentType:
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
    raise RefusalError(
        "E3114", reason, "name the type, or read a member with 'resolve'"
    )


def _check(kind: ArgumentType, value: Value, where: str, *, is_resolved: bool) -> None:
    """Refuse a declared type that the value cannot be."""
    types = value.types
    here = types.strip(value.number)
    spelling = types.spell(value.number)
    inner = pointed(value)
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
    if kind in SIZES and inner.kind in COMPOSITE and here.kind is not Kind.POINTER:
        raise _mismatch(kind, where, spelling, value)
    if kind in (ArgumentType.STRING, ArgumentType.CHAR_BUF, ArgumentType.CONST_BUF):
        is_text = here.kind in (Kind.POINTER, Kind.ARRAY)
        if not is_text and not (
            is_resolved and here.kind is Kind.INT and here.size == 1
        ):
            raise _mismatch(kind, where, spelling, value)


def _mismatch(
    kind: ArgumentType, where: str, spelling: str, value: Value
) -> RefusalError:
    reason = f"{where} is {spelling} on this target, not {kind.value}"
    try:
        cure = f"write 'type: {_infer(value, where).value}'"
    except RefusalError:
        cure = "read a member of it with 'resolve', or take it out of 'args'"
    return RefusalError("E3114", reason, cure)
