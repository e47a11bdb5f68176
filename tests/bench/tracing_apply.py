"""The parts ``changed_value``, ``changed_binary`` and ``changed_lists``: from file to force.

Eight policies at eight tracepoints are in force on this kernel, and one gets another path, or
another binary, which changes the classes that all of them ask for; or it gets hundreds of binaries,
and has one again.  What is measured is what people run: ``lockgate compile``, then ``lockgate
apply``, each a process.
"""

from __future__ import annotations

import json
import resource
import statistics
import time
from typing import TYPE_CHECKING

from tests.bench.command import lockgate, place_below

if TYPE_CHECKING:
    from pathlib import Path

ROUNDS = 5
CALLS = {
    "openat": 6,
    "unlinkat": 6,
    "renameat2": 6,
    "mkdirat": 6,
    "fchmodat": 6,
    "symlinkat": 5,
    "linkat": 6,
    "execve": 5,
}
"""System calls, and which field of their tracepoints is a path."""
_POLICY = """apiVersion: cilium.io/v1alpha1
kind: TracingPolicy
metadata:
  name: {call}
spec:
  tracepoints:
  - subsystem: syscalls
    event: sys_enter_{call}
    args:
    - {{index: {index}, type: string}}
    selectors:
    - matchArgs:
      - {{index: {index}, operator: Prefix, values: {values}}}
      matchBinaries:
      - {{operator: NotIn, values: ["/usr/bin/app-{call}", "/usr/bin/{binary}"]}}
"""
_SELECTOR = """    - matchBinaries:
      - {{operator: In, values: {binaries}}}
"""
_BITS, _CROWD = 9, 400
"""Selectors by which each of so many binaries is a class of its own."""


def changed_value(folder: Path) -> dict[str, float]:
    """Put policies in force, then change a path several times; medians."""
    return _changed("value", folder)


def changed_binary(folder: Path) -> dict[str, float]:
    """Put policies in force, then change a binary several times; medians."""
    return _changed("binary", folder)


def changed_lists(folder: Path) -> dict[str, float]:
    """Put policies in force, whose lists get much longer and shorter again; medians."""
    return _changed("lists", folder)


def _changed(what: str, folder: Path) -> dict[str, float]:
    sources, bundle = folder / "policies", folder / "bundle"
    sources.mkdir()
    for call in CALLS:
        write(sources, call)
    if what == "lists":
        write_lists(sources, 1)
    cache = folder / "cache"
    outputs = ("--output", str(bundle), "--cache", str(cache))
    compiling = ("compile", "-f", str(sources), *outputs)
    place = place_below(folder)
    applying = ("apply", str(bundle), "--output", "json", *place)
    lockgate(*compiling)
    lockgate(*applying)
    rounds = []
    try:
        for number in range(1, ROUNDS + 1):
            known = set((cache / "objects").iterdir())
            if what == "lists":
                write_lists(sources, _CROWD if number % 2 else 1)
            else:
                write(sources, "mkdirat", **{what: f"changed-{number}"})
            compiled = timed(compiling)
            applied = timed(applying)
            rounds.append(
                {
                    "seconds": compiled["wall"] + applied["wall"],
                    "cpu_seconds": compiled["cpu"] + applied["cpu"],
                    "compile_seconds": compiled["wall"],
                    "compile_cpu_seconds": compiled["cpu"],
                    "apply_seconds": applied["wall"],
                    "apply_cpu_seconds": applied["cpu"],
                    "apply_inside_seconds": applied["inside"],
                    "programs_compiled": len(
                        set((cache / "objects").iterdir()) - known
                    ),
                }
            )
    finally:
        lockgate("unload", *place)
    return {
        f"changed_{what}_{name}": statistics.median(one[name] for one in rounds)
        for name in rounds[0]
    }


def write(
    folder: Path, call: str, *, value: str = "changed-0", binary: str = "changed-0"
) -> None:
    """Write a policy with that among its paths and its binaries."""
    values = [f"/etc/{call}/{n}/" for n in range(20)] + [f"/srv/{value}/"]
    text = _POLICY.format(
        call=call, index=CALLS[call], values=json.dumps(values), binary=binary
    )
    (folder / f"{call}.yaml").write_text(text)


def write_lists(folder: Path, count: int) -> None:
    """Write a policy with so many binaries, no two of which the same selectors name."""
    text = _POLICY.format(call="chdir", index=5, values='["/srv/"]', binary="none")
    for bit in range(_BITS):
        named = [n for n in range(1, count + 1) if n >> bit & 1]
        binaries = [f"/usr/lib/service-{number}" for number in named or [0]]
        text += _SELECTOR.format(binaries=json.dumps(binaries))
    (folder / "chdir.yaml").write_text(text)


def timed(arguments: tuple[str, ...]) -> dict[str, float]:
    """Run ``lockgate``; return seconds by the clock, of processors, and as it says itself."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    printed = lockgate(*arguments)
    wall = time.monotonic() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    inside = 0.0
    if arguments[0] == "apply":
        inside = json.loads(printed)["results"][0]["seconds"]
    return {"wall": wall, "cpu": cpu, "inside": inside}
