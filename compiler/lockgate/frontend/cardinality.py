"""How many: objects of which exactly one field is set, lists that are not empty."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lockgate.diagnostics import Diagnostics
    from lockgate.frontend.schema import Fields, Node


def require_one(
    fields: Fields, names: Sequence[str], diagnostics: Diagnostics
) -> str | None:
    """Return the one of ``names`` that is set; none and several are errors."""
    named = [name for name in names if fields.has(name)]
    if len(named) == 1:
        return named[0]
    wanted = f"{', '.join(names[:-1])} or {names[-1]}"
    if not named:
        message = f"{fields.what} needs one of {wanted}"
        diagnostics.error("E1050", message, fields.node.span)
        return None
    message = f"{fields.what} has both '{named[0]}' and '{named[1]}'"
    diagnostics.error(
        "E1050",
        message,
        fields.key_span(named[1]),
        help=f"keep exactly one of {wanted}",
        related=[(fields.key_span(named[0]), "the other one")],
    )
    return None


def require_items(
    fields: Fields, name: str, diagnostics: Diagnostics, *, required: bool = False
) -> tuple[Node, ...]:
    """Return the items of a list that must not be empty where it stands."""
    sequence = fields.sequence(name, required=required)
    if sequence is None:
        return ()
    if not sequence.items:
        message = f"'{name}' of {fields.what} needs at least one item"
        diagnostics.error("E1051", message, sequence.span)
    return sequence.items


def warn_of_nothing(node: Node, name: str, diagnostics: Diagnostics) -> None:
    """Say that something which lists what it matches lists nothing."""
    message = f"without '{name}', this matches nothing"
    cure = "name some, or take it away to match all traffic of these peers"
    diagnostics.warning("W1042", message, node.span, help=cure)
