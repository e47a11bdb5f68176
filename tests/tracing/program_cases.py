"""Hooks in programs of user space, as rows of :mod:`tests.tracing.cases`.

``{program}`` is the path of the program of :mod:`tests.tracing.program_file`; a workload
executes it, and so ends with its exit code.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tests.tracing.cases.case import Case
from tests.tracing.program_file import BASE, CODE, WORK, make_program

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class ProgramCase(Case):
    """One row; ``silent_ends`` is how the child ends that fires nothing.

    ``places`` are the numbers of the hook's places that the events are of.
    """

    silent_ends: int = 0
    places: tuple[int, ...] = ()


_WORDS = "from tests.tracing.program_deeds import *; "


def filled(cases: tuple[ProgramCase, ...], program: Path) -> tuple[ProgramCase, ...]:
    """Return rows with the program's path, and its places, where they name them."""
    words = {
        "{program}": str(program),
        "{types}": str(program.with_name("types")),
        "{address}": str(WORK),
        "{offset}": str(WORK - BASE),
        "{start}": str(CODE),
        "{second}": str(CODE + 3),
        "{digest}": f"sha256:{hashlib.sha256(make_program()).hexdigest()}",
    }

    def fill(text: str) -> str:
        for word, value in words.items():
            text = text.replace(word, value)
        return text

    return tuple(
        replace(
            case,
            hook=fill(case.hook),
            selector=fill(case.selector),
            fires=_WORDS + fill(case.fires),
            silent=_WORDS + fill(case.silent),
        )
        for case in cases
    )


UPROBE = (
    "path: {program}\n    symbols: [work]\n"
    "    args: [{index: 0, type: int}, {index: 1, type: string}]"
)
USDT = "path: {program}\n    provider: lockgate\n    name: "


def _call(*arguments: str) -> str:
    words = "".join(f", '{word}'" for word in arguments)
    return "execute('{program}'" + words + ")"


def _uprobe(
    name: str, match: str, fires: str, silent: str, **more: object
) -> ProgramCase:
    hook = str(more.pop("hook", UPROBE))
    return ProgramCase(name, hook, match, fires, silent, list="uprobes", **more)  # type: ignore[arg-type]  # a row has what it says


def _usdt(
    name: str, match: str, fires: str, silent: str, **more: object
) -> ProgramCase:
    hook = USDT + str(more.pop("hook"))
    return ProgramCase(name, hook, match, fires, silent, list="usdts", **more)  # type: ignore[arg-type]  # a row has what it says


UPROBES = (
    _uprobe(
        "uprobe-number",
        "matchArgs: [{index: 0, operator: Equal, values: ['3']}]",
        _call("a", "b"),
        _call("a"),
        ends=6,
        silent_ends=4,
        many=1,
        shows="a",
    ),
    _uprobe(
        "uprobe-string",
        "matchArgs: [{index: 1, operator: Prefix, values: [secret]}]",
        _call("secretly"),
        _call("openly"),
        ends=4,
        silent_ends=4,
        many=1,
        shows="secretly",
    ),
    _uprobe(
        "uprobe-kill",
        "matchArgs: [{index: 1, operator: Equal, values: [killed]}]\n"
        "      matchActions: [{action: Sigkill}]",
        _call("killed"),
        _call("kille"),
        ends=-9,
        silent_ends=4,
        many=1,
    ),
    _uprobe(
        "uprobe-registers",
        "matchData: [{index: 0, operator: Equal, values: ['4']}]",
        _call("x", "y", "z"),
        _call("x", "y"),
        hook="path: {program}\n    addrs: [{address}]\n"
        "    data: [{source: pt_regs, resolve: edi, type: uint32}, "
        "{source: current_task, resolve: comm, type: string}]",
        ends=8,
        silent_ends=6,
        many=1,
        shows="program",
    ),
    _uprobe(
        "uprobe-offsets",
        "",
        _call("x"),
        "getpriority(0, 0)",
        hook="path: {program}\n    offsets: [{offset}]",
        ends=4,
        many=1,
    ),
    _uprobe(
        "uprobe-behind",
        "matchArgs: [{index: 0, operator: Equal, values: ['3']}]",
        _call("x", "y"),
        _call("x"),
        hook="path: {program}\n    symbols: [work+0x3]\n    args: [{index: 0, type: int}]",
        ends=6,
        silent_ends=4,
        many=1,
    ),
    _uprobe(
        "uprobe-resolve",
        "matchArgs: [{index: 1, operator: Equal, values: ['113']}]",  # q
        _call("aq"),
        _call("qa"),
        hook="path: {program}\n    btfPath: {types}\n    symbols: [work]\n"
        "    args: [{index: 1, type: int8, btfType: letters, resolve: second}]",
        ends=4,
        silent_ends=4,
        many=1,
    ),
    # Each event says which of the places it is of.
    _uprobe(
        "uprobe-places",
        "",
        _call("x"),
        "getpriority(0, 0)",
        hook="path: {program}\n    offsets: [{start}, {second}]",
        ends=4,
        many=2,
        places=(0, 1),
    ),
    _uprobe(
        "uprobe-return",
        "matchArgs: [{index: 1, operator: Equal, values: [returned]}]\n"
        "      matchReturnArgs: [{operator: Equal, values: ['6']}]",
        _call("returned", "b"),
        _call("returned"),
        hook=UPROBE + "\n    return: true\n    returnArg: {index: 0, type: int}",
        ends=6,
        silent_ends=4,
        many=1,
        shows="returned",
    ),
    _uprobe(
        "uprobe-digest",
        "matchArgs: [{index: 1, operator: Equal, values: [digest]}]",
        _call("digest"),
        _call("digested"),
        hook=UPROBE + "\n    binaryDigests: ['sha1:00', '{digest}']",
        ends=4,
        silent_ends=4,
        many=1,
    ),
)

