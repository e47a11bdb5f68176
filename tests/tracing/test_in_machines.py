"""Every type, operator and action fires in a kernel where it should, and nowhere else."""

from __future__ import annotations

import json
import lzma
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from lockgate.codegen.tracing.build import build
from lockgate.codegen.tracing_header import sensor_sources
from lockgate.diagnostics import Diagnostics
from lockgate.frontend.documents import documents_from_text, parse_documents
from lockgate.options import Options
from lockgate.toolchain.clang import compile_c
from lockgate.vm.kernels import SERIES, cache_folders, find_kernel, missing
from lockgate.vm.machine import Machine
from lockgate_runtime.tracing.layout import (
    LONGEST_VALUE,
    SUPPLEMENTS,
    TRACING_ENUMERATIONS,
)
from tests.targets.recorded import recorded
from tests.tracing.buffer_deeds import pattern, spell
from tests.tracing.cases import BY_HOOKS, BY_PROBES, GROUPS
from tests.tracing.cases.long_buffers import FLOOD, ROOM
from tests.tracing.cases.outgrown import CROWD
from tests.tracing.cases.snapshot import SNAPSHOT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from lockgate.targets.target import Target
    from tests.tracing.cases.case import Case

    Seen = Callable[[str], dict[str, Any]]

MODULES = ("ifb", "mii", "nlmon")
"""Drivers that every kernel of a distribution has, and that need no other module."""
ROOT = Path(__file__).parent.parent.parent
HERE = [series for series in SERIES if not missing(series)]
CASES = [
    pytest.param(series, group, case, id=f"{case.name}-{series}")
    for group, cases in GROUPS.items()
    for case in cases
    for series in HERE
    if series in case.kernels
]
"""Each case on each kernel that can do it."""

pytestmark = [
    pytest.mark.vm,
    pytest.mark.skipif(
        not HERE, reason="needs QEMU and a kernel: ./dev test fetches what apt offers"
    ),
]


def kernel_for(group: str, target: Target) -> Target:
    """Return the kernel that a group is compiled for."""
    lacking: tuple[str, ...] = ()
    if group in BY_PROBES:
        lacking = ("fentry", "fexit", "fmod_ret")
    elif group in BY_HOOKS:
        lacking = ("fmod_ret",)
    return replace(target, hooks={**target.hooks, **dict.fromkeys(lacking, False)})


def write_group(folder: Path, cases: tuple[Case, ...], target: Target) -> None:
    """Compile a group's policies as one generation."""
    diagnostics = Diagnostics()
    texts = {f"{case.name}.yaml": case.policy for case in cases}
    texts["snapshot.yaml"] = SNAPSHOT + CROWD * (cases[0].name == "crowd")
    parsed = parse_documents(documents_from_text(texts), Options(), diagnostics)
    made = build(parsed.tracing_policies, target, diagnostics, parsed.cluster)
    objects = compile_c(
        made.sources, diagnostics, cache_folder=cache_folders()[0] / "objects"
    )
    assert diagnostics.ok, [(d.code, d.message) for d in diagnostics.found]
    folder.mkdir()
    (folder / "sites.json").write_text(json.dumps(made.sites))
    for name, data in {**made.tables, **objects}.items():
        (folder / name).write_bytes(data)


def write_modules(folder: Path, series: str) -> None:
    """Put modules of a kernel there for the cases that load some; others need not know."""
    kernel = find_kernel(series)
    assert kernel is not None
    folder.mkdir()
    for name in MODULES:
        (found,) = (kernel.modules / "kernel/drivers/net").glob(f"{name}.ko*")
        data = found.read_bytes()
        unpacked = lzma.decompress(data) if found.suffix == ".xz" else data
        (folder / f"{name}.ko").write_bytes(unpacked)


def run_cases(series: str, folder: Path) -> dict[str, Any]:
    """Run all cases on one kernel, in one boot; return what happened."""
    target = recorded(series)
    for group, cases in GROUPS.items():
        able = tuple(case for case in cases if series in case.kernels)
        write_group(folder / group, able, kernel_for(group, target))
    write_modules(folder / "modules", series)
    sensor = compile_c(sensor_sources(), Diagnostics())
    (folder / "process.o").write_bytes(sensor["process.o"])
    command = (sys.executable, "-m", "tests.tracing.guest", str(folder))
    done = Machine(series).run(command, timeout=600, folder=ROOT)
    assert done.exit_code == 0, done.output
    found: dict[str, Any] = json.loads(done.output.splitlines()[-1])
    return found


