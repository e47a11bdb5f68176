"""``lockgate convert``: policies from YAML to the native language, and back."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from lockgate.cli.messages import FORMATS, UNJUDGED, print_diagnostics

if TYPE_CHECKING:
    import argparse

EXAMPLES = """
  lockgate convert policies.yaml --to gate > policies.gate
  lockgate convert policies.gate --to yaml | kubectl apply -f -
  lockgate convert policies.gate --to yaml --prefer NetworkPolicy
  helm template shop | lockgate convert - --to gate
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.description = (
        "Convert policies between YAML (every kind that compile reads) and the native "
        "language.  What is written means the same: it is read again and compared; what "
        "cannot be said is an error at its place, and nothing is written.  Comments, labels "
        "and descriptions are not carried over.  Exit code: 0 converted, 1 something cannot "
        "be said, 2 the input has mistakes or cannot be read."
    )
    parser.add_argument(
        "files",
        nargs="+",
        metavar="FILE",
        help="file or directory, - for standard input (the native language there begins "
        "with '# lockgate: gate')",
    )
    parser.add_argument("--to", choices=("yaml", "gate"), required=True)
    parser.add_argument(
        "--prefer",
        choices=("cilium", "NetworkPolicy"),
        default="cilium",
        help="NetworkPolicy: that kind where it is enough (default: cilium)",
    )
    parser.add_argument(
        "-o", "--output", type=Path, metavar="FILE", help="default: standard output"
    )
    parser.add_argument(
        "--message-format",
        choices=FORMATS,
        default="text",
        help="how to print diagnostics: text to standard error (default); json or sarif to "
        "standard output, where the converted text then is not printed",
    )
    parser.add_argument(
        "--semantics",
        choices=("kubernetes", "cilium"),
        default="kubernetes",
        help="how YAML is read, by compile and here: that which is written, too",
    )
    parser.add_argument(
        "--cluster-name", default="default", metavar="NAME", help="default: default"
    )


def run(arguments: argparse.Namespace) -> int:
    """Convert, print diagnostics, write the text."""
    from lockgate.diagnostics import Diagnostics
    from lockgate.exchange import replaced_file
    from lockgate.frontend.documents import parse_documents, read_documents
    from lockgate.language.conversion import Target, convert
    from lockgate.options import Options, Semantics

    diagnostics = Diagnostics()
    documents = read_documents(arguments.files, None, diagnostics)
    options = Options(
        semantics=Semantics(arguments.semantics), cluster_name=arguments.cluster_name
    )
    parsed = parse_documents(documents, options, diagnostics)
    is_read = diagnostics.ok
    text = ""
    if is_read:
        text = convert(
            parsed,
            Target(arguments.to),
            diagnostics,
            options=options,
            prefers_kubernetes=arguments.prefer == "NetworkPolicy",
        )
    print_diagnostics(diagnostics, arguments.message_format)
    if diagnostics.ok and arguments.output is not None:
        with replaced_file(arguments.output, text):
            pass
    elif diagnostics.ok and arguments.message_format == "text":
        sys.stdout.write(text)
    if not is_read:
        return UNJUDGED
    return 0 if diagnostics.ok else 1
