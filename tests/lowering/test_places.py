"""lockgate.lowering: where hooks stand on a target, and why they cannot."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lockgate.ir.placement import Placement, Result, Stand, Step
from lockgate.ir.tracing_arguments import ArgumentType
from lockgate.lowering.places import place_policy
from lockgate.lowering.settle import settle
from tests.frontend.test_tracing_policy import good
from tests.lowering.types import Types, write_target

if TYPE_CHECKING:
    from pathlib import Path

    from lockgate.targets.target import Target

EVERY_HOOK = {"kprobe", "fentry", "fexit", "fmod_ret", "lsm", "tracepoint", "uprobe"}
TRACEPOINTS = {
    "raw_syscalls/sys_enter": [
        ["int", "common_pid", 4, 4, True],
        ["long", "id", 8, 8, True],
    ],
    "syscalls/sys_enter_close": [
        ["int", "__syscall_nr", 8, 4, True],
        ["unsigned int", "fd", 16, 8, False],
    ],
}


def small_types() -> Types:
    """Return the types of a kernel with a handful of functions."""
    types = Types()
    number = types.number("int")
    byte = types.number("char", 1)
    name = types.array(byte, 16)
    path = types.structure("path", {"mnt": number, "dentry": number})
    file = types.structure("file", {"f_flags": number, "f_path": path})
    files = types.pointer(file)
    sock = types.pointer(
        types.structure("sock", {"sk_family": number, "sk_file": files})
    )
    types.structure("task_struct", {"pid": number, "comm": name, "file": files})
    registers = types.pointer(types.structure("pt_regs", {"di": number}))
    types.function("security_file_open", number, files)
    types.function("bpf_lsm_file_open", number, files)
    types.function("bpf_lsm_path_notify", number, files)
    types.function("tcp_connect", number, sock)
    types.function("free_it", 0, types.pointer(0))
    types.function("__x64_sys_close", number, registers)
    types.function("create_user_ns", number, sock)
    return types


FUNCTIONS = [
    "security_file_open",
    "tcp_connect",
    "free_it",
    "__x64_sys_close",
    "create_user_ns",
]


@pytest.fixture
def target(tmp_path: Path) -> Target:
    """Give a kernel where everything works."""
    return write_target(
        tmp_path, small_types(), FUNCTIONS, hooks=EVERY_HOOK, tracepoints=TRACEPOINTS
    )


def place(spec: str, target: Target) -> Placement:
    """Place the one hook of a policy."""
    (placement,) = place_policy(good(spec), target)
    return placement


def kprobe(call: str, rest: str = "") -> str:
    """Return a policy with one kprobe."""
    return f"kprobes:\n- call: {call}\n  syscall: false\n{rest}"


OVERRIDE = "  selectors: [{matchActions: [{action: Override, argError: -1}]}]\n"
REGISTER = "  data: [{source: pt_regs, resolve: rdi, type: int}]\n"
RETURN = "  return: true\n  returnArg: {index: 0, type: int}\n"
KILL = "  selectors: [{matchActions: [{action: Sigkill}]}]\n"


def test_a_function_with_types_gets_a_trampoline(target: Target) -> None:
    """Fentry, or fexit where the return is asked; a probe where there is none."""
    found = place(kprobe("tcp_connect", "  args: [{index: 0, type: sock}]\n"), target)
    assert (found.result, found.stand) == (Result.ATTACHED, Stand.FENTRY)
    assert found.lowered_to == "fentry:tcp_connect"
    returning = kprobe(
        "tcp_connect", "  return: true\n  returnArg: {index: 0, type: int}\n"
    )
    assert place(returning, target).stand is Stand.FEXIT
    plain = {**target.hooks, "fentry": False, "fexit": False}
    object.__setattr__(target, "hooks", plain)
    found = place(kprobe("tcp_connect"), target)
    assert (found.stand, found.lowered_to) == (Stand.KPROBE, "")


def test_a_denial_stands_where_it_is_obeyed(target: Target, tmp_path: Path) -> None:
    """By fmod_ret, else at the hook if programs are asked there, else nowhere."""
    found = place(kprobe("security_file_open", OVERRIDE), target)
    assert (found.result, found.lowered_to) == (
        Result.LOWERED,
        "fmod_ret:security_file_open",
    )
    hooks = EVERY_HOOK - {"fmod_ret"}
    other = write_target(tmp_path / "lsm", small_types(), FUNCTIONS, hooks=hooks)
    assert (
        place(kprobe("security_file_open", OVERRIDE), other).lowered_to
        == "lsm:file_open"
    )
    none = write_target(
        tmp_path / "none", small_types(), FUNCTIONS, hooks=hooks, modules="capability"
    )
    found = place(kprobe("security_file_open", OVERRIDE), none)
    assert (found.result, found.code) == (Result.REFUSED, "E3121")


def test_a_signal_denies_nothing_and_says_so(target: Target) -> None:
    """The hook that could deny is named."""
    found = place(kprobe("tcp_connect", KILL), target)
    assert (found.result, found.code) == (Result.ATTACHED, "W3123")
    assert "may complete" in found.reason
    found = place(kprobe("security_file_open", KILL), target)
    assert (found.result, found.stand) == (Result.LOWERED, Stand.FMOD_RET)


@pytest.mark.parametrize(
    ("spec", "code", "words"),
    [
        (kprobe("tcp_conect"), "E3110", "tcp_connect"),
        (kprobe("gone", "  ignore: {callNotFound: true}\n"), "N3110", "go on"),
        (kprobe("tcp_connect", OVERRIDE), "E3120", "tcp_connect"),
        (
            kprobe("tcp_connect", "  args: [{index: 1, type: int}]\n"),
            "E3113",
            "1 arguments",
        ),
        (
            kprobe("tcp_connect", "  args: [{index: 0, type: file}]\n"),
            "E3114",
            "type: sock",
        ),
        (
            kprobe(
                "tcp_connect", "  args: [{index: 0, type: int, resolve: sk_famly}]\n"
            ),
            "E3115",
            "sk_family",
        ),
        (
            kprobe(
                "tcp_connect",
                "  args: [{index: 0, type: int, btfType: x, btfTypeModule: none,"
                " resolve: y}]\n",
            ),
            "E3115",
            "load the module",
        ),
        (
            kprobe("security_file_open", REGISTER + OVERRIDE),
            "E3114",
            "has the registers",
        ),
        (
            kprobe("tcp_connect", REGISTER + RETURN),
            "E3114",
            "gone at its return",
        ),
        (
            kprobe("free_it", "  return: true\n  returnArg: {index: 0, type: int}\n"),
            "E3113",
            "returns nothing",
        ),
        ("kprobes: [{call: sys_close, args: [{index: 1, type: int}]}]\n", "E3113", "1"),
        ("kprobes:\n- call: sys_close\n" + OVERRIDE, "E3120", "sys_close"),
        ("lsmhooks: [{hook: file_opn}]\n", "E3110", "file_open"),
        ("tracepoints: [{subsystem: raw_syscalls, event: x}]\n", "E3110", "x"),
        (
            "tracepoints: [{subsystem: raw_syscalls, event: sys_enter, "
            "args: [{index: 2, type: int}]}]\n",
            "E3113",
            "2 fields",
        ),
        (
            "usdts: [{path: /none/such, provider: a, name: b}]\n",
            "E3130",
            "/none/such",
        ),
        (
            "uprobes:\n- path: /bin/sh\n  symbols: [main]\n" + OVERRIDE,
            "E3125",
            "signal",
        ),
        (
            "enforcers: [{calls: [sys_close]}]\n"
            "tracepoints:\n- subsystem: raw_syscalls\n  event: sys_enter\n"
            "  selectors: [{matchActions: [{action: NotifyEnforcer, argError: -1}]}]\n",
            "E3122",
            "argError",
        ),
    ],
)
def test_what_a_target_cannot_do(
    target: Target, spec: str, code: str, words: str
) -> None:
    """Each with its code, and with what would work."""
    found = place(spec, target)
    assert (found.result, found.code) == (Result.REFUSED, code)
    assert words in f"{found.reason} {found.suggestion}"
    assert found.stand is None


def test_members_are_followed(target: Target) -> None:
    """Through pointers and structs inside; AUTO is what the types say."""
    spec = kprobe(
        "tcp_connect",
        "  args:\n  - {index: 0, type: auto, resolve: sk_file.f_path}\n"
        "  data:\n  - {index: 0, type: auto, source: current_task, resolve: comm}\n"
        "  - {index: 0, type: auto, source: current_task, resolve: 'comm[3]'}\n",
    )
    found = place(spec, target)
    (argument,) = found.arguments
    assert argument.type is ArgumentType.PATH
    assert [(s.step, s.composite, s.name) for s in argument.steps] == [
        (Step.FOLLOW, "sock", ""),
        (Step.MEMBER, "sock", "sk_file"),
        (Step.FOLLOW, "file", ""),
        (Step.MEMBER, "file", "f_path"),
    ]
    assert [reading.type for reading in found.data] == [
        ArgumentType.STRING,
        ArgumentType.INT8,
    ]


def test_a_hook_that_nobody_asks_moves_to_the_function_around_it(
    tmp_path: Path,
) -> None:
    """Without ``bpf`` among the modules: fmod_ret if the arguments are the same."""
    types = small_types()
    number = types.number("int")
    types.function("bpf_lsm_task_kill", number, number)
    types.function("security_task_kill", number, number, number)
    functions = [*FUNCTIONS, "security_task_kill"]
    target = write_target(
        tmp_path, types, functions, hooks=EVERY_HOOK, modules="capability"
    )
    found = place("lsmhooks: [{hook: file_open}]\n", target)
    assert (found.result, found.lowered_to, found.code) == (
        Result.LOWERED,
        "fmod_ret:security_file_open",
        "W3124",
    )
    for without in ("path_notify", "task_kill"):  # no function, one of other arguments
        found = place(f"lsmhooks: [{{hook: {without}}}]\n", target)
        assert (found.result, found.code) == (Result.REFUSED, "E3121")


def test_lists_give_a_hook_for_each_function(target: Target) -> None:
    """System calls by any spelling, functions by a pattern."""
    policy = good("""
        lists:
        - {name: calls, type: syscalls, values: [close, __x64_sys_close]}
        - {name: found, type: generated_ftrace, pattern: "^(tcp|free)_"}
        - {name: every, type: generated_syscalls}
        kprobes: [{call: "list:calls"}, {call: "list:found", syscall: false}, {call: "list:every"}]
    """)
    asked = [placement.asked for placement in place_policy(policy, target)]
    assert asked == [
        "kprobe:__x64_sys_close",
        "kprobe:__x64_sys_close",
        "kprobe:free_it",
        "kprobe:tcp_connect",
        "kprobe:__x64_sys_close",
    ]


def test_a_program_of_a_node_is_looked_up_there(target: Target) -> None:
    """Where a kernel was recorded; on the running one its programs are here, or nowhere."""
    spec = "uprobes: [{path: /none/such, symbols: [main]}]\n"
    found = place(spec, target)
    assert (found.stand, found.code) == (Stand.UPROBE, "N3164")
    assert (found.result, found.function) == (Result.ATTACHED, "/none/such:main")
    known = place("uprobes: [{path: /none/such, offsets: [4096]}]\n", target)
    assert (known.stand, known.code) == (Stand.UPROBE, "")
    object.__setattr__(target, "name", "running")
    assert place(spec, target).code == "E3130"


def test_who_watches_stands_with_who_denies(target: Target) -> None:
    """A report of both says so: the watcher's trampoline is the denial's."""
    watch = kprobe("security_file_open", "  args: [{index: 0, type: file}]\n")
    deny = kprobe("security_file_open", OVERRIDE)
    alone = [place(watch, target)]
    assert [p.stand for p in settle(alone)] == [Stand.FENTRY]
    both = settle([*alone, place(deny, target)])
    assert [p.stand for p in both] == [Stand.FMOD_RET, Stand.FMOD_RET]
    assert both[0].lowered_to == "fmod_ret:security_file_open"


def test_returns_are_seen_by_pairs_of_probes(target: Target) -> None:
    """Without trampolines, and of functions that never return, which is said."""
    spec = kprobe("tcp_connect", "  return: true\n  returnArg: {index: 0, type: int}\n")
    plain = {**target.hooks, "fentry": False, "fexit": False}
    object.__setattr__(target, "hooks", plain)
    assert place(spec, target).stand is Stand.KRETPROBE


def test_a_denial_with_a_return_stands_at_both(target: Target) -> None:
    """It denies at the entry; without a trampoline at the return it is refused."""
    returns = "  return: true\n  returnArg: {index: 0, type: int}\n"
    spec = kprobe("security_file_open", returns + OVERRIDE)
    assert place(spec, target).lowered_to == "fmod_ret:security_file_open"
    late = OVERRIDE.replace("matchActions", "matchReturnActions")
    assert place(kprobe("security_file_open", returns + late), target).code == "E3120"
    object.__setattr__(target, "hooks", {**target.hooks, "fexit": False})
    assert place(spec, target).code == "E3112"


def test_what_is_tracked_is_a_socket(target: Target) -> None:
    """An action on another argument is refused, and so is a target where none ends."""
    hook = (
        "  args: [{index: 0, type: %s}]\n"
        "  selectors: [{matchActions: [{action: TrackSock, argSock: 0}]}]\n"
    )
    found = place(kprobe("tcp_connect", hook % "uint64"), target)
    assert (found.code, "uint64" in found.reason) == ("E3114", True)
    assert place(kprobe("tcp_connect", hook % "sock"), target).code == "E3112"


def test_a_probe_reads_registers_alone(tmp_path: Path) -> None:
    """A struct takes registers of its own: what stands behind it is elsewhere."""
    types = small_types()
    number = types.number("int")
    pair = types.structure("pair", {"a": number, "b": number})
    types.function("many", number, *[number] * 7)
    types.function("shifted", number, number, pair, number)
    functions = [*FUNCTIONS, "many", "shifted"]
    target = write_target(tmp_path, types, functions, hooks=EVERY_HOOK)
    spec = "  args: [{index: %d, type: int}]\n"
    found = place(kprobe("many", spec % 5), target)
    assert (found.stand, found.code) == (Stand.KPROBE, "")
    assert place(kprobe("shifted", spec % 0), target).code == ""
    assert place(kprobe("shifted", spec % 2), target).code == "E3113"


def test_all_system_calls_are_those_that_can_be_watched(target: Target) -> None:
    """A call that the kernel has but nobody can watch is left out, unless its name is written."""
    symbols = {**target.symbols, "__x64_sys_fork": ("", 1)}
    object.__setattr__(target, "symbols", symbols)
    policy = good("""
        lists:
        - {name: every, type: generated_syscalls}
        - {name: some, type: syscalls, values: [fork]}
        kprobes: [{call: "list:every"}, {call: "list:some"}]
    """)
    found = [(p.asked, p.code) for p in place_policy(policy, target)]
    assert found == [("kprobe:__x64_sys_close", ""), ("kprobe:__x64_sys_fork", "E3112")]
