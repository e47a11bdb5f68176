"""Split traffic into atoms: on each axis the ranges that no rule tells apart.

Before: everything that names a port, a type or a protocol: rules, named ports where some
        rule asks for their name, ports of services.
After:  the atoms, numbered through axis by axis; every match is a set of whole atoms.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockgate.ir.policy import IcmpMatch, NamedPortMatch, PortMatch
from lockgate.ir.tables import AXES, AXIS_SIZES, MOST_ATOMS, OTHER_AXIS, PortAtoms

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lockgate.diagnostics import Diagnostics
    from lockgate.ir.cluster import Cluster
    from lockgate.ir.policy import Policy, Protocol, TrafficMatch
    from lockgate.ir.resolution import Vocabulary


def split_ports(
    policies: Iterable[Policy],
    cluster: Cluster,
    vocabulary: Vocabulary,
    diagnostics: Diagnostics,
) -> PortAtoms:
    """Return the atoms of all traffic."""
    cuts: tuple[set[int], ...] = tuple({0} for _ in AXIS_SIZES)
    for match in _matches(policies):
        _cut(cuts, match)
    names = vocabulary.subject_ports | vocabulary.peer_ports
    # By identity: those of many endpoints are one object.
    ports_of = {id(e.named_ports): e.named_ports for e in cluster.endpoints}
    for port in {port for some in ports_of.values() for port in some}:
        if port.name in names:
            _cut_one(cuts, port.protocol, port.port)
    for service in cluster.services:
        for service_port in service.ports:
            _cut_one(cuts, service_port.protocol, service_port.port)
    starts = tuple(
        tuple(sorted(cut for cut in axis if cut < size))
        for axis, size in zip(cuts, AXIS_SIZES, strict=True)
    )
    atoms = PortAtoms(starts)
    if atoms.count > MOST_ATOMS:
        message = f"the rules tell {atoms.count} ranges of ports apart"
        cure = f"at most {MOST_ATOMS} fit; join ranges, or split the cluster"
        diagnostics.error("E3050", message, None, help=cure)
    return atoms


def _matches(policies: Iterable[Policy]) -> Iterable[TrafficMatch]:
    found: dict[int, TrafficMatch] = {}  # by identity: most are shared
    for policy in policies:
        for section in (policy.ingress, policy.egress):
            for rule in section.rules:
                for match in rule.traffic or ():
                    found[id(match)] = match
    return found.values()


def _cut(cuts: tuple[set[int], ...], match: TrafficMatch) -> None:
    if isinstance(match, PortMatch):
        for protocol in match.protocols:
            cuts[AXES[protocol]].update((match.ports.first, match.ports.last + 1))
    elif isinstance(match, IcmpMatch):
        if match.type is not None:
            _cut_one(cuts, match.protocol, match.type)
    elif not isinstance(match, NamedPortMatch) and match.protocol not in AXES:
        cuts[OTHER_AXIS].update((match.protocol, match.protocol + 1))


def _cut_one(cuts: tuple[set[int], ...], protocol: Protocol, number: int) -> None:
    cuts[AXES[protocol]].update((number, number + 1))
