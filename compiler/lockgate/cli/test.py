"""``lockgate test``: run the tests of policies."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from lockgate.cli.inputs import percentage
from lockgate.cli.judged import (
    RefusedError,
    add_judged_files,
    compiled_bundle,
    read_judged,
)
from lockgate.cli.messages import print_diagnostics

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from lockgate.cli.judged import Judged
    from lockgate.diagnostics import Diagnostics
    from lockgate.expectations.coverage import Coverage
    from lockgate.expectations.engine import Engine, Result
    from lockgate.expectations.sampling import KernelSampler
    from lockgate.expectations.telling import Teller
    from lockgate.language.ast import Test
    from lockgate.simulation import Judge

EXAMPLES = """
  lockgate test -f policies/ -f cluster.yaml tests/
  lockgate test -f policies/ -f cluster.yaml shop.gatetest --coverage --fail-under 80
  lockgate test -f cluster.yaml web.gate       policies with their tests in one file
  lockgate test -f policies/ -f cluster.yaml tests/ -o junit > report.xml
  echo 'test "db" { never @world -> shop:app=db }' |
    lockgate test -f policies/ -f cluster.yaml -
  sudo lockgate test -f policies/ -f cluster.yaml tests/ --engine kernel
"""

FAILED = 1
UNJUDGED = 2
_FORMS = ("text", "json", "junit", "github")
_POLICIES = ".gate"
_TESTS = ".gatetest"
"""Endings of files: policies with their tests, and tests alone."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.description = (
        "Run tests of policies: `expect allow|deny|redirect|audit SRC -> DST PORTS [REQUEST] "
        "[by POLICY]`, `never SRC -> DST [on PORTS]`, `always SRC -> DST [on PORTS]`, in "
        '`test "NAME" { ... }` blocks.  Each statement is judged over everything that its '
        "sets mean: pods and nodes of the snapshot, every kind of address outside, both "
        "families.  Where one does not hold, a flow for which it does not is shown with "
        "the rule that decided.  A statement about nobody has failed.  Exit code: 0 all "
        "hold, 1 some do not, 2 could not judge."
    )
    parser.add_argument(
        "tests",
        nargs="*",
        metavar="TESTFILE",
        help="files, directories (every *.gatetest and *.gate below), - for standard input; "
        "a *.gate file counts as policies, too, as if -f named it.  Tests in *.gate files of "
        "-f are run always (default: all tests below the directories of -f)",
    )
    parser.add_argument(
        "--engine",
        choices=("tables", "kernel"),
        default="tables",
        help="judge by the tables alone (default), or also send packets of each kind "
        "through the loaded program with BPF_PROG_TEST_RUN (needs root; attaches nothing)",
    )
    parser.add_argument(
        "--coverage", action="store_true", help="list the rules that no test exercises"
    )
    parser.add_argument(
        "--fail-under",
        type=percentage,
        metavar="PERCENT",
        help="exit with 1 if fewer of the rules are exercised",
    )
    parser.add_argument("-o", "--output", choices=_FORMS, default="text")
    add_judged_files(parser)


class _Run(NamedTuple):
    """All that is told of."""

    results: list[Result]
    coverage: Coverage
    teller: Teller


def run(arguments: argparse.Namespace) -> int:
    """Read tests, judge, print."""
    from lockgate.diagnostics import Diagnostics

    diagnostics = Diagnostics()
    alone = _read_tests(_find_tests(arguments), diagnostics)
    if not diagnostics.ok:
        print_diagnostics(diagnostics)
        return UNJUDGED
    try:
        with _engine(arguments) as (engine, judged, sampler):
            tests = [*_beside_policies(judged), *alone]
            _check_there_are_tests(arguments, tests, diagnostics)
            done = _judge(tests, engine, judged, sampler)
    except RefusedError:
        return UNJUDGED
    if not done.results:
        print_diagnostics(diagnostics)
        return UNJUDGED
    if sampler is not None:
        _report_left_out(sampler, diagnostics)
    _check_coverage(arguments, done.coverage, diagnostics)
    _print(arguments, done)
    print_diagnostics(diagnostics)
    return _exit_code(done.results, diagnostics)


# ---------------------------------------------------------------- reading


