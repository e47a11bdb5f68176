"""What a packet costs: ``python -m tests.bench.datapath [-o json]``, as root.

Every figure is in nanoseconds per packet, from BPF_PROG_TEST_RUN of a whole tc program,
through the stub, with every feature on.  Figures named ``X_vs_Y`` are X divided by Y.  Each
round loads everything anew and measures all in turn; ratios are those within a round, and
what is printed is the median over the rounds.

``*_cold`` are single runs with a packet of another flow each: what the clock and a cold
cache cost is in them, so they compare among each other only.
"""

from __future__ import annotations

import argparse
import json
import random
import socket
import statistics
import struct
import sys
from array import array
from collections import defaultdict
from contextlib import ExitStack
from ipaddress import IPv4Address, ip_network
from pathlib import Path
from typing import TYPE_CHECKING

from lockgate.codegen.render import TEMPLATES
from lockgate.diagnostics import Diagnostics
from lockgate.ir.policy import Direction, Tier
from lockgate.ir.tables import (
    AddressEntry,
    Decision,
    Identity,
    Outcome,
    PeerEntry,
    PortAtoms,
    Rows,
    RuleEntry,
    Tables,
    VerdictTable,
)
from lockgate.toolchain import compile_c
from lockgate_runtime import layout
from lockgate_runtime.bpf_object import Object
from tests.kernel.datapath.frames import ACK, SYN, packet, tcp
from tests.kernel.datapath.node import PASS, Member, Node, mapped

if TYPE_CHECKING:
    from collections.abc import Callable

ROUNDS = 9
REPEAT = 100_000
RUNS = 5
COLD_PACKETS = 4_000
FLOWS = 32_768

RATIOS = {
    "established_vs_conntrack_only": ("established", "conntrack_only"),
    "established_8k_vs_16_identities": ("established", "established_16_identities"),
    "lpm_baseline_vs_established": ("lpm_baseline", "established"),
}

OWN, OWN6, PEER, PEER6 = "10.0.0.1", "fd00::1", "10.1.0.5", "fd00:1::5"
HOST, HOST6 = "10.0.255.1", "fd00::ff"
PORT, DENIED_PORT = 80, 81


def build_tables(identities: int, addresses: int, policies: int) -> Tables:
    """Build tables of a size; every policy lets half of the identities in at some ports."""
    chance = random.Random(1)  # noqa: S311  # not for secrets
    starts = ((0, *range(80, 120)), (0,), (0,), (0,), (0,), (0,))
    atoms = PortAtoms(starts)
    decisions, rules = [], []
    for i in range(2 * policies + 2):
        rules.append(RuleEntry(i + 1, f"Bench/{i}", (), (), "bench"))
        outcome = Outcome.DENY if i >= 2 and i % 2 else Outcome.ALLOW
        decisions.append(Decision(outcome, i, 0, (i,), ((Tier.NORMAL, i),)))
    tables = []
    for i in range(2 + policies):
        direction = Direction.EGRESS if i % 2 else Direction.INGRESS
        if i < 2:
            rows, cells, count = [0] * identities, [i], 1
            intervals = [0] * atoms.count
        else:
            allow, deny = 2 * (i - 2) + 2, 2 * (i - 2) + 3
            rows = [chance.randrange(2) for _ in range(identities)]
            rows[5 % identities] = 1
            count = 3
            intervals = [0, *(1 + j % 2 for j in range(len(starts[0]) - 1))]
            intervals += [0] * (atoms.count - len(intervals))
            cells = [deny] * count + [deny, allow, deny]
        tables.append(
            VerdictTable(
                direction,
                (),
                Rows.of(rows),
                array("H", intervals),
                count,
                array("I", cells),
            )
        )
    entries = [
        AddressEntry.of(ip_network("0.0.0.0/0"), 0),
        AddressEntry.of(ip_network("::/0"), 0),
        AddressEntry.of(ip_network("2001:db8::/32"), 0),
    ]
    first = int(IPv4Address("10.1.0.0"))
    first6 = int.from_bytes(mapped("fd00:1::"), "big")
    for i in range(addresses):
        entries.append(AddressEntry(4, first + i, 32, i % identities))
        entries.append(AddressEntry(6, first6 + i, 128, i % identities))
    numbers = [2, *range(256, 255 + identities)]
    return Tables(
        identities=tuple(Identity(n, (), str(n)) for n in numbers),
        peers=tuple(PeerEntry(n, i, i, i) for i, n in enumerate(numbers)),
        class_count=identities,
        addresses=entries,
        atoms=atoms,
        tables=tables,
        decisions=decisions,
        rules=rules,
        endpoints=(),
        hosts=(),
    )


