"""Connections that the configuration protects, and that some policy cuts."""

from __future__ import annotations

from fnmatch import fnmatchcase
from itertools import islice, product
from typing import TYPE_CHECKING, NamedTuple

from lockgate.findings import Finding, Level

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from ipaddress import IPv4Address, IPv6Address

    from lockgate.ir.tables import RuleEntry
    from lockgate.lint.config import End, Protected
    from lockgate.lint.scene import Scene

_MOST_NAMED = 3
_NOBODY = (0, 1)
"""The tables "no policy"."""


class _Party(NamedTuple):
    """Those at an end who are judged alike: tables of theirs, classes, versions of IP."""

    ingress: int
    egress: int
    classes: tuple[int, ...]
    versions: frozenset[int]


_Parties = dict[_Party, list[str]]
"""The names of those who are judged alike."""


def find_of_protected(scene: Scene) -> Iterator[Finding]:
    """Yield one finding for each protected connection that is denied anywhere."""
    for protected in scene.config.protected:
        sources = _gather(_parties(scene, protected.source))
        destinations = _gather(_parties(scene, protected.destination))
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


def _gather(parties: Iterable[tuple[str, _Party]]) -> _Parties:
    found: _Parties = {}
    for name, party in parties:
        found.setdefault(party, []).append(name)
    return found


def _cut(
    scene: Scene, protected: Protected, sources: _Parties, destinations: _Parties
) -> Iterator[Finding]:
    denied: dict[int, dict[tuple[str, str], None]] = {}
    for (source, names), (destination, others) in product(
        sources.items(), destinations.items()
    ):
        if not source.versions & destination.versions:
            continue
        rule = _denying(scene, protected, source, destination)
        if rule is not None:
            pairs = ((a, b) for a, b in product(names, others) if a != b)
            some = islice(pairs, _MOST_NAMED + 1)
            denied.setdefault(rule, {}).update(dict.fromkeys(some))
    for number, found in sorted(denied.items()):
        if not found:
            continue  # nobody is cut off from anybody else
        entry: RuleEntry = scene.passed.tables.rules[number]
        shown = ", ".join(f"{a} → {b}" for a, b in islice(found, _MOST_NAMED))
        if len(found) > _MOST_NAMED:
            shown += " and more"
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


def _parties(scene: Scene, end: End) -> Iterator[tuple[str, _Party]]:
    reach = scene.reach
    if end.text == "world":
        for version, classes in reach.world_by_version.items():
            yield "world", _Party(*_NOBODY, classes[:1], frozenset({version}))
        return
    number = node = None
    if end.network is not None:
        address = end.network.network_address
        if end.network.num_addresses == 1:
            number, node = reach.endpoint_at(address), reach.node_at(address)
        if number is None and node is None:
            # Each part of the network that rules tell apart must get through.
            for identity_class in reach.of_network(end.network):
                of = frozenset({int(end.network.version)})
                yield end.text, _Party(*_NOBODY, (identity_class,), of)
            return
    yield from _nodes(scene, end, node)
    yield from _endpoints(scene, end, number)


def _nodes(scene: Scene, end: End, number: int | None) -> Iterator[tuple[str, _Party]]:
    for place, host in enumerate(scene.passed.tables.hosts):
        is_named = end.text in ("nodes", f"node/{host.node}") or number == place
        if is_named and host.addresses:
            name, classes = f"node {host.node}", scene.reach.of_node(place)
            tables = host.ingress_table, host.egress_table
            yield name, _Party(*tables, classes, _versions(host.addresses))


def _endpoints(
    scene: Scene, end: End, number: int | None
) -> Iterator[tuple[str, _Party]]:
    for place, entry in enumerate(scene.passed.tables.endpoints):
        name = f"{entry.namespace}/{entry.name}"
        is_named = number == place or fnmatchcase(name, end.text)
        if is_named and entry.addresses:
            classes = scene.reach.of_endpoint(place)
            tables = entry.ingress_table, entry.egress_table
            yield name, _Party(*tables, classes, _versions(entry.addresses))


def _versions(addresses: Iterable[IPv4Address | IPv6Address]) -> frozenset[int]:
    return frozenset(address.version for address in addresses)
