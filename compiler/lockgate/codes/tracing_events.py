"""E510x, E1841: what can go wrong with events of processes and their filters."""

from __future__ import annotations

from lockgate.codes.explanation import Explanation

EXPLANATIONS = (
    Explanation(
        "E1841",
        "unknown-event-field",
        "events have no such field, or the field no such value",
        "A filter asks for a field of an event with '=': event, binary, arguments, policy, path "
        "and some more; `event` has few words.",
        "Write what the help line names; `lockgate explain eventfilter` shows filters on one "
        "page.",
    ),
    Explanation(
        "E5100",
        "not-an-event",
        "a line is no event",
        "`lockgate events --from FILE` reads what `lockgate events -o json` (or the reference's "
        "export) wrote: one JSON object a line. The file cannot be read, or has something else: "
        "half a line, say, where who wrote it was killed. Other lines are printed all the same.",
        "Record with `lockgate events -o json --out FILE`.",
    ),
    Explanation(
        "E5101",
        "events-unwritable",
        "the file for events cannot be written",
        "--out names a file that this process may not create or append to.",
        "Name another file, or make its folder.",
    ),
    Explanation(
        "E5102",
        "not-an-event-filter",
        "a filter of events is none",
        "--allow, --deny, --fields, --redact and --predicate take JSON of a fixed form. What is "
        "not known in it is refused: a deny list or a redaction that is half understood would "
        "show what it forbids.",
        "Correct what the message names; `lockgate events --help` has examples.",
    ),
)
