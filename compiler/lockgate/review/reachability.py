"""Print who can reach whom in one policy set, by workload: what a reviewer reads.

Ingress is judged at the destination, egress at the source; traffic passes where both
ends let it.  What is not listed is denied.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

from lockgate.review.difference import find_differences
from lockgate.review.dns_names import find_name_differences
from lockgate.review.joint import NOWHERE, find_ground
from lockgate.review.names import Namer, print_ports

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lockgate.review.difference import Difference, Kind
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
    found = find_differences(ground, view, None, view, "")
    named = find_name_differences(ground, view, None, view, "")
    for direction, word in _DIRECTIONS.items():
        profiles = _profiles(namer, found, direction)
        for name in named if direction == "egress" else ():
            for group in name.groups:
                profiles[group].append(_line(f"fqdn {name.name}", name.kind))
        alike: dict[tuple[str, ...], list[Group]] = defaultdict(list)
        for group in groups:
            if group.direction == direction:
                alike[tuple(sorted(profiles.get(group, ())))].append(group)
        listed = [
            (namer.name_subjects(some), profile) for profile, some in alike.items()
        ]
        for subjects, profile in sorted(listed):
            lines = [f"{direction} at {', '.join(subjects)}"]
            lines += [f"  {word} {line}" for line in profile or ("nobody",)]
            yield lines


def _profiles(
    namer: Namer, found: list[Difference], direction: str
) -> dict[Group, list[str]]:
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
            profiles[group].append(_line(peers, kind))
    return profiles


def _line(peers: str, kind: Kind) -> str:
    verdict = "" if kind.after == "allow" else f"  ({kind.after})"
    return f"{peers}: {print_ports(kind.ports)}{verdict}"
