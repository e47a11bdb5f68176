"""How long the sweeper keeps a CPU: ``python -m tests.bench.sweep [-o json]``, as root.

Microseconds of the longest and of the median step, and milliseconds of a whole round, over a
full table of flows: all alive, then all timed out, then none.  Each round is of a program
that was loaded anew; figures are medians over the rounds.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from collections import defaultdict

from lockgate_runtime import layout
from tests.bench.datapath import build_tables
from tests.kernel.datapath.frames import packet, udp
from tests.kernel.datapath.node import Member, Node

ROUNDS = 7
FLOWS = 131_072
OWN = "10.0.0.1"
FIRST_PORT, PORTS = 1024, 60_000


def load_node() -> Node:
    """Load a node with as many established flows as fit."""
    members = {"host": Member(1, 0, 1), "own": Member(300, 0, 1, (OWN,))}
    sizes = {"flows": FLOWS, "flow_queue": FLOWS + 1}
    node = Node(build_tables(16, 16, policies=2), members, sizes=sizes)
    node.become("own")
    node.sweep()
    for number in range(FLOWS):
        peer, port = divmod(number, PORTS)
        there, here = f"10.1.0.{peer + 1}", FIRST_PORT + port
        assert node.passes("from_endpoint", packet(OWN, there, 17, udp(here, 53)))
        assert node.passes("to_endpoint", packet(there, OWN, 17, udp(53, here)))
    return node


def expire(node: Node) -> None:
    """Let all flows be too old."""
    flows = node.maps["flows"]
    for key in list(flows.keys()):
        value = flows.get(key)
        assert value is not None
        fields = layout.FLOW.unpack(value)
        late = int(fields.pop("last_seen")) - int(fields["timeout"]) - 1
        flows.set(key, layout.FLOW.pack(**fields, last_seen=late % (1 << 32)))


def measure_round() -> dict[str, float]:
    """Fill a table and sweep it."""
    found: dict[str, float] = {}
    with load_node() as node:
        for name in ("alive", "timed_out", "empty"):
            if name == "timed_out":
                expire(node)
            steps = node.sweep()
            found[f"{name}_longest_step_us"] = 1e6 * max(steps)
            found[f"{name}_median_step_us"] = 1e6 * statistics.median(steps)
            found[f"{name}_round_ms"] = 1e3 * sum(steps)
            found[f"{name}_steps"] = len(steps)
        assert not node.flows()
    return found


def main() -> int:
    """Measure, and print medians."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("-o", choices=("text", "json"), default="text", dest="form")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    options = parser.parse_args()
    rounds = defaultdict(list)
    for _ in range(options.rounds):
        for name, value in measure_round().items():
            rounds[name].append(value)
    figures = {name: statistics.median(values) for name, values in rounds.items()}
    if options.form == "json":
        print(json.dumps({name: round(value, 3) for name, value in figures.items()}))
        return 0
    for name, value in figures.items():
        print(
            f"{name:28}{value:10.1f}  ({min(rounds[name]):.1f} to {max(rounds[name]):.1f})"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