def load_node(tables: Tables) -> Node:
    """Load a node with every feature, and one established flow of each family."""
    policies = len(tables.tables)
    members = {
        "host": Member(1, 0, 1, (HOST, HOST6)),
        # The last policy of each direction.
        "own": Member(300, policies - 2, policies - 1, (OWN, OWN6, "10.0.0.2")),
    }
    node = Node(tables, members, sizes={"flows": 2 * FLOWS, "flows_new": FLOWS})
    node.become("own")
    for own, peer in ((OWN, PEER), (OWN6, PEER6)):
        for flags in (SYN, ACK):
            segment = tcp(1000, PORT, flags)
            assert node.passes("from_endpoint", packet(own, peer, 6, segment))
            answer = tcp(PORT, 1000, SYN | ACK)
            assert node.passes("to_endpoint", packet(peer, own, 6, answer))
    assert len(node.flows()) == 2
    return node


def load_baselines(identities: int, addresses: int) -> Object:
    """Load the baselines with tables of the same size."""
    lib = TEMPLATES / "lib"
    sources = {name: (lib / name).read_text() for name in ("bpf.h", "net.h")}
    sources["baselines.c"] = Path(__file__).with_name("baselines.c").read_text()
    diagnostics = Diagnostics()
    objects = compile_c(sources, diagnostics)
    assert not diagnostics.found, diagnostics.found
    target = Object("baselines", objects["baselines.o"])
    target.load()
    first = int(IPv4Address("10.1.0.0"))
    keys, values = bytearray(), bytearray()
    for i in range(addresses):
        keys += struct.pack("<I", 32) + struct.pack(">I", first + i)
        values += struct.pack("<I", 256 + i % identities)
    with target.map("identities") as tries:
        tries.set_many(keys, values)
    port = socket.htons(PORT)
    keys, values = bytearray(), bytearray()
    for i in range(identities):
        keys += struct.pack("<IIBBH", 64, 256 + i, 1, 6, port)
        values += bytes(24)
    with target.map("rules") as tries:
        tries.set_many(keys, values)
    with target.map("connections") as connections:
        for source in (1000, *range(2000, 32000)):
            ends = socket.inet_aton(OWN) + socket.inet_aton(PEER)
            key = ends + struct.pack(">HH", source, PORT) + b"\6\0\0\0"
            connections.set(key, bytes(24))
    return target


