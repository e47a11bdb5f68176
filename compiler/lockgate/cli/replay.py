"""``lockgate replay``: recorded flows against candidate policies."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from lockgate.cli.judged import RefusedError, add_judged_files, read_judged
from lockgate.cli.messages import print_diagnostics
from lockgate.cli.recorded import (
    SHOWN,
    add_recordings,
    check_recordings,
    counted_lines,
    read_all,
    report_reading,
)

if TYPE_CHECKING:
    import argparse

    from lockgate.diagnostics import Diagnostics
    from lockgate.recordings.reader import Reading
    from lockgate.recordings.replay import Outcome, Row

EXAMPLES = """
  hubble observe --since 24h -o json > flows.jsonl
  lockgate replay -f policies/ -f cluster.yaml flows.jsonl
  kubectl -n kube-system exec ds/cilium -- cat /var/run/cilium/hubble/events.log |
    lockgate replay -f policies/ -f cluster.yaml -
  lockgate observe -o json --count 100000 | lockgate replay -f new/ -f cluster.yaml -
  lockgate replay -f policies/ -f cluster.yaml flows.jsonl.gz -o json --complete
"""

BROKEN = 1
UNJUDGED = 2


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.description = (
        "Judge recorded flows by candidate policies: which got through and would be denied, "
        "which were denied and would pass, how often, when last, and by which line of "
        "policy.  Recordings are JSON, a flow a line, as Hubble and `lockgate observe` "
        "write them.  Replies are set aside; ends are found by pod, labels or address.  "
        "Exit code 1 if something would break, 2 if something could not be read or "
        "nothing could be judged."
    )
    add_recordings(parser)
    parser.add_argument(
        "--complete",
        action="store_true",
        help="print every row and reason, and for each row the pods and ports",
    )
    parser.add_argument(
        "-o",
        "--output",
        choices=("text", "json", "jsonl", "markdown"),
        default="text",
        help="json: one object; jsonl: the results alone, one a line; markdown: for the "
        "comment on a change",
    )
    add_judged_files(parser)


def run(arguments: argparse.Namespace) -> int:
    """Replay and print."""
    from lockgate.diagnostics import Diagnostics
    from lockgate.recordings.reader import Reading
    from lockgate.recordings.replay import Change, Replay
    from lockgate.simulation import Simulation, TableJudge

    check_recordings(arguments)
    try:
        judged = read_judged(arguments, None)
    except RefusedError:
        return UNJUDGED
    compilation = judged.compilation
    if compilation is None or compilation.cluster is None:
        raise AssertionError("files were compiled")
    simulation = Simulation(
        judged.tables,
        TableJudge(judged.tables),
        judged.host_pods,
        judged.requests,
        judged.node,
    )
    diagnostics, reading = Diagnostics(), Reading()
    replay = Replay(simulation, compilation.cluster)
    replay.add(read_all(arguments.recordings, reading, diagnostics))
    outcome = replay.judge()
    _report(reading, outcome, diagnostics)
    print_diagnostics(diagnostics)
    _print(arguments, outcome, reading)
    if outcome.records(Change.LOST):
        return BROKEN
    return 0 if diagnostics.ok else UNJUDGED


def _report(reading: Reading, outcome: Outcome, diagnostics: Diagnostics) -> None:
    """Say what makes the answer worth less."""
    from lockgate.recordings.replay import Change

    judged = (
        outcome.same + outcome.records(Change.LOST) + outcome.records(Change.GAINED)
    )
    report_reading(reading, judged, diagnostics)
    if 0 < judged < outcome.not_judged.total():
        diagnostics.warning(
            "W6407",
            f"{outcome.not_judged.total():,} recorded flows could not be judged, and "
            f"{judged:,} could",
            None,
            help="take the snapshot of when it was recorded",
        )


# ---------------------------------------------------------------- printing


def _print(arguments: argparse.Namespace, outcome: Outcome, reading: Reading) -> None:
    from lockgate.results import print_result_line, print_results

    if arguments.output == "markdown":
        from lockgate.recordings.replay_markdown import print_markdown

        print(print_markdown(outcome), end="")
        return
    rows = [row.to_json(is_complete=arguments.complete) for row in outcome.rows]
    if arguments.output == "jsonl":
        sys.stdout.writelines(map(print_result_line, rows))
    elif arguments.output == "json":
        print(print_results(rows, _summary(outcome, reading)), end="")
    else:
        print("\n".join(_text(outcome, reading, is_complete=arguments.complete)))


def _summary(outcome: Outcome, reading: Reading) -> dict[str, Any]:
    from lockgate.recordings.replay import Change

    return {
        "would_break": outcome.records(Change.LOST),
        "would_newly_pass": outcome.records(Change.GAINED),
        "unchanged": outcome.same,
        "not_judged": dict(sorted(outcome.not_judged.items())),
        "set_aside": dict(sorted(reading.set_aside.items())),
        "malformed": reading.malformed,
        "lines": reading.lines,
    }


def _text(outcome: Outcome, reading: Reading, *, is_complete: bool) -> list[str]:
    from lockgate.recordings.replay import Change
    from lockgate_runtime.terminal import has_colour

    colour = has_colour(sys.stdout)
    lines: list[str] = []
    for change, title, paint in (
        (Change.LOST, "would break", "\033[31m"),
        (Change.GAINED, "would newly pass", "\033[33m"),
    ):
        rows = [row for row in outcome.rows if row.change is change]
        count = outcome.records(change)
        head = f"{title}: {count:,} recorded" if rows else f"{title}: nothing"
        lines.append(f"{paint}{head}\033[0m" if colour and rows else head)
        shown = rows if is_complete else rows[:SHOWN]
        for row in shown:
            lines += _row_lines(row, is_complete=is_complete)
        if len(shown) < len(rows):
            lines.append(f"  ... and {len(rows) - len(shown)} more rows (--complete)")
    lines.append(f"unchanged: {outcome.same:,}")
    most = None if is_complete else SHOWN
    lines += counted_lines("not judged", outcome.not_judged, most)
    lines += counted_lines("set aside", reading.set_aside, most)
    return lines


def _row_lines(row: Row, *, is_complete: bool) -> list[str]:
    from lockgate.recordings.times import print_time

    seen = f"{row.records:,} recorded"
    if row.audited:
        seen += f" ({row.audited:,} of them in audit mode)"
    if row.last:
        seen += f", last {print_time(row.last)}"
    lines = [
        f"  {row.source} → {row.destination}  {row.protocol} {row.ports_text()}: {seen}"
    ]
    for direction in row.directions:
        items = [item for item in row.because if item["direction"] == direction]
        lines += _because(direction, items)
    if is_complete:
        lines += [_flow_line(flow) for flow in row.to_json(is_complete=True)["flows"]]
    return lines


def _because(direction: str, items: list[dict[str, Any]]) -> list[str]:
    """Return who decides at one end; without an item nothing stands against it."""
    if not items:
        return [f"    {direction}: no policy has a say"]
    lines = []
    for effect in dict.fromkeys(item["effect"] for item in items):
        places = ", ".join(
            f"{item['file']}:{item['line']} {item['policy']}"
            for item in items
            if item["effect"] == effect
        )
        lines.append(f"    {direction}: {effect} by {places}")
    return lines


def _flow_line(flow: dict[str, Any]) -> str:
    last = f", last {flow['last_seen']}" if flow["last_seen"] else ""
    return (
        f"      {flow['source']} → {flow['destination']} port {flow['port']}: "
        f"{flow['records']:,}{last}"
    )
