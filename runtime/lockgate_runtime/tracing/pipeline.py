"""What happens to a line between ring and sink: redaction, filters, fields, its form.

Without any of that a line is passed on as it is, which is what makes it quick.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lockgate_runtime.tracing.compact import PLAIN, Style, print_event
from lockgate_runtime.tracing.event_schema import without_additions
from lockgate_runtime.tracing.export_filters import event_name
from lockgate_runtime.tracing.json_text import dumps

if TYPE_CHECKING:
    from collections.abc import Callable

    from lockgate_runtime.tracing.field_filters import FieldFilter
    from lockgate_runtime.tracing.redaction import Redaction

    Holds = Callable[[dict[str, Any]], bool]


@dataclass(frozen=True, slots=True)
class Pipeline:
    """The stages, in their order; ``conditions`` must all hold.

    ``hides_ancestors_of`` has the events whose ancestors only the conditions needed;
    ``is_strict`` leaves out what the reference's interface does not have.
    """

    redactions: tuple[Redaction, ...] = ()
    conditions: tuple[Holds, ...] = ()
    fields: tuple[FieldFilter, ...] = ()
    hides_ancestors_of: frozenset[str] = frozenset()
    is_strict: bool = False
    is_compact: bool = False
    style: Style = PLAIN

    @property
    def is_plain(self) -> bool:
        """Whether lines pass as they are."""
        return not (
            self.redactions
            or self.conditions
            or self.fields
            or self.hides_ancestors_of
            or self.is_strict
            or self.is_compact
        )

    def run(self, lines: list[str]) -> list[str]:
        """Return what is to be written of some lines."""
        if self.is_plain:
            return lines
        written = (self.print(json.loads(line)) for line in lines)
        return [line for line in written if line is not None]

    def print(self, event: dict[str, Any]) -> str | None:
        """Return the line of one event; None where it is not wanted."""
        for redaction in self.redactions:
            event = redaction.apply(event)
        # What was lost is always told: nobody knows what it was.
        if "losses" not in event and not all(holds(event) for holds in self.conditions):
            return None
        name = event_name(event)
        if name.removeprefix("process_") in self.hides_ancestors_of:
            body = {k: v for k, v in event[name].items() if k != "ancestors"}
            event = {**event, name: body}
        for field_filter in self.fields:
            event = field_filter.apply(event)
        if self.is_compact:
            return print_event(event, self.style)
        if self.is_strict:
            return dumps(without_additions(event)) if name else None
        return dumps(event)
