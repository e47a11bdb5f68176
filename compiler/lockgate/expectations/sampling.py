"""Send packets for what the tables were asked: from every kind of place, at every edge.

A class of flows is asked at the first and the last port of each atom; where an end is
outside, also from or to the first and last address of every range that it stands for.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from lockgate.bitset import members
from lockgate.expectations.engine import Sight
from lockgate.expectations.places import PlaceKind
from lockgate.expectations.verdicts import Opinion
from lockgate.ir.policy import Protocol
from lockgate.ir.tables import AXES
from lockgate.simulation import Question, UnaskedError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lockgate.expectations.engine import Asked
    from lockgate.expectations.places import Place, Population
    from lockgate.expectations.sets import Members
    from lockgate.expectations.traffic import Atoms, Example
    from lockgate.expectations.verdicts import Decisions
    from lockgate.simulation import Judge

MOST_PACKETS = 20_000
"""So many packets are sent for one statement; the rest is left out and counted."""

_UNJUDGED = Opinion(False, "")


@dataclass(slots=True)
class KernelSampler:
    """Asks a judge that has the loaded program.

    ``left_out`` counts what was not asked, by reason: packets, and beyond the limit kinds of
    flows.
    """

    judge: Judge
    population: Population
    atoms: Atoms
    most: int = MOST_PACKETS
    left_out: Counter[str] = field(default_factory=Counter)
    _sent: int = 0

    def begin(self) -> None:
        """Begin another statement."""
        self._sent = 0

    def ask(self, asked: Asked, ends: tuple[Members, Members]) -> Iterator[Sight]:
        """Yield the flow of each packet with what the program decided at both ends."""
        for source, destination, example in self._flows(asked, ends):
            if self._sent >= self.most:
                self.left_out[f"a statement has {self.most:,} packets already"] += 1
                return
            self._sent += 1
            try:
                decisions = self._decide(source, destination, example)
            except UnaskedError as reason:
                self.left_out[str(reason)] += 1
                continue
            yield Sight(source, destination, example, decisions, _UNJUDGED)

    def _flows(
        self, asked: Asked, ends: tuple[Members, Members]
    ) -> Iterator[tuple[Place, Place, Example]]:
        first = None
        for atom in members(asked.atoms):
            example = self.atoms.example(atom, asked.spans)
            first = first or example
            yield asked.source, asked.destination, example
            if example.last != example.port:
                last = example._replace(port=example.last)
                yield asked.source, asked.destination, last
        if first is None:
            return
        for source in self._edges(asked.source, ends[0]):
            yield source, asked.destination, first
        for destination in self._edges(asked.destination, ends[1]):
            yield asked.source, destination, first

    def _edges(self, place: Place, end: Members) -> Iterator[Place]:
        if place.kind is PlaceKind.OUTSIDE:
            for address in self.population.edges(end.spans, place):
                yield replace(place, name=str(address), address=address)

    def _decide(self, source: Place, destination: Place, example: Example) -> Decisions:
        if example.protocol not in AXES:
            raise UnaskedError("a protocol without ports")
        return (
            self._one("egress", source, destination, example),
            self._one("ingress", destination, source, example),
        )

    def _one(
        self, direction: str, judging: Place, other: Place, example: Example
    ) -> int | None:
        if judging.subject is None:
            return None
        return self.judge.decide(
            Question(
                direction,
                judging.subject,
                judging.address,
                other.address,
                self.population.seen_from(other, judging),
                Protocol(example.protocol),
                example.port,
            )
        )
