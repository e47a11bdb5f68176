"""E1001-E1039: files, YAML, fields, the snapshot."""

from __future__ import annotations

from lockgate.codes.explanation import Explanation

EXPLANATIONS = (
    Explanation(
        "E1004",
        "unknown-field",
        "unknown field",
        "The object has a field that its kind does not know.  An unknown field is never "
        "ignored: a policy with a misspelt field would mean something else than it says.",
        "Correct the spelling; the help line names the nearest known field.",
    ),
)
