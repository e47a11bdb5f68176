"""``lockgate diff``: who can reach whom now that could not before, and by which rule."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from lockgate.cli.inputs import (
    add_cache,
    add_file,
    add_meaning,
    cache_folder,
    read_options,
)
from lockgate.faults import Fault

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable

    from lockgate.review.comparison import Comparison

EXAMPLES = """
  lockgate diff old/ new/ -f cluster.yaml
  lockgate diff main..HEAD -f policies/ -f cluster.yaml
  lockgate diff git:main policies/ -f cluster.yaml --fail-on exposed,unprotected
  lockgate diff main...HEAD -f policies/ -f cluster.yaml -o markdown > comment.md
  lockgate diff v1.2:policies v1.3:policies -f cluster.yaml -o json --complete
  lockgate diff bundle-in-force/ bundle/
"""

FORMS = ("text", "json", "markdown", "github")
LIMIT = 1_000_000
TROUBLE = 2


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.usage = (
        "lockgate diff OLD NEW | A..B [-f PATH ...] [--fail-on WHAT] [--all] [-o FORM]"
    )
    parser.description = (
        "Say what a change of policies changes: which traffic is GAINED (was denied, can "
        "pass), LOST, or judged otherwise (CHANGED), by workload and port, with the lines "
        "of policy on both sides.  OLD and NEW are files, folders or bundles; REV:PATH, a "
        "path in a Git revision; or git:REV, a revision at the paths of -f or of the other "
        "side.  The work tree is never touched.  What the snapshot alone has changed "
        "stands apart.  L7 rules and the like count as enforced.  Of tracing policies: hooks, "
        "selectors (wider, narrower), actions, modes; what is enforced comes first.\n\n"
        "Exit code: 0 nothing of --fail-on, 1 something of it, 2 trouble."
    )
    parser.add_argument("words", nargs="+", metavar="OLD NEW", help="see above")
    add_file(
        parser,
        "belongs to both sides: a snapshot, policies; for revisions without a path, "
        "what is read from them, where Git knows it",
        is_required=False,
    )
    parser.add_argument(
        "--fail-on",
        default="any",
        metavar="WHAT",
        help="what makes the exit code 1, separated by commas: gained, lost, changed, "
        "exposed (to public addresses), unprotected (nothing is denied by default any "
        "more), isolated (something is), enforcing (tracing policies deny or kill otherwise), "
        "any (default), none",
    )
    parser.add_argument(
        "--all", action="store_true", help="leave out no row and no name in the text"
    )
    parser.add_argument(
        "--complete",
        action="store_true",
        help="name each workload, node and prefix, instead of 'ns shop' or 'everything'",
    )
    parser.add_argument(
        "--limit",
        type=int,
        default=LIMIT,
        metavar="N",
        help="so many results at most with -o json; how many are left out is in its summary "
        "(default: %(default)s; 0: all, which may be gigabytes where much was rewritten)",
    )
    parser.add_argument("-o", "--output", choices=FORMS, default="text")
    add_meaning(parser)
    add_cache(parser)


def run(arguments: argparse.Namespace) -> int:
    """Compare and print."""
    from lockgate.cli.messages import print_diagnostics
    from lockgate.cli.terminal import progress
    from lockgate.diagnostics import Diagnostics, Severity
    from lockgate.review.review import review

    words = _read_fail_on(arguments.fail_on)
    if arguments.limit < 0:
        raise Fault(
            "E2203", "--limit cannot be negative", "--limit 0 leaves out nothing"
        )
    diagnostics = Diagnostics()
    with progress() as tell:
        comparison = review(
            arguments.words,
            arguments.files,
            read_options(arguments),
            cache_folder(arguments),
            diagnostics,
            is_complete=arguments.complete,
            progress=tell,
        )
    if comparison is None:
        errors = [d for d in diagnostics.found if d.severity is Severity.ERROR]
        print_diagnostics(Diagnostics(errors))
        return TROUBLE
    sys.stdout.writelines(_print(comparison, arguments))
    return 1 if any(map(comparison.has, words)) else 0


def _print(comparison: Comparison, arguments: argparse.Namespace) -> Iterable[str]:
    if arguments.output == "json":
        from lockgate.review.difference_json import print_json

        return print_json(comparison, arguments.limit or None)
    if arguments.output == "markdown":
        from lockgate.review.difference_markdown import print_markdown

        return [print_markdown(comparison)]
    if arguments.output == "github":
        from lockgate.review.difference_github import print_commands

        return [print_commands(comparison)]
    from lockgate.review.difference_text import print_comparison
    from lockgate_runtime.terminal import has_colour

    colour = has_colour(sys.stdout)
    return [print_comparison(comparison, has_all=arguments.all, colour=colour)]


def _read_fail_on(text: str) -> list[str]:
    from lockgate.diagnostics import did_you_mean
    from lockgate.review.comparison import WORDS

    words = [word.strip() for word in text.split(",")]
    if words == ["none"]:
        return []
    for word in words:
        if word not in WORDS:
            raise Fault(
                "E2203",
                f"--fail-on does not know '{word}'",
                did_you_mean(word, WORDS) or f"one of: {', '.join(WORDS)}, none",
            )
    return words
