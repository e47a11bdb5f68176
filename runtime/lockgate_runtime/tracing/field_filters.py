"""Which fields of events stay: ``{"fields": "process.binary,process.pid", "action": "INCLUDE"}``.

The paths are those below the event itself; node and time always stay.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lockgate_runtime.tracing.export_filters import FilterError, event_name, strings

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, slots=True)
class FieldFilter:
    """Which fields of which events stay (``is_include``) or go."""

    events: frozenset[str]
    is_inverted: bool
    paths: tuple[tuple[str, ...], ...]
    is_include: bool

    def apply(self, event: dict[str, Any]) -> dict[str, Any]:
        """Return the event with what stays; the input is not changed."""
        name = event_name(event)
        concerns = not self.events or (name in self.events) != self.is_inverted
        if not name or not concerns:
            return event
        body = event[name]
        kept = (
            _include(body, self.paths)
            if self.is_include
            else _exclude(body, self.paths)
        )
        return {**event, name: kept}


def read_field_filter(text: str) -> FieldFilter:
    """Read one field filter; FilterError where it is none."""
    value = json.loads(text)
    known = {"event_set", "fields", "action", "invert_event_set"}
    if not isinstance(value, dict) or value.keys() - known or "fields" not in value:
        raise FilterError(f"a field filter has {', '.join(sorted(known))}")
    if value.get("action", "INCLUDE") not in ("INCLUDE", "EXCLUDE"):
        raise FilterError("action is INCLUDE or EXCLUDE")
    fields = value["fields"]
    names = fields.split(",") if isinstance(fields, str) else strings(fields)
    return FieldFilter(
        frozenset(name.lower() for name in strings(value.get("event_set", []))),
        bool(value.get("invert_event_set")),
        tuple(tuple(name.strip().split(".")) for name in names if name.strip()),
        value.get("action", "INCLUDE") == "INCLUDE",
    )


def _include(value: object, paths: Iterable[tuple[str, ...]]) -> object:
    if isinstance(value, list):
        return [_include(item, paths) for item in value]
    if not isinstance(value, dict):
        return value
    kept = {}
    for name, inner in value.items():
        deeper = [path[1:] for path in paths if path[0] == name]
        if any(not path for path in deeper):
            kept[name] = inner
        elif deeper:
            kept[name] = _include(inner, deeper)
    return kept


def _exclude(value: object, paths: Iterable[tuple[str, ...]]) -> object:
    if isinstance(value, list):
        return [_exclude(item, paths) for item in value]
    if not isinstance(value, dict):
        return value
    kept = {}
    for name, inner in value.items():
        deeper = [path[1:] for path in paths if path[0] == name]
        if not any(not path for path in deeper):
            kept[name] = _exclude(inner, deeper) if deeper else inner
    return kept
