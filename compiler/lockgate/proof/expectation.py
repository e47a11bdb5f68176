"""What the reference says of one subject, packet by packet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockgate.proof.reference.atoms import SEEN
from lockgate.proof.reference.matrix import members

if TYPE_CHECKING:
    from lockgate.proof.compare import Comparison
    from lockgate.proof.reference.addresses import Address
    from lockgate.proof.reference.matrix import Judgement
    from lockgate.proof.reference.tribunal import Verdict

    Verdicts = frozenset[Verdict]


class Expectation:
    """The verdicts of one subject in one direction, by atoms.

    A service's address may come to one of several verdicts, which differ in their rules.
    """

    def __init__(
        self, comparison: Comparison, judgement: Judgement, direction: str
    ) -> None:
        self._comparison = comparison
        self._judgement = judgement
        self._is_egress = direction == "egress"
        self._peer_group = comparison.matrix.peer_groups.of
        self._traffic_group = comparison.matrix.traffic_groups.of
        self._columns: dict[int, dict[int, Verdicts]] = {}
        for block in judgement.blocks():
            column: dict[int, Verdicts] = {}
            for bits, verdict in block.verdicts:
                verdicts = frozenset((verdict,))
                column |= dict.fromkeys(members(bits), verdicts)
            self._columns |= dict.fromkeys(members(block.peers), column)
        self._services: dict[tuple[int, int], Verdicts] = {}

    def of(self, peer: int, traffic: int) -> Verdicts:
        """Return what may be said of an atom of addresses and one of traffic."""
        if self._is_egress and self._comparison.peers[peer].is_service:
            return self._of_service(peer, traffic)
        return self._columns[self._peer_group[peer]][self._traffic_group[traffic]]

    def of_address(self, address: Address, traffic: int) -> Verdicts:
        """Return what may be said of an address as others see it."""
        return self.of(self._comparison.place_of_peer[address, SEEN], traffic)

    def _of_service(self, peer: int, traffic: int) -> Verdicts:
        known = self._services.get((peer, traffic))
        if known is None:
            behind = self._comparison.services[peer].ports.get(traffic, frozenset())
            found = {self._judgement.verdict(*pair) for pair in behind}
            known = frozenset(self._judgement.tribunal.worst(found))
            self._services[peer, traffic] = known
        return known
