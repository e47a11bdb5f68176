"""Blocks that are read and checked, but that nothing enforces yet."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lockgate.diagnostics import Diagnostics
    from lockgate.language.ast_traces import Service
    from lockgate.options import Options


def report_block(block: Service, options: Options, diagnostics: Diagnostics) -> None:
    """Refuse a block; only warn of it with ``--allow-unenforced``, and do nothing."""
    message = "services of the native language are not enforced yet"
    if options.allow_unenforced:
        cure = "it has no effect"
        diagnostics.warning("W1820", message, block.span, help=cure)
    else:
        cure = "take it away; or compile with --allow-unenforced, which passes it over"
        diagnostics.error("E1820", message, block.span, help=cure)
