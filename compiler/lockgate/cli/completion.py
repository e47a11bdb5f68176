"""``lockgate completion``: what a shell needs to complete verbs, options and files."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

SHELLS = ("bash", "fish", "tcsh", "zsh")

EXAMPLES = """
  source <(lockgate completion bash)
  lockgate completion zsh > ~/.zfunc/_lockgate
  lockgate completion fish > ~/.config/fish/completions/lockgate.fish
  lockgate completion tcsh > ~/.lockgate.tcsh; source ~/.lockgate.tcsh
"""

_FOLDERS = frozenset(("BUNDLE", "DIR"))
_FILES = frozenset(
    ("FILE", "FLOWS", "NEW", "OBJECT", "OLD", "PATH", "SNAPSHOT", "TESTFILE")
)
"""Words for values, as help shows them, that stand for something on the disk."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("shell", choices=SHELLS, help=f"one of: {', '.join(SHELLS)}")


def run(arguments: argparse.Namespace) -> int:
    """Print the script."""
    import shtab

    from lockgate.cli.main import build_parser

    parser = build_parser()
    for action in each_action(parser):
        kind = completes(action)
        if kind is not None and action.choices is None:
            # An attribute of shtab's, which argparse does not know.
            files = shtab.DIRECTORY if kind == "folder" else shtab.FILE
            action.complete = files  # type: ignore[attr-defined]
    print(shtab.complete(parser, shell=arguments.shell))
    return 0


def each_action(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    """Yield every argument of every verb."""
    for verb in verbs_of(parser).values():
        yield from verb._actions


def verbs_of(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    """Return the parsers of the verbs."""
    (places,) = (action for action in parser._actions if action.dest == "verb")
    found: Any = places.choices
    return dict(found)


def completes(action: argparse.Action) -> str | None:
    """Return ``file`` or ``folder`` where a value is one, by its type or its word in help."""
    metavar = action.metavar
    text = " ".join(metavar) if isinstance(metavar, tuple) else metavar or action.dest
    words = set(re.split(r"[^A-Z]+", text.upper()))
    if words & _FILES:
        return "file"
    if words & _FOLDERS:
        return "folder"
    return "file" if action.type is Path else None
