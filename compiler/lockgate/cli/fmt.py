"""``lockgate fmt``: one form for files of the native language."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from lockgate.cli.messages import UNJUDGED, print_diagnostics

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
        "formatting twice changes nothing; a file with mistakes is left as it is.  Exit code: "
        "0 done or in its form, 1 --check would change something, 2 a file has mistakes or "
        "cannot be read."
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
    parser.add_argument(
        "-o",
        "--output",
        choices=("text", "json"),
        default="text",
        help="json: for each file whether it was (or would be) changed",
    )


def run(arguments: argparse.Namespace) -> int:
    """Format every file, or say what would change."""
    from lockgate.diagnostics import Diagnostics
    from lockgate.frontend.inputs import NATIVE, open_inputs
    from lockgate.results import print_results

    diagnostics = Diagnostics()
    changes: dict[str, bool | None] = {}
    for file in open_inputs(arguments.files, diagnostics, NATIVE):
        changes[file.name] = _format(file, arguments, diagnostics)
    print_diagnostics(diagnostics)
    changed = [name for name, is_changed in changes.items() if is_changed]
    if arguments.output == "json":
        results = [
            {"file": name, "read": change is not None, "changed": bool(change)}
            for name, change in changes.items()
        ]
        summary = {"files": len(changes), "changed": len(changed)}
        sys.stdout.write(print_results(results, summary))
    if not diagnostics.ok:
        return UNJUDGED
    return int(bool(changed) and arguments.check)


def _format(
    file: InputFile, arguments: argparse.Namespace, diagnostics: Diagnostics
) -> bool | None:
    """Return whether a file is not in its form (None: it has mistakes); write it if so."""
    from lockgate.diagnostics import Diagnostics
    from lockgate.exchange import replaced_file
    from lockgate.language.documents import open_source
    from lockgate.language.formatting import format_text
    from lockgate.language.reading import language_of

    own = Diagnostics()
    source = open_source(file, own)
    text = None
    if own.ok:
        language = language_of(file.name)
        text = format_text(source, language, own)
    diagnostics.found += own.found
    if text is None:
        return None
    name = file.name if file.name != "<stdin>" else None
    is_quiet = arguments.output == "json"
    is_changed = bytes(file.data[:]) != text.encode()
    if arguments.check:
        if is_changed and not is_quiet:
            _print_difference(file.name, source.text, text)
    elif name is None:
        sys.stdout.write("" if is_quiet else text)
    elif is_changed:
        with replaced_file(Path(name), text):
            pass
    return is_changed


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
