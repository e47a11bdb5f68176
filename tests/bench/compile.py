"""What a compilation costs: ``python -m tests.bench.compile [-o json]``.

A cluster of ordinary size is written (``tests/bench/generate.py``), and ``lockgate compile``
runs as a process of its own, with objects of the same shape in its cache, so that clang
is not called:

``cpu_seconds``           CPU time of the whole command, nothing else remembered
``peak_mb``               largest resident size meanwhile
``map_mb``                bytes of all maps of the bundle, before a node takes its part
``incremental_seconds``   elapsed time after a change of one policy or one pod, the worse
``incremental_cpu_seconds``  the CPU time of that run
``unchanged_seconds``     elapsed time when nothing has changed
``clang_seconds``         CPU time of clang for the slowest program; ``clang_NAME`` for each

Times are medians over ``--rounds``.
"""

from __future__ import annotations

import argparse
import json
import re
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

from lockgate.diagnostics import Diagnostics
from lockgate.toolchain.clang import compile_c
from tests.bench.generate import write_cluster
from tests.bench.generate_snapshot import Size

ROUNDS = 3


class Cost(NamedTuple):
    """What one run took: seconds, seconds of CPU time, megabytes."""

    elapsed: float
    cpu: float
    peak: float


_MEASURE = """
import os, sys, time
started = time.monotonic()
process = os.posix_spawn(sys.executable, [sys.executable, *sys.argv[1:]], os.environ)
_, status, usage = os.wait4(process, 0)
elapsed = time.monotonic() - started
print(elapsed, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)
sys.exit(os.waitstatus_to_exitcode(status))
"""
"""Measures a command from a small process: what a process starts with counts as its peak
until it has replaced itself (``exec_mmap``, fs/exec.c), and ours holds a whole cluster."""


def run_compile(inputs: Path, bundle: Path, cache: Path) -> Cost:
    """Run ``lockgate compile`` to its end."""
    command = ["-m", "lockgate.cli", "compile", "-f", str(inputs)]
    command += ["-o", str(bundle), "--cache", str(cache)]
    done = subprocess.run(  # noqa: S603  # our own command
        [sys.executable, "-c", _MEASURE, *command], stdout=subprocess.PIPE, check=False
    )
    if done.returncode != 0:
        raise SystemExit("lockgate compile failed")
    elapsed, cpu, peak = map(float, done.stdout.splitlines()[-1].split())
    return Cost(elapsed, cpu, peak)


def change_policy(inputs: Path, number: int) -> None:
    """Let one rule of one policy name another port."""
    path = inputs / "policies.yaml"
    text = path.read_text()
    place = list(re.finditer(r"port: (\d+)\n", text))[number * 7]
    port = str(int(place[1]) + 1)
    path.write_text(text[: place.start(1)] + port + text[place.end(1) :])


def change_pod(inputs: Path, number: int) -> None:
    """Give one pod another label."""
    path = inputs / "snapshot.json"
    text = path.read_text()
    places = re.finditer(r'"tier": "(\w+)"', text)
    place = next(found for at, found in enumerate(places) if at == number * 11)
    tier = f"changed-{number}"
    path.write_text(text[: place.start(1)] + tier + text[place.end(1) :])


def measure_round(inputs: Path, work: Path, number: int) -> dict[str, float]:
    """Compile with a cache that knows objects only, then after changes."""
    cache = work / "cache"
    shutil.rmtree(cache, ignore_errors=True)
    shutil.copytree(work / "objects", cache / "objects")
    bundle = work / "bundle"
    cold = run_compile(inputs, bundle, cache)
    unchanged = run_compile(inputs, bundle, cache)
    changed = []
    for change in (change_policy, change_pod):
        change(inputs, number)
        changed.append(run_compile(inputs, bundle, cache))
    worse = max(changed)
    manifest = json.loads((bundle / "manifest.json").read_text())
    return {
        "cpu_seconds": cold.cpu,
        "elapsed_seconds": cold.elapsed,
        "peak_mb": cold.peak,
        "map_mb": manifest["sizes"]["map_bytes"] / 2**20,
        "incremental_seconds": worse.elapsed,
        "incremental_cpu_seconds": worse.cpu,
        "unchanged_seconds": unchanged.elapsed,
    }


def measure_clang(bundle: Path) -> dict[str, float]:
    """Compile each program of a bundle once, without a cache."""
    sources = {path.name: path.read_text() for path in (bundle / "source").iterdir()}
    headers = {name: text for name, text in sources.items() if name.endswith(".h")}
    found = {}
    for name in sorted(set(sources) - set(headers)):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        diagnostics = Diagnostics()
        compile_c({**headers, name: sources[name]}, diagnostics)
        if not diagnostics.ok:
            raise SystemExit(f"clang refuses {name}")
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        user, system = (
            after.ru_utime - before.ru_utime,
            after.ru_stime - before.ru_stime,
        )
        found[f"clang_{name.removesuffix('.c')}"] = user + system
    found["clang_seconds"] = max(found.values())
    return found


def main() -> int:
    """Measure, and print medians."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("-o", choices=("text", "json"), default="text", dest="form")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    for name, default in (("policies", 5_000), ("identities", 5_000), ("pods", 20_000)):
        parser.add_argument(f"--{name}", type=int, default=default)
    options = parser.parse_args()
    size = Size(options.policies, options.identities, options.pods)
    rounds = defaultdict(list)
    with tempfile.TemporaryDirectory(prefix="lockgate-bench-") as folder:
        work = Path(folder)
        inputs = work / "inputs"
        write_cluster(inputs, size)
        run_compile(inputs, work / "bundle", work / "cache")
        shutil.move(work / "cache" / "objects", work / "objects")
        figures = measure_clang(work / "bundle")
        for number in range(options.rounds):
            for name, value in measure_round(inputs, work, number).items():
                rounds[name].append(value)
    figures |= {name: statistics.median(values) for name, values in rounds.items()}
    if options.form == "json":
        print(json.dumps({name: round(value, 3) for name, value in figures.items()}))
        return 0
    for name, value in sorted(figures.items()):
        several = rounds.get(name, [value])
        print(f"{name:26}{value:9.2f}  ({min(several):.2f} to {max(several):.2f})")
    return 0


if __name__ == "__main__":
    sys.exit(main())