def open_flows(node: Node) -> list[bytes]:
    """Write many established flows straight into the map; return a packet of each."""
    (key,) = (key for key in node.flows() if key[:12] == mapped(OWN)[:12])
    value = node.maps["flows"].get(key)
    fields = layout.FLOW_KEY.unpack(key)
    assert value is not None
    frames = []
    for i in range(FLOWS):
        ports = {"local_port": 1024 + i, "remote_port": PORT}
        node.maps["flows"].set(layout.FLOW_KEY.pack(**{**fields, **ports}), value)
        if i % (FLOWS // COLD_PACKETS) == 0:
            frames.append(packet(OWN, PEER, 6, tcp(1024 + i, PORT, ACK, bytes(6))))
    random.Random(2).shuffle(frames)  # noqa: S311  # not for secrets
    return frames


def warm(run: Callable[[int], int]) -> float:
    """Return the least of some runs of many repetitions."""
    run(REPEAT // 10)
    return min(run(REPEAT) for _ in range(RUNS))


def cold(run: Callable[[bytes], int], frames: list[bytes]) -> float:
    """Return the median of single runs, a packet each."""
    return statistics.median(run(frame) for frame in frames)


def measure_round(
    big: Tables, small: Tables, sizes: tuple[int, int]
) -> dict[str, float]:
    """Load everything anew and measure each figure once, in turn."""
    found: dict[str, float] = {}
    with ExitStack() as stack:
        node = stack.enter_context(load_node(big))
        few = stack.enter_context(load_node(small))
        baselines = stack.enter_context(load_baselines(*sizes))

        def ours(node: Node, hook: str, frame: bytes, *, passes: bool = True) -> float:
            assert node.passes(hook, frame) == passes
            return warm(lambda repeat: node.run(hook, frame, repeat=repeat).duration)

        def theirs(name: str, frame: bytes) -> float:
            with baselines.program(name) as program:
                assert program.test_run(frame).value == PASS
                return warm(
                    lambda repeat: program.test_run(frame, repeat=repeat).duration
                )

        frame = packet(OWN, PEER, 6, tcp(1000, PORT, ACK, bytes(6)))
        frame6 = packet(OWN6, PEER6, 6, tcp(1000, PORT, ACK, bytes(6)))
        reply = packet(PEER, OWN, 6, tcp(PORT, 1000, ACK, bytes(6)))
        denied = packet(OWN, PEER, 6, tcp(1000, DENIED_PORT, SYN))
        found["parse_only"] = theirs("parse_only", frame)
        found["conntrack_only"] = theirs("conntrack_only", frame)
        found["established"] = ours(node, "from_endpoint", frame)
        found["established_16_identities"] = ours(few, "from_endpoint", frame)
        found["lpm_baseline"] = theirs("lpm_baseline", frame)
        found["reply"] = ours(node, "to_endpoint", reply)
        found["established_ipv6"] = ours(node, "from_endpoint", frame6)
        found["denied"] = ours(node, "from_endpoint", denied, passes=False)

        def once(frame: bytes) -> int:
            return node.run("from_endpoint", frame).duration

        many = open_flows(node)
        found["established_cold"] = cold(once, [frame] * COLD_PACKETS)
        found["many_flows_cold"] = cold(once, many)
        ports = range(40_000, 40_000 + COLD_PACKETS)
        found["new_flow_cold"] = cold(
            once, [packet(OWN, PEER, 6, tcp(port, PORT, SYN)) for port in ports]
        )
        found["new_denied_cold"] = cold(
            once, [packet(OWN, PEER, 6, tcp(port, DENIED_PORT, SYN)) for port in ports]
        )
    for name, (above, below) in RATIOS.items():
        found[name] = found[above] / found[below]
    return found


def main() -> int:
    """Measure, and print medians."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("-o", choices=("text", "json"), default="text", dest="form")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    options = parser.parse_args()
    sizes = 8_000, 65_000
    big = build_tables(*sizes, policies=1_000)
    small = build_tables(16, 16, policies=2)
    rounds = defaultdict(list)
    for _ in range(options.rounds):
        for name, value in measure_round(big, small, sizes).items():
            rounds[name].append(value)
    figures = {name: statistics.median(values) for name, values in rounds.items()}
    if options.form == "json":
        print(json.dumps({name: round(value, 3) for name, value in figures.items()}))
        return 0
    for name, value in figures.items():
        low, high = min(rounds[name]), max(rounds[name])
        unit = "" if name in RATIOS else " ns"
        print(f"{name:34}{value:9.2f}{unit:3}  ({low:.2f} to {high:.2f})")
    return 0


if __name__ == "__main__":
    sys.exit(main())
