"""Print who can reach whom in one policy set, by workload: what a reviewer reads.

Ingress is judged at the destination, egress at the source; traffic passes where both
ends let it.  What is not listed is denied.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

from lockgate.review.difference import find_differences
from lockgate.review.joint import NOWHERE, find_ground
from lockgate.review.names import Namer, print_ports
from lockgate.review.view import DENY

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from lockgate.review.difference import Difference
    from lockgate.review.joint import Group
    from lockgate.review.view import View

_DIRECTIONS = {"ingress": "from", "egress": "to"}


def print_reachability(view: View) -> str:
    """Return a paragraph for all subjects that may do the same, in each direction."""
    return "\n".join(
        "".join(f"{line}\n" for line in lines) for lines in _paragraphs(view)
    )


def _paragraphs(view: View) -> Iterator[list[str]]:
    ground = find_ground(view, view, view)
    # Who was not there before has gained all that it may do now.
    groups = {
        group._replace(tables=(NOWHERE, *group.tables[1:])): members
        for group, members in ground.groups.items()
    }
    ground = replace(ground, groups=groups)
    namer = Namer(ground)
    nobody = replace(view, verdicts=[DENY] * len(view.verdicts))
    found = find_differences(ground, nobody, None, view, "")
    for direction, word in _DIRECTIONS.items():
        profiles = _profiles(namer, found, direction)
        alike: dict[tuple[str, ...], list[Group]] = defaultdict(list)
        for group in groups:
            if group.direction == direction:
                alike[tuple(sorted(profiles.get(group, ())))].append(group)
        named = [
            (namer.name_subjects(some), profile) for profile, some in alike.items()
        ]
        for subjects, profile in sorted(named):
            lines = [f"{direction} at {', '.join(subjects)}"]
            lines += [f"  {word} {line}" for line in profile or ("nobody",)]
            yield lines


def _profiles(
    namer: Namer, found: list[Difference], direction: str
) -> Mapping[Group, list[str]]:
    """Return for each group what it may do, a line for each."""
    profiles: dict[Group, list[str]] = defaultdict(list)
    for difference in found:
        kind = difference.kind
        if kind.direction != direction:
            continue
        for group in difference.groups:
            alone = replace(difference, groups=[group])
            seen = namer.seen(alone)
            if namer.ends(seen).is_empty:
                continue
            peers = ", ".join(namer.name_peers(kind, seen))
            verdict = "" if kind.after == "allow" else f"  ({kind.after})"
            profiles[group].append(f"{peers}: {print_ports(kind.ports)}{verdict}")
    return profiles
