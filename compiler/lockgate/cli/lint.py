"""``lockgate lint``: what compiles, and is still not what was meant."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from lockgate.cli.inputs import (
    add_cache,
    add_file,
    add_meaning,
    cache_folder,
    read_options,
)
from lockgate.collection import keep_to_the_end, without_collection
from lockgate_runtime.terminal import has_colour

if TYPE_CHECKING:
    import argparse
    from datetime import date

    from lockgate.diagnostics import Diagnostics
    from lockgate.driver import Compilation
    from lockgate.lint.config import Config
    from lockgate.lint.judgement import Judgement
    from lockgate.source import Source

EXAMPLES = """
  lockgate lint -f policies/
  lockgate lint -f policies/ -f cluster.yaml --fail-on warning
  lockgate lint -f policies/ -f cluster.yaml -o sarif > findings.sarif
  lockgate lint -f policies/ -f cluster.yaml --baseline known.json --write-baseline
  lockgate lint -f policies/ --config .lockgate-lint.yaml -o github

in a policy, at the line or above the object (the reason must be there, the date may):
  # lockgate: ignore[shadowed-rule] until 2027-01-31: goes with the old cluster
  # lockgate: error[empty-rules]: nothing here may be open to all (or warning, or note)
in .lockgate-lint.yaml (`lockgate schema lint` describes all of it):
  findings: [{finding: shadowed-rule, severity: off, reason: we know, until: 2027-01-31}]
  protected: [{name: ssh, from: 203.0.113.0/24, to: nodes, port: tcp/22}]
  exposed: ["shop/ingress*"]
  budgets: {map-entries: 100000, identity-classes: 500}
"""

_FORMS = ("text", "json", "sarif", "github", "junit", "markdown")
_FAILING = ("error", "warning", "note")


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.description = (
        "Find what compiles, and is still not what was meant, besides all that compile "
        "says.  What is not enforced yet is 'unsupported', and no error.  Without a snapshot "
        "only policies are judged.  Exit code: 0 no error, 1 an error (or what --fail-on "
        "says; text that is no YAML is an error), 2 could not judge (an input that is no "
        "text, or cannot be read)."
    )
    add_file(parser, "file or directory of policies, a snapshot, - for standard input")
    parser.add_argument(
        "-o", "--output", choices=_FORMS, default="text", help="default: text"
    )
    parser.add_argument(
        "--fail-on",
        choices=_FAILING,
        default="error",
        help="the least severity that is exit code 1 (default: error)",
    )
    config = parser.add_mutually_exclusive_group()
    config.add_argument(
        "--config",
        type=Path,
        metavar="FILE",
        help="severities, exceptions, budgets (default: .lockgate-lint.yaml, if it is here)",
    )
    config.add_argument(
        "--no-config", action="store_true", help="read no configuration"
    )
    parser.add_argument(
        "--baseline",
        type=Path,
        metavar="FILE",
        help="do not count the findings that this file knows",
    )
    parser.add_argument(
        "--write-baseline",
        action="store_true",
        help="write all findings of now to the file of --baseline",
    )
    parser.add_argument(
        "--today",
        metavar="DATE",
        help="judge exceptions by this day, such as 2027-01-31 (default: today)",
    )
    add_meaning(parser)
    add_cache(parser)


def run(arguments: argparse.Namespace) -> int:
    """Judge, print, and say by the exit code what was found."""
    with without_collection():
        return _lint(arguments)


def _lint(arguments: argparse.Namespace) -> int:
    from lockgate.cli.messages import print_diagnostics
    from lockgate.diagnostics import Diagnostics
    from lockgate.lint.judgement import judge_policies

    today = _read_today(arguments)
    _check_arguments(arguments)
    mistakes = Diagnostics()
    config = _read_config(arguments, mistakes)
    known = _read_known(arguments, mistakes)
    if not mistakes.ok:
        print_diagnostics(mistakes)
        return 2
    compilation = _compile(arguments)
    keep_to_the_end(compilation)
    remembers = arguments.baseline is not None
    judgement = judge_policies(compilation, config, today, known, remembers=remembers)
    if arguments.write_baseline:
        return _write_known(arguments.baseline, judgement, compilation)
    _print(judgement, arguments.output)
    return _exit_code(judgement, compilation, arguments.fail_on)


def _compile(arguments: argparse.Namespace) -> Compilation:
    from lockgate.cli.terminal import progress
    from lockgate.driver import Settings, compile_tables

    # Without --allow-unenforced, what is not enforced yet stops no judging of the rest.
    options = read_options(arguments)
    with progress() as tell:
        settings = Settings(cache=cache_folder(arguments), progress=tell)
        return compile_tables(arguments.files, options, settings)


def _print(judgement: Judgement, form: str) -> None:
    from lockgate.findings import render_findings

    text = render_findings(
        judgement.findings,
        form,
        colour=form == "text" and has_colour(sys.stdout),
        more={"known": judgement.known, "ignored": judgement.ignored},
    )
    print(text, end="")
    if form == "text" and not text:
        print("nothing to say")


def _exit_code(judgement: Judgement, compilation: Compilation, fail_on: str) -> int:
    from lockgate.cli.messages import UNJUDGED, exit_code
    from lockgate.findings import Level

    if exit_code(compilation.diagnostics) == UNJUDGED:
        return UNJUDGED
    levels = [Level(word) for word in _FAILING[: _FAILING.index(fail_on) + 1]]
    return 1 if judgement.worst(levels) else 0


# ---------------------------------------------------------------- what else is read


def _check_arguments(arguments: argparse.Namespace) -> None:
    from lockgate.faults import Fault

    if arguments.write_baseline and arguments.baseline is None:
        raise Fault(
            "E2203",
            "--write-baseline needs the file that it is to write",
            "add --baseline FILE",
        )


def _read_today(arguments: argparse.Namespace) -> date:
    from datetime import date

    from lockgate.faults import Fault
    from lockgate.lint.config import read_date

    if arguments.today is None:
        return date.today()  # a day of the user's own calendar
    found = read_date(arguments.today)
    if found is None:
        raise Fault(
            "E2203",
            f"--today {arguments.today!r} is no date",
            "write it as 2027-01-31",
        )
    return found


def _read_config(arguments: argparse.Namespace, mistakes: Diagnostics) -> Config:
    from lockgate.lint.config import FILE, Config, read_config

    path = arguments.config
    if path is None:
        path = Path(FILE)
        if arguments.no_config or not path.is_file():
            return Config()
    return read_config(_source(path), mistakes)


def _read_known(
    arguments: argparse.Namespace, mistakes: Diagnostics
) -> frozenset[str] | None:
    from lockgate.lint.baseline import read_baseline

    if arguments.baseline is None or arguments.write_baseline:
        return None
    return read_baseline(_source(arguments.baseline), mistakes)


def _source(path: Path) -> Source:
    from lockgate.bounded import read_text
    from lockgate.source import Source

    return Source(str(path), read_text(path))


def _write_known(path: Path, judgement: Judgement, compilation: Compilation) -> int:
    from lockgate.cli.messages import UNJUDGED, exit_code
    from lockgate.diagnostics import count
    from lockgate.exchange import replaced_file
    from lockgate.lint.baseline import write_baseline

    if exit_code(compilation.diagnostics) == UNJUDGED:
        _print(judgement, "text")
        return UNJUDGED
    with replaced_file(path, write_baseline(judgement.findings)):
        pass
    print(f"{path}: {count(len(judgement.findings), 'finding')}", file=sys.stderr)
    return 0