@pytest.fixture(scope="session")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seen]:
    """Run all cases on all kernels at once; give a function that returns one's findings."""
    folders = {series: tmp_path_factory.mktemp(f"tracing-{series}") for series in HERE}
    with ThreadPoolExecutor() as machines:
        found = {
            series: machines.submit(run_cases, series, folder)
            for series, folder in folders.items()
        }
        yield lambda series: found[series].result()


@pytest.mark.parametrize(("series", "group", "case"), CASES)
def test_case(series: str, group: str, case: Case, seen: Seen) -> None:
    """What matches is told and done, with its values; what does not, is not."""
    found = seen(series)[group]
    assert "error" not in found, found["error"]
    if not case.fires:
        return  # it is loaded with its group, which is all that a machine can do
    fires, silent = found[case.name]["fires"], found[case.name]["silent"]
    assert fires["ends"] == case.ends
    assert fires["faults"] == silent["faults"] == []
    assert fires["events"], "it did not fire"
    if case.many:
        assert len(fires["events"]) == case.many
    if case.shows:
        texts = [
            bytes.fromhex(value["bytes"]).decode(errors="replace")
            for event in fires["events"]
            for value in event["values"]
        ]
        assert any(case.shows in text for text in texts), texts
    kinds = TRACING_ENUMERATIONS["tracing_type"]
    for event in fires["events"] if case.supplements else ():
        found_kinds = {
            kinds[value["type"]] for value in event["values"] if value["bytes"]
        }
        assert set(case.supplements) == found_kinds & SUPPLEMENTS
        functions = {name for value in event["values"] for name in value["symbols"]}
        assert set(case.symbols) <= functions, functions
        hashes = [v["bytes"] for v in event["values"] if kinds[v["type"]] == "hash"]
        assert all(found.startswith(case.digest) for found in hashes), hashes
    if case.buffers:
        buffers = [text for event in fires["events"] for text in event["buffers"]]
        assert sorted(buffers) == sorted(case.buffers)
    if case.does:
        actions = TRACING_ENUMERATIONS["tracing_action"]
        told = {actions[event["head"]["action"]] for event in fires["events"]}
        assert told == {case.does}
    for event in fires["events"]:
        line = json.dumps(event["event"])
        assert [text for text in case.told if text not in line] == [], line
    assert silent["ends"] == 0
    assert silent["events"] == [], "it fired where it must not"


@pytest.mark.parametrize("series", HERE)
def test_no_socket_is_left(series: str, seen: Seen) -> None:
    """Sockets that end have no owner any more, without an UntrackSock."""
    left = seen(series)["tracked"]["left"]
    assert left["sockets"] == 0


@pytest.mark.parametrize("series", HERE)
def test_returns_that_pass_by_are_counted(series: str, seen: Seen) -> None:
    """Of many calls at once a probe sees some return; the difference is there to read."""
    found = seen(series)
    told = len(found["returns-by-probes"]["return-missed"]["fires"]["events"])
    left = found["returns-by-probes"]["left"]
    assert 0 < told < 80
    assert left["calls"] - left["returns"] >= 80 - told
    assert left["missed"] == 0


@pytest.mark.parametrize("series", HERE)
def test_long_buffers_leave_room_for_events(series: str, seen: Seen) -> None:
    """Who floods the ring loses rests of values, and no event; what is shown is right."""
    events = seen(series)["long-buffers"][FLOOD.name]["fires"]["events"]
    data = pattern(FLOOD.name, 400_000)
    shown = [text for event in events for text in event["buffers"]]
    assert len(shown) == FLOOD.many
    sizes = [int(text.partition(" ")[0]) for text in shown]
    for text, size in zip(shown, sizes, strict=True):
        cut_by = "limit" if size == LONGEST_VALUE else "loss"
        assert text == spell(data[:size], len(data), cut_by)
    assert sizes[:10] == [LONGEST_VALUE] * 10
    assert sizes[-5:] == [ROOM] * 5


@pytest.mark.parametrize("series", HERE)
@pytest.mark.parametrize("case", GROUPS["network"], ids=lambda case: case.name)
def test_an_event_of_the_network_carries_its_process(
    series: str, case: Case, seen: Seen
) -> None:
    """With its ancestry, up to the machine's first process; also where a child ended meanwhile."""
    fires = seen(series)["network"][case.name]["fires"]
    for shown in fires["events"]:
        body = shown["event"]["process_kprobe"]
        assert body["args"][0]["sock_arg"]["family"] == "AF_INET"
        assert body["process"]["pid"] == fires["child"]
        assert "python" in body["process"]["binary"]
        chain = [body["process"], body["parent"], *body["ancestors"]]
        assert chain[-1]["pid"] == 1
        for child, parent in pairwise(chain):
            assert child["parent_exec_id"] == parent["exec_id"]
