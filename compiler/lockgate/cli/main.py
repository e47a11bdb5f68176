"""Find the verb, run it, and end as a Unix program should."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from importlib import import_module
from io import TextIOWrapper
from typing import TYPE_CHECKING, NamedTuple, Protocol, cast

import lockgate
from lockgate.collection import end_process_after
from lockgate.faults import Fault
from lockgate_runtime.command_line import Parser, UsageError, tell_machine
from lockgate_runtime.errors import NodeError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import NoReturn

USAGE = 2
"""Exit code of a wrong command line or an environment that lacks something."""

BROKEN_PIPE = 128 + signal.SIGPIPE


class Verb(NamedTuple):
    """A verb: the module that has it, and what it is for."""

    module: str
    summary: str


VERBS = {
    "compile": Verb("lockgate.cli.compile", "compile policies into a bundle"),
    "lint": Verb("lockgate.cli.lint", "find what was probably not meant"),
    "diff": Verb("lockgate.cli.diff", "say who gains and who loses by a change"),
    "golden": Verb("lockgate.cli.golden", "keep text beside policies that shows them"),
    "simulate": Verb("lockgate.cli.simulate", "judge flows without a network"),
    "explain": Verb("lockgate.cli.explain", "say why a flow is allowed or denied"),
    "test": Verb("lockgate.cli.test", "run the tests of policies"),
    "replay": Verb("lockgate.cli.replay", "judge recorded flows by candidate policies"),
    "suggest": Verb("lockgate.cli.suggest", "draw policies from recorded flows"),
    "prove": Verb("lockgate.cli.prove", "compare a bundle with a second reading"),
    "apply": Verb("lockgate.cli.apply", "put a bundle in force on this node"),
    "status": Verb("lockgate.cli.status", "show what is in force on this node"),
    "confirm": Verb("lockgate.cli.confirm", "keep what apply --confirm-within loaded"),
    "rollback": Verb("lockgate.cli.rollback", "go back to the generation before"),
    "set-mode": Verb(
        "lockgate.cli.set_mode", "let a tracing policy enforce, or only tell"
    ),
    "unload": Verb("lockgate.cli.unload", "detach and remove everything"),
    "gc": Verb("lockgate.cli.gc", "remove what belongs to endpoints that are gone"),
    "verify": Verb(
        "lockgate.cli.verify", "ask kernels about a bundle: verifier, packets"
    ),
    "observe": Verb(
        "lockgate.cli.observe", "print the flows that pass and that do not"
    ),
    "events": Verb(
        "lockgate.cli.events", "print what processes do, and what tracing sees"
    ),
    "metrics": Verb("lockgate.cli.metrics", "print counters as Prometheus reads them"),
    "attach-report": Verb(
        "lockgate.cli.attach_report", "say where tracing policies attach on each target"
    ),
    "catalog": Verb("lockgate.cli.catalog", "print tracing policies ready to use"),
    "target": Verb(
        "lockgate.cli.target", "write down this kernel for tracing policies"
    ),
    "schema": Verb("lockgate.cli.schema", "print JSON Schemas of our own documents"),
    "convert": Verb(
        "lockgate.cli.convert", "turn YAML into the native language, and back"
    ),
    "fmt": Verb("lockgate.cli.fmt", "write the native language in its one form"),
    "completion": Verb("lockgate.cli.completion", "print shell completions"),
    "man": Verb("lockgate.cli.man", "print the manual page"),
}


STREAMS = ("simulate", "observe", "events")
"""Verbs whose JSON is one result a line."""


class VerbModule(Protocol):
    """What a verb's module has; see the package's docstring."""

    EXAMPLES: str

    def configure(self, parser: argparse.ArgumentParser) -> None:
        """Add the verb's arguments."""

    def run(self, arguments: argparse.Namespace) -> int:
        """Do it and return the exit code."""


def run() -> NoReturn:
    """Run ``lockgate`` as a process, which ends with it."""
    end_process_after(main)


