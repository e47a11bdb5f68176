"""Times in events: UTC to the nanosecond, as the reference's export has them."""

from __future__ import annotations

import calendar
import time
from functools import lru_cache

_SECOND = 1_000_000_000


def timestamp(nanoseconds: int) -> str:
    """Spell a time (nanoseconds since 1970).

    >>> timestamp(1_700_000_000_000_000_042)
    '2023-11-14T22:13:20.000000042Z'
    """
    seconds, rest = divmod(nanoseconds, _SECOND)
    return f"{_second(seconds)}.{rest:09}Z"


def read_timestamp(text: str) -> int:
    """Read what :func:`timestamp` wrote, or another with a fraction of a second.

    >>> read_timestamp("2023-11-14T22:13:20.000000042Z")
    1700000000000000042
    """
    whole, _, fraction = text.removesuffix("Z").partition(".")
    seconds = calendar.timegm(time.strptime(whole, "%Y-%m-%dT%H:%M:%S"))
    return seconds * _SECOND + int(fraction.ljust(9, "0")[:9] or 0)


@lru_cache(maxsize=64)
def _second(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
