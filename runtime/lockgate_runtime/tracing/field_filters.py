"""Which fields of events stay: ``{"fields": "process.binary,process.pid", "action": "INCLUDE"}``.

The paths are those below the event itself; node and time always stay.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lockgate_runtime.tracing.event_schema import ADDITIONS, EVENTS, MESSAGES
from lockgate_runtime.tracing.export_filters import (
    FilterError,
    event_name,
    event_names,
    snake_case,
    strings,
)

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
    if isinstance(value, dict):
        value = {snake_case(name): inner for name, inner in value.items()}
    known = {"event_set", "fields", "action", "invert_event_set"}
    if not isinstance(value, dict) or value.keys() - known or "fields" not in value:
        raise FilterError(f"a field filter has {', '.join(sorted(known))}")
    if value.get("action", "INCLUDE") not in ("INCLUDE", "EXCLUDE"):
        raise FilterError("action is INCLUDE or EXCLUDE")
    fields = value["fields"]
    names = fields.split(",") if isinstance(fields, str) else strings(fields)
    events = event_names(value.get("event_set", []))
    is_inverted = bool(value.get("invert_event_set"))
    paths = [_path(name.strip()) for name in names if name.strip()]
    concerned = [e for e in EVENTS if not events or (e in events) != is_inverted]
    for path in paths:
        if not any(_is_field(MESSAGES["event"][event], path) for event in concerned):
            raise FilterError(f"no such event has a field {'.'.join(path)}")
    is_include = value.get("action", "INCLUDE") == "INCLUDE"
    return FieldFilter(events, is_inverted, tuple(paths), is_include)


def _path(text: str) -> tuple[str, ...]:
    """Split a path; fields of events are spelt in snake case, but some begin with a capital."""
    return tuple(
        name if name[:1].isupper() else snake_case(name) for name in text.split(".")
    )


def _is_field(message: str, path: tuple[str, ...]) -> bool:
    """Whether there is such a field below a message, or a value of a map."""
    if not path:
        return True
    fields = MESSAGES.get(message, {}) | ADDITIONS.get(message, {})
    if message == "labels":
        return True
    kind = fields.get(path[0], "").rstrip("*?")
    return bool(kind) and _is_field(kind, path[1:])


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
