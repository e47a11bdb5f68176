"""``regex-too-large``: an expression whose program is larger than Envoy takes.

Envoy refuses a whole configuration for one expression over ``re2.max_program_size.error_level``
(100 unless its runtime says otherwise), and with it every policy of the endpoint.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockgate.diagnostics import quote
from lockgate.findings import Finding, Level
from lockgate.lint.expressions import expressions
from lockgate.lint.regex_size import program_size
from lockgate.lint.scene import Check, Needs, Scene

if TYPE_CHECKING:
    from collections.abc import Iterator

LARGEST = 100
"""Envoy's default (source/common/common/regex.cc)."""


def _find(scene: Scene) -> Iterator[Finding]:
    for found in expressions(scene):
        size = program_size(found.pattern)
        if size is not None and size > LARGEST:
            yield Finding(
                "W6008",
                Level.WARNING,
                f"RE2 makes a program of some {size} steps of {quote(found.pattern)}, and "
                f"Envoy takes {LARGEST}",
                found.span,
                "repetitions and classes cost most: write '+' for '{36}', or split the rule",
                key=f"{found.field} {found.pattern}",
            )


CHECK = Check("regex-too-large", Needs.POLICY, _find)