def _find_tests(arguments: argparse.Namespace) -> list[str]:
    """Return the files that hold tests and nothing else; add those of policies to ``-f``.

    Files that have two names, or stand for themselves and below a directory, count once.
    """
    from lockgate.faults import Fault

    if [*arguments.files, *arguments.tests].count("-") > 1:
        raise Fault(
            "E2203",
            "standard input is named twice",
            "name files for all but one of them",
        )
    named = arguments.tests or [f for f in arguments.files if Path(f).is_dir()]
    policies = _files_of(arguments.files, (_POLICIES,))
    found = _files_of(named, (_POLICIES, _TESTS))
    new = {key: name for key, name in found.items() if key not in policies}
    arguments.files += [n for n in new.values() if n.endswith(_POLICIES)]
    return [name for name in found.values() if not name.endswith(_POLICIES)]


def _files_of(arguments: list[str], suffixes: tuple[str, ...]) -> dict[str, str]:
    """Return the files that arguments mean, by their real paths; hidden ones left out."""
    found: dict[str, str] = {}
    for argument in arguments:
        for name in _files_below(argument, suffixes):
            found.setdefault(os.path.realpath(name), name)
    return found


def _files_below(argument: str, suffixes: tuple[str, ...]) -> list[str]:
    if not Path(argument).is_dir():
        return [argument]
    found = []
    for folder, folders, names in os.walk(argument):
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += [
            str(Path(folder, name))
            for name in names
            if name.endswith(suffixes) and not name.startswith(".")
        ]
    return sorted(found)


def _read_tests(names: list[str], diagnostics: Diagnostics) -> list[Test]:
    from lockgate.frontend.inputs import open_inputs
    from lockgate.language.documents import open_source
    from lockgate.language.reading import Language, read_file

    tests: list[Test] = []
    for file in open_inputs(names, diagnostics):
        source = open_source(file, diagnostics)
        if diagnostics.ok:
            tests += read_file(source, Language.TESTS, diagnostics).tests
    return tests


def _check_there_are_tests(
    arguments: argparse.Namespace, tests: list[Test], diagnostics: Diagnostics
) -> None:
    if not tests:
        diagnostics.error(
            "E6204",
            f"there is no test in {', '.join(arguments.tests or arguments.files)}",
            None,
            help='write one: test "db" { never @world -> shop:app=db }',
        )


# ---------------------------------------------------------------- judging


@contextmanager
def _engine(
    arguments: argparse.Namespace,
) -> Iterator[tuple[Engine, Judged, KernelSampler | None]]:
    if arguments.engine == "tables":
        judged = read_judged(arguments, None)
        yield _build(judged), judged, None
        return
    from lockgate.cli.kernel_judge import KernelJudge

    with (
        compiled_bundle(arguments, None) as (judged, bundle),
        KernelJudge(bundle, judged.tables) as judge,
    ):
        engine = _build(judged)
        engine.sampler = sampler = _sampler(engine, judge)
        yield engine, judged, sampler


def _sampler(engine: Engine, judge: Judge) -> KernelSampler:
    from lockgate.expectations.sampling import KernelSampler

    return KernelSampler(judge, engine.population, engine.atoms)


def _beside_policies(judged: Judged) -> Iterator[Test]:
    """Yield the tests that stand beside policies; a file that is read twice has them once."""
    seen = set()
    for test in judged.compilation.tests if judged.compilation else ():
        place = os.path.realpath(test.span.source.name), test.span.start
        if place not in seen:
            seen.add(place)
            yield test


def _build(judged: Judged) -> Engine:
    from lockgate.expectations.engine import Engine
    from lockgate.expectations.names import name_rules

    compilation, middle = judged.compilation, judged.middle
    if compilation is None or compilation.cluster is None or middle is None:
        raise AssertionError("files were compiled")
    cluster = compilation.cluster
    return Engine(
        cluster,
        middle.tables,
        judged.tables,
        judged.requests,
        names=name_rules(cluster, middle),
    )


def _judge(
    tests: list[Test],
    engine: Engine,
    judged: Judged,
    sampler: KernelSampler | None,
) -> _Run:
    from lockgate.expectations.coverage import measure_coverage
    from lockgate.expectations.telling import Teller

    results = []
    for test in tests:
        for statement in test.statements:
            if sampler is not None:
                sampler.begin()
            results.append(engine.judge(test, statement))
    middle = judged.middle
    if middle is None:
        raise AssertionError("files were compiled")
    coverage = measure_coverage(results, middle.resolution, engine.verdicts)
    return _Run(results, coverage, Teller(engine.verdicts, middle.tables.rules))


