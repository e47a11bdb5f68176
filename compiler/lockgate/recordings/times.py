"""Times of recordings: text that sorts as time does."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from lockgate.recordings.record import MalformedError

_UTC = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z")


def normalise_time(value: object) -> str:
    """Return RFC 3339 as UTC without its ``Z``; "" for no time.

    Without the ``Z`` a time with fractions sorts after the same time without.
    """
    if value is None or value == "":
        return ""
    if not isinstance(value, str):
        raise MalformedError("time is no text")
    if _UTC.fullmatch(value):
        return value[:-1]
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        raise MalformedError(f"time is not as RFC 3339 has it: {value[:40]}") from None
    if moment.tzinfo is None:
        raise MalformedError(f"time has no zone: {value[:40]}")
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat()


def print_time(time: str) -> str | None:
    """Return a normalised time as RFC 3339, to the second; None for no time."""
    return f"{time[:19]}Z" if time else None
