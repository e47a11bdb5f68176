"""What traffic a test asks about: sets of port atoms, and examples of them.

An atom is a range of ports that no policy tells apart; a test may ask for a part of one.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, NamedTuple

from lockgate.ir.policy import (
    IcmpMatch,
    NamedPortMatch,
    PortMatch,
    Protocol,
    ProtocolMatch,
)
from lockgate.ir.tables import AXES, AXIS_SIZES, OTHER_AXIS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from lockgate.bitset import Bits
    from lockgate.ir.cluster import NamedPort
    from lockgate.ir.policy import TrafficMatch
    from lockgate.ir.tables import PortAtoms

_PROTOCOL_OF = {axis: protocol for protocol, axis in AXES.items()}
_PORT_AXES = [AXES[p] for p in (Protocol.TCP, Protocol.UDP, Protocol.SCTP)]
_ICMP_AXES = {4: AXES[Protocol.ICMPV6], 6: AXES[Protocol.ICMP]}
"""By version of IP: the axis of the other version's ICMP."""


class PortSpan(NamedTuple):
    """Ports (types, protocol numbers) ``first`` to ``last`` on one axis of traffic."""

    axis: int
    first: int
    last: int


class Example(NamedTuple):
    """One kind of packet: ``last`` is the highest port of the same atom that was asked for."""

    protocol: int
    port: int
    last: int

    def __str__(self) -> str:
        known = {int(p): p.name.replace("V6", "v6") for p in Protocol}
        name = known.get(self.protocol, f"IP protocol {self.protocol}")
        is_known = self.protocol in AXES
        return f"{name} {self.port}" if is_known else name


EVERY_PORT = tuple(PortSpan(axis, 0, size - 1) for axis, size in enumerate(AXIS_SIZES))


def spans_of(
    matches: Iterable[TrafficMatch | None], named_ports: Sequence[NamedPort] = ()
) -> tuple[PortSpan, ...]:
    """Return what some matches mean; named ports are those of the destination."""
    found: list[PortSpan] = []
    for match in matches:
        if match is None:
            found += EVERY_PORT
        elif isinstance(match, PortMatch):
            found += [
                PortSpan(AXES[protocol], match.ports.first, match.ports.last)
                for protocol in match.protocols
            ]
        elif isinstance(match, NamedPortMatch):
            found += [
                PortSpan(AXES[port.protocol], port.port, port.port)
                for port in named_ports
                if port.name == match.name and port.protocol in match.protocols
            ]
        elif isinstance(match, IcmpMatch):
            first = 0 if match.type is None else match.type
            last = 255 if match.type is None else match.type
            found.append(PortSpan(AXES[match.protocol], first, last))
        elif isinstance(match, ProtocolMatch):
            found.append(_protocol(match.protocol))
    return tuple(sorted(set(found)))


def _protocol(protocol: Protocol) -> PortSpan:
    if protocol in AXES:
        axis = AXES[protocol]
        return PortSpan(axis, 0, AXIS_SIZES[axis] - 1)
    return PortSpan(OTHER_AXIS, protocol, protocol)


class Atoms:
    """The partition of traffic, and how spans of ports lie in it."""

    def __init__(self, atoms: PortAtoms) -> None:
        self._atoms = atoms
        self._bases = [0]
        for starts in atoms.starts:
            self._bases.append(self._bases[-1] + len(starts))

    def bits(self, spans: Iterable[PortSpan], family: int) -> Bits:
        """Return the atoms that some spans touch, without the other family's ICMP."""
        found = 0
        for span in spans:
            if span.axis != _ICMP_AXES[family]:
                first, last = (self._find(span.axis, n) for n in span[1:])
                found |= (1 << last + 1) - (1 << first)
        return found & ~self._unreal()

    def example(self, atom: int, spans: Iterable[PortSpan]) -> Example:
        """Return the first packet of an atom that the spans ask for."""
        axis, low, high = self._range(atom)
        for span in spans:
            first, last = max(span.first, low), min(span.last, high)
            if span.axis != axis or first > last:
                continue
            if axis in _PORT_AXES:
                # Port 0 is on no wire, so an example has it only where nothing else is left.
                return Example(_PROTOCOL_OF[axis], max(first, min(1, last)), last)
            if axis != OTHER_AXIS:
                return Example(_PROTOCOL_OF[axis], first, last)
            numbers = _other_protocols(first, last)
            if numbers:
                return Example(numbers[0], 0, 0)
        raise ValueError(f"atom {atom} is not in these spans")

    def _find(self, axis: int, number: int) -> int:
        place = bisect_right(self._atoms.starts[axis], number) - 1
        return self._bases[axis] + place

    def _range(self, atom: int) -> PortSpan:
        axis = bisect_right(self._bases, atom) - 1
        starts, place = self._atoms.starts[axis], atom - self._bases[axis]
        is_last = place + 1 == len(starts)
        last = AXIS_SIZES[axis] - 1 if is_last else starts[place + 1] - 1
        return PortSpan(axis, starts[place], last)

    def _unreal(self) -> Bits:
        """Return atoms of the last axis that hold protocols with an axis of their own only."""
        found = 0
        for atom in range(self._bases[OTHER_AXIS], self._bases[OTHER_AXIS + 1]):
            _, low, high = self._range(atom)
            if not _other_protocols(low, high):
                found |= 1 << atom
        return found


def _other_protocols(first: int, last: int) -> list[int]:
    """Return IP protocols without ports in a range, those with a name first."""
    known = {int(protocol) for protocol in Protocol}
    numbers = [n for n in range(first, last + 1) if n not in AXES]
    return sorted(numbers, key=lambda n: (n not in known, n))
