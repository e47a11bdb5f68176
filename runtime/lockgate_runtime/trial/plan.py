"""What is to be tried, as ``lockgate test`` wrote it down."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@dataclass(frozen=True, slots=True)
class Trial:
    """One operation by one program.

    ``needs`` are pairs of a kind (``file``, ``folder``, ``program``, ``missing``: paths;
    ``address``; ``listener``: ``tcp|udp ADDRESS PORT``) and what is needed of it.  ``operands``
    are as the program takes them.  ``user`` is a number, None for root.  ``cgroup`` is the path
    below the mount where the program runs; empty: where we do.
    """

    operation: str
    operands: tuple[str, ...]
    needs: tuple[tuple[str, str], ...]
    program: str
    user: int | None
    cgroup: str


@dataclass(frozen=True, slots=True)
class Plan:
    """All trials, and how many seconds one may take."""

    trials: tuple[Trial, ...]
    seconds: float


def read_plan(value: Mapping[str, Any]) -> Plan:
    """Take it from the content of ``plan.json``."""
    return Plan(tuple(_trial(row) for row in value["trials"]), value["seconds"])


def _trial(row: Mapping[str, Any]) -> Trial:
    needs: Sequence[Sequence[str]] = row["needs"]
    return Trial(
        row["operation"],
        tuple(row["operands"]),
        tuple((kind, what) for kind, what in needs),
        row["program"],
        row["user"],
        row["cgroup"],
    )
