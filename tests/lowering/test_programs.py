"""Hooks in programs of user space: operands of notes, registers, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from lockgate.codegen.tracing.build import build
from lockgate.diagnostics import Diagnostics
from lockgate.frontend.documents import documents_from_text, parse_documents
from lockgate.ir.placement import Operand, Placement, Result, Stand
from lockgate.lowering.places import place_policy
from lockgate.lowering.probe_arguments import ProbeArgumentError, parse_probe_arguments
from lockgate.options import Options
from lockgate.targets.syscalls import syscall_numbers
from lockgate.toolchain.clang import compile_c
from tests.kernel.e2e.bundles import CACHE
from tests.lowering.test_places import target as target  # a fixture
from tests.tracing.program_file import (
    IN_MEMORY,
    IN_REGISTERS,
    make_program,
    make_types,
)

if TYPE_CHECKING:
    from pathlib import Path

    from lockgate.ir.tracing import TracingPolicy
    from lockgate.targets.target import Target


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the program with probes."""
    path = tmp_path_factory.mktemp("program") / "program"
    path.write_bytes(make_program())
    return path


@pytest.mark.parametrize(
    ("machine", "text", "operand"),
    [
        ("x86_64", "-4@%edi", Operand("di", size=4, is_signed=True)),
        ("x86_64", "1@%ah", Operand("ax", size=1, shift=8)),
        ("x86_64", "8@-16(%rbp)", Operand("bp", -16, is_memory=True)),
        ("x86_64", "2@0x10(%rsp)", Operand("sp", 16, is_memory=True, size=2)),
        ("x86_64", "8@(%r12)", Operand("r12", is_memory=True)),
        ("x86_64", "-4@$-5", Operand("", -5, size=4, is_signed=True)),
        (
            "x86_64",
            "1@-96(%rbp,%rax,8)",
            Operand("bp", -96, "ax", 8, is_memory=True, size=1),
        ),
        ("x86_64", "4@(%r8,%r9)", Operand("r8", 0, "r9", is_memory=True, size=4)),
        ("aarch64", "8@x3", Operand("regs[3]")),
        ("aarch64", "-4@w30", Operand("regs[30]", size=4, is_signed=True)),
        ("aarch64", "8@[sp, 24]", Operand("sp", 24, is_memory=True)),
        ("aarch64", "4@[x0]", Operand("regs[0]", is_memory=True, size=4)),
        (
            "aarch64",
            "4@[x0, x1]",
            Operand("regs[0]", 0, "regs[1]", is_memory=True, size=4),
        ),
        ("aarch64", "-4@7", Operand("", 7, size=4, is_signed=True)),
    ],
)
def test_operands(machine: str, text: str, operand: Operand) -> None:
    """Every form of sys/sdt.h, first or behind another."""
    assert parse_probe_arguments(text, machine) == (operand,)
    assert parse_probe_arguments(f"{text} {text}", machine) == (operand, operand)


@pytest.mark.parametrize("text", ["8@%xmm0", "8@table(%rip)", "16@%rax", "%eax", "4@"])
def test_unknown_operands(text: str) -> None:
    """What is in no register of numbers, or in no form that is known, is said."""
    with pytest.raises(ProbeArgumentError):
        parse_probe_arguments(text, "x86_64")


def policies(spec: str) -> tuple[TracingPolicy, ...]:
    """Return what a policy of this 'spec' becomes."""
    text = (
        "apiVersion: cilium.io/v1alpha1\nkind: TracingPolicy\n"
        f"metadata: {{name: here}}\nspec:\n  {spec}"
    )
    diagnostics = Diagnostics()
    parsed = parse_documents(documents_from_text({"p": text}), Options(), diagnostics)
    assert diagnostics.ok, [d.message for d in diagnostics.found]
    return tuple(parsed.tracing_policies)


def place(spec: str, target: Target) -> list[Placement]:
    """Return where the hooks stand."""
    return [p for policy in policies(spec) for p in place_policy(policy, target)]


def test_a_probe_is_split_by_its_notes(target: Target, program: Path) -> None:
    """At each place its arguments are read where that note says."""
    usdt = f"usdts: [{{path: {program}, provider: lockgate, name: stop, "
    found = place(usdt + "args: [{index: 0, type: int32}]}]", target)
    assert [p.function.partition("(")[2] for p in found] == [
        f"{IN_REGISTERS})",
        f"{IN_MEMORY})",
    ]
    assert {p.stand for p in found} == {Stand.USDT}
    first, second = (p.arguments[0].operand for p in found)
    assert first is not None
    assert second is not None
    assert (first.base, second.is_memory) == ("ax", True)


def test_symbols_are_places_of_their_own(target: Target, program: Path) -> None:
    """A return is watched at the return."""
    spec = f"uprobes: [{{path: {program}, symbols: [work], return: true, "
    (found,) = place(spec + "returnArg: {index: 0, type: int}}]", target)
    assert (found.stand, found.function) == (Stand.URETPROBE, f"{program}:work")
    assert found.returned is not None
    assert found.returned.operand == Operand("ax")


