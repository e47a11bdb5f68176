"""``events``: processes as they begin and end, and what tracing policies see of them."""

from __future__ import annotations

import argparse
import re
import signal
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from lockgate_runtime.errors import NodeError
from lockgate_runtime.verbs import add_place, faults_to_exit_codes
from lockgate_runtime.verbs.event_options import (
    read_kinds,
    read_pipeline,
    text_or_file,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from lockgate_runtime.tracing.pipeline import Pipeline
    from lockgate_runtime.tracing.sink import Sink
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
        "--follow", action="store_true", help="go on with what happens, until Ctrl-C"
    )
    parser.add_argument(
        "--count", type=_count, metavar="N", help="end after N events were printed"
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
        type=_count,
        default=0,
        metavar="BYTES",
        help="begin a new file past this size; FILE.1 is the one before",
    )
    written.add_argument(
        "--keep", type=_count, default=5, metavar="N", help="old files (default: 5)"
    )
    written.add_argument(
        "--rate",
        type=_count,
        metavar="N",
        help="at most N events a minute; others are counted, and told in rate_limit_info",
    )
    written.add_argument(
        "--aggregate",
        type=_seconds,
        metavar="SECONDS",
        help="tell events that differ in nothing but their time once in so long, with a count",
    )
    written.add_argument(
        "--cgroup-rate",
        type=_rate,
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
        type=_host,
        metavar="HOST",
        help="let GetUrl and DnsLookup of policies ask for this host, or with *.DOMAIN for those "
        "below it; default: nobody is asked, and events say so",
    )
    parser.set_defaults(is_stream=True)
    add_place(parser)


def _host(text: str) -> str:
    """Read a host, an address, or *.DOMAIN: what is none would allow nothing, silently."""
    if re.fullmatch(r"(\*\.)?[\w-]+(\.[\w-]+)*\.?|[0-9a-fA-F:]+", text):
        return text
    raise argparse.ArgumentTypeError(
        f"{text!r} is no host: write ebpf.io, *.example.org or an address, without http:// and port"
    )


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
        _open_sink(arguments) as sink,
        _stoppable(is_patient=not arguments.recording) as is_stopped,
    ):
        writer = _Writer(pipeline, sink, arguments)
        try:
            if arguments.recording:
                _run_recording(arguments, writer, is_stopped)
            else:
                _run_node(arguments, writer, needed | kinds, is_stopped)
        except BrokenPipeError:
            sys.stderr.close()
            return 0
    return writer.report()


def _open_sink(arguments: argparse.Namespace) -> Sink:
    from lockgate_runtime.tracing.sink import RotatingFile, Sink

    if not arguments.out:
        return Sink()
    try:
        return RotatingFile(arguments.out, arguments.rotate_size, arguments.keep)
    except OSError as error:
        raise NodeError(
            "E5101",
            f"cannot write {arguments.out}: {error.strerror}",
            "name another file",
        ) from None


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


class _Writer:
    """What happens to batches of lines until they are written, and what is counted by the way."""

    def __init__(
        self, pipeline: Pipeline, sink: Sink, arguments: argparse.Namespace
    ) -> None:
        from lockgate_runtime.tracing.aggregation import Aggregator
        from lockgate_runtime.tracing.sink import RateLimit

        self._pipeline, self._sink = pipeline, sink
        self._limit = RateLimit(arguments.rate) if arguments.rate else None
        seconds = arguments.aggregate
        self._aggregator = Aggregator(seconds) if seconds else None
        self._left: int | None = arguments.count
        self._node = node_name(arguments)
        self._unwritten = 0

    def write(self, batch: list[str]) -> bool:
        """Write what is wanted of a batch; whether more is."""
        return self._put(self._aggregator.add(batch) if self._aggregator else batch)

    def finish(self) -> None:
        """Write what waits."""
        if self._aggregator and self._left != 0:
            self._put(self._aggregator.flush())
        self._tell(at_end=True)

    def report(self) -> int:
        """Say what was held back or found no room; return the exit code."""
        if self._limit and self._limit.withheld:
            print(f"{self._limit.withheld} events were over the rate", file=sys.stderr)
        if self._sink.fault:
            count, fault = self._sink.unwritten, self._sink.fault
            print(f"{count} lines could not be written: {fault}", file=sys.stderr)
            return 2
        return 0

    def _put(self, batch: list[str]) -> bool:
        lines = self._pipeline.run(batch)
        if self._limit:
            lines = self._limit.admit(lines)
        if self._left is not None:
            lines = lines[: self._left]
            self._left -= len(lines)
        self._sink.write(lines)
        self._tell(at_end=False)
        return self._left != 0

    def _tell(self, *, at_end: bool) -> None:
        """Tell, besides, what the rate held back and what found no room since the last time."""
        import time

        from lockgate_runtime.tracing.render import losses_line

        lost = {"over_rate": self._limit.tell(at_end=at_end) if self._limit else 0}
        lost["unwritten"] = self._sink.unwritten - self._unwritten
        if any(lost.values()):
            line = losses_line(self._node, time.time_ns(), lost)
            before = self._sink.unwritten
            self._sink.write(self._pipeline.run([line]))
            if self._sink.unwritten == before:
                self._unwritten = before
            else:
                self._sink.unwritten = before  # it tells of lines and is none of them


def node_name(arguments: argparse.Namespace) -> str:
    """Return what events say of where they are."""
    import socket

    name: str = arguments.node_name or socket.gethostname()
    return name


def _run_recording(
    arguments: argparse.Namespace, writer: _Writer, is_stopped: Callable[[], bool]
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
    writer: _Writer,
    ancestry: frozenset[str],
    is_stopped: Callable[[], bool],
) -> None:
    from lockgate_runtime.environment import check_bpffs, check_capabilities
    from lockgate_runtime.pins import Pins
    from lockgate_runtime.state import State
    from lockgate_runtime.tracing.requests import Requests
    from lockgate_runtime.tracing.stream import EventStream

    check_capabilities()
    check_bpffs(arguments.root)
    state = State(arguments.root, arguments.state)
    with EventStream(
        Pins(arguments.root),
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
            _read_node(stream, writer, arguments, is_stopped)
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


def _read_node(
    stream: EventStream,
    writer: _Writer,
    arguments: argparse.Namespace,
    is_stopped: Callable[[], bool],
) -> None:
    """Read until it is enough; what came after we began is for the next, if nobody follows."""
    while not is_stopped():
        lines = stream.take(_WAIT if arguments.follow else 0)
        is_wanted = writer.write(lines)
        stream.confirm()
        if not is_wanted or (stream.is_drained and not arguments.follow):
            return


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return number


def _rate(text: str) -> tuple[int, int]:
    """Read ``1000,1s``: how many, and in how many nanoseconds."""
    count, _, interval = text.partition(",")
    number = interval.rstrip("ms")
    units = {"": 10**9, "s": 10**9, "ms": 10**6, "m": 60 * 10**9}
    unit = units.get(interval[len(number) :], 0)
    if not unit or int(number) < 1:
        raise argparse.ArgumentTypeError("an interval is like 1s, 500ms or 1m")
    return _count(count), int(number) * unit


def _seconds(text: str) -> float:
    number = float(text)
    if not 0 < number < 1e6:
        raise argparse.ArgumentTypeError("must be more than 0 seconds")
    return number
