"""Which policies only report what they would deny: the annotation and the option."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockgate.diagnostics import Diagnostics, did_you_mean, quote
from lockgate.frontend.schema import Mapping

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from lockgate.frontend.metadata import Context, Metadata
    from lockgate.frontend.schema import Fields, Node
    from lockgate.ir.policy import Policy
    from lockgate.options import Options

DOMAIN = "lockgate.dev/"
AUDIT = DOMAIN + "audit"
KNOWN = (AUDIT,)
"""Annotations of ours that a policy may have."""


def read_audit(
    fields: Fields, metadata: Metadata, context: Context, diagnostics: Diagnostics
) -> bool:
    """Whether a policy only reports; check its annotations of ours on the way."""
    is_audited = False
    if metadata.annotations:
        is_audited = _read_annotations(fields, metadata, diagnostics)
    names = (context.kind, metadata.namespace, metadata.name)
    return is_audited or "/".join(filter(None, names)) in context.options.audit


def _read_annotations(
    fields: Fields, metadata: Metadata, diagnostics: Diagnostics
) -> bool:
    for name, value in metadata.annotations.items():
        if not name.startswith(DOMAIN):
            continue
        node = find_annotation(fields, name, KNOWN)
        span = None if node is None else node.span
        if name not in KNOWN:
            message = f"unknown annotation {quote(name)}"
            cure = did_you_mean(name, KNOWN) or f"known: {', '.join(KNOWN)}"
            diagnostics.error("E1061", message, span, help=cure)
        elif value not in ("true", "false"):
            message = f'{AUDIT} must be "true" or "false", not {quote(value)}'
            cure = "with quotes; or take the annotation away"
            diagnostics.error("E1061", message, span, help=cure)
    return metadata.annotation_is_true(AUDIT)


def find_annotation(fields: Fields, name: str, known: Collection[str]) -> Node | None:
    """Return an annotation's value, or its key where that is not known."""
    metadata = fields.get("metadata")
    annotations = metadata.get("annotations") if isinstance(metadata, Mapping) else None
    if not isinstance(annotations, Mapping) or name not in annotations.entries:
        return None
    key, value = annotations.entries[name]
    return value if name in known else key


def report_unknown_audited(
    policies: Iterable[Policy], options: Options, diagnostics: Diagnostics
) -> None:
    """Refuse ``--audit`` of a policy that is not there: it would be enforced unnoticed."""
    if not options.audit:
        return
    keys = {policy.key for policy in policies}
    for key in sorted(options.audit - keys):
        message = f"--audit {quote(key)} names no policy"
        cure = did_you_mean(key, keys) or "write Kind/namespace/name, or Kind/name"
        diagnostics.error("E1062", message, None, help=cure)
