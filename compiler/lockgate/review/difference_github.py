"""Print a comparison as workflow commands: GitHub shows them beside the lines of a change.

Each line of the new policies that gains or changes something gets a notice, a warning
where it exposes somebody to the world.  What is lost often has no line any more: it is
counted in the last notice.  See docs.github.com, "Workflow commands for GitHub Actions".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockgate.review.difference import LOST
from lockgate.review.names import print_ports
from lockgate.review.phrases import name_some, print_arrow, summarise

if TYPE_CHECKING:
    from lockgate.review.comparison import Comparison, Row


def print_commands(comparison: Comparison) -> str:
    """Return one command a line."""
    by_place: dict[tuple[str, int], list[Row]] = {}
    for row in comparison.rows:
        for reason in row.because_after if row.change != LOST else ():
            if reason.file is not None and reason.line is not None:
                by_place.setdefault((reason.file, reason.line), []).append(row)
    commands = []
    for (file, line), rows in sorted(by_place.items()):
        word = "warning" if any(row.is_exposed for row in rows) else "notice"
        path = comparison.paths.get(file, file)
        text = "\n".join(map(_sentence, rows))
        commands.append(
            f"::{word} file={_escape(path)},line={line},title=policy review"
            f"::{_escape_message(text)}\n"
        )
    for traced in comparison.tracing:
        if traced.place_after is not None:
            file, line = traced.place_after
            word = "warning" if traced.is_enforcing else "notice"
            path = comparison.paths.get(file, file)
            said = f"{traced.change}: {traced.hook or traced.policy}: {traced.what}"
            commands.append(
                f"::{word} file={_escape(path)},line={line},title=policy review"
                f"::{_escape_message(said)}\n"
            )
    whole = f"::notice title=policy review::{_escape_message(summarise(comparison))}\n"
    return "".join([*commands, whole])


def _sentence(row: Row) -> str:
    exposed = ", exposed to the world" if row.is_exposed else ""
    return (
        f"{row.change}: {name_some(row.sources)} to {name_some(row.destinations)}, "
        f"{print_ports(row.ports)}: {print_arrow(row.before, row.after)}{exposed}"
    )


def _escape_message(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _escape(text: str) -> str:
    return _escape_message(text).replace(":", "%3A").replace(",", "%2C")
