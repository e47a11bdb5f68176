"""What a proof costs: ``python -m tests.bench.prove [-o json]``.

A cluster with 1,000 rules is written, compiled, and proved in this process:

``prove_rules``            rules of all policies
``prove_cells``            cells of all verdict tables, each compared with the reference
``prove_questions``        subject x direction x address x traffic that they answer
``prove_cells_seconds``    elapsed time of reading the sources and comparing everything
``prove_cells_cpu_seconds``  CPU time of the same
``dense_prove_cells``      cells of tables in which no two rules share a peer or a port
                         (``tests/bench/dense.py``: 1,000 rules of two subjects)
``dense_prove_cells_seconds``, ``dense_prove_cells_cpu_seconds``  times of comparing those
``packets_per_second``     packets through the loaded programs (root), elapsed time
``packets_per_cpu_second``  the same, by CPU time: what a machine does that is not busy

Times are medians over ``--rounds``.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from ipaddress import ip_network
from pathlib import Path
from typing import Any

from lockgate.artifact import write_bundle
from lockgate.cli.prove import Trial
from lockgate.diagnostics import Diagnostics
from lockgate.driver import Settings, compile_policies
from lockgate_runtime.bundle import Bundle
from tests.bench import dense

ROUNDS = 3
RULES = 1000
PODS = 300
PACKETS = 300_000
"""Too few for every atom, but they show how fast packets go."""

Object = dict[str, Any]

_NAMESPACES = [f"team-{n}" for n in range(10)]
_APPS = [f"app-{n}" for n in range(12)]


def main() -> int:
    """Measure, and print medians."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("-o", choices=("text", "json"), default="text", dest="form")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    options = parser.parse_args()
    figures = measure(options.rounds)
    if options.form == "json":
        print(json.dumps(figures))
        return 0
    for name, value in figures.items():
        print(f"{name:30}{value:18,.2f}")
    return 0


def measure(rounds: int = ROUNDS) -> dict[str, float]:
    """Return the figures by name; those of packets are left out where none can be sent."""
    found: defaultdict[str, list[float]] = defaultdict(list)
    with tempfile.TemporaryDirectory(prefix="lockgate-bench-") as name:
        folder = Path(name)
        rules = write_sources(folder / "sources")
        compile_sources(folder)
        write_dense(folder / "dense/sources")
        compile_sources(folder / "dense")
        for _ in range(rounds):
            of_dense, _ = _compare(folder / "dense")
            figures = _measure_round(folder) | {
                f"dense_{name}": value
                for name, value in of_dense.items()
                if name != "prove_questions"
            }
            for figure, value in figures.items():
                found[figure].append(value)
    figures = {figure: statistics.median(values) for figure, values in found.items()}
    return {"prove_rules": rules} | {
        figure: round(value, 3) for figure, value in figures.items()
    }


def compile_sources(folder: Path) -> None:
    """Compile ``sources`` to ``bundle``."""
    compilation = compile_policies([folder / "sources"], settings=Settings())
    if compilation.bundle is None:
        raise SystemExit("lockgate compile failed")
    write_bundle(compilation.bundle, folder / "bundle")


def _measure_round(folder: Path) -> dict[str, float]:
    figures, trial = _compare(folder)
    sent = trial.send()
    wrong = {finding.code for finding in trial.findings}
    if sent is not None and sent.count and not wrong:
        figures["packets_per_second"] = sent.count / sent.seconds
        figures["packets_per_cpu_second"] = sent.count / sent.cpu_seconds
    return figures


def _compare(folder: Path) -> tuple[dict[str, float], Trial]:
    trial = Trial(Bundle.open(folder / "bundle"), PACKETS)
    began, cpu = time.monotonic(), time.process_time()
    trial.read([str(folder / "sources")], Diagnostics())
    trial.compare()
    figures: dict[str, float] = {
        "prove_cells_seconds": time.monotonic() - began,
        "prove_cells_cpu_seconds": time.process_time() - cpu,
    }
    if trial.findings or trial.comparison is None:
        raise SystemExit(f"not proved: {trial.findings[:3]}")
    counts = trial.comparison.proof.counts
    figures |= {"prove_cells": counts.cells, "prove_questions": counts.questions}
    return figures, trial


