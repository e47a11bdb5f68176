"""What a review costs: ``python -m tests.bench.review [-o json]``.

Each command runs as a process of its own.  A cluster of 3,000 identities (one pod each)
and 1,000 policies is written (``tests/bench/generate.py``); a second set of the same
policies has three other ports.  The small repository is that of the demonstration.

``lint_diff_seconds``     elapsed time of ``lint``, then ``diff``, with a cache that is empty
                          before the first
``lint_diff_cpu_seconds`` their CPU time
``lint_diff_mb``          the larger of their largest resident sizes
``lint_seconds`` and ``diff_seconds`` are the parts; ``diff_alone_seconds`` is the elapsed
time of ``diff --no-cache``
``small_seconds``         elapsed time of the slower of both on the small repository;
                          ``small_lint_seconds`` and ``small_diff_seconds`` are the parts

``prove_...``, ``packets_...``, ``dense_prove_...`` what a proof costs
                          (``tests/bench/prove.py``): 1,000 rules, and as many of two subjects

Times are medians over ``--rounds``.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

from tests.bench import prove
from tests.bench.generate import write_cluster
from tests.bench.generate_snapshot import Size

ROUNDS = 3
SMALL = Path(__file__).parents[1] / "demo/shop"
CHANGED = (170, 70, 7)
"""Places of the ports that the second set has otherwise."""

_MEASURE = """
import os, sys, time
started = time.monotonic()
nowhere = [(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]
nowhere += [(os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0)]
command = [sys.executable, *sys.argv[1:]]
process = os.posix_spawn(sys.executable, command, os.environ, file_actions=nowhere)
_, status, usage = os.wait4(process, 0)
elapsed = time.monotonic() - started
print(elapsed, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)
print(os.waitstatus_to_exitcode(status))
"""
"""Measures a command from a small process (see ``tests/bench/compile.py``)."""


class Cost(NamedTuple):
    """What one run took: seconds, seconds of CPU time, megabytes."""

    elapsed: float
    cpu: float
    peak: float


def measure(*words: str | Path, codes: tuple[int, ...] = (0, 1)) -> Cost:
    """Run ``lockgate`` with these words to its end."""
    command = ["-m", "lockgate.cli", *map(str, words)]
    done = subprocess.run(  # noqa: S603  # our own command
        [sys.executable, "-c", _MEASURE, *command], capture_output=True, check=True
    )
    figures, code = done.stdout.decode().splitlines()
    if int(code) not in codes:
        raise SystemExit(f"lockgate {words[0]} ended with {code}")
    return Cost(*map(float, figures.split()))


def write_change(policies: Path, changed: Path) -> None:
    """Write the same policies with a few other ports."""
    text = policies.read_text()
    places = list(re.finditer(r"port: (\d+)\n", text))
    for number in CHANGED:
        place = places[number]
        text = f"{text[: place.start(1)]}9999{text[place.end(1) :]}"
    changed.write_text(text)


def measure_round(work: Path) -> dict[str, float]:
    """Review the large cluster, then the small one."""
    cache = work / "cache"
    shutil.rmtree(cache, ignore_errors=True)
    old, new, snapshot = work / "old", work / "new", work / "snapshot.json"
    files = ("-f", snapshot)
    lint = measure("lint", "-f", new, *files, "--no-config", "--cache", cache)
    diff = measure("diff", old, new, *files, "--cache", cache, codes=(1,))
    alone = measure("diff", old, new, *files, "--no-cache", codes=(1,))
    small = ("-f", SMALL, "--no-cache")
    small_lint = measure("lint", *small, "--no-config")
    small_diff = measure(
        "diff",
        SMALL / "policies.yaml",
        work / "small.yaml",
        "-f",
        SMALL / "cluster.yaml",
        "--no-cache",
        codes=(1,),
    )
    return {
        "lint_diff_seconds": lint.elapsed + diff.elapsed,
        "lint_diff_cpu_seconds": lint.cpu + diff.cpu,
        "lint_diff_mb": max(lint.peak, diff.peak),
        "lint_seconds": lint.elapsed,
        "diff_seconds": diff.elapsed,
        "diff_alone_seconds": alone.elapsed,
        "small_seconds": max(small_lint.elapsed, small_diff.elapsed),
        "small_lint_seconds": small_lint.elapsed,
        "small_diff_seconds": small_diff.elapsed,
    }


def prepare(work: Path, size: Size) -> None:
    """Write what is reviewed."""
    policies, snapshot = write_cluster(work / "inputs", size)
    for name in ("old", "new"):
        (work / name).mkdir()
    shutil.move(snapshot, work / "snapshot.json")
    write_change(policies, work / "new/policies.yaml")
    shutil.move(policies, work / "old/policies.yaml")
    text = (SMALL / "policies.yaml").read_text()
    (work / "small.yaml").write_text(text.replace("port: postgres", "port: 5433"))


def main() -> int:
    """Measure, and print medians."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("-o", choices=("text", "json"), default="text", dest="form")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    for name, default in (("policies", 1_000), ("identities", 3_000), ("pods", 3_000)):
        parser.add_argument(f"--{name}", type=int, default=default)
    options = parser.parse_args()
    rounds = defaultdict(list)
    with tempfile.TemporaryDirectory(prefix="lockgate-bench-") as folder:
        work = Path(folder)
        prepare(work, Size(options.policies, options.identities, options.pods))
        for _ in range(options.rounds):
            for name, value in measure_round(work).items():
                rounds[name].append(value)
    figures = {name: statistics.median(values) for name, values in rounds.items()}
    figures |= prove.measure(options.rounds)
    if options.form == "json":
        print(json.dumps({name: round(value, 3) for name, value in figures.items()}))
        return 0
    for name, value in figures.items():
        several = rounds.get(name, [value])
        print(f"{name:30}{value:18,.2f}  ({min(several):.2f} to {max(several):.2f})")
    return 0


if __name__ == "__main__":
    sys.exit(main())
