"""``events``: processes as they begin and end, and what tracing policies see of them."""

from __future__ import annotations

import signal
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from lockgate_runtime.verbs import add_place, count, faults_to_exit_codes
from lockgate_runtime.verbs.event_options import (
    host,
    node_name,
    rate,
    read_kinds,
    read_pipeline,
    seconds,
    text_or_file,
)
from lockgate_runtime.verbs.event_writer import EventWriter, open_sink

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterator

    from lockgate_runtime.pins import Pins
    from lockgate_runtime.tracing.stream import EventStream

EXAMPLES = """
  lockgate events                                  what happened since somebody looked
  lockgate events --follow -o compact              and what happens, in short lines
  lockgate events --follow --out events.json --rotate-size 100000000 --keep 5
  lockgate events --from events.json --allow '{"event_set": ["PROCESS_EXIT"]}'
  lockgate events --from events.json --follow -o compact --timestamps      beside the first
  lockgate events --follow --ancestors base,kprobe --redact '{"redact": ["--password[ =](\\\\S+)"]}'
  lockgate events --allow '{"cel_expression": ["process_exec.process.cwd != '/'"]}'
  lockgate events --fields '{"fields": "process.binary,process.pid,args", "action": "INCLUDE"}'
  lockgate events --follow --strict --rate 10000 --aggregate 15            for other programs
  lockgate events --follow --allow-requests ebpf.io --allow-requests '*.example.org'
"""

_WAIT = 100
"""Milliseconds between two looks at the ring: programs seldom wake who reads it."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument(
        "--from",
        type=Path,
        metavar="FILE",
        dest="recording",
        help="lines that this verb (or the reference) wrote, instead of this node; - is stdin",
    )
    parser.add_argument(
        "--follow",
        action="store_true",
        help="go on with what happens, until Ctrl-C; after unload wait for the next apply",
    )
    parser.add_argument(
        "--count", type=count, metavar="N", help="end after N events were printed"
    )
    parser.add_argument(
        "--ancestors",
        default="",
        metavar="KINDS",
        help="show all ancestors of these events: base (exec and exit), kprobe, tracepoint, lsm,"
        " uprobe, usdt, loader, several with commas, or all",
    )
    chosen = parser.add_argument_group(
        "which events", "filters of the reference's export, in JSON; @FILE reads a file"
    )
    for option, text in (
        ("--allow", "events that one of these filters is for, and no others"),
        ("--deny", "but none that one of these is for"),
        ("--fields", "which fields stay: fields, action INCLUDE or EXCLUDE, event_set"),
        ("--redact", "what is hidden in arguments: redact, binary_regex"),
    ):
        chosen.add_argument(
            option,
            action="append",
            default=[],
            type=text_or_file,
            metavar="JSON",
            help=text,
        )
    chosen.add_argument(
        "--predicate",
        metavar="JSON|FILE",
        help="what `lockgate events --filter ... --print-predicate` printed",
    )
    written = parser.add_argument_group("where to")
    written.add_argument(
        "--out", type=Path, metavar="FILE", help="default: standard output"
    )
    written.add_argument(
        "--rotate-size",
        type=count,
        default=0,
        metavar="BYTES",
        help="begin a new file past this size; FILE.1 is the one before",
    )
    written.add_argument(
        "--keep", type=count, default=5, metavar="N", help="old files (default: 5)"
    )
    written.add_argument(
        "--rate",
        type=count,
        metavar="N",
        help="at most N events a minute; others are counted, and told in rate_limit_info",
    )
    written.add_argument(
        "--aggregate",
        type=seconds,
        metavar="SECONDS",
        help="tell events that differ in nothing but their time once in so long, with a count",
    )
    written.add_argument(
        "--cgroup-rate",
        type=rate,
        metavar="N,INTERVAL",
        help="at most N beginnings and ends of processes of a cgroup in an interval (1000,1s);"
        " process_throttle tells where others are held back",
    )
    shown = parser.add_argument_group("how they look")
    shown.add_argument(
        "-o",
        "--output",
        choices=("json", "compact"),
        default=None,
        help="default: json, but compact on a terminal",
    )
    shown.add_argument(
        "--strict",
        action="store_true",
        help="only fields of the reference's export, for programs that refuse others: without"
        " because, policy_names, withheld_action, systemd_unit and the like, flows and requests",
    )
    for option, text in (
        ("--timestamps", "short lines begin with the time"),
        ("--stack-traces", "short lines have the stacks below them"),
        ("--ima-hash", "short lines have the hash of the file below them"),
    ):
        shown.add_argument(option, action="store_true", help=text)
    shown.add_argument("--node-name", metavar="NAME", help="default: this host's name")
    shown.add_argument(
        "--cluster-name", metavar="NAME", default="", help="default: none"
    )
    shown.add_argument(
        "--expose-stack-addresses",
        action="store_true",
        help="stack traces say addresses, too, which tell where a kernel has its functions",
    )
    shown.add_argument(
        "--allow-requests",
        action="append",
        default=[],
        type=host,
        metavar="HOST",
        help="let GetUrl and DnsLookup of policies ask for this host, or with *.DOMAIN for those "
        "below it; default: nobody is asked, and events say so",
    )
    parser.set_defaults(is_stream=True)
    add_place(parser)


@faults_to_exit_codes
def run(arguments: argparse.Namespace) -> int:
    """Print events until there are no more, or forever; 2 where some could not be written."""
    from lockgate_runtime.terminal import is_terminal

    if arguments.output is None:
        is_person = arguments.out is None and is_terminal(sys.stdout)
        arguments.output = "compact" if is_person else "json"
    kinds = read_kinds(arguments.ancestors)
    pipeline, needed = read_pipeline(arguments, kinds)
    with (
        open_sink(arguments) as sink,
        _stoppable(is_patient=not arguments.recording) as is_stopped,
    ):
        writer = EventWriter(pipeline, sink, arguments)
        try:
            if arguments.recording:
                _run_recording(arguments, writer, is_stopped)
            else:
                _run_node(arguments, writer, needed | kinds, is_stopped)
        except BrokenPipeError:
            sys.stderr.close()
            return 0
    return writer.report()


@contextmanager
def _stoppable(*, is_patient: bool) -> Iterator[Callable[[], bool]]:
    """Let SIGINT and SIGTERM end the reading; of a node between two batches: none is lost."""
    signals: list[int] = []

    def note(number: int, _frame: object) -> None:
        if signals or not is_patient:  # asked twice: wait for nothing
            raise KeyboardInterrupt
        signals.append(number)

    numbers = (signal.SIGINT, signal.SIGTERM)
    try:
        before = {number: signal.signal(number, note) for number in numbers}
    except ValueError:  # not the main thread, which alone has handlers
        before = {}
    try:
        yield lambda: bool(signals)
    except KeyboardInterrupt:
        pass
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _run_recording(
    arguments: argparse.Namespace, writer: EventWriter, is_stopped: Callable[[], bool]
) -> None:
    from lockgate_runtime.tracing.recording import Recording

    recording = Recording(arguments.recording, follow=arguments.follow)
    is_told = False
    try:
        for batch in recording.batches():
            if recording.torn and arguments.follow and not is_told:
                print(f"warning: {recording.place}: not an event", file=sys.stderr)
                is_told = True
            if is_stopped() or not writer.write(batch):
                break
    except (AttributeError, TypeError, KeyError, IndexError, ValueError):
        # An object, but of another form than events have.
        raise recording.fault() from None
    finally:
        writer.finish()
    recording.check()


def _run_node(
    arguments: argparse.Namespace,
    writer: EventWriter,
    ancestry: frozenset[str],
    is_stopped: Callable[[], bool],
) -> None:
    """Read this node's events; who follows goes over to the ring of the next apply."""
    from lockgate_runtime.damage import require_loaded
    from lockgate_runtime.environment import check_bpffs, check_capabilities
    from lockgate_runtime.observe.ring import wait_for_next
    from lockgate_runtime.pins import Pins

    check_capabilities()
    check_bpffs(arguments.root)
    pins = Pins(arguments.root)
    if not pins.map("events").exists():
        require_loaded(pins)
    while _read_ring(pins, arguments, writer, ancestry, is_stopped):
        wait_for_next(pins, is_stopped)
        if is_stopped():
            return


