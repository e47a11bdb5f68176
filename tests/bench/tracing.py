"""What tracing costs: ``python -m tests.bench.tracing [-o json] [PART...]``.

Figures of programs are guest instructions: Linux 6.12 under QEMU with -icount, where a
nanosecond of the guest's clock is one instruction, so that they do not depend on this machine.
Policies are compiled from YAML by the compiler and put in force by the runtime.

``fork_exec_exit``   what the process sensor adds to a process that begins, executes a program two
                     directories deep with three arguments, and ends: the run time of its programs
                     (medians), and 136 for each empty hook.  In ``_mean`` are the kernel's ticks
                     and its refills of memory, too; ``_whole`` is the difference of whole loops
                     with and without it, which they blur.  ``_one_binary`` and ``_many_binaries``:
                     where a policy asks for those, so that each process has its class.
``sites``            per hit of a policy on files, the empty hook included, while a file two
                     directories deep is read: ``file_prefix_miss_`` and ``_match_``,
                     ``binary_reject_`` at a kprobe, fentry and lsm; ``_deep`` is eight directories
                     deep, ``_mount`` below a mount; ``_vs_hand`` is what a miss costs to what a
                     filter of the first name costs that was written by hand.  ``near_miss_`` are
                     files that nearly match: ``NEAR`` of tracing_policies.
                     ``hundred_vs_one_policy``: a hundred path sets of ten shapes, half of them
                     with binaries of their own, to the first of them alone; ``hundred_vs_ten``
                     to the mean of each shape alone.
``memory``           bytes of programs and maps without the ring of events, 1,000 processes
                     included, at two CPUs: of the first policy, of a first one that asks for a
                     binary, and of each further one.
``compile``          seconds for 200 policies without a cache, on this machine.
``scale``            65, 200, 500 and 1,000 selectors, 1,000 policies, 10,000 paths and 10,000
                     numbers at one hook, on Linux 6.1 and 6.12: seconds to compile, millions of
                     instructions to load (Python's and the kernel's, waiting left out), bytes of
                     maps and programs, and what a file costs that nobody asks for.
``changed_value``    seconds from a policy's file that has another path until that is in force, on
                     this kernel (root): processes for both steps; ``_cpu_`` is processors' time.
``changed_binary``   the same of a binary: all policies ask for the classes that it changes.
``changed_lists``    the same of a policy that gets 400 binaries, and has one again.
``changed_value_at_hooks``  seconds of 10^9 instructions for the apply of other paths to eight
                     policies at kprobes, trampolines and security modules of Linux 6.12, waiting
                     left out; ``_first`` is the one that loads and attaches their programs.
``events``           events a second that ``lockgate events --out FILE`` writes, on this kernel
                     (root): made, written, lost; the reader's memory before and after, and its
                     processor time.  ``unlike_``: no two events have the same values.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from lockgate.codegen.tracing_header import sensor_sources
from lockgate.diagnostics import Diagnostics
from lockgate.toolchain import compile_c
from lockgate.vm.machine import Machine
from tests.bench import tracing_policies as policies
from tests.bench.tracing_apply import changed_binary, changed_lists, changed_value
from tests.bench.tracing_events import events
from tests.bench.tracing_hooks import write_bundles
from tests.targets.recorded import recorded

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

KERNEL = "6.12"
SECONDS = 900
MANY, FURTHER = 200, 100
MANY_BINARIES = 500
BUDGETS = {
    "fork_exec_exit": 8000,
    "file_prefix_miss_kprobe": 1400,
    "file_prefix_miss_fentry": 750,
    "file_prefix_miss_lsm": 800,
    "binary_reject_kprobe": 550,
    "binary_reject_fentry": 320,
    "binary_reject_lsm": 370,
    "hundred_vs_one_policy": 1.5,
    "memory_first": 2_000_000,
    "memory_first_binary": 2_000_000,
    "memory_further": 64_000,
    "compile_200_seconds": 10,
    "changed_value_apply_inside_seconds": 0.3,
    "changed_value_programs_compiled": 0,
    "changed_binary_apply_inside_seconds": 0.3,
    "changed_binary_programs_compiled": 0,
    "changed_lists_apply_inside_seconds": 0.3,
    "changed_lists_programs_compiled": 0,
    "events_unaccounted": 0,
    "unlike_events_unaccounted": 0,
}
BY_HAND = {
    "kprobe": {"": 1319, "_deep": 1933, "_mount": 2154},
    "fentry": {"": 685, "_deep": 810, "_mount": 1517},
    "lsm": {"": 720, "_deep": 846, "_mount": 1556},
}
"""What a filter of the first name costs that was written by hand for one policy."""
LEAST = {"events_per_second": 100_000}
STANDS = ("kprobe", "fentry", "lsm")


def run_in_guest(
    part: str, folder: Path, *, counts: bool = True, kernel: str = KERNEL
) -> dict[str, float]:
    """Run a function of :mod:`tests.bench.tracing_guest` on what is in a folder."""
    sensor = compile_c(sensor_sources(), diagnostics := Diagnostics())
    if not diagnostics.ok:
        raise SystemExit(str(diagnostics.found))
    (folder / "process.o").write_bytes(sensor["process.o"])
    # Memory is promised for two CPUs.
    machine = Machine(kernel, cpus=2, shared=folder, counts_instructions=counts)
    command = (sys.executable, "-m", "tests.bench.tracing_guest", part, str(folder))
    root = Path(__file__).parent.parent.parent
    done = machine.run(command, timeout=SECONDS, folder=root)
    if done.exit_code:
        raise SystemExit(done.output)
    figures: dict[str, float] = json.loads(done.output.splitlines()[-1])
    return figures


def fork_exec_exit(folder: Path) -> dict[str, float]:
    """Measure the sensor over many little processes."""
    figures = run_in_guest("fork_exec_exit", folder)
    target = recorded(KERNEL)
    for name, count in (("one_binary", 1), ("many_binaries", MANY_BINARIES)):
        texts = [policies.asked(count)]
        policies.compile_policies(texts, target, folder / name)
    found = run_in_guest("classified", folder)
    return figures | {f"fork_exec_exit_{name}": found[name] for name in found}


def sites(folder: Path) -> dict[str, float]:
    """Measure policies on files at each stand, one and many."""
    target = recorded(KERNEL)
    probes = policies.without_trampolines(target)
    generations: dict[str, tuple[Sequence[str], bool]] = {}
    for stand in STANDS:
        place = "lsm" if stand == "lsm" else "kprobe"
        for name, text in (
            ("file_prefix_miss", policies.miss),
            ("file_prefix_match", policies.match),
            ("binary_reject", policies.reject),
            ("workload_reject", policies.elsewhere),
        ):
            generations[f"{name}_{stand}"] = [text(place)], stand == "kprobe"
    shapes = range(policies.SHAPES)
    generations |= {f"shape_{n}": ([policies.shaped(n)], False) for n in shapes}
    generations["hundred"] = [policies.shaped(n) for n in range(100)], False
    for name, (texts, is_probe) in generations.items():
        policies.compile_policies(texts, probes if is_probe else target, folder / name)
    for stand in STANDS:
        for near, (_, _, file) in policies.NEAR.items():
            made = folder / f"near_miss_{near}_{stand}"
            place = "lsm" if stand == "lsm" else "kprobe"
            kernel = probes if stand == "kprobe" else target
            policies.compile_policies([policies.near(near, place)], kernel, made)
            (made / "file").write_text(file)
    found = run_in_guest("sites", folder)
    figures = {n: v for n, v in found.items() if not n.startswith("shape_")}
    for stand, floors in BY_HAND.items():
        for place, floor in floors.items():
            name = f"file_prefix_miss_{stand}{place}"
            figures[f"{name}_vs_hand"] = figures[name] / floor
    ones = [found[f"shape_{n}"] for n in shapes]
    figures["hundred_vs_one_policy"] = found["hundred"] / ones[0]
    figures["hundred_vs_ten"] = found["hundred"] / statistics.mean(ones)
    return figures


def memory(folder: Path) -> dict[str, float]:
    """Measure what one policy takes, and what each further one does."""
    target = recorded(KERNEL)
    generations = {
        "first": [policies.shaped(0)],
        "first_binary": [policies.asked(1)],
        "many": [policies.shaped(n) for n in range(1 + FURTHER)],
    }
    for name, texts in generations.items():
        policies.compile_policies(texts, target, folder / name)
    found = run_in_guest("memory", folder, counts=False)
    return {
        "memory_first": found["first"],
        "memory_first_binary": found["first_binary"],
        "memory_further": (found["many"] - found["first"]) / FURTHER,
    }


def compile_many(_folder: Path) -> dict[str, float]:
    """Compile many policies without a cache."""
    target = recorded(KERNEL)
    texts = [policies.shaped(number) for number in range(MANY)]
    start = time.monotonic()
    policies.compile_policies(texts, target, None)
    return {f"compile_{MANY}_seconds": time.monotonic() - start}


SCALES: Mapping[str, Sequence[str]] = {
    **{f"selectors_{n}": [policies.selectors(n)] for n in (65, 200, 500, 1000)},
    "policies_1000": [policies.shaped(n) for n in range(1000)],
    "values_10000": [policies.values(10_000)],
    "numbers_10000": [policies.numbers(10_000)],
}


def scale(folder: Path) -> dict[str, float]:
    """Measure what many selectors, policies and values cost, on both kernels."""
    figures = {}
    for kernel in ("6.1", KERNEL):
        there = folder / kernel
        for name, texts in SCALES.items():
            start = time.monotonic()
            policies.compile_policies(texts, recorded(kernel), there / name)
            figures[f"{name}_{kernel}_compile_seconds"] = time.monotonic() - start
        for name, value in run_in_guest("scale", there, kernel=kernel).items():
            scaled, _, what = name.rpartition("_")
            figures[f"{scaled}_{kernel}_{what}"] = value
    return figures


def changed_value_at_hooks(folder: Path) -> dict[str, float]:
    """Apply other paths at functions of the kernel; in seconds of 10^9 instructions."""
    write_bundles(folder, recorded(KERNEL))
    found = run_in_guest("apply", folder)
    return {f"changed_value_at_{name}_apply_cpu_seconds": found[name] for name in found}


PARTS: Mapping[str, Callable[[Path], dict[str, float]]] = {
    "fork_exec_exit": fork_exec_exit,
    "sites": sites,
    "memory": memory,
    "compile": compile_many,
    "scale": scale,
    "changed_value": changed_value,
    "changed_binary": changed_binary,
    "changed_lists": changed_lists,
    "changed_value_at_hooks": changed_value_at_hooks,
    "events": events,
}


def main() -> int:
    """Measure and print; 1 where a figure misses its limit."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("-o", choices=("text", "json"), default="text", dest="form")
    parser.add_argument("parts", nargs="*", help=f"of {', '.join(PARTS)}; default: all")
    options = parser.parse_args()
    parts = options.parts or list(PARTS)
    if unknown := set(parts) - PARTS.keys():
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    figures: dict[str, float] = {}
    for part in parts:
        with tempfile.TemporaryDirectory(prefix="lockgate-") as temporary:
            figures |= PARTS[part](Path(temporary))
    if options.form == "json":
        print(json.dumps({name: round(value, 2) for name, value in figures.items()}))
    else:
        for name, value in figures.items():
            limit = f"  (at most {BUDGETS[name]:,})" if name in BUDGETS else ""
            limit += f"  (at least {LEAST[name]:,})" if name in LEAST else ""
            print(f"{name:36}{value:12,.{0 if value >= 100 else 2}f}{limit}")
    is_over = any(figures[name] > BUDGETS[name] for name in BUDGETS if name in figures)
    is_under = any(figures[name] < LEAST[name] for name in LEAST if name in figures)
    return int(is_over or is_under)


if __name__ == "__main__":
    sys.exit(main())
