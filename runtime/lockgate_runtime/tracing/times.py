"""Times in events: UTC to the nanosecond, as the reference's export has them."""

from __future__ import annotations

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


@lru_cache(maxsize=64)
def _second(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
