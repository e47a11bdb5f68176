"""Hooks in programs, at tracepoints and system calls fire where they should, and nowhere else.

Programs and tracepoints can be watched on the running kernel, too.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest

from lockgate.codegen.tracing_header import sensor_sources
from lockgate.diagnostics import Diagnostics
from lockgate.toolchain.clang import compile_c
from lockgate.vm.machine import Machine
from lockgate_runtime.environment import is_in_first_pid_namespace
from tests.kernel.e2e.bundles import CACHE
from tests.targets.recorded import recorded
from tests.targets.running import running_kernel
from tests.tracing.program_cases import CASES, GROUPS, filled
from tests.tracing.program_file import make_program, make_types
from tests.tracing.test_in_machines import HERE, ROOT, write_group

if TYPE_CHECKING:
    from pathlib import Path

    from lockgate.targets.target import Target

RUNNING = "here"


def compile_groups(folder: Path, kernel: str) -> None:
    """Write everything that the guest needs."""
    program = folder / "program"
    program.write_bytes(make_program())
    program.chmod(0o755)
    (folder / "types").write_bytes(make_types())
    target = running_kernel() if kernel == RUNNING else recorded(kernel)
    for group, cases in GROUPS.items():
        if can_do(target, group):
            write_group(folder / group, filled(cases, program), target)
    sensor = compile_c(sensor_sources(), Diagnostics(), cache_folder=CACHE)
    (folder / "process.o").write_bytes(sensor["process.o"])


def can_do(target: Target, group: str) -> bool:
    """Whether a kernel has probes at functions, and lets programs write to others' memory."""
    if group == "sets":
        return any("probe_write_user" in found for found in target.helpers.values())
    return group != "calls" or target.hooks["fentry"]


@cache
def seen(kernel: str, folder: Path) -> dict[str, Any]:
    """Run all cases on one kernel; return what happened."""
    try:
        return run(kernel, folder)
    except (AssertionError, ValueError, OSError, RuntimeError) as error:
        return {"error": str(error)}  # once for all cases


def run(kernel: str, folder: Path) -> dict[str, Any]:
    """Compile the cases, and run them on one kernel."""
    compile_groups(folder, kernel)
    command = (sys.executable, "-m", "tests.tracing.program_guest", str(folder))
    if kernel == RUNNING:
        done = subprocess.run(  # noqa: S603  # our own words
            command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60
        )
        assert done.returncode == 0, done.stderr
        output = done.stdout
    else:
        ran = Machine(kernel).run(command, timeout=200, folder=ROOT)
        assert ran.exit_code == 0, ran.output
        output = ran.output
    found: dict[str, Any] = json.loads(output.splitlines()[-1])
    return found


@pytest.fixture(scope="session")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Give each kernel a folder for what is compiled for it."""
    kernels = (RUNNING, *HERE)
    return {kernel: tmp_path_factory.mktemp(f"programs-{kernel}") for kernel in kernels}


def check(kernel: str, group: str, name: str, folders: dict[str, Path]) -> None:
    """See that what matches is told and done, with its values, and nothing else."""
    found = seen(kernel, folders[kernel])
    assert "error" not in found, found["error"]
    if group not in found:
        pytest.skip("this kernel has no probes at functions, or is locked down")
    assert "error" not in found[group], found[group]["error"]
    case = next(case for case in GROUPS[group] if case.name == name)
    fires, silent = found[group][name]["fires"], found[group][name]["silent"]
    assert (fires["ends"], silent["ends"]) == (case.ends, case.silent_ends)
    assert len(fires["events"]) == case.many
    assert fires["faults"] == silent["faults"] == []
    texts = [
        bytes.fromhex(value["bytes"]).decode(errors="replace")
        for event in fires["events"]
        for value in event["values"]
    ]
    assert not case.shows or any(case.shows in text for text in texts), texts
    assert silent["events"] == []
    if case.places:
        said = [event["head"]["function"] & 0xFFFFFFFF for event in fires["events"]]
        assert sorted(said) == list(case.places)


@pytest.mark.kernel
@pytest.mark.parametrize(("group", "name"), CASES)
def test_on_this_kernel(group: str, name: str, folders: dict[str, Path]) -> None:
    """Whatever kernel runs here."""
    if os.geteuid() != 0 or not is_in_first_pid_namespace():
        pytest.skip("needs root in the first PID namespace")
    check(RUNNING, group, name, folders)


@pytest.mark.vm
@pytest.mark.parametrize("series", HERE)
@pytest.mark.parametrize(("group", "name"), CASES)
def test_in_a_machine(
    series: str, group: str, name: str, folders: dict[str, Path]
) -> None:
    """In both virtual machines."""
    check(series, group, name, folders)
