"""``lockgate suggest``: a least-privilege policy from recorded flows."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from lockgate.cli.inputs import compile_settings, natural
from lockgate.cli.judged import add_files
from lockgate.cli.messages import print_diagnostics
from lockgate.cli.recorded import (
    SHOWN,
    add_recordings,
    check_recordings,
    counted_lines,
    read_all,
    report_reading,
)

if TYPE_CHECKING:
    import argparse

    from lockgate.diagnostics import Diagnostics
    from lockgate.ir.cluster import Cluster
    from lockgate.recordings.reader import Reading
    from lockgate.recordings.suggestion import Suggester, Suggestion

EXAMPLES = """
  hubble observe --since 24h -o json > flows.jsonl
  lockgate suggest -f cluster.yaml flows.jsonl > policies/suggested.yaml
  lockgate replay -f policies/suggested.yaml -f cluster.yaml flows.jsonl
  lockgate observe -o json --count 100000 | lockgate suggest -f cluster.yaml -
  lockgate suggest -f cluster.yaml flows.jsonl.gz --isolate-silent --format gate
"""

UNJUDGED = 2


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.description = (
        "Print policies that allow the recorded flows that got through, and nothing else: "
        "for each workload in both directions, with the number of flows and the last "
        "time beside each rule.  Pods with the same labels are one; a pod's own node is "
        "@host, other nodes are one; addresses outside are named one by one.  What was not "
        "recorded is denied, so record for as long as what you run needs, and review."
    )
    add_recordings(parser)
    parser.add_argument(
        "--format",
        choices=("yaml", "gate"),
        default="yaml",
        help="CiliumNetworkPolicy objects as YAML (default), or the native language",
    )
    parser.add_argument(
        "--isolate-silent",
        action="store_true",
        help="deny everything to and from workloads of which nothing was recorded, too",
    )
    parser.add_argument(
        "--most-addresses",
        type=natural,
        default=50,
        metavar="N",
        help="addresses outside that are named for one port of a workload; where there "
        "are more, all of the address family is (default: %(default)s)",
    )
    add_files(parser)


def run(arguments: argparse.Namespace) -> int:
    """Read, draw, print."""
    from lockgate.diagnostics import Diagnostics
    from lockgate.recordings.reader import Reading
    from lockgate.recordings.suggestion import Suggester

    check_recordings(arguments)
    diagnostics, reading = Diagnostics(), Reading()
    cluster = _read_snapshot(arguments, diagnostics)
    if cluster is None:
        print_diagnostics(diagnostics)
        return UNJUDGED
    suggester = Suggester(cluster, arguments.most_addresses)
    suggester.add(read_all(arguments.recordings, reading, diagnostics))
    suggestion = suggester.suggest(isolate_silent=arguments.isolate_silent)
    _report(suggester, suggestion, reading, diagnostics)
    print_diagnostics(diagnostics)
    print(_print(suggestion, arguments.format), end="")
    lines = counted_lines("not suggested", suggestion.not_judged, SHOWN)
    lines += counted_lines("set aside", reading.set_aside, SHOWN)
    for line in lines:
        print(line, file=sys.stderr)
    return 0 if diagnostics.ok else UNJUDGED


def _print(suggestion: Suggestion, form: str) -> str:
    if form == "gate":
        from lockgate.recordings.suggestion_gate import print_gate

        return print_gate(suggestion)
    from lockgate.recordings.suggestion_yaml import print_yaml

    return print_yaml(suggestion)


def _read_snapshot(
    arguments: argparse.Namespace, diagnostics: Diagnostics
) -> Cluster | None:
    """Return the snapshot; None if it has errors."""
    from lockgate.diagnostics import count
    from lockgate.frontend.documents import parse_documents, read_documents
    from lockgate.options import Options

    with compile_settings(arguments) as settings:
        documents = read_documents(arguments.files, settings.cache, diagnostics)
        parsed = parse_documents(documents, Options(), diagnostics)
    if parsed.policies:
        policies = count(len(parsed.policies), "policy", "policies")
        diagnostics.note(
            "N6406", f"{policies} of the input left out: none has a say in a suggestion"
        )
    return parsed.cluster if diagnostics.ok else None


def _report(
    suggester: Suggester,
    suggestion: Suggestion,
    reading: Reading,
    diagnostics: Diagnostics,
) -> None:
    """Say what makes the suggestion worth less."""
    report_reading(reading, len(suggester.tally.flows), diagnostics)
    if suggestion.widened:
        diagnostics.warning(
            "W6404",
            f"{suggestion.widened} rules name every address of a family, since more were "
            "recorded than a person would review",
            None,
            help="replace them by prefixes that you know, or raise --most-addresses",
        )
    if suggestion.silent:
        shown = ", ".join(suggestion.silent[:SHOWN])
        more = len(suggestion.silent) - SHOWN
        also = f" and {more} more" if more > 0 else ""
        diagnostics.note(
            "N6405",
            f"nothing was recorded of {shown}{also}: no policy is suggested for them",
            help="record for longer, or deny everything with --isolate-silent",
        )
