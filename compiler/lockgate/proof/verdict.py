"""What a proof comes to: findings with codes, and the certificate where there are none.

The certificate says what was compared and what is outside of the claim.  It never says more
than "exhaustive over atoms", and that of the tables alone where packets left something out.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from lockgate.codes import CODES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from lockgate.proof.differences import Difference, TableProof
    from lockgate.proof.sources import Sources

NOT_PROVED = "not proved"
_CLAIM = "exhaustive over atoms"
MOST_SHOWN = 20
"""So many findings of one kind are shown; the rest are counted."""

OUTSIDE = (
    "pods and policies that the sources do not have yet: a new bundle needs a new proof",
    "requests and queries (L7): inside is that a packet is left to a parser, and no more",
    "names: no rule for a DNS name selects an address",
    "packets that follow the first of a flow, replies, errors about it, fragments",
    "what the bundle has for people: tables/*.txt, report.md, source/",
)
NATIVE = (
    "the parser of the native language, which both readings share: inside is what its words "
    "mean, not whether they were read off the file as they stand there"
)
TERMS = {
    "atom": "a constant c of the sources, c-1 or c+1: addresses, ports, types, protocols; and "
    "the labels, names and prefixes of whoever has the address",
    "cell": "one row of peers and one column of traffic in a verdict table; visited where an "
    "address (to peer, class, row) and a port (to column) of atoms lead a subject to it",
    "question": "subject, direction, address in its role, traffic; those that no test of a "
    "rule and no table tells apart are answered together",
    "dead cell": "a cell of a row to which no address in the tables leads",
    "packet": "one for an address and a port or type, of a flow of its own; counted for each "
    "endpoint, direction and family are atoms (addresses; protocols with their ports) and "
    "pairs (address and port, address and protocol); left out is what no packet can ask: "
    "sources from which nobody may send, neighbour discovery",
    "agreement": "the same outcome, parser, deciding rule with its place, rules that agree, "
    "and way through the tiers",
}
WITH_PACKETS = "the programs for control groups: packets went through those for devices"
WITHOUT_PACKETS = "the programs: no packet was sent, the tables alone were compared"

UNSENT_ATOMS = "atoms that the budget of packets did not hold: {} of {}"

UNSENT_PAIRS = "pairs of dimensions that the budget of packets did not hold: {} of {}"


class Reach(StrEnum):
    """How far packets went: some atoms, each, every pair of dimensions, every combination."""

    NONE = "none"
    SOME = "some"
    ATOMS = "atoms"
    PAIRS = "pairs"
    ALL = "all"


def reach(packets: Mapping[str, Any] | None) -> Reach:
    """Return how far the packets of a proof went that found nothing."""
    if packets is None:
        return Reach.NONE
    if packets["atoms"]["covered"] < packets["atoms"]["all"]:
        return Reach.SOME
    if packets["pairs"]["covered"] < packets["pairs"]["all"]:
        return Reach.ATOMS
    return Reach.ALL if packets["sent"] == packets["product"] else Reach.PAIRS


def say_claim(packets: Mapping[str, Any] | None) -> str:
    """Return what is claimed where nothing was found."""
    match reach(packets):
        case Reach.NONE:
            return f"tables proved, {_CLAIM}; no packet was sent"
        case Reach.SOME if packets is not None:
            atoms = packets["atoms"]
            return (
                f"tables proved, {_CLAIM}; packets: {atoms['covered']:,} of "
                f"{atoms['all']:,} atoms, which is as far as the budget went (for all "
                f"atoms: --packet-budget {packets['budget_for_atoms']})"
            )
        case Reach.ATOMS if packets is not None:
            pairs = packets["pairs"]
            return (
                f"tables proved, {_CLAIM}; packets: every atom, and {pairs['covered']:,} of "
                f"{pairs['all']:,} pairs of dimensions"
            )
        case Reach.PAIRS:
            return f"proved, {_CLAIM}; packets: every atom and pair of dimensions"
    return f"proved, {_CLAIM}; packets: every combination of atoms"


@dataclass(frozen=True)
class Finding:
    """One reason why the bundle is not proved; ``details`` are fields of its own."""

    code: str
    message: str
    details: Mapping[str, Any] = field(default_factory=dict)

    def row(self) -> dict[str, Any]:
        """Return it as ``-o json`` has it."""
        return {
            "code": self.code,
            "name": CODES[self.code].name,
            "severity": "error",
            "message": self.message,
            **self.details,
        }


def table_findings(proof: TableProof) -> list[Finding]:
    """Return what the comparison of the tables found."""
    findings = list(_differences("E6300", proof.differences))
    findings += [
        Finding(
            "E6307", f"{d.peer}: expected {d.expected}, found {d.found}", d._asdict()
        )
        for d in proof.identities[:MOST_SHOWN]
    ]
    if not (proof.counts.peer_atoms and proof.counts.traffic_atoms):
        message = (
            f"there is nothing to compare: {proof.counts.peer_atoms} atoms of addresses, "
            f"{proof.counts.traffic_atoms} of traffic"
        )
        findings.append(Finding("E6303", message))
    elif not proof.counts.subjects:
        findings.append(Finding("E6303", "the sources have nobody to be judged"))
    findings += [Finding("E6302", text) for text in proof.unvisited[:MOST_SHOWN]]
    more = len(proof.unvisited) - MOST_SHOWN
    if more > 0:
        findings.append(Finding("E6302", f"and {more} more places"))
    if not proof.holds and not findings:
        findings.append(Finding("E6303", "the tables have no cells"))
    return findings


def _differences(code: str, differences: list[Difference]) -> Iterator[Finding]:
    for difference in differences[:MOST_SHOWN]:
        is_cell = bool(difference.direction)
        yield Finding(
            code if is_cell else "E6301", str(difference), difference._asdict()
        )
    more = len(differences) - MOST_SHOWN
    if more > 0:
        yield Finding(code, f"and {more} more differences", {"more": more})


def packet_findings(differences: list[Difference]) -> list[Finding]:
    """Return what packets found."""
    return list(_differences("E6305", differences))


def describe(
    sources: Sources,
    options: Mapping[str, str],
    tables: TableProof,
    packets: Mapping[str, Any] | None,
) -> dict[str, Any]:
    """Return what the certificate says besides the bundle's name, and its claim."""
    outside = [*OUTSIDE, WITH_PACKETS if packets else WITHOUT_PACKETS]
    if sources.is_native:
        outside.append(NATIVE)
    if packets is not None:
        for what, text in (("atoms", UNSENT_ATOMS), ("pairs", UNSENT_PAIRS)):
            whole = packets[what]["all"]
            unsent = whole - packets[what]["covered"]
            if unsent:
                outside.append(text.format(f"{unsent:,}", f"{whole:,}"))
    return {
        "terms": TERMS,
        "options": dict(options),
        "sources": [
            {"name": name, "sha256": digest} for name, digest in sources.digests
        ],
        "tables": asdict(tables.counts),
        "packets": packets,
        "outside": outside,
    }
