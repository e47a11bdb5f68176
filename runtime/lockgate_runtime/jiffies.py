"""How many jiffies a second has: the unit of conntrack's time-outs."""

from __future__ import annotations

import gzip
import os
import re
import struct
import time
from pathlib import Path

from lockgate_runtime.bpf import Program, ProgramType

_POSSIBLE = (100, 250, 300, 1000)
_MEASURED_SECONDS = 0.12
_SETTING = re.compile(r"^CONFIG_HZ=(\d+)$", re.MULTILINE)


def jiffies_per_second() -> int:
    """Read CONFIG_HZ where the kernel shows its configuration; else measure it."""
    for text in _configurations():
        match = _SETTING.search(text)
        if match:
            return int(match[1])
    return measure_jiffies_per_second()


def _configurations() -> list[str]:
    boot = Path(f"/boot/config-{os.uname().release}")
    running = Path("/proc/config.gz")
    found = []
    if running.exists():
        found.append(gzip.decompress(running.read_bytes()).decode())
    if boot.exists():
        found.append(boot.read_text())
    return found


def measure_jiffies_per_second() -> int:
    """Let a program read jiffies twice, and return the nearest rate that Linux has."""
    # call bpf_jiffies64; exit
    instructions = struct.pack("<BBhiBBhi", 0x85, 0, 0, 118, 0x95, 0, 0, 0)
    with Program.load(ProgramType.SCHED_CLS, "lg_jiffies", instructions) as program:
        packet = bytes(64)
        began, first = time.monotonic(), program.test_run(packet).value
        time.sleep(_MEASURED_SECONDS)
        ended, last = time.monotonic(), program.test_run(packet).value
    rate = ((last - first) & 0xFFFFFFFF) / (ended - began)
    return min(_POSSIBLE, key=lambda possible: abs(possible / rate - 1))
