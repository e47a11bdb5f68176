"""What one can do on a node: one verb, one module, for ``lockgate`` and without it.

A verb's module has ``EXAMPLES``, ``configure(parser)`` and ``run(arguments)``, as the verbs of
the compiler's command line; ``python -m lockgate_runtime VERB`` needs nothing but this package.
Exit codes: 0 done, 1 the bundle is refused, 2 usage or environment; a bundle that is not
there or may not be read is of the latter.
"""

from __future__ import annotations

import argparse
import functools
import json
import sys
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from lockgate_runtime.errors import BpfError, NodeError
from lockgate_runtime.results import WARNING, placeless, print_results

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from lockgate_runtime.netlink import Netlink
    from lockgate_runtime.pins import Pins
    from lockgate_runtime.state import State

VERBS = {
    "apply": "put a bundle in force on this node",
    "status": "show what is in force on this node",
    "confirm": "keep what apply --confirm-within loaded",
    "rollback": "go back to the generation before",
    "set-mode": "let a tracing policy enforce, or only tell what it would do",
    "unload": "detach and remove everything",
    "gc": "remove what belongs to endpoints that are gone",
    "verify": "ask the kernel's verifier about a bundle",
    "observe": "print the flows that pass and that do not",
    "events": "print what processes do, and what tracing sees",
    "metrics": "print counters as Prometheus reads them",
    "target": "write down this kernel for tracing policies",
}

REFUSED, ENVIRONMENT = 1, 2
_REFUSALS = ("E5010", "E5013", "E5014", "E5020", "E5035", "E5140", "E5141", "E5145")


def count(text: str) -> int:
    """Read an argument of one or more; argparse tells of another."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return number


def add_place(parser: argparse.ArgumentParser) -> None:
    """Add the options that say where the pins and names are."""
    parser.add_argument(
        "--root",
        type=Path,
        default=Path("/sys/fs/bpf/lockgate"),
        metavar="DIR",
        help="where maps, programs and links are pinned (default: %(default)s)",
    )
    parser.add_argument(
        "--state",
        type=Path,
        default=Path("/run/lockgate"),
        metavar="DIR",
        help="where names and totals are kept (default: %(default)s)",
    )


def add_output(parser: argparse.ArgumentParser) -> None:
    """Add ``-o``."""
    parser.add_argument(
        "-o", "--output", choices=("text", "json"), default="text", help="default: text"
    )


def add_lock(parser: argparse.ArgumentParser) -> None:
    """Add what to do while another process changes the same root."""
    parser.add_argument(
        "--no-wait",
        action="store_true",
        help="fail when another process is at it, instead of waiting",
    )


def configure_change(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of a verb that changes what is loaded, see :func:`changing`."""
    add_lock(parser)
    add_place(parser)
    add_output(parser)


class Loaded(NamedTuple):
    """What is loaded on this node, under the lock."""

    pins: Pins
    state: State
    netlink: Netlink


@contextmanager
def changing(
    arguments: argparse.Namespace, *, needs_generation: bool = False
) -> Iterator[Loaded]:
    """Give what is loaded below ``--root``, and keep other processes from changing it.

    NodeError without privilege or a BPF file system; with ``needs_generation`` also where
    nothing was applied, before anything is created or locked.
    """
    from lockgate_runtime.damage import has_links, require_loaded
    from lockgate_runtime.environment import check_bpffs, check_capabilities
    from lockgate_runtime.netlink import Netlink
    from lockgate_runtime.pins import Pins
    from lockgate_runtime.state import State

    check_capabilities()
    check_bpffs(arguments.root)
    pins, state = Pins(arguments.root), State(arguments.root, arguments.state)
    if needs_generation and not has_links(pins):
        require_loaded(pins)
    with (
        Netlink() as netlink,
        pins.lock(wait=not arguments.no_wait, waiting=tell_waiting),
    ):
        yield Loaded(pins, state, netlink)


@dataclass(frozen=True)
class Answer:
    """What a verb found or did, as ``-o json`` prints it (:mod:`lockgate_runtime.results`)."""

    results: Sequence[Mapping[str, Any]]
    summary: Mapping[str, Any] = field(default_factory=dict)
    warnings: Sequence[str] = ()


def show(arguments: argparse.Namespace, answer: Answer, *lines: str) -> None:
    """Print an answer in the form that was asked for; as text, its warnings come first."""
    if arguments.output == "json":
        told = [placeless(WARNING, one, None, "warning") for one in answer.warnings]
        print(print_results(answer.results, answer.summary, told), end="")
    else:
        print("\n".join([*(f"warning: {one}" for one in answer.warnings), *lines]))


def tell_waiting() -> None:
    """Say that we wait; a person would wonder."""
    print("waiting for another process that is changing the same root", file=sys.stderr)


def faults_to_exit_codes(
    run: Callable[[argparse.Namespace], int],
) -> Callable[[argparse.Namespace], int]:
    """Print a :class:`NodeError`, or what the kernel refused, and end with its exit code.

    Verbs that print line by line set ``is_stream``: their error is one line, too.
    """

    @functools.wraps(run)
    def wrapped(arguments: argparse.Namespace) -> int:
        try:
            return run(arguments)
        except NodeError as error:
            return _tell(arguments, error)
        except BpfError as error:
            from lockgate_runtime.damage import name_refusal

            return _tell(arguments, name_refusal(error))

    return wrapped


def _tell(arguments: argparse.Namespace, error: NodeError) -> int:
    """Print an error, to machines too, and return the exit code."""
    print(error.render(), file=sys.stderr)
    if arguments.output == "json":
        if getattr(arguments, "is_stream", False):
            print(json.dumps({"error": error.to_json()}))
        else:
            told = placeless(error.code, error.message, error.cure)
            print(print_results([], {}, [told]), end="")
    return exit_code(error)


def exit_code(error: NodeError) -> int:
    """Return what a command ends with after an error."""
    return REFUSED if error.code in _REFUSALS else ENVIRONMENT
