"""``lockgate fmt``: one form for files of the native language."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from lockgate.cli.messages import exit_code, print_diagnostics

if TYPE_CHECKING:
    import argparse

    from lockgate.diagnostics import Diagnostics
    from lockgate.frontend.inputs import InputFile

EXAMPLES = """
  lockgate fmt policies/                       every *.gate and *.gatetest file below
  lockgate fmt web.gate web.gatetest
  lockgate fmt --check policies/               for continuous integration
  lockgate convert web.yaml --to gate | lockgate fmt -
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.description = (
        "Write files of the native language in their one form, in place.  Comments stay; "
        "formatting twice changes nothing; a file with mistakes is left as it is."
    )
    parser.add_argument(
        "files",
        nargs="+",
        metavar="FILE",
        help="file or directory; - reads standard input and writes standard output",
    )
    parser.add_argument(
        "--check",
        action="store_true",
        help="write nothing; print what would change, and exit with 1 if anything would",
    )


def run(arguments: argparse.Namespace) -> int:
    """Format every file, or say what would change."""
    from lockgate.diagnostics import Diagnostics
    from lockgate.frontend.inputs import NATIVE, open_inputs

    diagnostics = Diagnostics()
    changed = False
    for file in open_inputs(arguments.files, diagnostics, NATIVE):
        changed |= _format(file, arguments.check, diagnostics)
    print_diagnostics(diagnostics)
    return exit_code(diagnostics) or int(changed and arguments.check)


def _format(
    file: InputFile, is_check: bool, diagnostics: Diagnostics
) -> bool:  # an option
    """Return whether a file is not in its form; write it unless only asked."""
    from lockgate.diagnostics import Diagnostics
    from lockgate.language.documents import open_source
    from lockgate.language.formatting import format_text
    from lockgate.language.reading import language_of

    own = Diagnostics()
    source = open_source(file, own)
    text = None
    if own.ok:
        language = language_of(file.name, source.text)
        text = format_text(source, language, own)
    diagnostics.found += own.found
    if text is None:
        return False
    is_standard_input = file.name == "<stdin>"
    if text == source.text and bytes(file.data[:]) == text.encode():
        if is_standard_input and not is_check:
            sys.stdout.write(text)
        return False
    if is_check:
        _print_difference(file.name, source.text, text)
    elif is_standard_input:
        sys.stdout.write(text)
    else:
        Path(file.name).write_text(text, encoding="utf-8", newline="")
    return True


def _print_difference(name: str, before: str, after: str) -> None:
    from difflib import unified_diff

    lines = unified_diff(
        before.splitlines(keepends=True),
        after.splitlines(keepends=True),
        name,
        f"{name} (formatted)",
    )
    for line in lines:
        sys.stdout.write(line if line.endswith("\n") else f"{line}\n")
