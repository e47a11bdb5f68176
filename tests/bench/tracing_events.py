"""The part ``events`` of the benchmark of tracing: many events a second, live, on this kernel.

A program makes system calls at a steady pace, a policy tells of each, and ``lockgate events``
writes them to a file.  What was made is what was written and what was lost.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from tests.bench.command import COMMAND, lockgate, place_below

if TYPE_CHECKING:
    from collections.abc import Sequence

PACE, SECONDS = 110_000, 4
_ROUND = 1000
_IDLE = 1.0
"""Seconds without a new line after which all is written."""
_POLICY = """apiVersion: cilium.io/v1alpha1
kind: TracingPolicy
metadata:
  name: many
spec:
  tracepoints:
  - subsystem: syscalls
    event: sys_enter_access
    args:
    - {{index: 5, type: string}}
    - {{index: 6, type: int}}
    selectors:
    - matchPIDs:
      - operator: In
        values: [{pid}]
"""
_MAKER = f"""
import os, sys, time
sys.stdin.readline()
names = [f"/srv/data/tenant-{{n % 40}}/{{sys.argv[1]}}-{{n}}" for n in range({_ROUND})]
made, access = 0, os.access
began = time.monotonic()
while made < {PACE * SECONDS}:
    if sys.argv[1] == "unlike":
        names = [f"/srv/data/tenant/{{n}}" for n in range(made, made + {_ROUND})]
    for name in names:
        access(name, 0)
    made += {_ROUND}
    ahead = made / {PACE} - (time.monotonic() - began)
    if ahead > 0:
        time.sleep(ahead)
print(made, time.monotonic() - began)
"""
_WRITTEN = re.compile(rb'^\{"process_tracepoint"', re.MULTILINE)


def events(folder: Path) -> dict[str, float]:
    """Measure with values that return, and with values of which no two are the same."""
    found = measure(folder / "alike", "alike")
    return found | {f"unlike_{n}": v for n, v in measure(folder, "unlike").items()}


def measure(folder: Path, kind: str) -> dict[str, float]:
    """Let a program make events, and a reader write them."""
    folder.mkdir(exist_ok=True)
    place = place_below(folder)
    out = folder / "events.json"
    command = (sys.executable, "-c", _MAKER, kind)
    with subprocess.Popen(  # noqa: S603  # ourselves
        command, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as maker:
        policy, bundle = folder / "policy.yaml", folder / "bundle"
        policy.write_text(_POLICY.format(pid=maker.pid))
        lockgate("compile", "-f", str(policy), "--output", str(bundle))
        lockgate("apply", str(bundle), *place)
        try:
            with reading(out, place) as reader:
                memory, before = resident(reader.pid), cpu_seconds(reader.pid)
                made, seconds = map(float, maker.communicate("go\n")[0].split())
                wait_until_written(out)
                after, cpu = resident(reader.pid), cpu_seconds(reader.pid) - before
                reader.send_signal(signal.SIGINT)
        finally:
            lockgate("unload", *place)
    text = out.read_bytes()
    written = len(_WRITTEN.findall(text))
    lost = sum(
        sum(json.loads(line)["losses"].values())
        for line in text.splitlines()
        if line.startswith(b'{"rate_limit_info"')
    )
    return {
        "events_made_per_second": made / seconds,
        "events_per_second": written / seconds,
        "events_lost": lost,
        "events_unaccounted": max(0, made - written - lost),
        "events_cpu_seconds_per_100k": cpu / written * 1e5,
        "events_line_bytes": len(text) / max(1, text.count(b"\n")),
        "events_reader_mb": memory,
        "events_reader_mb_after": after,
    }


def reading(out: Path, place: Sequence[str]) -> subprocess.Popen[bytes]:
    """Start a reader; return when it reads."""
    reader = subprocess.Popen(  # noqa: S603  # ourselves
        (*COMMAND, "events", "--follow", "--out", str(out), *place),
        stderr=subprocess.DEVNULL,
    )
    wait_until_written(out)
    return reader


def wait_until_written(out: Path) -> None:
    """Wait until a file has grown, and grows no longer."""
    size, since = -1, time.monotonic()
    while size <= 0 or time.monotonic() - since < _IDLE:
        now = out.stat().st_size if out.exists() else 0
        if now != size:
            size, since = now, time.monotonic()
        time.sleep(0.05)


def resident(pid: int) -> float:
    """Return megabytes of a process that are in memory, the ring that it shares left out."""
    found = re.search(r"RssAnon:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
    return int(found[1]) / 1024 if found else 0.0


def cpu_seconds(pid: int) -> float:
    """Return the processor time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
