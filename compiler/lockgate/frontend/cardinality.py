"""How many: objects of which exactly one field is set, lists that are not empty."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockgate.frontend.schema import Mapping

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lockgate.diagnostics import Diagnostics
    from lockgate.frontend.schema import Fields, Node


def require_one(
    fields: Fields,
    names: Sequence[str],
    diagnostics: Diagnostics,
    *,
    beside: Sequence[str] = (),
) -> str | None:
    """Return the one of ``names`` that is set; none and several are errors.

    ``beside`` are further fields of the object.  Where one stands that is none of all
    these, it was refused already, and is probably the one that was meant.
    """
    named = [name for name in names if fields.has(name)]
    if len(named) == 1:
        return named[0]
    wanted = f"{', '.join(names[:-1])} or {names[-1]}"
    if not named:
        known = (*names, *beside)
        is_refused = any(name not in known for name, _ in fields.entries())
        if isinstance(fields.node, Mapping) and not is_refused:
            message = f"{fields.what} needs one of {wanted}"
            cure = "write one of them, or take the whole item away"
            diagnostics.error("E1050", message, fields.node.span, help=cure)
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
        cure = "write at least one" + ("" if required else f", or leave out '{name}'")
        diagnostics.error("E1051", message, sequence.span, help=cure)
    return sequence.items


def warn_of_nothing(node: Node, name: str, diagnostics: Diagnostics) -> None:
    """Say that something which lists what it matches lists nothing."""
    message = f"without '{name}', this matches nothing"
    cure = "name some, or take it away to match all traffic of these peers"
    diagnostics.warning("W1042", message, node.span, help=cure)
