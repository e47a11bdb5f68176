"""What readers of events leave to the next one: how far they came, what was told, what was seen.

``events.json`` among a root's names.  It is written after each batch that was written out, so that
what a reader took and never wrote (it was killed, say) is counted and told by the next.  It belongs
to one map of counters: after ``unload`` and ``apply`` all begins anew.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

NAME = "events.json"
LOSSES = ("lost", "nested", "flows")
"""Counters of events that nobody will see: no room in the ring, too many at once on one CPU,
events of the network over their budget."""

_MOST_KINDS = 4096
"""Kinds of events that are counted one by one; the others are counted together."""

Kind = tuple[str, str, str]
"""Event, policy and action."""


@dataclass
class ReaderState:
    """How far the readers of a ring came; ``counters`` is the id of the map that counts records."""

    counters: int
    is_known: bool = False
    """Whether a reader left it; else nobody knows who read what before."""
    read: int = 0
    """Records of tracing that readers took and wrote, or counted as lost."""
    told: dict[str, int] = field(default_factory=dict)
    """Losses that were told, by counter."""
    unseen: int = 0
    """Records that readers took and nobody saw."""
    cut: int = 0
    """Values that were shown cut, because records with their rests were lost."""
    seen: Counter[Kind] = field(default_factory=Counter)

    def count(self, kind: Kind) -> None:
        """Count one event that is shown."""
        if kind not in self.seen and len(self.seen) >= _MOST_KINDS:
            kind = ("others", "", "")
        self.seen[kind] += 1


def read_state(folder: Path, counters: int) -> ReaderState:
    """Return what the reader before left; a new one where it is of other counters, or lost."""
    try:
        value = json.loads((folder / NAME).read_bytes())
        if value["counters"] == counters:
            return ReaderState(
                counters,
                True,
                int(value["read"]),
                {name: int(value["told"].get(name, 0)) for name in LOSSES},
                int(value["unseen"]),
                int(value.get("cut", 0)),
                Counter({tuple(kind): int(n) for *kind, n in value["seen"]}),
            )
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        pass  # lost, or damaged
    return ReaderState(counters)


def write_state(folder: Path, state: ReaderState) -> None:
    """Leave it to the next reader; nothing stops where there is no room for it."""
    value = {
        "counters": state.counters,
        "read": state.read,
        "told": state.told,
        "unseen": state.unseen,
        "cut": state.cut,
        "seen": [[*kind, count] for kind, count in sorted(state.seen.items())],
    }
    beside = folder / f"{NAME}.new"
    try:
        beside.write_text(json.dumps(value, separators=(",", ":")))
        beside.replace(folder / NAME)
    except OSError:
        return
