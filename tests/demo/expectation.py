"""What a person expects of the policies: a table of sources and destinations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class Target:
    """A column: a pod, and a port of a protocol (``echo`` has none)."""

    pod: str
    port: int
    protocol: str

    def __str__(self) -> str:
        return (
            f"{self.pod}:{self.port}/{self.protocol}"
            if self.port
            else f"{self.pod}:echo"
        )


@dataclass(frozen=True)
class Expectation:
    """The table; a cell says whether packets may pass, a flow to itself has none."""

    sources: tuple[str, ...]
    targets: tuple[Target, ...]
    cells: dict[tuple[str, Target], bool]


def read_expectation(path: Path) -> Expectation:
    """Read a table of words in columns; a malformed one is our own mistake."""
    head, *rows = (line.split() for line in path.read_text().splitlines())
    targets = tuple(map(_target, head[3:]))  # after "from \ to"
    cells = {}
    for source, *words in rows:
        for target, word in zip(targets, words, strict=True):
            if word != "-":
                cells[source, target] = {"allow": True, "deny": False}[word]
    return Expectation(tuple(row[0] for row in rows), targets, cells)


def _target(text: str) -> Target:
    pod, _, rest = text.partition(":")
    port, _, protocol = rest.partition("/")
    return Target(pod, int(port), protocol) if protocol else Target(pod, 0, "icmp")
