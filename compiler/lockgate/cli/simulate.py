"""``lockgate simulate``: judge flows without a network."""

from __future__ import annotations

import json
import sys
from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING

from lockgate.cli.judged import (
    Judged,
    RefusedError,
    add_judged,
    compiled_bundle,
    read_judged,
)
from lockgate.cli.messages import UNJUDGED, print_diagnostics

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from lockgate.diagnostics import Diagnostics
    from lockgate.flows import LocatedFlow
    from lockgate.simulation import Judge, Simulation

EXAMPLES = """
  lockgate simulate -f policies/ -f cluster.yaml --flows flows.jsonl
  lockgate simulate bundle/ --flows flows.jsonl -o json
  echo '{"src": "a/client", "dst": "a/web", "protocol": "TCP", "port": 80}' |
    lockgate simulate -f policies/ -f cluster.yaml --flows -
  sudo lockgate simulate bundle/ --flows flows.jsonl --engine kernel
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.description = (
        "Judge flows, one JSON object a line: src and dst (namespace/pod, an address, "
        "@host, @remote-node), protocol, port (the type for ICMP), perhaps http or dns.  "
        "@host is the node of the other end; where that is on none, it is --node, or nobody.  "
        "A denied flow is exit code 0; where flows bring expectations (expect, "
        "expect_k8s), an answer that differs is exit code 1; 2 is for policies or flows that "
        "could not be judged."
    )
    parser.add_argument(
        "bundle", nargs="?", metavar="BUNDLE", help="judge by this instead of files"
    )
    parser.add_argument(
        "--flows", required=True, metavar="FILE", help="flows; - for standard input"
    )
    parser.add_argument(
        "--engine",
        choices=("tables", "kernel"),
        default="tables",
        help="look cells up in the packed tables (default), or send frames through the "
        "loaded program with BPF_PROG_TEST_RUN (needs root; attaches nothing)",
    )
    parser.add_argument("-o", "--output", choices=("text", "json"), default="text")
    add_judged(parser)


def run(arguments: argparse.Namespace) -> int:
    """Judge and print."""
    from lockgate.diagnostics import Diagnostics
    from lockgate.flows import read_flows
    from lockgate.source import Source

    diagnostics = Diagnostics()
    flows = read_flows(Source(*_read(arguments)), diagnostics)
    of_cilium = arguments.semantics == "cilium"
    try:
        with _simulation(arguments) as simulation:
            differ = _judge(flows, simulation, arguments.output, diagnostics, of_cilium)
    except RefusedError:
        return UNJUDGED
    print_diagnostics(diagnostics)
    if differ:
        return 1
    return 0 if diagnostics.ok else UNJUDGED


def _read(arguments: argparse.Namespace) -> tuple[str, str]:
    """Return the name and the text of the flows; they are not asked for twice."""
    from lockgate.bounded import read_file, read_stream, standard_input
    from lockgate.faults import Fault

    name = arguments.flows
    if name == "-" and "-" in arguments.files:
        raise Fault(
            "E2203",
            "standard input cannot be both the flows and the policies",
            "name a file for one of them",
        )
    is_input = name == "-"
    data = read_stream(standard_input()) if is_input else read_file(name)
    # Bytes that are not UTF-8 make a line no JSON, and so it is reported.
    return "<stdin>" if is_input else name, bytes(data[:]).decode(errors="replace")


@contextmanager
def _simulation(arguments: argparse.Namespace) -> Iterator[Simulation]:
    from lockgate.simulation import TableJudge

    if arguments.engine == "tables":
        judged = read_judged(arguments, arguments.bundle)
        yield _simulate(judged, TableJudge(judged.tables))
        return
    from lockgate.cli.kernel_judge import KernelJudge

    with (
        compiled_bundle(arguments, arguments.bundle) as (judged, bundle),
        KernelJudge(bundle, judged.tables) as judge,
    ):
        yield _simulate(judged, judge)


def _simulate(judged: Judged, judge: Judge) -> Simulation:
    from lockgate.simulation import Simulation

    return Simulation(
        judged.tables, judge, judged.host_pods, judged.requests, judged.node
    )


def _judge(
    flows: list[LocatedFlow],
    simulation: Simulation,
    form: str,
    diagnostics: Diagnostics,
    of_cilium: bool,
) -> int:
    """Print an answer for each flow; return how many differ from what was expected."""
    from lockgate.diagnostics import count
    from lockgate.flows import FlowError
    from lockgate.simulation import FamilyError, UnaskedError

    skipped: Counter[str] = Counter()
    differ = unclear = 0
    for located in flows:
        try:
            answer = simulation.answer(located.flow)
        except FlowError as error:
            code = "E2242" if isinstance(error, FamilyError) else "E2241"
            diagnostics.error(code, str(error), located.span)
            print(_row({**located.flow.question, "error": str(error)}, form))
            continue
        except UnaskedError as reason:
            skipped[str(reason)] += 1
            print(_row({**located.flow.question, "skipped": str(reason)}, form))
            continue
        unclear += simulation.is_host_unclear(located.flow)
        differences = answer.differences(of_cilium=of_cilium)
        differ += bool(differences)
        print(_row(simulation.row(answer), form))
        for name, (got, wanted) in differences.items():
            place = f"{located.span.source.name}:{located.span.line}"
            print(f"{place}: {name} is {got}, not {wanted}", file=sys.stderr)
    for why, number in skipped.items():
        print(f"{count(number, 'flow')} not judged: {why}", file=sys.stderr)
    if unclear:
        print(
            f"in {unclear} flows @host is nobody, since the other end is on no node: "
            "--node NAME says which node is meant",
            file=sys.stderr,
        )
    return differ


def _row(row: dict[str, object], form: str) -> str:
    if form == "json":
        return json.dumps(row, ensure_ascii=False, separators=(",", ":"))
    flow = f"{row['src']} → {row['dst']} {row['protocol']}/{row['port']}"
    if "verdict" not in row:
        return f"{flow}: not judged, {row.get('skipped') or row['error']}"
    return (
        f"{flow}: {row['verdict']} (egress {row['egress']}, ingress {row['ingress']})"
    )