def _write_every_character() -> None:
    """Print arrows in any locale: files and pipes are UTF-8, other terminals get a ``?``.

    So does what is no character, such as a byte of a file's name.
    """
    for stream in (sys.stdout, sys.stderr):
        if not isinstance(stream, TextIOWrapper):
            continue
        if stream.encoding.lower() != "utf-8" and not stream.isatty():
            stream.reconfigure(encoding="utf-8", errors="replace")
        else:
            stream.reconfigure(errors="replace")


def _open_what_is_closed() -> None:
    """Let output go nowhere where a shell's ``>&-`` closed it; the exit code still tells."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            setattr(sys, name, os.fdopen(nowhere, "w", encoding="utf-8"))


def _tell(text: str) -> None:
    """Print lines to standard error, harmless to a terminal whatever file they name."""
    from lockgate.excerpt import printable

    print("\n".join(map(printable, text.split("\n"))), file=sys.stderr)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run ``lockgate``; return its exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    _open_what_is_closed()
    _write_every_character()
    try:
        code = _run(words)
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read our output has enough; nothing more can be said there.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    except KeyboardInterrupt:
        # Die of the signal itself, so that a shell script around us stops as well.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
        return 128 + signal.SIGINT
    except (Fault, NodeError) as fault:
        _tell(fault.render())
        return USAGE
    except OSError as error:
        _tell(f"lockgate: {_describe(error)}")
        return USAGE
    except Exception:
        _report_bug()
        return USAGE
    return code


def build_parser(verbs: Sequence[str] = tuple(VERBS)) -> argparse.ArgumentParser:
    """Build the parser, with arguments for the given verbs only: each costs an import."""
    parser = Parser(
        prog="lockgate",
        description="Compile network policy to BPF, and put it in force.",
        epilog="`lockgate VERB --help` shows the arguments of a verb, with examples.  "
        "Exit code: 0 fine or the same; 1 judged, and found something; 2 could not judge (a "
        "mistake in a document is 1 for lint and compile, and 2 for verbs that cannot judge "
        "without it).",
        allow_abbrev=False,
    )
    parser.add_argument(
        "--version", action="version", version=f"lockgate {lockgate.__version__}"
    )
    places = parser.add_subparsers(
        dest="verb", metavar="VERB", required=True, title="verbs"
    )
    for name, verb in VERBS.items():
        inner = places.add_parser(
            name,
            help=verb.summary,
            description=verb.summary[0].upper() + verb.summary[1:] + ".",
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        if name in verbs:
            module = _load(name)
            inner.epilog = "examples:\n" + module.EXAMPLES.strip("\n")
            module.configure(inner)
    return parser


def _run(words: list[str]) -> int:
    chosen = [word for word in words if word in VERBS][:1]
    try:
        arguments = build_parser(chosen).parse_args(words)
    except SystemExit as end:  # argparse has said why
        if isinstance(end, UsageError):
            tell_machine(end, words, is_stream=bool({*chosen} & {*STREAMS}))
        sys.stdout.flush()
        return end.code if isinstance(end.code, int) else USAGE
    try:
        return _load(arguments.verb).run(arguments)
    except (Fault, NodeError) as fault:
        if getattr(arguments, "output", "") == "json" and arguments.verb not in STREAMS:
            _print_fault(fault)
        raise


def _print_fault(fault: Fault | NodeError) -> None:
    """Tell a machine, too, what kept a verb from its answer."""
    from lockgate.cli.messages import diagnose
    from lockgate.results import print_results

    print(print_results([], {}, [diagnose(fault)]), end="")


def _load(verb: str) -> VerbModule:
    return cast("VerbModule", import_module(VERBS[verb].module))


def _describe(error: OSError) -> str:
    """Say what the system said, and of which file."""
    what = error.strerror or str(error)
    return f"{error.filename}: {what}" if error.filename else what


def _report_bug() -> None:
    import traceback

    traceback.print_exc()
    print(
        "\nlockgate: this is a bug in Lockgate, not in your input.  Please report it with "
        f"the lines above\nand the command that you ran (lockgate {lockgate.__version__}, "
        f"Python {sys.version.split()[0]}).",
        file=sys.stderr,
    )


if __name__ == "__main__":
    sys.exit(main())