def write_dense(folder: Path) -> None:
    """Write the snapshot and the policies whose tables stay dense."""
    folder.mkdir(parents=True)
    _write(folder / "cluster.json", list(dense.snapshot()))
    _write(folder / "policies.json", list(dense.policies()))


def write_sources(folder: Path) -> int:
    """Write a snapshot and policies; return how many rules these have."""
    draw = random.Random(7)  # noqa: S311  # the same cluster every time
    folder.mkdir()
    _write(folder / "cluster.json", _snapshot(draw))
    count = 0
    policies: list[Object] = []
    while count < RULES:
        size = draw.randint(5, 15)
        count += size
        policies.append(_policy(draw, f"p{len(policies)}", size))
    _write(folder / "policies.json", policies)
    return count


def _write(path: Path, items: list[Object]) -> None:
    whole = {"apiVersion": "v1", "kind": "List", "items": items}
    path.write_text(json.dumps(whole, indent=1))


def _snapshot(draw: random.Random) -> list[Object]:
    found = [
        _object("Namespace", name, None, {"tier": draw.choice("xy")})
        for name in _NAMESPACES
    ]
    for number in range(6):
        address = {"type": "InternalIP", "address": f"192.168.0.{10 + number}"}
        status: Object = {"addresses": [address]}
        found.append(_object("Node", f"node-{number}", None, status=status))
    for number in range(PODS):
        labels = {"app": draw.choice(_APPS), "v": draw.choice("12")}
        ports = [{"name": "http", "containerPort": 8080}]
        spec: Object = {
            "nodeName": f"node-{number % 6}",
            "containers": [{"name": "c", "ports": ports}],
        }
        status = {"phase": "Running", "podIP": f"10.{number // 250}.{number % 250}.7"}
        where = draw.choice(_NAMESPACES)
        found.append(
            _object("Pod", f"pod-{number}", where, labels, spec=spec, status=status)
        )
    for number in range(30):
        spec = {
            "clusterIP": f"10.96.0.{number + 1}",
            "ports": [{"port": 80, "targetPort": 8080}],
            "selector": {"app": draw.choice(_APPS)},
        }
        where = draw.choice(_NAMESPACES)
        found.append(_object("Service", f"service-{number}", where, spec=spec))
    return found


def _object(
    kind: str,
    name: str,
    namespace: str | None,
    labels: dict[str, str] | None = None,
    **rest: Object,
) -> Object:
    metadata: Object = {"name": name, "labels": labels or {}}
    if namespace:
        metadata["namespace"] = namespace
    return {"apiVersion": "v1", "kind": kind, "metadata": metadata, **rest}


def _policy(draw: random.Random, name: str, size: int) -> Object:
    direction, word = draw.choice([("ingress", "from"), ("egress", "to")])
    subject = (
        {"matchLabels": {"app": draw.choice(_APPS)}} if draw.random() < 0.6 else {}
    )
    spec: Object = {"podSelector": subject, "policyTypes": [direction.title()]}
    spec[direction] = [
        {word: [_peer(draw)], "ports": [_port(draw)]} for _ in range(size)
    ]
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": name, "namespace": draw.choice(_NAMESPACES)},
        "spec": spec,
    }


def _peer(draw: random.Random) -> Object:
    match draw.randrange(3):
        case 0:
            return {"podSelector": {"matchLabels": {"app": draw.choice(_APPS)}}}
        case 1:
            return {
                "namespaceSelector": {"matchLabels": {"tier": draw.choice("xy")}},
                "podSelector": {"matchLabels": {"v": draw.choice("12")}},
            }
    first = f"{draw.randint(11, 200)}.{draw.randint(0, 3)}.0.0"
    network = ip_network(f"{first}/{draw.choice([12, 16, 20, 24])}", strict=False)
    return {"ipBlock": {"cidr": str(network)}}


def _port(draw: random.Random) -> Object:
    number = draw.choice([80, 443, 5432, 8080, 9090, draw.randint(1000, 9000)])
    port: Object = {"protocol": draw.choice(["TCP", "TCP", "UDP"]), "port": number}
    if draw.random() < 0.2:
        port["endPort"] = number + draw.randint(1, 50)
    return port


if __name__ == "__main__":
    sys.exit(main())