SET = "selectors: [{matchActions: [{action: Set, argIndex: 0, argValue: 1}]}]}]"
USDT = "usdts: [{path: PROGRAM, provider: lockgate, name: "
REGISTERS = "uprobes: [{path: PROGRAM, symbols: [work], data: [{source: pt_regs, "


@pytest.mark.parametrize(
    ("spec", "code", "words"),
    [
        ("uprobes: [{path: PROGRAM, symbols: [wrk]}]", "E3160", "did you mean 'work'?"),
        ("uprobes: [{path: PROGRAM, addrs: [1]}]", "E3160", "0x1"),
        ("uprobes: [{path: /etc/hostname, symbols: [x]}]", "E3130", "ELF"),
        (USDT + "stp}]", "E3160", "did you mean 'lockgate:stop'?"),
        (USDT + "stop, args: [{index: 4, type: int32}]}]", "E3113", "4 arguments"),
        (USDT + "lost, args: [{index: 0, type: int64}]}]", "E3161", "%xmm0"),
        (USDT + "stop, args: [{index: 0, type: int32}], " + SET, "E3162", "register"),
        (USDT + "stop, args: [{index: 0, type: file}]}]", "E3114", "no file"),
        (REGISTERS + "resolve: rdj, type: int}]}]", "E3115", "rdj"),
        (
            "uprobes: [{path: PROGRAM, symbols: [work], "
            "args: [{index: 0, type: int, resolve: a.b}]}]",
            "E3114",
            "btfPath",
        ),
        (
            "uprobes: [{path: PROGRAM, btfPath: PROGRAM, symbols: [work], "
            "args: [{index: 0, type: int, btfType: a, resolve: b}]}]",
            "E3115",
            "no section .BTF",
        ),
        (
            "uprobes: [{path: PROGRAM, btfPath: TYPES, symbols: [work], "
            "args: [{index: 0, type: int, btfType: lettres, resolve: b}]}]",
            "E3115",
            "no type 'lettres'",
        ),
        (
            "uprobes: [{path: PROGRAM, btfPath: TYPES, symbols: [work], "
            "args: [{index: 0, type: int, btfType: letters, resolve: frist}]}]",
            "E3115",
            "did you mean 'first'?",
        ),
        (
            USDT + "memory, btfPath: TYPES, args: [{index: 1, type: int8, "
            "btfType: letters, resolve: first}], " + SET,
            "E3162",
            "member",
        ),
        ("uprobes: [{path: PROGRAM, symbols: [work+x]}]", "E3160", "no number"),
    ],
)
def test_refusals(
    target: Target, program: Path, spec: str, code: str, words: str
) -> None:
    """Each with its code, and with what would work."""
    able = replace(target, helpers={"kprobe": frozenset({"probe_write_user"})})
    types = program.with_name("types")
    types.write_bytes(make_types())
    spec = spec.replace("PROGRAM", str(program)).replace("TYPES", str(types))
    (found,) = place(spec, able)
    assert (found.result, found.code) == (Result.REFUSED, code)
    assert words in f"{found.reason} {found.suggestion}"
    assert found.suggestion


def test_set_needs_a_kernel_that_lets_it(target: Target, program: Path) -> None:
    """A kernel that is locked down does not."""
    spec = USDT + "memory, args: [{index: 0, type: int32}], " + SET
    locked = replace(target, helpers={"kprobe": frozenset()})
    (found,) = place(spec.replace("PROGRAM", str(program)), locked)
    assert found.code == "E3163"


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_programs_of_both_machines(target: Target, program: Path, machine: str) -> None:
    """Clang takes what is generated, for the registers of each."""
    spec = (
        f"uprobes: [{{path: {program}, symbols: [work], return: true, "
        "returnArg: {index: 0, type: int}, "
        "args: [{index: 0, type: int}, {index: 1, type: string}]}]"
    )
    diagnostics = Diagnostics()
    made = build(policies(spec), replace(target, machine=machine), diagnostics)
    objects = compile_c(made.sources, diagnostics, cache_folder=CACHE)
    assert diagnostics.ok, [d.message for d in diagnostics.found]
    assert list(objects) == ["site_0.o"]
    register = "ax" if machine == "x86_64" else "regs[0]"
    assert f"REGISTER(context, {register})" in made.sources["site_0.c"]
    rows = made.sites["sites"]
    assert [(row["program"], row["stand"]) for row in rows] == [
        ("site_0", "uretprobe"),
        ("site_0_call", "uprobe"),
    ]


def test_numbers_of_system_calls() -> None:
    """A few that are known by heart, beyond each gap."""
    x86_64, aarch64 = syscall_numbers("x86_64"), syscall_numbers("aarch64")
    assert [x86_64[n] for n in ("read", "execve", "bpf", "clone3")] == [0, 59, 321, 435]
    assert [aarch64[n] for n in ("read", "execve", "bpf", "clone3")] == [
        63,
        221,
        280,
        435,
    ]
    assert syscall_numbers("riscv64") == {}