USDTS = (
    _usdt(
        "usdt-signal",
        "matchArgs: [{index: 1, operator: Equal, values: [signalled]}]\n"
        "      matchActions: [{action: Signal, argSig: 15}]",
        _call("signalled"),
        _call("signal"),
        hook="memory\n    args: [{index: 0, type: int32}, {index: 1, type: string}]",
        ends=-15,
        silent_ends=4,
        many=1,
    ),
    _usdt(
        "usdt-memory",
        "matchArgs: [{index: 0, operator: Equal, values: ['6']}]",
        _call("m", "b"),
        _call("m"),
        hook="memory\n    args: [{index: 0, type: int32}, {index: 1, type: string}]",
        ends=6,
        silent_ends=4,
        many=1,
        shows="m",
    ),
    _usdt(
        "usdt-both-places",
        "matchArgs: [{index: 0, operator: Equal, values: ['8']}]",
        _call("a", "b", "c"),
        _call("a", "b"),
        hook="stop\n    args: [{index: 0, type: int32}, {index: 2, type: int32}]",
        ends=8,
        silent_ends=6,
        many=2,
    ),
    _usdt(
        "usdt-constant",
        "matchArgs: [{index: 2, operator: Equal, values: ['-6']}, "
        "{index: 1, operator: Equal, values: [constant]}]",
        _call("constant"),
        _call("constan"),
        hook="stop\n    args: [{index: 2, type: int32}, {index: 1, type: string}]",
        ends=4,
        silent_ends=4,
        many=1,
        shows="constant",
    ),
    _usdt(
        "usdt-scaled",
        "matchArgs: [{index: 3, operator: Equal, values: ['10']}]",
        _call("a", "b", "c", "d"),
        _call("a", "b", "c"),
        hook="memory\n    args: [{index: 3, type: uint32}]",
        ends=10,
        silent_ends=8,
        many=1,
    ),
    # A string and a number behind pointers in the program's own memory.
    _usdt(
        "usdt-resolve",
        "matchArgs: [{args: [0], operator: Postfix, values: [/program]}, "
        "{args: [1], operator: Equal, values: ['113']}]",
        _call("aq"),
        _call("qa"),
        hook="frame\n    btfPath: {types}\n"
        "    args: [{index: 0, type: string, btfType: frame, resolve: name}, "
        "{index: 0, type: int8, btfType: frame, resolve: argument.second}]",
        ends=4,
        silent_ends=4,
        many=1,
        shows="program",
    ),
)

SETS = (
    _usdt(
        "usdt-set",
        "matchArgs: [{index: 1, operator: Equal, values: [set]}]\n"
        "      matchActions: [{action: Set, argIndex: 0, argValue: 33}]",
        _call("set"),
        _call("sett"),
        hook="memory\n    args: [{index: 0, type: int32}, {index: 1, type: string}]",
        ends=33,
        silent_ends=4,
        many=1,
    ),
    # 'argIndex' counts what 'args' lists, in its order.
    _usdt(
        "usdt-set-by-place",
        "matchArgs: [{index: 1, operator: Equal, values: [placed]}]\n"
        "      matchActions: [{action: Set, argIndex: 1, argValue: 34}]",
        _call("placed"),
        _call("place"),
        hook="memory\n    args: [{index: 1, type: string}, {index: 0, type: int32}]",
        ends=34,
        silent_ends=4,
        many=1,
    ),
    _usdt(
        "usdt-set-monitored",
        "matchArgs: [{index: 1, operator: Equal, values: [monitored]}]\n"
        "      matchActions: [{action: Set, argIndex: 0, argValue: 33}]",
        _call("monitored"),
        _call("monitore"),
        hook="memory\n    args: [{index: 0, type: int32}, {index: 1, type: string}]",
        rest="  options: [{name: policy-mode, value: monitor}]\n",
        ends=4,
        silent_ends=4,
        many=1,
    ),
)

