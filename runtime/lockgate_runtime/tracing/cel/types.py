"""What values of CEL are, and how those of an event's JSON become values.

A type is a word: ``bool int uint double string bytes null timestamp ip cidr any``, or one with what
it is of: ``list:X``, ``message:X`` (of the table of messages), ``enumeration:X``, ``map``.
"""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING, Any

from lockgate_runtime.tracing.event_schema import (
    ADDITIONS,
    ENUMERATIONS,
    MESSAGES,
    NUMBERS,
)
from lockgate_runtime.tracing.times import read_timestamp

if TYPE_CHECKING:
    from collections.abc import Callable

ENUMERATION_NAMES = {
    "KprobeAction": "action",
    "CapabilitiesType": "capability",
    "SecureBitsType": "secure_bit",
    "ProcessPrivilegesChanged": "privilege",
    "TaintedBitsType": "taint",
    "ThrottleType": "throttle",
}
"""Enumerations by the names that expressions have for them."""

_EMPTY: dict[str, object] = {
    "string": "",
    "bool": False,
    "bytes": b"",
    "time": 0,
    "labels": {},
    **dict.fromkeys(NUMBERS, 0),
}


def is_number(kind: str) -> bool:
    """Whether values are compared by size with all other numbers."""
    return kind in ("int", "uint", "double", "any")


def fields_of(message: str) -> dict[str, str]:
    """Return the fields of a message with their types as the table has them, ours too."""
    return MESSAGES[message] | ADDITIONS.get(message, {})


def value_type(declared: str) -> str:
    """Return the type in expressions of a field that the table declares."""
    if declared.endswith("*"):
        return f"list:{value_type(declared[:-1])}"
    declared = declared.removesuffix("?")
    if declared in MESSAGES:
        return f"message:{declared}"
    if declared in ENUMERATIONS:
        return f"enumeration:{declared}"
    if declared in NUMBERS:
        return "uint" if declared.startswith("u") else "int"
    return {"time": "timestamp", "labels": "map"}.get(declared, declared)


def reader(declared: str) -> Callable[[Any], Any]:
    """Return what makes a value from JSON; what is left out there is zero or empty."""
    if declared.endswith("*"):
        inner = reader(declared[:-1])
        return lambda value: [inner(item) for item in value or ()]
    declared = declared.removesuffix("?")
    if declared in MESSAGES:
        return lambda value: value or {}
    if declared in ENUMERATIONS:
        return lambda value: value or ""
    read = _READERS.get(declared, lambda value: value)
    empty = _EMPTY[declared]
    return lambda value: empty if value is None else read(value)


_READERS: dict[str, Callable[[Any], Any]] = {
    **dict.fromkeys(NUMBERS, int),
    "bytes": base64.b64decode,
    "time": read_timestamp,
}


def compile_regex(text: str) -> re.Pattern[str]:
    """Return a regular expression; ValueError where it is none."""
    try:
        return re.compile(text)
    except re.error as error:
        raise ValueError(f"{text!r} is no regular expression: {error}") from None
