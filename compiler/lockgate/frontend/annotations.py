"""Annotations of ours, ``lockgate.dev/...``: each kind of policy says which it knows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockgate.diagnostics import Diagnostics, did_you_mean, quote
from lockgate.frontend.schema import Mapping

if TYPE_CHECKING:
    from collections.abc import Collection

    from lockgate.frontend.metadata import Metadata
    from lockgate.frontend.schema import Fields, Node

DOMAIN = "lockgate.dev/"


def check_annotations(
    fields: Fields,
    metadata: Metadata,
    known: dict[str, tuple[str, str]],
    diagnostics: Diagnostics,
    elsewhere: dict[str, str],
) -> None:
    """Refuse annotations of ours that are not known, or have neither of their two values (E1061).

    ``elsewhere`` has a cure for annotations that other kinds know.
    """
    for name, value in metadata.annotations.items():
        if not name.startswith(DOMAIN):
            continue
        node = _find(fields, name, known)
        span = None if node is None else node.span
        if name not in known:
            message = f"unknown annotation {quote(name)}"
            cure = elsewhere.get(name) or did_you_mean(name, known)
            cure = cure or f"known: {', '.join(known)}"
            diagnostics.error("E1061", message, span, help=cure)
        elif value not in known[name]:
            one, other = known[name]
            message = f'{name} must be "{one}" or "{other}", not {quote(value)}'
            cure = "with quotes; or take the annotation away"
            diagnostics.error("E1061", message, span, help=cure)


def _find(fields: Fields, name: str, known: Collection[str]) -> Node | None:
    """Return an annotation's value, or its key where that is not known."""
    metadata = fields.get("metadata")
    annotations = metadata.get("annotations") if isinstance(metadata, Mapping) else None
    if not isinstance(annotations, Mapping) or name not in annotations.entries:
        return None
    key, value = annotations.entries[name]
    return value if name in known else key
