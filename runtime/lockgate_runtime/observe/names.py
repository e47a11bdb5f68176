"""Names for the numbers in events: endpoints, identities, rules."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from ipaddress import IPv4Address, IPv6Address

    from lockgate_runtime.tables import Identity, PackedTables, Rule


@dataclass(frozen=True, slots=True)
class Names:
    """What is known of the cluster; whatever is not known is shown as its number.

    ``by_address``: ``namespace/name`` of an endpoint, or ``node NAME``.  ``by_attachment``:
    the endpoint whose hook judged, by the number that events carry.
    """

    by_address: Mapping[IPv4Address | IPv6Address, str] = field(default_factory=dict)
    identities: Mapping[int, Identity] = field(default_factory=dict)
    rules: Mapping[int, Rule] = field(default_factory=dict)
    by_attachment: Mapping[int, str] = field(default_factory=dict)

    @classmethod
    def of(
        cls, tables: PackedTables, by_attachment: Mapping[int, str] | None = None
    ) -> Names:
        """Take the names from a bundle's tables."""
        by_address = {a: f"node {h.node}" for h in tables.hosts for a in h.addresses}
        by_address |= {a: e.key for e in tables.endpoints for a in e.addresses}
        return cls(
            by_address,
            tables.identities,
            {rule.number: rule for rule in tables.rules},
            by_attachment or {},
        )

    def identity(self, number: int) -> str | None:
        """Name an identity, None if it is not known."""
        found = self.identities.get(number)
        return found.name if found else None

    def labels(self, number: int) -> tuple[str, ...]:
        """Return the labels of an identity, none if it is not known."""
        found = self.identities.get(number)
        return found.labels if found else ()
