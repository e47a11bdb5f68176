"""What every verb that judges prints with ``-o json``: one object of one form.

::

    {"version": 1, "results": [...], "summary": {...}}

Streams print the results alone, one a line.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

RESULTS_VERSION = 1
"""It rises when a field changes its meaning or goes away; fields may be added."""


def print_results(
    results: Iterable[Mapping[str, Any]], summary: Mapping[str, Any]
) -> str:
    """Return the object as text, with a line end: the same bytes for the same results."""
    whole = {
        "version": RESULTS_VERSION,
        "results": [dict(result) for result in results],
        "summary": dict(summary),
    }
    return json.dumps(whole, ensure_ascii=False, indent=2) + "\n"


def print_result_line(result: Mapping[str, Any]) -> str:
    """Return one result of a stream as a line of JSON, with its end."""
    return json.dumps(dict(result), ensure_ascii=False, separators=(",", ":")) + "\n"
