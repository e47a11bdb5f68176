"""Tell of mistakes in a command line: as text, and to who asked for JSON as JSON, too."""

from __future__ import annotations

import argparse
import sys
from itertools import pairwise
from typing import TYPE_CHECKING

from lockgate_runtime.errors import NodeError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import NoReturn

_FORMS = ("-o", "--output", "--message-format")
"""Options whose value may be ``json``."""


class UsageError(SystemExit):
    """A mistake in a command line, of which people were told; ends with exit code 2."""

    def __init__(self, error: NodeError) -> None:
        super().__init__(2)
        self.error = error


class Parser(argparse.ArgumentParser):
    """A parser that says where help is, and remembers what was wrong."""

    def error(self, message: str) -> NoReturn:
        """Print what is wrong, and how it is right; UsageError."""
        ask = f"`{self.prog} --help`"
        cure = f"{ask} shows its arguments, with examples"
        if self._subparsers:  # options that are left over are of a verb
            cure = (
                f"{ask} lists the verbs, `{self.prog} VERB --help` the arguments of one"
            )
        self.print_usage(sys.stderr)
        print(f"{self.prog}: error: {message}\nhelp: {cure}", file=sys.stderr)
        raise UsageError(NodeError("E2204", message, cure))


def tell_machine(end: UsageError, words: Sequence[str], *, is_stream: bool) -> None:
    """Print a mistake as JSON, if the words of the command line ask for that.

    ``is_stream``: the verb prints one object a line, and its errors likewise.
    """
    from lockgate_runtime.results import placeless, print_result_line, print_results

    if not _asks_for_json(words):
        return
    error = end.error
    if is_stream:
        print(print_result_line({"error": error.to_json()}), end="")
    else:
        told = placeless(error.code, error.message, error.cure, name="command-line")
        print(print_results([], {}, [told]), end="")


def _asks_for_json(words: Sequence[str]) -> bool:
    """Whether ``-o json`` is among the words, however it is written."""
    joined = {"-ojson", *(f"{form}=json" for form in _FORMS if form.startswith("--"))}
    return not joined.isdisjoint(words) or any(
        first in _FORMS and second == "json" for first, second in pairwise(words)
    )
