"""C text that reads the values of a site, each in a small function of its own."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from lockgate.codegen.tracing.c_function import spell_function
from lockgate.codegen.tracing.calls import call_word, kept_argument, start_operand
from lockgate.codegen.tracing.operands import PROGRAMS
from lockgate.ir.placement import Stand, Step
from lockgate.ir.site import Origin
from lockgate.ir.tracing_arguments import ArgumentType

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lockgate.ir.placement import Operand, PathStep, Reading
    from lockgate.ir.site import Site, Value

TRAMPOLINES = frozenset({Stand.FENTRY, Stand.FEXIT, Stand.FMOD_RET, Stand.LSM})
"""Stands whose arguments the verifier knows by their types."""

_BY_REGISTERS = frozenset({Stand.KPROBE, Stand.KRETPROBE, Stand.UPROBE, Stand.USDT})

_TO_PATH = {
    ArgumentType.FILE: ("file", ("f_path",)),
    ArgumentType.PATH: ("path", ()),
    ArgumentType.KIOCB: ("kiocb", ("ki_filp", "f_path")),
    ArgumentType.LINUX_BINPRM: ("linux_binprm", ("file", "f_path")),
}
"""Types that lead to a path: the structure, and its members up to ``struct path``."""


@dataclass(frozen=True, slots=True)
class Reader:
    """How the program reads one value: the function's text, and whether its type is known.

    ``dentry`` and ``mount`` are C's expressions for where a path is, empty for what is none; a
    dentry alone has no mount.
    """

    number: int
    text: str
    is_typed: bool
    dentry: str = ""
    mount: str = ""


def argument(site: Site, index: int, *, is_syscall: bool) -> str:
    """Return C's expression for what a function was called with.

    >>> argument(site, 0, is_syscall=False)  # doctest: +SKIP
    'ARGUMENT_OF_TRAMPOLINE(context, 0)'
    """
    if site.stand is Stand.KRETPROBE:
        return kept_argument(site, index)
    way = "REGISTERS" if site.stand in _BY_REGISTERS else "TRAMPOLINE"
    what = call_word(site, is_syscall=is_syscall)
    return f"{what}_OF_{way}(context, {index})"


def render_readers(site: Site, *, is_syscall: bool) -> list[Reader]:
    """Return a reader for each value of a site."""
    readers = []
    for number, value in enumerate(site.values):
        reader = _reader(site, number, value, is_syscall=is_syscall)
        if value.size_index is not None or value.is_copied_at_return:
            lines = _size_lines(site, value, is_syscall=is_syscall)
            head = f"static __always_inline u64 size_{number}(void *context)"
            text = spell_function(head, lines, "at")
            reader = replace(reader, text=f"{reader.text}\n{text}")
        readers.append(reader)
    return readers


def _size_lines(site: Site, value: Value, *, is_syscall: bool) -> list[str]:
    """Return how the size of a buffer is found: of one that is filled, it is what is returned."""
    if value.is_copied_at_return:
        returned = _returned(site)
        return [*returned, "if ((s64)at < 0 || (s32)at < 0)", "\tat = 0;"]
    measure = value.reading.measure
    if measure is not None and measure.operand is not None:
        return start_operand(site, value, measure.operand)
    if measure is not None:
        return _field(measure)
    assert value.size_index is not None  # noqa: S101  # or nobody asked
    return [f"u64 at = {argument(site, value.size_index, is_syscall=is_syscall)};"]


def _returned(site: Site) -> list[str]:
    if site.stand in _BY_REGISTERS or site.stand is Stand.URETPROBE:
        return ["u64 at = ARGUMENT_OF_REGISTERS(context, RETURN);"]
    return ["u64 at = 0;", "bpf_get_func_ret(context, &at);"]


def declare_structures(values: Iterable[Value]) -> list[str]:
    """Return declarations of the structures that ways through members pass."""
    members: dict[str, set[str]] = {}
    for value in values:
        for step in value.reading.steps:
            if step.step in (Step.MEMBER, Step.BITS) and step.composite:
                members.setdefault(step.composite, set()).add(step.declaration)
    # Three underscores begin a flavour, which relocation leaves out: no clash with kernel.h.
    return [
        f"struct {name}___of_policies {{\n"
        + "".join(f"\t{member};\n" for member in sorted(found))
        + "} __of_kernel;"
        for name, found in sorted(members.items())
    ]


def _reader(site: Site, number: int, value: Value, *, is_syscall: bool) -> Reader:
    if value.type is ArgumentType.NOP:
        return Reader(number, "", is_typed=False)
    lines = _start(site, value, is_syscall=is_syscall)
    # What a function is given is in a register: the first pointer is at hand.
    steps = value.reading.steps[0 if value.origin is Origin.DATA else 1 :]
    is_users = site.stand in PROGRAMS and value.origin is Origin.ARGUMENT
    memory = "user" if is_users else "kernel"
    for step in steps:
        lines += _step(step, memory)
    kind = value.type
    is_typed = (
        site.stand in TRAMPOLINES and value.origin is Origin.ARGUMENT and not is_syscall
    ) and not (value.reading.steps or "void" in value.reading.spelling)
    if kind in _TO_PATH:
        text = _path(number, value, lines, is_typed=is_typed)
        return _path_reader(number, text, is_typed=is_typed)
    if kind is ArgumentType.FD:
        return _path_reader(number, _descriptor(number, lines), is_typed=False)
    if kind is ArgumentType.DENTRY:
        if value.reading.steps and value.reading.is_pointer:
            lines += ["bpf_probe_read_kernel(&at, sizeof(at), (void *)at);"]
        place = f"dentry_{number}(context)"
        return Reader(
            number, _dentry(number, lines, is_typed=is_typed), is_typed, place, "0"
        )
    return _number_reader(number, value, lines, memory)


def _number_reader(number: int, value: Value, lines: list[str], memory: str) -> Reader:
    """Return the reader of a number, or of where a text or an object is."""
    sought = ""
    if value.reading.size:
        if may_be_nowhere(value):
            sought = _is_there(number, value, lines, memory)
        lines = [*lines, *_number(value, memory)]
        if value.type is ArgumentType.SYSCALL64:
            lines += ["at |= table_of_call();"]
    elif value.reading.steps and value.reading.is_pointer:
        lines = [*lines, f"bpf_probe_read_{memory}(&at, sizeof(at), (void *)at);"]
    head = f"static __always_inline u64 value_{number}(void *context)"
    return Reader(number, spell_function(head, lines, "at") + sought, False)


def _start(site: Site, value: Value, *, is_syscall: bool) -> list[str]:
    if value.origin is Origin.DATA and value.reading.operand is not None and is_syscall:
        return _register_of_program(site, value.reading.operand)
    if value.reading.operand is not None:
        return start_operand(site, value, value.reading.operand)
    if value.origin is Origin.DATA:
        return ["u64 at = (u64)bpf_get_current_task_btf();"]
    if value.origin is Origin.RETURN:
        return _returned(site)
    if site.stand is Stand.TRACEPOINT:
        return _field(value.reading)
    return [f"u64 at = {argument(site, value.index, is_syscall=is_syscall)};"]


def _register_of_program(site: Site, operand: Operand) -> list[str]:
    """Return how a register of the program is read that makes a system call."""
    way = "REGISTERS" if site.stand in _BY_REGISTERS else "TRAMPOLINE"
    lines = [f"u64 at = OF_PROGRAM_BY_{way}(context, {operand.base});"]
    return lines + ([f"at >>= {operand.shift};"] if operand.shift else [])


def _field(reading: Reading) -> list[str]:
    """Return how the field of a tracepoint is read: it stands in the context."""
    if reading.size:
        kind = f"{'s' if reading.is_signed else 'u'}{8 * reading.size}"
        word = f"FROM_CONTEXT(context, u{8 * reading.size}, {reading.offset})"
        return [f"u64 at = ({kind}){word};"]
    if reading.type is ArgumentType.DATA_LOC:
        return [
            "u64 at = (u64)context + "
            f"(FROM_CONTEXT(context, u32, {reading.offset}) & 0xffff);"
        ]
    if "[" in reading.spelling or reading.length:
        return [f"u64 at = (u64)context + {reading.offset};"]
    return [f"u64 at = FROM_CONTEXT(context, u64, {reading.offset});"]


def _step(step: PathStep, memory: str) -> list[str]:
    """Return how one step leads from an address to the next, in the memory of whom."""
    match step.step:
        case Step.FOLLOW:
            return [f"bpf_probe_read_{memory}(&at, sizeof(at), (void *)at);"]
        case Step.MEMBER if step.composite:
            return [
                f"at += kernel_offset({step.composite}___of_policies, {step.name});"
            ]
        case Step.MEMBER:
            return [f"at += {step.index};"]
        case Step.BITS:
            return []  # what is read there is a part of a word
    return [f"at += {step.index * step.size};"]


def may_be_nowhere(value: Value) -> bool:
    """Whether a value is a number behind pointers, of which one may be NULL."""
    return bool(value.reading.size and value.reading.steps)


def _number(value: Value, memory: str) -> list[str]:
    """Return how a number is made as wide as a register."""
    reading = value.reading
    if not reading.steps:
        kind = f"{'s' if reading.is_signed else 'u'}{8 * reading.size}"
        return [] if reading.size == 8 else [f"at = ({kind})at;"]
    declaration, call, number = _at_the_end(value, memory)
    return [declaration, f"{call};", f"at = {number};"]


def _is_there(number: int, value: Value, lines: Iterable[str], memory: str) -> str:
    """Return the function that says whether a number behind pointers is there."""
    declaration, call, _ = _at_the_end(value, memory)
    head = f"static __always_inline bool is_there_{number}(void *context)"
    return "\n" + spell_function(head, [*lines, declaration], f"!{call}")


def _at_the_end(value: Value, memory: str) -> tuple[str, str, str]:
    """Return what a number behind pointers is read into, the call that reads it, and itself."""
    reading = value.reading
    kind = f"{'s' if reading.is_signed else 'u'}{8 * reading.size}"
    last = reading.steps[-1]
    if last.step is not Step.BITS:
        call = f"bpf_probe_read_{memory}(&number, sizeof(number), (void *)at)"
        return f"{kind} number = 0;", call, "number"
    # The word with a bit field is read, and all others are shifted out of it.
    bit = last.index % 8
    words = [last.index // 8, (bit + last.size + 7) // 8, 64 - bit - last.size]
    offset, size, left, right = map(str, (*words, 64 - last.size))
    if last.composite:
        member = f"{last.composite}___of_policies, {last.name}"
        offset = f"kernel_offset({member})"
        size = f"kernel_size({member})"
        left = f"kernel_shift_left({member})"
        right = f"kernel_shift_right({member})"
    call = f"bpf_probe_read_{memory}(&word, {size}, (void *)(at + {offset}))"
    shifted = f"({'s' if reading.is_signed else 'u'}64)(word << {left})"
    return "u64 word = 0;", call, f"(u64)({shifted} >> {right})"


def _path(number: int, value: Value, lines: list[str], *, is_typed: bool) -> str:
    structure, members = _TO_PATH[value.type]
    if value.reading.steps and value.reading.is_pointer:
        lines = [*lines, "bpf_probe_read_kernel(&at, sizeof(at), (void *)at);"]
    lines = [*lines, *_leave_at_nothing(is_typed, "(struct place){ NOWHERE, NULL }")]
    way = f"((const struct {structure} *)at)"
    for member in members[:-1]:
        way = f"LOAD({str(is_typed).lower()}, {way}->{member})"
    if members:
        way = f"&{way}->{members[-1]}"
    return _spell_place(number, lines, way, is_typed=is_typed)


def _spell_place(
    number: int, lines: Iterable[str], path: str, *, is_typed: bool
) -> str:
    head = f"static __always_inline struct place place_{number}(void *context)"
    place = f"place_of({path}, {str(is_typed).lower()})"
    return spell_function(head, lines, place)


def _leave_at_nothing(is_typed: bool, result: str) -> list[str]:  # one of two ways
    """Return what a reader does where the pointer to its object is NULL."""
    condition = "is_nothing(at)" if is_typed else "at < NOTHING_BELOW"
    return [f"if ({condition})", f"\treturn {result};"]


def _path_reader(number: int, text: str, *, is_typed: bool) -> Reader:
    place = f"place_{number}(context)"
    return Reader(number, text, is_typed, f"{place}.dentry", f"{place}.mount")


def _dentry(number: int, lines: list[str], *, is_typed: bool) -> str:
    head = f"static __always_inline const struct dentry *dentry_{number}(void *context)"
    lines = [*lines, *_leave_at_nothing(is_typed, "NOWHERE")]
    return spell_function(head, lines, "(const struct dentry *)at")


def _descriptor(number: int, lines: list[str]) -> str:
    path = "path_of_descriptor((s32)at)"
    return _spell_place(number, lines, path, is_typed=False)
