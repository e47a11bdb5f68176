"""Located nodes, as the readers of YAML make them, with the places of another text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockgate.frontend.nodes import Entry, Mapping, Node, Scalar, Sequence

if TYPE_CHECKING:
    from lockgate.source import Span

Plain = str | int | bool | Node | list["Plain"] | dict[str, "Plain"]
"""What a node can be made of; nodes within keep their own places."""


def make_node(value: Plain, span: Span) -> Node:
    """Return a value as a node that stands at ``span``, with all that has no other place."""
    at = span.source, span.start, span.end
    if isinstance(value, Node):
        return value
    if isinstance(value, bool):
        return Scalar(*at, "true" if value else "false", True)
    if isinstance(value, int):
        return Scalar(*at, str(value), True)
    if isinstance(value, str):
        return Scalar(*at, value, False)
    if isinstance(value, list):
        return Sequence(*at, tuple(make_node(item, span) for item in value))
    entries = {
        key: Entry(Scalar(*at, key, True), make_node(inner, span))
        for key, inner in value.items()
    }
    return Mapping(*at, entries)
