"""The part ``changed_value`` of the benchmark of tracing: a value more, from file to force.

Eight policies at eight tracepoints are in force on this kernel, and one gets another path.  What
is measured is what people run: ``lockgate compile``, then ``lockgate apply``, each a process.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import time
from typing import TYPE_CHECKING

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
_RUN = "import sys; from lockgate.cli.main import main; sys.exit(main())"
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
      - {{operator: NotIn, values: ["/usr/bin/app-{call}"]}}
"""


def changed_value(folder: Path) -> dict[str, float]:
    """Put policies in force, then change a value several times; medians."""
    sources, bundle = folder / "policies", folder / "bundle"
    sources.mkdir()
    for call in CALLS:
        write(sources, call, 0)
    cache = folder / "cache"
    compiling = (
        "compile",
        "-f",
        str(sources),
        "--output",
        str(bundle),
        "--cache",
        str(cache),
    )
    place = (
        *("--root", f"/sys/fs/bpf/lgbench{os.getpid()}"),
        *("--state", str(folder / "state")),
    )
    applying = ("apply", str(bundle), "--output", "json", *place)
    run(compiling)
    run(applying)
    rounds = []
    try:
        for number in range(1, ROUNDS + 1):
            known = set((cache / "objects").iterdir())
            write(sources, "mkdirat", number)
            compiled = run(compiling)
            applied = run(applying)
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
        run(("unload", *place))
    return {
        f"changed_value_{name}": statistics.median(one[name] for one in rounds)
        for name in rounds[0]
    }


def write(folder: Path, call: str, number: int) -> None:
    """Write a policy; its last value is of that number."""
    values = [f"/etc/{call}/{n}/" for n in range(20)] + [f"/srv/changed-{number}/"]
    text = _POLICY.format(call=call, index=CALLS[call], values=json.dumps(values))
    (folder / f"{call}.yaml").write_text(text)


def run(arguments: tuple[str, ...]) -> dict[str, float]:
    """Run ``lockgate``; return seconds by the clock, of processors, and as it says itself."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    done = subprocess.run(  # noqa: S603  # ourselves
        (sys.executable, "-c", _RUN, *arguments), capture_output=True, text=True
    )
    wall = time.monotonic() - start
    if done.returncode:
        raise SystemExit(done.stderr)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    inside = 0.0
    if arguments[0] == "apply":
        inside = json.loads(done.stdout)["seconds"]
    return {"wall": wall, "cpu": cpu, "inside": inside}
