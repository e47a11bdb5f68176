"""``lockgate prove``: compare a bundle with a second reading of its sources."""

from __future__ import annotations

import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from lockgate.cli.inputs import add_file

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Sequence

    from lockgate.cli.prove_packets import Sent
    from lockgate.diagnostics import Diagnostics
    from lockgate.proof.compare import Comparison
    from lockgate.proof.sources import Sources
    from lockgate.proof.verdict import Finding
    from lockgate_runtime.bundle import Bundle

EXAMPLES = """
  sudo lockgate prove bundle/ -f policies/ -f cluster.yaml
  lockgate prove bundle/ -f policies/ -f cluster.yaml --packets none
  sudo lockgate prove bundle/ -f policies/ -f cluster.yaml --packets all -o json
  lockgate compile -f policies/ -f cluster.yaml -o bundle/ --prove
"""

BUDGET = 500_000


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.description = (
        "Prove a bundle, exhaustively over atoms: a reference reads the sources by itself (the "
        "objects, not what the compiler made of them), and every cell of the tables must say "
        "what it says, the deciding rule and its line included.  Then packets go through the "
        "loaded programs, which attaches nothing and needs root.  What was compared, and what "
        "is outside of the claim, is written beside the bundle (BUNDLE.proof.json).  The first "
        "line claims no more than that: with --packets none, or where the budget does not hold "
        "every atom and every pair, it is the tables that are proved.  Options are those that the "
        "bundle records.  Exit codes: 0 what the first line claims, 1 not proved, 2 nothing could "
        "be judged."
    )
    parser.add_argument("bundle", type=Path, metavar="BUNDLE")
    add_file(parser, "the sources, named as when they were compiled")
    parser.add_argument(
        "--packets",
        default="pairs",
        metavar="all|none|N",
        help="all: every atom of addresses with every atom of traffic, for each endpoint; N: at "
        "most so many; none: compare the tables only (default: every atom, and pairs "
        "of dimensions as far as --packet-budget goes)",
    )
    parser.add_argument(
        "--packet-budget",
        type=int,
        default=BUDGET,
        metavar="N",
        help="how many packets to send at most (default: %(default)s)",
    )
    parser.add_argument("-o", "--output", choices=("text", "json"), default="text")


def run(arguments: argparse.Namespace) -> int:
    """Prove, print, attest."""
    from lockgate_runtime.bundle import Bundle
    from lockgate_runtime.errors import NodeError
    from lockgate_runtime.verbs import REFUSED, exit_code

    budget = read_budget(arguments.packets, arguments.packet_budget)
    try:
        bundle = Bundle.open(arguments.bundle)
    except NodeError as error:
        if exit_code(error) != REFUSED:
            raise
        print(error.render(), file=sys.stderr)
        return 1
    return prove(bundle, arguments.files, budget, arguments.output)


def read_budget(packets: str, budget: int) -> int | None:
    """Return how many packets to send at most: 0 for none, None for all."""
    from lockgate.faults import Fault

    if packets == "none":
        return 0
    if packets == "all":
        return None
    if packets.isdecimal() and int(packets):
        return int(packets)
    if packets != "pairs" or budget <= 0:
        raise Fault(
            "E2203",
            f"--packets {packets} with --packet-budget {budget} is not understood",
            "say all, none, or how many packets to send at most",
        )
    return budget


def prove(
    bundle: Bundle,
    files: Sequence[str],
    budget: int | None,
    form: str,
    stream: TextIO | None = None,
) -> int:
    """Prove one bundle, print what came of it, and attest it where it holds."""
    from lockgate.cli.messages import UNJUDGED, print_diagnostics
    from lockgate.diagnostics import Diagnostics

    diagnostics = Diagnostics()
    trial = Trial(bundle, budget)
    trial.read(files, diagnostics)
    if not diagnostics.ok:
        print_diagnostics(diagnostics, form)
        return UNJUDGED
    trial.compare()
    trial.send()
    certificate = trial.attest()
    text = _json(trial, certificate) if form == "json" else _text(trial, certificate)
    print(text, end="", file=stream or sys.stdout, flush=True)
    for line in trial.speed:
        print(line, file=sys.stderr)
    return 1 if trial.findings else 0


