"""``events``: processes as they begin and end, and what tracing policies see of them."""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from lockgate_runtime.errors import NodeError
from lockgate_runtime.verbs import add_place, faults_to_exit_codes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from lockgate_runtime.tracing.pipeline import Pipeline
    from lockgate_runtime.tracing.sink import Sink

EXAMPLES = """
  lockgate events                                  what happened since somebody looked
  lockgate events --follow -o compact              and what happens, in short lines
  lockgate events --follow --out events.json --rotate-size 100000000 --keep 5
  lockgate events --from events.json --allow '{"event_set": ["PROCESS_EXIT"]}'
  lockgate events --follow --ancestors exec --redact '{"redact": ["--password[ =](\\\\S+)"]}'
"""

_WAIT = 100
"""Milliseconds between two looks at the ring: programs seldom wake who reads it."""
_TAIL = 0.2


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
        help="show all ancestors of these events: exec,exit,kprobe,tracepoint,lsm,... or all",
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
            option, action="append", default=[], type=_text, metavar="JSON", help=text
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
        help="at most N events a minute; others are counted",
    )
    parser.add_argument(
        "-o",
        "--output",
        choices=("json", "compact"),
        default=None,
        help="default: json, but compact on a terminal",
    )
    parser.add_argument("--node-name", metavar="NAME", help="default: this host's name")
    add_place(parser)


@faults_to_exit_codes
def run(arguments: argparse.Namespace) -> int:
    """Print events until there are no more, or forever."""
    from lockgate_runtime.terminal import is_terminal
    from lockgate_runtime.tracing.sink import RotatingFile, Sink

    if arguments.output is None:
        is_person = arguments.out is None and is_terminal(sys.stdout)
        arguments.output = "compact" if is_person else "json"
    kinds = _kinds(arguments.ancestors)
    pipeline, needs_ancestors = _pipeline(arguments, kinds)
    try:
        sink = (
            RotatingFile(arguments.out, arguments.rotate_size, arguments.keep)
            if arguments.out
            else Sink()
        )
    except OSError as error:
        raise NodeError(
            "E5101",
            f"cannot write {arguments.out}: {error.strerror}",
            "name another file",
        ) from None
    with sink:
        try:
            if arguments.recording:
                _print(
                    _recorded(arguments.recording, arguments.follow),
                    pipeline,
                    sink,
                    arguments,
                )
            else:
                _run_node(arguments, pipeline, sink, needs_ancestors or kinds)
        except KeyboardInterrupt:
            pass
        except BrokenPipeError:
            sys.stderr.close()
    return 0


def _run_node(
    arguments: argparse.Namespace,
    pipeline: Pipeline,
    sink: Sink,
    ancestry: frozenset[str],
) -> None:
    import socket

    from lockgate_runtime.environment import check_bpffs, check_capabilities
    from lockgate_runtime.pins import Pins
    from lockgate_runtime.state import State
    from lockgate_runtime.tracing.stream import EventStream

    check_capabilities()
    check_bpffs(arguments.root)
    node = arguments.node_name or socket.gethostname()
    state = State(arguments.root, arguments.state)
    with EventStream(Pins(arguments.root), state, node, ancestry) as stream:

        def batches() -> Iterator[list[str]]:
            while True:
                lines = stream.take(_WAIT if arguments.follow else 0)
                if not lines and not arguments.follow:
                    return
                yield lines

        try:
            _print(batches(), pipeline, sink, arguments)
        finally:
            if arguments.follow or stream.counts["lost"]:
                counts = stream.counts
                print(
                    f"{counts['events']} events; {counts['lost']} were lost",
                    file=sys.stderr,
                )


def _print(
    batches: Iterator[list[str]],
    pipeline: Pipeline,
    sink: Sink,
    arguments: argparse.Namespace,
) -> None:
    from lockgate_runtime.tracing.sink import RateLimit

    limit = RateLimit(arguments.rate) if arguments.rate else None
    left = arguments.count
    for batch in batches:
        lines = pipeline.run(batch)
        if limit:
            lines = limit.admit(lines)
        if left is not None:
            lines = lines[:left]
            left -= len(lines)
        sink.write(lines)
        if left == 0:
            break
    if limit and limit.withheld:
        print(f"{limit.withheld} events were over the rate", file=sys.stderr)