def _report_left_out(sampler: KernelSampler, diagnostics: Diagnostics) -> None:
    for why, count in sorted(sampler.left_out.items()):
        diagnostics.warning("W6205", f"{count:,} times no packet was sent: {why}", None)


def _check_coverage(
    arguments: argparse.Namespace, coverage: Coverage, diagnostics: Diagnostics
) -> None:
    least = arguments.fail_under
    if least is not None and coverage.percent < least:
        diagnostics.error(
            "E6203",
            f"{coverage.percent:.0f} % of the rules are exercised, less than {least:g} %",
            None,
            help="--coverage lists the others",
        )


def _exit_code(results: list[Result], diagnostics: Diagnostics) -> int:
    statuses = {result.status.value for result in results}
    if statuses & {"failed", "empty"} or not diagnostics.ok:
        return FAILED
    return UNJUDGED if "unknown" in statuses else 0


# ---------------------------------------------------------------- printing


def _print(arguments: argparse.Namespace, done: _Run) -> None:
    form = arguments.output
    if form == "json":
        from lockgate.results import print_results

        rows = [done.teller.row(result) for result in done.results]
        print(print_results(rows, _summary(done)), end="")
    elif form == "junit":
        from lockgate.expectations.telling import print_junit

        print(print_junit(done.results, done.teller), end="")
    elif form == "github":
        print(_github(done), end="")
    else:
        _print_text(arguments, done)


def _summary(done: _Run) -> dict[str, Any]:
    counts = dict.fromkeys(("passed", "failed", "empty", "unknown"), 0)
    for result in done.results:
        counts[result.status.value] += 1
    rules = [
        {"rule": rule.name, "place": rule.place, "exercised": rule.is_exercised}
        for rule in done.coverage.rules
    ]
    return {
        **counts,
        "coverage": {"percent": round(done.coverage.percent, 1), "rules": rules},
    }


def _github(done: _Run) -> str:
    from lockgate.findings.finding import of_diagnostic
    from lockgate.findings.github import render_github

    told = [done.teller.diagnostic(result) for result in done.results]
    return render_github([of_diagnostic(d) for d in told if d is not None])


def _print_text(arguments: argparse.Namespace, done: _Run) -> None:
    from lockgate.renderers import render_diagnostic
    from lockgate_runtime.terminal import has_colour

    colour = has_colour(sys.stdout)
    for result in done.results:
        diagnostic = done.teller.diagnostic(result)
        if diagnostic is not None:
            name = result.test.name.value
            print(f'test "{name}"\n{render_diagnostic(diagnostic, colour=colour)}\n')
    if arguments.coverage:
        _print_missed(done.coverage)
    counts = _summary(done)
    words = [f"{counts['passed']} passed"]
    words += [
        f"{counts[status]} {word}"
        for status, word in (
            ("failed", "failed"),
            ("empty", "about nobody"),
            ("unknown", "not judged"),
        )
        if counts[status]
    ]
    packets = sum(result.packets for result in done.results)
    if packets:
        words.append(
            f"{packets:,} packets agree" if _agree(done) else f"{packets:,} packets"
        )
    rules = done.coverage.rules
    exercised = len(rules) - len(done.coverage.missed)
    is_fine = counts["passed"] == len(done.results)
    paint = ("\033[32m" if is_fine else "\033[31m") if colour else ""
    end = "\033[0m" if colour else ""
    print(
        f"{paint}{', '.join(words)}{end}; {exercised} of {len(rules)} rules exercised "
        f"({done.coverage.percent:.0f} %)"
    )


def _agree(done: _Run) -> bool:
    from lockgate.expectations.engine import OTHERWISE

    return not any(
        sight.opinion.why == OTHERWISE
        for result in done.results
        for sight in result.sights
    )


def _print_missed(coverage: Coverage) -> None:
    if coverage.missed:
        print("rules that no test exercises:")
    for rule in coverage.missed:
        print(f"  {rule.place}  {rule.effect}  {rule.name}")
