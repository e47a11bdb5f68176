"""Measure a process that only applies: its memory, and its time beside the kernel's.

The node is as large as they get: 65,000 addresses of each family, 8,000 identities, 1,000
policies, all used here, in a cluster of 20,000 pods.  The process is the one that a node
runs (``python -m lockgate_runtime apply``); the kernel's part is what it spends in bpf(2)
and in libbpf's load.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import statistics
import sys
import tempfile
from ipaddress import IPv4Address
from pathlib import Path

from lockgate.ir.cluster import Attachment
from lockgate.ir.labels import Label
from lockgate.ir.tables import EndpointEntry, HostEntry, Tables
from tests.bench.datapath import build_tables
from tests.kernel.e2e.bundles import NODE, write_tables
from tests.kernel.e2e.network import Network, sh, start

IDENTITIES, ADDRESSES, POLICIES, PODS, HERE = 8_000, 65_000, 1_000, 20_000, 110

# What a node runs, with a clock at the doors to the kernel.
TIMED = """
import time
began = time.perf_counter()
import json, sys
from lockgate_runtime import __main__, bpf, bpf_object
kernel = kernel_cpu = 0.0

def timed(call):
    def wrapped(*arguments):
        global kernel, kernel_cpu
        entered, entered_cpu = time.perf_counter(), time.process_time()
        try:
            return call(*arguments)
        finally:
            kernel += time.perf_counter() - entered
            kernel_cpu += time.process_time() - entered_cpu
    return wrapped

bpf.bpf = timed(bpf.bpf)
libbpf = bpf_object.load_libbpf()
libbpf.bpf_object__load = timed(libbpf.bpf_object__load)
code = __main__.main()
# Not ru_maxrss, which starts with that of the process before exec.
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(json.dumps({
    "peak_mb": int(peak.split()[1]) / 1024,
    "seconds": time.perf_counter() - began,
    "kernel_seconds": kernel,
    "own_seconds": time.perf_counter() - began - kernel,
    "own_cpu_seconds": time.process_time() - kernel_cpu,
}), file=sys.stderr)
sys.exit(code)
"""


def node_tables() -> Tables:
    """Take the datapath's tables, and give them pods: some here, most elsewhere."""
    tables = build_tables(IDENTITIES, ADDRESSES, POLICIES)
    first = int(IPv4Address("10.1.0.0"))
    endpoints = [
        EndpointEntry(
            f"namespace-{i % 200}",
            f"pod-{i}-5d9c7b6f8-abcde",
            NODE if i < HERE else f"node-{2 + i % 180}",
            256 + i % IDENTITIES,
            (IPv4Address(first + i),),
            2 + 2 * i % POLICIES,
            3 + 2 * i % POLICIES,
            Attachment(interface=f"lg{i}") if i < HERE else None,
        )
        for i in range(PODS)
    ]
    identities = [
        identity._replace(
            labels=tuple(
                Label("k8s", f"example.com/label-{j}", f"value-{identity.number}")
                for j in range(4)
            ),
        )
        for identity in tables.identities
    ]
    host = HostEntry(NODE, 1, (), 0, 1, False, False)
    return dataclasses.replace(
        tables,
        endpoints=tuple(endpoints),
        identities=tuple(identities),
        hosts=(host,),
    )


def measure(bundle: Path, folder: Path) -> dict[str, float]:
    """Apply once from nothing and once more, and return the second's figures."""
    with Network(f"lgapply{os.getpid()}", folder) as network:
        lines = [f"link add lg{i} type veth peer name p{i}" for i in range(HERE)]
        batch = folder / "links"
        batch.write_text("\n".join(lines) + "\n")
        sh(f"ip -n {network.host} -batch {batch}")
        command = network.command("apply", str(bundle), "--node", NODE)
        at = command.index("-m")
        command[at : at + 2] = ["-c", TIMED]
        figures: dict[str, float] = {}
        for name in ("first", "next"):
            done = start(*command)
            if done.returncode:
                raise SystemExit(done.stderr)
            found = json.loads(done.stderr.splitlines()[-1])
            figures |= {f"{name}_{key}": value for key, value in found.items()}
    return figures


def main() -> int:
    """Measure, and print medians."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("-o", choices=("text", "json"), default="text", dest="form")
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        bundle = write_tables(folder / "bundle", node_tables())
        rounds = [measure(bundle, folder) for _ in range(options.rounds)]
    figures = {key: statistics.median(r[key] for r in rounds) for key in rounds[0]}
    for key in ("peak_mb", "own_seconds", "own_cpu_seconds"):
        figures[key] = max(figures[f"first_{key}"], figures[f"next_{key}"])
    if options.form == "json":
        print(json.dumps({key: round(value, 3) for key, value in figures.items()}))
    else:
        for key, value in figures.items():
            print(f"{key:24}{value:9.3f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
