"""``target record``: write down this kernel, so that policies can be compiled for it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from lockgate_runtime.verbs import Answer, add_output, faults_to_exit_codes, show

if TYPE_CHECKING:
    import argparse

EXAMPLES = """
  sudo lockgate target record targets/worker
  sudo python3 -m lockgate_runtime target record /tmp/target
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.description = (
        "Write down what this kernel offers to tracing policies (types, functions, "
        "tracepoints, hooks that work) as a folder: elsewhere `--target NAME=DIR` compiles "
        "for this kernel.  Needs root; changes nothing."
    )
    parser.add_argument("action", choices=("record",), help="what to do")
    parser.add_argument("directory", type=Path, metavar="DIR", help="where it goes")
    add_output(parser)


@faults_to_exit_codes
def run(arguments: argparse.Namespace) -> int:
    """Record, and say what was found."""
    from lockgate_runtime.target.record import record

    target = record(arguments.directory)
    works = [name for name, does in sorted(target["hooks"].items()) if does]
    counts = ", ".join(f"{n} {what}" for what, n in sorted(target["counts"].items()))
    text = (
        f"{arguments.directory}: Linux {target['release']} ({target['machine']}), {counts}\n"
        f"hooks that work: {', '.join(works) or 'none'}"
    )
    show(arguments, Answer([target], target["counts"]), text)
    return 0