def _read_ring(
    pins: Pins,
    arguments: argparse.Namespace,
    writer: EventWriter,
    ancestry: frozenset[str],
    is_stopped: Callable[[], bool],
) -> bool:
    """Read one ring until it is enough; whether to go on with the next one."""
    from lockgate_runtime.state import State
    from lockgate_runtime.tracing.requests import Requests
    from lockgate_runtime.tracing.stream import EventStream

    state = State(arguments.root, arguments.state)
    with EventStream(
        pins,
        state,
        node_name(arguments),
        ancestry,
        arguments.cluster_name,
        Requests(arguments.allow_requests),
        shows_addresses=arguments.expose_stack_addresses,
    ) as stream:
        if arguments.cgroup_rate:
            stream.throttle(*arguments.cgroup_rate)
        try:
            is_over = _read_node(stream, writer, arguments, is_stopped)
            writer.write(stream.finish())
            writer.finish()
            stream.confirm()
        finally:
            counts = stream.counts
            if arguments.follow or counts["lost"]:
                text = f"{counts['events']} events; {counts['lost']} were lost"
                print(text, file=sys.stderr)
            if stream.throttled:
                text = f"{stream.throttled} events were over the rate of their cgroups"
                print(text, file=sys.stderr)
    return is_over


def _read_node(
    stream: EventStream,
    writer: EventWriter,
    arguments: argparse.Namespace,
    is_stopped: Callable[[], bool],
) -> bool:
    """Read until it is enough; what came after we began is for the next, if nobody follows.

    Returns whether the ring was unloaded under one who follows.
    """
    while not is_stopped():
        lines = stream.take(_WAIT if arguments.follow else 0)
        is_wanted = writer.write(lines)
        stream.confirm()
        if not is_wanted or (stream.is_drained and not arguments.follow):
            return False
        if stream.is_over:
            return True
    return False
