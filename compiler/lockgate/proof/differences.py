"""What a comparison finds: differences, places that nobody looked at, and counts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple


class Difference(NamedTuple):
    """Where the two disagree: who is asked about what, and what each says."""

    subject: str
    direction: str
    peer: str
    traffic: str
    expected: str
    found: str

    def __str__(self) -> str:
        where = self.subject or self.peer
        if self.direction:
            about = " ".join(filter(None, (self.peer, self.traffic)))
            where = f"{self.direction} at {self.subject}, {about}"
        return f"{where}: expected {self.expected}, found {self.found}"


@dataclass
class Counts:
    """How much was compared.

    An address may be several peer atoms: as others see it, and as the node's own.  ``ports``
    are those of each of TCP, UDP and SCTP, ``icmp_types`` those of each version.
    """

    subjects: int = 0
    tables: int = 0
    peer_atoms: int = 0
    ipv4_addresses: int = 0
    ipv6_addresses: int = 0
    traffic_atoms: int = 0
    ports: int = 0
    icmp_types: int = 0
    other_protocols: int = 0
    questions: int = 0
    cells: int = 0
    visited_cells: int = 0
    dead_cells: int = 0
    address_edges: int = 0
    port_edges: int = 0


@dataclass
class TableProof:
    """What the comparison found; nothing else than counts where all is well."""

    counts: Counts = field(default_factory=Counts)
    differences: list[Difference] = field(default_factory=list)
    identities: list[Difference] = field(default_factory=list)
    unvisited: list[str] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        """Whether every cell was visited and says what it should, and there are any."""
        is_empty = not all(
            (
                self.counts.subjects,
                self.counts.peer_atoms,
                self.counts.traffic_atoms,
                self.counts.cells,
            )
        )
        found = self.differences or self.identities or self.unvisited
        return not (is_empty or found)