def _recorded(path: Path, follow: bool) -> Iterator[list[str]]:
    """Give lines of a file; E5100 where one is no event."""
    number = 0
    try:
        with (
            sys.stdin
            if str(path) == "-"
            else path.open(encoding="utf-8", errors="surrogateescape")
        ) as lines:
            rest = ""
            while True:
                text = lines.readline()
                if text.endswith("\n") or (text and not follow):
                    number += 1
                    yield (
                        [_checked(path, number, rest + text)]
                        if (rest + text).strip()
                        else []
                    )
                    rest = ""
                elif text:
                    rest += text  # the writer is in the middle of a line
                elif not follow:
                    return
                else:
                    time.sleep(_TAIL)
    except OSError as error:
        raise NodeError(
            "E5100", f"cannot read {path}: {error.strerror}", "name a file of events"
        ) from None


def _checked(path: Path, number: int, text: str) -> str:
    try:
        if isinstance(json.loads(text), dict):
            return text.strip()
    except ValueError:
        pass
    raise NodeError(
        "E5100",
        f"{path}:{number}: not an event",
        "record with `lockgate events -o json --out FILE`",
    )


def _pipeline(
    arguments: argparse.Namespace, kinds: frozenset[str]
) -> tuple[Pipeline, frozenset[str]]:
    """Return the stages, and the kinds that need ancestors for them; E5102."""
    from lockgate_runtime.terminal import has_colour, has_utf8
    from lockgate_runtime.tracing.event_predicates import read_predicate
    from lockgate_runtime.tracing.export_filters import (
        NEED_ANCESTORS,
        FilterError,
        read_filters,
    )
    from lockgate_runtime.tracing.field_filters import read_field_filter
    from lockgate_runtime.tracing.pipeline import Pipeline
    from lockgate_runtime.tracing.redaction import read_redaction
    from lockgate_runtime.tracing.render import ANCESTRY

    conditions: list[Callable[[dict[str, Any]], bool]] = []
    try:
        if arguments.allow:
            conditions.append(read_filters(arguments.allow))
        if arguments.deny:
            denied = read_filters(arguments.deny)
            conditions.append(lambda event: not denied(event))
        if arguments.predicate:
            conditions.append(
                read_predicate(json.loads(_text_or_file(arguments.predicate)))
            )
        fields = tuple(map(read_field_filter, arguments.fields))
        redactions = tuple(map(read_redaction, arguments.redact))
    except FilterError as error:
        raise NodeError(
            "E5102", f"a filter: {error}", "see `lockgate events --help`"
        ) from None
    except (ValueError, TypeError) as error:
        raise NodeError(
            "E5102", f"a filter is no JSON: {error}", "see `lockgate events --help`"
        ) from None
    asked = " ".join([*arguments.allow, *arguments.deny, arguments.predicate or ""])
    needs = any(name in asked for name in (*NEED_ANCESTORS, "ancestor"))
    return (
        Pipeline(
            redactions,
            tuple(conditions),
            fields,
            frozenset(ANCESTRY) - kinds if needs else frozenset(),
            arguments.output == "compact",
            has_pictures=arguments.out is not None or has_utf8(),
            has_colour=not arguments.out and has_colour(sys.stdout),
        ),
        frozenset(ANCESTRY) if needs else frozenset(),
    )


def _kinds(text: str) -> frozenset[str]:
    from lockgate_runtime.tracing.render import ANCESTRY

    kinds = {kind for kind in text.replace("base", "exec,exit").split(",") if kind}
    if kinds == {"all"}:
        return frozenset(ANCESTRY)
    if unknown := kinds - set(ANCESTRY):
        raise NodeError(
            "E5102",
            f"--ancestors: no such events: {', '.join(sorted(unknown))}",
            f"one or several of {', '.join(ANCESTRY)}, or all",
        )
    return frozenset(kinds)


def _text(text: str) -> str:
    if not text.startswith("@"):
        return text
    try:
        return Path(text[1:]).read_text()
    except OSError as error:
        raise argparse.ArgumentTypeError(f"{text[1:]}: {error.strerror}") from None


def _text_or_file(text: str) -> str:
    return text if text.lstrip().startswith("{") else Path(text).read_text()


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return number