TRACEPOINTS = (
    ProgramCase(
        "tracepoint-string",
        "subsystem: syscalls\n    event: sys_enter_mkdir\n    args: [{index: 5, type: string}]",
        "matchArgs: [{index: 5, operator: Postfix, values: [/lockgate-none]}]",
        "make_folder('/none/lockgate-none')",
        "make_folder('/none/lockgate-nonf')",
        list="tracepoints",
        shows="/none/lockgate-none",
        many=1,
    ),
    ProgramCase(
        "tracepoint-data-loc",
        "subsystem: sched\n    event: sched_process_exec\n    args: [{index: 4, type: data_loc}]",
        "matchArgs: [{index: 4, operator: Equal, values: ['{program}']}]",
        _call("a"),
        "run('/bin/true', '/tmp/none')",
        list="tracepoints",
        shows="program",
        ends=4,
        many=1,
    ),
    ProgramCase(
        "tracepoint-array",
        "subsystem: task\n    event: task_rename\n    args: [{index: 6, type: string}]",
        "matchArgs: [{index: 6, operator: Equal, values: [lockgate-name]}]",
        "rename('lockgate-name')",
        "rename('lockgate-namf')",
        list="tracepoints",
        shows="lockgate-name",
        many=1,
    ),
    ProgramCase(
        "tracepoint-system-call",
        "subsystem: raw_syscalls\n    event: sys_enter\n    args: [{index: 4, type: syscall64}]",
        "matchArgs: [{index: 4, operator: InMap, values: ['list:asked']}]",
        "getpriority(0, 0)",
        "make_folder('/none/none')",
        list="tracepoints",
        rest="  lists: [{name: asked, type: syscalls, values: [sys_getpriority]}]\n",
        many=1,
    ),
    ProgramCase(
        "tracepoint-raw",
        "subsystem: raw_syscalls\n    event: sys_enter\n    raw: true\n"
        "    args: [{index: 1, type: int64}, {index: 0, type: uint64, resolve: di}]",
        "matchArgs: [{index: 1, operator: Equal, values: ['140']}, "
        "{index: 0, operator: Equal, values: ['31']}]",
        "getpriority(31, 0)",
        "getpriority(30, 0)",
        list="tracepoints",
        many=1,
    ),
    ProgramCase(
        "tracepoint-raw-string",
        "subsystem: task\n    event: task_rename\n    raw: true\n"
        "    args: [{index: 1, type: string}, {index: 0, type: string, resolve: comm}]",
        "matchArgs: [{index: 1, operator: Equal, values: [lockgate-raw]}]",
        "rename('lockgate-raw')",
        "rename('lockgate-rax')",
        list="tracepoints",
        shows="lockgate-raw",
        many=1,
    ),
)

CALLS = (
    ProgramCase(
        "call-string",
        "call: sys_mkdir\n    syscall: true\n    args: [{index: 0, type: string}]",
        "matchArgs: [{index: 0, operator: Equal, values: [/none/lockgate-call]}]",
        "make_folder('/none/lockgate-call')",
        "make_folder('/none/lockgate-cale')",
        shows="/none/lockgate-call",
        many=1,
    ),
    ProgramCase(
        "call-fd",
        "call: sys_fchmod\n    syscall: true\n"
        "    args: [{index: 0, type: fd}, {index: 1, type: int}]",
        "matchArgs: [{index: 0, operator: Prefix, values: [/etc/host]}]",
        "change_mode('/etc/hostname')",
        "change_mode('/etc/passwd')",
        shows="/etc/hostname",
        many=1,
    ),
    ProgramCase(
        "call-address",
        "call: sys_connect\n    syscall: true\n    args: [{index: 1, type: sockaddr}]",
        "matchArgs: [{index: 1, operator: SAddr, values: [127.77.0.0/16]}, "
        "{index: 1, operator: Family, values: [AF_INET]}]",
        "connect('127.77.0.1', 81)",
        "connect('127.78.0.1', 81)",
        many=1,
    ),
    ProgramCase(
        "call-return",
        "call: sys_getpriority\n    syscall: true\n    return: true\n"
        "    args: [{index: 0, type: int}]\n    returnArg: {index: 0, type: int}",
        "matchArgs: [{index: 0, operator: Equal, values: ['51']}]\n"
        "      matchReturnArgs: [{operator: Equal, values: ['-22']}]",
        "getpriority(51, 0)",
        "getpriority(0, 0)",
        many=1,
    ),
)
GROUPS: dict[str, tuple[ProgramCase, ...]] = {
    "uprobes": UPROBES,
    "usdts": USDTS,
    "sets": SETS,
    "tracepoints": TRACEPOINTS,
    "calls": CALLS,
}
"""Cases whose policies are one generation together."""

CASES = [(group, case.name) for group, cases in GROUPS.items() for case in cases]
