"""Lines as Hubble writes them, for the shop of the demonstration."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from lockgate.diagnostics import Diagnostics
from lockgate.driver import Settings, compile_tables
from lockgate.recordings.reader import Reading, read_records
from lockgate.recordings.replay import Outcome, Replay
from lockgate.simulation import Simulation, TableJudge

SHOP = Path(__file__).parents[1] / "demo/shop"
PODS = {
    "web": ("shop", "10.77.0.1"),
    "api": ("shop", "10.77.0.2"),
    "db": ("shop", "10.77.0.3"),
    "prometheus": ("monitoring", "10.77.0.4"),
    "dns": ("kube-system", "10.77.0.5"),
}


def hubble(
    source: str,
    destination: str,
    port: int,
    protocol: str = "TCP",
    /,
    *,
    verdict: str = "FORWARDED",
    direction: str = "EGRESS",
    **fields: Any,  # noqa: ANN401  # JSON
) -> dict[str, Any]:
    """Return one ``ExportEvent`` of a flow between two pods, or a pod and an address."""
    name = "type" if protocol.startswith("ICMP") else "destination_port"
    layer = {name: port} if port else {}
    if protocol == "TCP":
        layer |= {"source_port": 40_000}
    flow: dict[str, Any] = {
        "time": "2026-11-20T10:00:00.500Z",
        "verdict": verdict,
        "IP": {
            "source": PODS.get(source, ("", source))[1],
            "destination": PODS.get(destination, ("", destination))[1],
            "ipVersion": "IPv4",
        },
        "l4": {protocol: layer},
        "source": end(source),
        "destination": end(destination),
        "Type": "L3_L4",
        "node_name": "default/node-1",
        "traffic_direction": direction,
        "is_reply": None if verdict == "DROPPED" else False,
    }
    if verdict == "DROPPED":
        flow["drop_reason_desc"] = "POLICY_DENIED"
    return {"flow": flow | fields, "node_name": "default/node-1"}


def end(name: str) -> dict[str, Any]:
    """Return the end of a flow: a pod of the shop, or the world."""
    if name not in PODS:
        return {"identity": 2, "labels": ["reserved:world"]}
    namespace = PODS[name][0]
    key = "k8s-app" if name == "dns" else "app"
    value = "kube-dns" if name == "dns" else name
    labels = [f"k8s:{key}={value}", f"k8s:io.kubernetes.pod.namespace={namespace}"]
    return {"ID": 7, "namespace": namespace, "pod_name": name, "labels": labels}


def text(*lines: dict[str, Any] | str) -> bytes:
    """Return a recording."""
    rows = [x if isinstance(x, str) else json.dumps(x) for x in lines]
    return "".join(f"{row}\n" for row in rows).encode()


def shop_replay() -> Replay:
    """Return a replay against the shop's own policies."""
    from lockgate.codegen.pack import pack_tables
    from lockgate.requests import RuleRequests
    from lockgate_runtime.tables import PackedTables

    compilation = compile_tables([SHOP], settings=Settings())
    assert compilation.tables is not None
    assert compilation.cluster is not None
    tables = PackedTables(pack_tables(compilation.tables))
    requests = RuleRequests(compilation.policies, tables)
    simulation = Simulation(tables, TableJudge(tables), requests=requests)
    return Replay(simulation, compilation.cluster)


def replayed(*lines: dict[str, Any] | str) -> tuple[Outcome, Reading, Diagnostics]:
    """Replay lines against the shop's own policies."""
    from io import BytesIO

    replay, reading, diagnostics = shop_replay(), Reading(), Diagnostics()
    stream = BytesIO(text(*lines))
    replay.add(read_records("flows.jsonl", stream, reading, diagnostics))
    return replay.judge(), reading, diagnostics
