"""``lockgate test``: run the tests of policies."""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from lockgate.cli.inputs import percentage
from lockgate.cli.judged import (
    RefusedError,
    add_judged_files,
    compiled_bundle,
    read_judged,
)
from lockgate.cli.messages import print_diagnostics
from lockgate.cli.test_results import FORMS, Results
from lockgate.expectations.coverage import Coverage
from lockgate.faults import Fault

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from lockgate.cli.judged import Judged
    from lockgate.diagnostics import Diagnostics
    from lockgate.expectations.engine import Engine
    from lockgate.expectations.sampling import KernelSampler
    from lockgate.expectations.told import Told
    from lockgate.language.ast_tests import Test
    from lockgate.simulation import Judge

EXAMPLES = """
  lockgate test -f policies/ -f cluster.yaml tests/
  lockgate test -f policies/ -f cluster.yaml shop.gatetest --coverage --fail-under 80
  lockgate test -f cluster.yaml web.gate       policies with their tests in one file
  lockgate test traces.gate                    tracing policies need no cluster
  lockgate test -f policies/ -f cluster.yaml tests/ -o junit > report.xml
  echo 'test "db" { never @world -> shop:app=db }' |
    lockgate test -f policies/ -f cluster.yaml -
  sudo lockgate test -f policies/ -f cluster.yaml tests/ --engine kernel
  echo 'test "nginx" { expect kill when exec "/bin/sh" by "/usr/sbin/nginx" }' |
    lockgate test -f tracing/ - --kernel 6.1,6.12       in virtual machines, as any user
"""

_KERNEL = "6.12"

FAILED = 1
UNJUDGED = 2
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
        "the rule that decided.  A statement about nobody has failed.  `expect "
        "allow|deny|kill|event|nothing [of POLICY] when OPERATION ... [by PROGRAM] [as USER] "
        "[in pod NAMESPACE/NAME [container NAME]]` is about tracing policies: the operation is "
        "done in a virtual machine, without them and under them (no root, no agent).  Exit "
        "code: 0 all hold, 1 some do not, 2 could not judge."
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
    machines = parser.add_argument_group("where operations are tried")
    machines.add_argument(
        "--kernel",
        default=_KERNEL,
        metavar="LIST",
        help=f"series or releases, each in a machine of its own (default: {_KERNEL}); from "
        "--kernels, else Debian's packages by apt, without installing them",
    )
    machines.add_argument(
        "--kernels",
        type=Path,
        metavar="DIR",
        help="a folder of kernels: packages (linux-image-*.deb), or unpacked",
    )
    machines.add_argument(
        "--timeout",
        type=float,
        default=300,
        metavar="SECONDS",
        help="for each kernel, with its boot (default: 300)",
    )
    parser.add_argument("-o", "--output", choices=FORMS, default="text")
    add_judged_files(parser, are_required=False)


def run(arguments: argparse.Namespace) -> int:
    """Read tests, judge, print."""
    from lockgate.cli.test_results import print_results
    from lockgate.diagnostics import Diagnostics

    diagnostics = Diagnostics()
    found = _find_tests(arguments)
    if not arguments.files:
        raise Fault(
            "E2203",
            "there are no policies to test",
            "name files of policies with -f, or *.gate files that hold them with their tests",
        )
    alone = _read_tests(found, diagnostics)
    if not diagnostics.ok:
        print_diagnostics(diagnostics)
        return UNJUDGED
    try:
        with _engine(arguments) as (engine, judged, sampler):
            tests = [*_beside_policies(judged), *alone]
            _check_there_are_tests(arguments, tests, diagnostics)
            flows = _judge_flows(tests, engine, judged, sampler)
        trials = _judge_trials(arguments, tests, judged, diagnostics)
    except RefusedError:
        return UNJUDGED
    results = Results(
        [*flows.told, *trials.told],
        Coverage((*flows.coverage.rules, *trials.coverage.rules)),
        flows.packets,
        flows.agrees,
    )
    if not results.told:
        print_diagnostics(diagnostics)
        return UNJUDGED
    if sampler is not None:
        _report_left_out(sampler, diagnostics)
    _check_coverage(arguments, results.coverage, diagnostics)
    print_results(results, arguments.output, shows_coverage=arguments.coverage)
    print_diagnostics(diagnostics)
    return _exit_code(results, diagnostics)


# ---------------------------------------------------------------- reading


def _find_tests(arguments: argparse.Namespace) -> list[str]:
    """Return the files that hold tests and nothing else; add those of policies to ``-f``.

    Files that have two names, or stand for themselves and below a directory, count once.
    """
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


def _judge_flows(
    tests: list[Test],
    engine: Engine,
    judged: Judged,
    sampler: KernelSampler | None,
) -> Results:
    from lockgate.expectations.coverage import measure_coverage
    from lockgate.expectations.engine import OTHERWISE
    from lockgate.expectations.telling import Teller

    results = []
    for test in tests:
        for statement in test.flow_statements:
            if sampler is not None:
                sampler.begin()
            results.append(engine.judge(test, statement))
    middle = judged.middle
    if middle is None:
        raise AssertionError("files were compiled")
    teller = Teller(engine.verdicts, middle.tables.rules)
    return Results(
        [teller.told(result) for result in results],
        measure_coverage(results, middle.resolution, engine.verdicts),
        sum(result.packets for result in results),
        all(s.opinion.why != OTHERWISE for r in results for s in r.sights),
    )


def _judge_trials(
    arguments: argparse.Namespace,
    tests: list[Test],
    judged: Judged,
    diagnostics: Diagnostics,
) -> Results:
    """Try what tests say of operations; nothing where they say nothing of any."""
    from lockgate.trials.coverage import measure_coverage
    from lockgate.trials.planning import plan_trials

    compilation = judged.compilation
    policies = compilation.tracing_policies if compilation else ()
    cluster = compilation.cluster if compilation else None
    pods = cluster.pods if cluster else ()
    trials = plan_trials(tests, policies, pods, diagnostics)
    if not diagnostics.ok:
        print_diagnostics(diagnostics)
        raise RefusedError
    told: list[Told] = []
    if trials:
        from lockgate.cli.trial_machines import try_in_machines

        told += try_in_machines(arguments, trials, diagnostics)
    return Results(told, measure_coverage(policies, told))


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


def _exit_code(results: Results, diagnostics: Diagnostics) -> int:
    counts = results.counts
    if counts["failed"] or counts["empty"] or not diagnostics.ok:
        return FAILED
    return UNJUDGED if counts["unknown"] else 0
