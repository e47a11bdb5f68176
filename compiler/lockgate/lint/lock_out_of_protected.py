"""Connections that the configuration protects, and that some policy cuts."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, NamedTuple

from lockgate.findings import Finding, Level

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lockgate.ir.tables import RuleEntry
    from lockgate.lint.config import End, Protected
    from lockgate.lint.scene import Scene

_MOST_NAMED = 3
_NOBODY = (0, 1)
"""The tables "no policy"."""


class _Party(NamedTuple):
    """Somebody at an end: its tables, where it is enforced, and its classes."""

    name: str
    ingress: int
    egress: int
    classes: tuple[int, ...]


def find_of_protected(scene: Scene) -> Iterator[Finding]:
    """Yield one finding for each protected connection that is denied anywhere."""
    for protected in scene.config.protected:
        sources = list(_parties(scene, protected.source))
        destinations = list(_parties(scene, protected.destination))
        if not sources or not destinations:
            end = protected.destination if sources else protected.source
            yield Finding(
                "W6026",
                Level.WARNING,
                f"'{end.text}' of '{protected.name}' is nobody in the snapshot",
                protected.span,
                "correct the name, or take the item away",
                key=protected.name,
            )
            continue
        yield from _cut(scene, protected, sources, destinations)


def _cut(
    scene: Scene,
    protected: Protected,
    sources: list[_Party],
    destinations: list[_Party],
) -> Iterator[Finding]:
    denied: dict[int, dict[str, None]] = {}
    for source in sources:
        for destination in destinations:
            if source is not destination and source.name != destination.name:
                rule = _denying(scene, protected, source, destination)
                if rule is not None:
                    pair = f"{source.name} → {destination.name}"
                    denied.setdefault(rule, {})[pair] = None
    for number, found in sorted(denied.items()):
        pairs = list(found)
        entry: RuleEntry = scene.passed.tables.rules[number]
        shown = ", ".join(pairs[:_MOST_NAMED])
        if len(pairs) > _MOST_NAMED:
            shown += f" and {len(pairs) - _MOST_NAMED} more"
        what = f"{protected.protocol.name} {protected.port}"
        yield Finding(
            "E6012",
            Level.ERROR,
            f"this denies what is protected, '{protected.name}' ({what}): {shown}",
            entry.spans[0] if entry.spans else protected.span,
            "allow it, or take it from the protected connections",
            ((protected.span, "protected here"),),
            key=f"{protected.name} {entry.name}",
        )


def _denying(
    scene: Scene, protected: Protected, source: _Party, destination: _Party
) -> int | None:
    """Return the rule (by index) that denies; None where the connection stands."""
    reach = scene.reach
    atom = reach.atom(protected.protocol, protected.port)
    for table, classes in (
        (source.egress, destination.classes),
        (destination.ingress, source.classes),
    ):
        if table in _NOBODY:
            continue
        if not any(reach.passes(table, c, atom) for c in classes):
            return reach.decision(table, classes[0], atom).rule
    return None


def _parties(scene: Scene, end: End) -> Iterator[_Party]:
    reach, tables = scene.reach, scene.passed.tables
    number = node = None
    if end.text == "world":
        yield _Party("world", *_NOBODY, reach.world[:1])
        return
    if end.network is not None:
        address = end.network.network_address
        if end.network.num_addresses == 1:
            number, node = reach.endpoint_at(address), reach.node_at(address)
        if number is None and node is None:
            # Each part of the network that rules tell apart must get through.
            for identity_class in reach.of_network(end.network):
                yield _Party(end.text, *_NOBODY, (identity_class,))
            return
    for place, host in enumerate(tables.hosts):
        is_named = end.text in ("nodes", f"node/{host.node}") or node == place
        if is_named and (classes := reach.of_node(place)):
            tables_of = host.ingress_table, host.egress_table
            yield _Party(f"node {host.node}", *tables_of, classes)
    for place, entry in enumerate(tables.endpoints):
        key = f"{entry.namespace}/{entry.name}"
        if number == place or fnmatchcase(key, end.text):
            tables_of = entry.ingress_table, entry.egress_table
            yield _Party(key, *tables_of, reach.of_endpoint(place))