class Trial:
    """The steps of a proof; whatever stands in ``findings`` at the end keeps it from holding."""

    def __init__(self, bundle: Bundle, budget: int | None) -> None:
        self.bundle = bundle
        self.budget = budget
        self.findings: list[Finding] = []
        self.speed: list[str] = []
        self.sources: Sources | None = None
        self.comparison: Comparison | None = None
        self.packets: dict[str, Any] | None = None
        self.tables_hold = False

    def read(self, files: Sequence[str], diagnostics: Diagnostics) -> None:
        """Read the sources."""
        from lockgate.proof.sources import read_sources

        with self._failing("reading the sources"):
            self.sources = read_sources(files, diagnostics)

    def compare(self) -> None:
        """Compare the tables, cell by cell."""
        from lockgate.collection import without_collection
        from lockgate.proof.compare import Comparison
        from lockgate.proof.sources import make_evaluator
        from lockgate.proof.verdict import table_findings
        from lockgate_runtime.tables import PackedTables

        if self.sources is None:
            return
        began = time.monotonic()
        with self._failing("comparing the tables"), without_collection():
            evaluator = make_evaluator(self.sources, self.bundle.manifest.options)
            tables = PackedTables.open(self.bundle.tables)
            comparison = Comparison(tables, evaluator)
            proof = comparison.run()
            self.comparison = comparison
            self.findings += table_findings(proof)
            self.tables_hold = not self.findings
            seconds = time.monotonic() - began
            self.speed.append(
                f"compared {proof.counts.cells:,} cells in {seconds:.1f} s"
            )

    def send(self) -> Sent | None:
        """Send packets through the programs; None where none are to be sent."""
        if self.comparison is None or self.budget == 0 or self.findings:
            return None
        from lockgate.cli.prove_packets import send_packets

        sent: Sent | None = None
        with self._failing("sending packets"):
            sent = send_packets(self.bundle, self.comparison, self.budget)
            self.findings += sent.findings
            self.packets = sent.row
            if sent.count:
                rate = sent.count / max(sent.seconds, 1e-9)
                self.speed.append(
                    f"sent {sent.count:,} packets in {sent.seconds:.1f} s "
                    f"({rate:,.0f} a second)"
                )
        return sent

    def attest(self) -> Path | None:
        """Write the certificate where the proof holds, and take away one that held once."""
        from lockgate.attestation import (
            attestation_path,
            print_attestation,
            write_attestation,
        )

        if self.findings:
            attestation_path(self.bundle.directory, "proof").unlink(missing_ok=True)
            return None
        claim = {"claim": self.claim, **self.describe()}
        text = print_attestation(self.bundle.manifest, "prove", claim)
        return write_attestation(self.bundle.directory, "proof", text)

    @property
    def claim(self) -> str:
        """What is claimed in the end: never more than was compared and sent."""
        from lockgate.proof.verdict import NOT_PROVED, say_claim

        return NOT_PROVED if self.findings else say_claim(self.packets)

    def describe(self) -> dict[str, Any]:
        """Return what was compared, as the certificate has it."""
        from lockgate.proof.verdict import describe

        if self.sources is None or self.comparison is None:
            return {}
        options = self.bundle.manifest.options
        return describe(self.sources, options, self.comparison.proof, self.packets)

    @contextmanager
    def _failing(self, what: str) -> Iterator[None]:
        """Let whatever the reference stumbles over be a reason not to call it proved."""
        from lockgate.faults import Fault
        from lockgate.proof.verdict import Finding
        from lockgate_runtime.errors import NodeError

        try:
            yield
        except (OSError, Fault, NodeError):
            raise
        except Exception as error:
            message = f"{what} failed: {type(error).__name__}: {error}"
            self.findings.append(Finding("E6304", message))


# ---------------------------------------------------------------- what is printed


def _json(trial: Trial, certificate: Path | None) -> str:
    from lockgate.proof.verdict import Reach, reach
    from lockgate.results import print_results

    how_far = reach(None if trial.findings else trial.packets)
    summary = {
        "claim": trial.claim,
        "proved": how_far in (Reach.PAIRS, Reach.ALL),
        "tables_proved": trial.tables_hold,
        "packets_cover": how_far.value,
        "certificate": None if certificate is None else str(certificate),
        "bundle": trial.bundle.manifest.digest,
        **trial.describe(),
    }
    return print_results([finding.row() for finding in trial.findings], summary)


def _text(trial: Trial, certificate: Path | None) -> str:
    name = trial.bundle.directory
    lines = [f"error[{f.code}]: {f.message}" for f in trial.findings]
    count = len(trial.findings)
    claim = trial.claim
    if count:
        claim += (
            ", for the reason above"
            if count == 1
            else f", for the {count} reasons above"
        )
        claim += "; the tables alone hold" if trial.tables_hold else ""
    lines.append(f"{name}: {claim}")
    facts = trial.describe()
    if facts:
        lines += _table_lines(facts["tables"])
        lines += _packet_lines(facts["packets"])
    if certificate is not None:
        lines += [f"  outside   {text}" for text in facts["outside"]]
        lines.append(f"  written   {certificate}")
    return "\n".join(lines) + "\n"


def _table_lines(counts: dict[str, int]) -> Iterator[str]:
    dead = counts["dead_cells"]
    to_dead = f", {dead:,} more to which no address leads" if dead else ""
    yield (
        f"  tables    {counts['visited_cells']:,} of {counts['cells'] - dead:,} cells in "
        f"{counts['tables']:,} verdict tables{to_dead}"
    )
    yield (
        f"  atoms     {counts['peer_atoms']:,} addresses and {counts['traffic_atoms']:,} "
        f"kinds of traffic; {counts['subjects']:,} subjects, {counts['questions']:,} questions"
    )


def _packet_lines(packets: dict[str, Any] | None) -> Iterator[str]:
    if packets is None:
        yield "  packets   none"
        return
    yield (
        f"  packets   {packets['sent']:,} on Linux {packets['kernel']}: "
        f"{packets['atoms']['covered']:,} of {packets['atoms']['all']:,} atoms and "
        f"{packets['pairs']['covered']:,} of {packets['pairs']['all']:,} pairs of each "
        "endpoint, direction and family"
    )
