"""What tracing costs, in guest instructions: ``python -m tests.bench.tracing [-o json]``.

Linux 6.12 under QEMU with -icount, where a nanosecond of the guest's clock is one instruction, so
that figures do not depend on this machine.  Each part is a function that runs in the guest.

``fork_exec_exit``: what the process sensor adds to a process that begins, executes a program two
directories deep with three arguments, and ends: the run time of its programs, and 136 for each
empty hook.  ``_whole`` is the difference of whole loops with and without it, which the kernel's
own ticks and freeing blur.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import statistics
import struct
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from lockgate.codegen.tracing_header import sensor_sources
from lockgate.diagnostics import Diagnostics
from lockgate.toolchain import compile_c
from lockgate.vm.machine import Machine
from lockgate_runtime.bpf_object import Object
from lockgate_runtime.tracing.probes import attach_traced

if TYPE_CHECKING:
    from collections.abc import Callable

    from lockgate_runtime.bpf import Program

KERNEL = "6.12"
EMPTY_HOOK = 136
SECONDS = 600
BUDGETS = {"fork_exec_exit": 8000}

# An ELF file that ends at once: exit(0), by hand, so that exec itself costs little.
_CODE = bytes.fromhex("31ffb83c0000000f05")


def write_program(path: Path) -> None:
    """Write a program that does nothing."""
    base, start = 0x400000, 64 + 56
    head = (b"\x7fELF\2\1\1", 2, 62, 1, base + start, 64, 0, 0, 64, 56, 1, 64, 0, 0)
    size = start + len(_CODE)
    segment = (1, 5, 0, base, base, size, size, 0x1000)
    path.parent.mkdir(parents=True)
    path.write_bytes(
        struct.pack("<16sHHIQQQIHHHHHH", *head)
        + struct.pack("<IIQQQQQQ", *segment)
        + _CODE
    )
    path.chmod(0o755)


def spawn(program: Path, times: int) -> float:
    """Run a program so often; return nanoseconds for one."""
    words = [str(program), "first", "second", "third"]
    start = time.monotonic_ns()
    for _ in range(times):
        os.waitpid(os.posix_spawn(words[0], words, {}), 0)
    return (time.monotonic_ns() - start) / times


def run_time(program: Program) -> tuple[int, int]:
    """Return nanoseconds and runs, as the kernel counts them (struct bpf_prog_info)."""
    time_spent, runs = struct.unpack_from("=QQ", program._information(232), 192)
    return time_spent, runs


def fork_exec_exit(folder: Path) -> dict[str, float]:
    """Measure the sensor over many little processes."""
    program = Path(tempfile.mkdtemp()) / "usr" / "nothing"
    write_program(program)
    os.chdir(program.parent)
    names = ("process_fork", "process_exec", "process_exit")
    gc.disable()
    with Object(
        "process", (folder / "process.o").read_bytes(), is_tracing=True
    ) as sensor:
        sensor.resize("events", 1 << 24)
        sensor.load()
        programs = {name: sensor.program(name) for name in names}
        differences = []
        for _ in range(10):
            bare = spawn(program, 50)
            links = [attach_traced(programs[name], name) for name in names]
            spawn(program, 5)
            differences.append(spawn(program, 50) - bare)
            for link in links:
                link.close()
        Path("/proc/sys/kernel/bpf_stats_enabled").write_text("1")
        links = [attach_traced(programs[name], name) for name in names]
        spawn(program, 10)
        before = {name: run_time(programs[name]) for name in names}
        spawn(program, 100)
        figures = {}
        for name in names:
            spent, runs = run_time(programs[name])
            figures[name] = (spent - before[name][0]) / (runs - before[name][1])
    return {
        "fork_exec_exit": sum(figures.values()) + EMPTY_HOOK * len(names),
        **figures,
        "fork_exec_exit_whole": statistics.median(differences),
    }


PARTS: dict[str, Callable[[Path], dict[str, float]]] = {
    "fork_exec_exit": fork_exec_exit
}


def measure(parts: list[str]) -> dict[str, float]:
    """Compile what the parts need, and run them in one machine."""
    diagnostics = Diagnostics()
    objects = compile_c(sensor_sources(), diagnostics)
    if not diagnostics.ok:
        raise SystemExit(str(diagnostics.found))
    with tempfile.TemporaryDirectory(prefix="lockgate-") as temporary:
        folder = Path(temporary)
        for name, content in objects.items():
            (folder / name).write_bytes(content)
        machine = Machine(KERNEL, shared=folder, counts_instructions=True)
        command = (sys.executable, "-m", "tests.bench.tracing", "--guest", str(folder))
        done = machine.run([*command, *parts], timeout=SECONDS)
    if done.exit_code:
        raise SystemExit(done.output)
    figures: dict[str, float] = json.loads(done.output.splitlines()[-1])
    return figures


def main() -> int:
    """Measure and print; 1 where a figure is over its budget."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("-o", choices=("text", "json"), default="text", dest="form")
    parser.add_argument("--guest", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("parts", nargs="*", help=f"of {', '.join(PARTS)}; default: all")
    options = parser.parse_args()
    parts = options.parts or list(PARTS)
    if unknown := set(parts) - PARTS.keys():
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    if options.guest:
        found = {k: v for part in parts for k, v in PARTS[part](options.guest).items()}
        print(json.dumps(found))
        return 0
    figures = measure(parts)
    if options.form == "json":
        print(json.dumps({name: round(value) for name, value in figures.items()}))
    else:
        for name, value in figures.items():
            budget = f"  (at most {BUDGETS[name]:,})" if name in BUDGETS else ""
            print(f"{name:28}{value:10,.0f}{budget}")
    return int(
        any(figures[name] > BUDGETS[name] for name in BUDGETS if name in figures)
    )


if __name__ == "__main__":
    sys.exit(main())
