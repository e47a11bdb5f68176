"""Annotations of ours on tracing policies: whether processes of unknown pods are meant."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockgate.diagnostics import Diagnostics, did_you_mean, quote
from lockgate.frontend.audit import AUDIT, DOMAIN, find_annotation

if TYPE_CHECKING:
    from lockgate.frontend.metadata import Metadata
    from lockgate.frontend.schema import Fields

UNKNOWN = DOMAIN + "unknown-workloads"
KNOWN = (UNKNOWN,)
SELECTED, LEFT_OUT = "selected", "left-out"


def read_takes_unknown(
    fields: Fields, metadata: Metadata, diagnostics: Diagnostics
) -> bool:
    """Whether processes of unknown pods count as selected, which they do unless told otherwise."""
    for name, value in metadata.annotations.items():
        if not name.startswith(DOMAIN):
            continue
        node = find_annotation(fields, name, KNOWN)
        span = None if node is None else node.span
        if name not in KNOWN:
            message = f"unknown annotation {quote(name)} of a tracing policy"
            cure = did_you_mean(name, KNOWN) or f"known: {', '.join(KNOWN)}"
            if name == AUDIT:
                cure = "write the option policy-mode: monitor"
            diagnostics.error("E1061", message, span, help=cure)
        elif value not in (SELECTED, LEFT_OUT):
            message = f"{UNKNOWN} must be {SELECTED} or {LEFT_OUT}, not {quote(value)}"
            diagnostics.error("E1061", message, span, help="or take it away")
    return metadata.annotations.get(UNKNOWN) != LEFT_OUT
