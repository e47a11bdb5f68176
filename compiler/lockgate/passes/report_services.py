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
            one, other, why, cure = _explain(deciding)
            others = "" if partly.tables == 1 else f" and {partly.tables - 1} more"
            diagnostics.warning(
                "W2054",
                f"service {quote(key)}, port {port}, is denied to {partly.subject}{others}: "
                + why,
                by_key[key].span,
                help=cure,
                related=[
                    (span, f"{what} by {rules[decision.rule].name}")
                    for decision, what in (one, other)
                    for span in rules[decision.rule].spans[:1]
                ],
            )


def _explain(
    decisions: Sequence[Decision],
) -> tuple[tuple[Decision, str], tuple[Decision, str], str, str]:
    """Return two decisions that differ, what each says, why that matters, and a cure."""
    denied = [d for d in decisions if d.outcome is Outcome.DENY]
    others = [d for d in decisions if d.outcome is not Outcome.DENY]
    if denied:
        return (
            (denied[0], "denied"),
            (others[0], "not denied"),
            "some of its backends are denied, others are not",
            "allow the same pods that the service selects, or all of them",
        )
    judged = {d.because: d for d in others if d.argument}
    first, second, *_ = judged.values()
    return (
        (first, "judged"),
        (second, "judged"),
        "different L7 rules judge its backends",
        "give all pods that the service selects the same L7 rules",
    )


def _port(atoms: PortAtoms, atom: int) -> str:
    for axis, starts in enumerate(atoms.starts):
        if atom < len(starts):
            return f"{starts[atom]}/{_PROTOCOLS[axis]}"
        atom -= len(starts)
    raise ValueError(atom)
