"""What a replay comes to as Markdown, for the comment on a change."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from lockgate.excerpt import printable
from lockgate.recordings.replay import Change
from lockgate.recordings.times import print_time

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lockgate.recordings.replay import Outcome, Row

MOST_ROWS = 50
"""So many rows of each kind; a comment has a limit, and so has a reader."""

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>()#+!|~@&])")
_TITLES = {Change.LOST: "Would break", Change.GAINED: "Would newly pass"}


def print_markdown(outcome: Outcome) -> str:
    """Return the text; what could not be judged is counted at its end."""
    return "".join(f"{line}\n" for line in _lines(outcome))


def _lines(outcome: Outcome) -> Iterator[str]:
    lost, gained = outcome.records(Change.LOST), outcome.records(Change.GAINED)
    yield (
        f"**Recorded flows**: {lost:,} would break, {gained:,} would newly pass, "
        f"{outcome.same:,} unchanged, {outcome.not_judged.total():,} not judged."
    )
    for change, title in _TITLES.items():
        rows = [row for row in outcome.rows if row.change is change]
        if not rows:
            continue
        yield from ("", f"**{title}**", "")
        yield "| from | to | traffic | recorded | last seen | because |"
        yield "|---|---|---|--:|---|---|"
        yield from map(_row, rows[:MOST_ROWS])
        if len(rows) > MOST_ROWS:
            yield from ("", f"... and {len(rows) - MOST_ROWS:,} more rows.")


def _row(row: Row) -> str:
    because = dict.fromkeys(
        f"{item['file']}:{item['line']} {item['policy']}" for item in row.because
    )
    cells = (
        row.source,
        row.destination,
        f"{row.protocol.lower()}/{row.ports_text()}",
        f"{row.records:,}",
        print_time(row.last) or "",
        ", ".join(because) or "no policy has a say",
    )
    return f"| {' | '.join(map(_escape, cells))} |"


def _escape(text: str) -> str:
    """Make names stand as they are: no mark-up, no mention, no row's end."""
    return _SPECIAL.sub(r"\\\1", printable(text))
