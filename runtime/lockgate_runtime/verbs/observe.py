"""``observe``: flows as they pass and as they are refused."""

from __future__ import annotations

import argparse
import json
import sys
from collections import deque
from ipaddress import ip_network
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from lockgate_runtime.verbs import add_output, add_place, count, faults_to_exit_codes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from lockgate_runtime.observe.filters import Filter
    from lockgate_runtime.observe.flows import Flow

EXAMPLES = """
  lockgate observe                                 everything, until Ctrl-C; after unload
                                                   it waits for the next apply
  lockgate observe --verdict denied                what the policy refuses
  lockgate observe --endpoint shop/web --port 443
  lockgate observe --last 20                       what happened while nobody looked
  lockgate observe -o json > flows.jsonl           record, and look at it again:
  lockgate observe --from flows.jsonl --verdict denied
"""

_WAIT = 500
"""Milliseconds that one wait for the ring lasts at most: how late lost events are told."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    what = parser.add_argument_group("which flows")
    what.add_argument(
        "--last",
        type=count,
        metavar="N",
        help="the last N that happened while nobody read them, and no more",
    )
    what.add_argument(
        "--follow", action="store_true", help="after --last go on with what happens"
    )
    parser.set_defaults(is_stream=True)
    what.add_argument("--count", type=count, metavar="N", help="end after N flows")
    what.add_argument(
        "--from",
        type=Path,
        metavar="FILE",
        dest="recording",
        help="lines that `observe -o json` wrote, instead of this node; - is stdin",
    )
    conditions = parser.add_argument_group(
        "conditions", "all must hold; one that is given several times is a choice"
    )
    for option, text in (
        ("--endpoint", "either end, namespace/name; namespace/ is all of a namespace"),
        ("--source", "who sends, likewise"),
        ("--destination", "who receives, likewise"),
    ):
        conditions.add_argument(
            option, action="append", default=[], metavar="NAME", help=text
        )
    conditions.add_argument(
        "--verdict",
        action="append",
        default=[],
        choices=("allowed", "denied", "audit", "redirected", "authenticate"),
    )
    conditions.add_argument(
        "--direction", action="append", default=[], choices=("ingress", "egress")
    )
    conditions.add_argument(
        "--protocol",
        action="append",
        default=[],
        help="tcp, udp, icmp, ... or a number",
    )
    conditions.add_argument(
        "--port", action="append", default=[], type=_port, help="of either end"
    )
    conditions.add_argument(
        "--ip",
        action="append",
        default=[],
        type=_network,
        help="address or prefix of either end",
    )
    conditions.add_argument(
        "--policy",
        action="append",
        default=[],
        metavar="KEY",
        help="decided by Kind/namespace/name",
    )
    parser.add_argument(
        "--predicate",
        metavar="JSON|FILE",
        help="what `lockgate observe --filter ... --print-predicate` printed",
    )
    add_output(parser)
    parser.add_argument(
        "--bundle", type=Path, metavar="DIR", help="take names from this bundle"
    )
    add_place(parser)


@faults_to_exit_codes
def run(arguments: argparse.Namespace) -> int:
    """Print flows until there are no more, or forever."""
    from lockgate_runtime.observe.filters import Filter

    chosen = Filter(
        endpoints=tuple(arguments.endpoint),
        sources=tuple(arguments.source),
        destinations=tuple(arguments.destination),
        verdicts=tuple(arguments.verdict),
        directions=tuple(arguments.direction),
        protocols=tuple(arguments.protocol),
        ports=tuple(arguments.port),
        networks=tuple(arguments.ip),
        policies=tuple(arguments.policy),
    )
    matches = _both(chosen, arguments.predicate)
    if arguments.recording:
        flows = filter(matches, _recorded(arguments.recording))
        shown = iter(deque(flows, arguments.last) if arguments.last else flows)
    else:
        shown = _live(arguments, matches)
    _print(islice(shown, arguments.count), arguments.output)
    return 0


def _both(chosen: Filter, predicate: str | None) -> Callable[[Flow], bool]:
    """Join the conditions of the options with the predicate, if there is one."""
    if predicate is None:
        return chosen.matches
    from lockgate_runtime.errors import NodeError
    from lockgate_runtime.observe.predicates import read_predicate

    try:
        text = predicate if predicate.startswith("{") else Path(predicate).read_text()
        holds = read_predicate(json.loads(text))
    except ValueError as error:
        raise NodeError(
            "E5041",
            f"--predicate: {error}",
            "print it with `lockgate observe --filter EXPRESSION --print-predicate`",
        ) from None
    return lambda flow: chosen.matches(flow) and holds(flow)


def _live(
    arguments: argparse.Namespace, matches: Callable[[Flow], bool]
) -> Iterator[Flow]:
    """Yield what waits in the ring (the last of it), then what happens."""
    from lockgate_runtime.damage import require_loaded
    from lockgate_runtime.environment import check_capabilities
    from lockgate_runtime.observe.ring import wait_for_next
    from lockgate_runtime.observe.watch import Watch
    from lockgate_runtime.pins import Pins
    from lockgate_runtime.state import State

    check_capabilities()
    pins, state = Pins(arguments.root), State(arguments.root, arguments.state)
    if not pins.map("events").exists():
        require_loaded(pins)
    with Watch(pins, state, arguments.bundle) as watch:
        waiting: deque[Flow] = deque(maxlen=arguments.last)
        while flows := watch.take(0):
            waiting.extend(filter(matches, flows))
        yield from waiting
        if arguments.last is not None and not arguments.follow:
            return
        while not watch.is_over:
            yield from filter(matches, watch.take(_WAIT))
    while True:
        wait_for_next(pins)
        with Watch(pins, state, arguments.bundle, is_next=True) as watch:
            while not watch.is_over:
                yield from filter(matches, watch.take(_WAIT))


def _recorded(path: Path) -> Iterator[Flow]:
    from lockgate_runtime.errors import NodeError
    from lockgate_runtime.observe.flows import Flow

    with sys.stdin if str(path) == "-" else path.open() as lines:
        for number, line in enumerate(lines, 1):
            try:
                yield Flow.from_json(line)
            except (ValueError, TypeError):
                raise NodeError(
                    "E5040",
                    f"{path}:{number}: not a line of `lockgate observe -o json`",
                    "record with `lockgate observe -o json > FILE`",
                ) from None


def _print(flows: Iterable[Flow], output: str) -> None:
    from lockgate_runtime.observe.text import print_flow
    from lockgate_runtime.terminal import has_colour

    colour = has_colour(sys.stdout)
    for flow in flows:
        line = flow.to_json() if output == "json" else print_flow(flow, colour=colour)
        print(line, flush=True)


def _port(text: str) -> int:
    number = int(text)
    if not 0 <= number <= 65535:
        raise argparse.ArgumentTypeError("a port is 0 to 65535")
    return number


def _network(text: str) -> object:
    try:
        return ip_network(text, strict=False)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
