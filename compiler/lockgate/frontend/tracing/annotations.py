"""Annotations of ours on tracing policies: whether processes of unknown pods are meant."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockgate.frontend.annotations import DOMAIN, check_annotations
from lockgate.frontend.audit import AUDIT

if TYPE_CHECKING:
    from lockgate.diagnostics import Diagnostics
    from lockgate.frontend.metadata import Metadata
    from lockgate.frontend.schema import Fields

UNKNOWN = DOMAIN + "unknown-workloads"
SELECTED, LEFT_OUT = "selected", "left-out"
KNOWN = {UNKNOWN: (SELECTED, LEFT_OUT)}
_ELSEWHERE = {AUDIT: "write the option policy-mode: monitor"}


def read_takes_unknown(
    fields: Fields, metadata: Metadata, diagnostics: Diagnostics
) -> bool:
    """Whether processes of unknown pods count as selected, which they do unless told otherwise."""
    check_annotations(fields, metadata, KNOWN, diagnostics, _ELSEWHERE)
    return metadata.annotations.get(UNKNOWN) != LEFT_OUT
