"""Recordings on the command line: what ``replay`` and ``suggest`` have in common."""

from __future__ import annotations

from contextlib import contextmanager
from typing import IO, TYPE_CHECKING

from lockgate.faults import Fault

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Mapping

    from lockgate.diagnostics import Diagnostics
    from lockgate.recordings.reader import Reading
    from lockgate.recordings.record import Record

SHOWN = 10
"""So many rows of each kind are printed as text without ``--complete``."""


def add_recordings(parser: argparse.ArgumentParser) -> None:
    """Add the argument that names recordings."""
    parser.add_argument(
        "recordings",
        nargs="+",
        metavar="FLOWS",
        help="recordings, gzipped or not; - for standard input",
    )


def check_recordings(arguments: argparse.Namespace) -> None:
    """Refuse to read standard input twice, before anything is compiled."""
    if [*arguments.files, *arguments.recordings].count("-") > 1:
        raise Fault(
            "E2203",
            "standard input is named twice",
            "name files for all but one of them",
        )


def read_all(
    names: list[str], reading: Reading, diagnostics: Diagnostics
) -> Iterator[Record]:
    """Yield the records of all recordings, one after the other."""
    from lockgate.recordings.reader import read_records

    for name in names:
        with _opened(name) as stream:
            shown = "<stdin>" if name == "-" else name
            yield from read_records(shown, stream, reading, diagnostics)


def report_reading(reading: Reading, judged: int, diagnostics: Diagnostics) -> None:
    """Say what makes any answer worth less; ``judged`` flows were of use."""
    if reading.lost:
        diagnostics.warning(
            "W6403", f"{reading.lost:,} events were lost while recording", None
        )
    if not judged:
        diagnostics.error(
            "E6401",
            "no recorded flow could be judged",
            None,
            help="take the snapshot of the cluster that was recorded; replies and the "
            "like are not judged",
        )


@contextmanager
def _opened(name: str) -> Iterator[IO[bytes]]:
    from lockgate.bounded import open_file, standard_input

    if name == "-":
        yield standard_input()
        return
    with open_file(name) as stream:
        yield stream


def counted_lines(title: str, counts: Mapping[str, int], most: int | None) -> list[str]:
    """Return a title with the total, and the reasons, the most frequent first."""
    if not counts:
        return []
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    shown = ordered if most is None else ordered[:most]
    lines = [f"{title}: {sum(counts.values()):,}"]
    lines += [f"  {count:>9,}  {reason}" for reason, count in shown]
    if len(shown) < len(ordered):
        lines.append(f"  ... and {len(ordered) - len(shown)} more reasons (--complete)")
    return lines
