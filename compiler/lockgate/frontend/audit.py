"""Which policies only report what they would deny: the annotation and the option."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockgate.diagnostics import Diagnostics, did_you_mean, quote
from lockgate.frontend.annotations import DOMAIN, check_annotations

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lockgate.frontend.metadata import Context, Metadata
    from lockgate.frontend.schema import Fields
    from lockgate.ir.policy import Policy
    from lockgate.options import Options

AUDIT = DOMAIN + "audit"
KNOWN = {AUDIT: ("true", "false")}
"""Annotations of ours that a policy may have, and their values."""


def read_audit(
    fields: Fields, metadata: Metadata, context: Context, diagnostics: Diagnostics
) -> bool:
    """Whether a policy only reports; check its annotations of ours on the way."""
    is_audited = False
    if metadata.annotations:
        check_annotations(fields, metadata, KNOWN, diagnostics, {})
        is_audited = metadata.annotation_is_true(AUDIT)
    names = (context.kind, metadata.namespace, metadata.name)
    return is_audited or "/".join(filter(None, names)) in context.options.audit


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
