"""What verbs print with ``-o json``: one object of one form, here and in the compiler.

::

    {"version": 1, "results": [...], "summary": {...}, "diagnostics": [...]}

``results`` are what was asked for, or what was found; ``summary`` counts them; ``diagnostics``
are what kept the verb from it, or is worth knowing besides, each with the keys that findings
have: ``code``, ``name``, ``severity``, ``message``, ``file``, ``line``, ``column``, ``help``,
``related``.  Streams print the results alone, one a line.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

RESULTS_VERSION = 1
"""It rises when a field changes its meaning or goes away; fields may be added."""

WARNING = "W5001"
"""What a node's warnings have for a code: each is a sentence that says what to do."""


def print_results(
    results: Iterable[Mapping[str, Any]],
    summary: Mapping[str, Any],
    diagnostics: Iterable[Mapping[str, Any]] = (),
) -> str:
    """Return the object as text, with a line end: the same bytes for the same results."""
    whole = {
        "version": RESULTS_VERSION,
        "results": [dict(result) for result in results],
        "summary": dict(summary),
        "diagnostics": [dict(one) for one in diagnostics],
    }
    return json.dumps(whole, ensure_ascii=False, indent=2) + "\n"


def print_result_line(result: Mapping[str, Any]) -> str:
    """Return one result of a stream as a line of JSON, with its end."""
    return json.dumps(dict(result), ensure_ascii=False, separators=(",", ":")) + "\n"


def placeless(
    code: str, message: str, cure: str | None, severity: str = "error", name: str = ""
) -> dict[str, Any]:
    """Return a diagnostic that is about no line of a file."""
    return {
        "code": code,
        "name": name or code,
        "severity": severity,
        "message": message,
        **dict.fromkeys(("file", "line", "column")),
        "help": cure,
        "related": [],
    }
