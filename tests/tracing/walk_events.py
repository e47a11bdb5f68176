"""Walk an event by the table of its messages: no field unknown, no type wrong."""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING

from lockgate_runtime.tracing.event_schema import (
    ADDITIONS,
    ENUMERATIONS,
    EVENTS,
    MESSAGES,
    NUMBERS,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3}|\.\d{6}|\.\d{9})?Z")


def faults(event: object, *, additions: bool = True) -> list[str]:
    """Return what is wrong with an event; ``additions`` are fields of ours."""
    found = list(_message("", event, "event", additions))
    names = [name for name in EVENTS if isinstance(event, dict) and name in event]
    if len(names) != 1:
        found.append(f"has {len(names)} events")
    return found


def _message(path: str, value: object, kind: str, additions: bool) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{path} is no object"
        return
    fields = MESSAGES[kind] | (ADDITIONS.get(kind, {}) if additions else {})
    for name, inner in value.items():
        if name not in fields:
            yield f"{path}.{name} is unknown"
        else:
            yield from _value(f"{path}.{name}", inner, fields[name], additions)
    if kind == "argument" and len(value.keys() - {"label"}) != 1:
        yield f"{path} has {sorted(value)}, not one value"


def _value(path: str, value: object, kind: str, additions: bool) -> Iterator[str]:
    if kind.endswith("*"):
        if not isinstance(value, list) or not value:
            yield f"{path} is no list, or an empty one"
            return
        for number, item in enumerate(value):
            yield from _value(f"{path}[{number}]", item, kind[:-1] + "?", additions)
        return
    may_be_zero, kind = kind.endswith("?"), kind.removesuffix("?")
    if kind in MESSAGES:
        yield from _message(path, value, kind, additions)
    elif not _is(value, kind):
        yield f"{path} is no {kind}: {value!r}"
    elif not may_be_zero and (not value or (value == "0" and kind in NUMBERS)):
        yield f"{path} is shown though it is empty"


def _is(value: object, kind: str) -> bool:
    if kind in NUMBERS:
        if kind.endswith("64"):
            if not isinstance(value, str) or not re.fullmatch("-?[0-9]+", value):
                return False
            value = int(value)
        low, high = NUMBERS[kind]
        return type(value) is int and low <= value <= high
    if kind == "bool":
        return isinstance(value, bool)
    if kind == "labels":
        return isinstance(value, dict)
    if not isinstance(value, str):
        return False
    if kind == "time":
        return bool(_TIME.fullmatch(value))
    if kind == "bytes":
        return base64.b64encode(base64.b64decode(value)).decode() == value
    return kind == "string" or not ENUMERATIONS[kind] or value in ENUMERATIONS[kind]
