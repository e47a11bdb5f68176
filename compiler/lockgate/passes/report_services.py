"""Warn of services that a policy allows in part, and so denies at their own address.

Before: services whose backends some table does not treat alike.
After:  one warning for each such port of a service, with an example.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockgate.diagnostics import quote
from lockgate.ir.tables import AXES, Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from lockgate.diagnostics import Diagnostics
    from lockgate.ir.cluster import Service
    from lockgate.ir.resolution import PartlyAllowed
    from lockgate.ir.tables import Decision, PortAtoms, RuleEntry

_PROTOCOLS = {axis: protocol.name for protocol, axis in AXES.items()}


def report_services(
    found: Iterable[PartlyAllowed],
    services: Sequence[Service],
    atoms: PortAtoms,
    decisions: Sequence[Decision],
    rules: Sequence[RuleEntry],
    diagnostics: Diagnostics,
) -> None:
    """Record the warnings (W2054)."""
    by_key = {service.key: service for service in services}
    seen = set()
    for partly in found:
        port = _port(atoms, partly.atom)
        for key in partly.services:
            if (key, port) in seen:
                continue
            seen.add((key, port))
            deciding = [decisions[number] for number in partly.decisions]
            denied = next(d for d in deciding if d.outcome is Outcome.DENY)
            allowed = next(d for d in deciding if d.outcome is not Outcome.DENY)
            others = "" if partly.tables == 1 else f" and {partly.tables - 1} more"
            diagnostics.warning(
                "W2054",
                f"service {quote(key)}, port {port}, is denied to {partly.subject}{others}: "
                "some of its backends are denied, others are not",
                by_key[key].span,
                help="allow the same pods that the service selects, or all of them",
                related=[
                    (span, f"{what} by {rules[decision.rule].name}")
                    for decision, what in ((denied, "denied"), (allowed, "not denied"))
                    for span in rules[decision.rule].spans[:1]
                ],
            )


def _port(atoms: PortAtoms, atom: int) -> str:
    for axis, starts in enumerate(atoms.starts):
        if atom < len(starts):
            return f"{starts[atom]}/{_PROTOCOLS[axis]}"
        atom -= len(starts)
    raise ValueError(atom)
