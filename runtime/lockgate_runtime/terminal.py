"""What differs when a person looks."""

from __future__ import annotations

import os
from typing import TextIO


def is_terminal(stream: TextIO) -> bool:
    """Whether a person looks at it, on something that can move its cursor."""
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def has_colour(stream: TextIO) -> bool:
    """Whether to write colours; see https://no-color.org."""
    return not os.environ.get("NO_COLOR") and is_terminal(stream)


def has_utf8() -> bool:
    """Whether the user's locale has UTF-8, whatever encoding a stream was given."""
    names = (os.environ.get(name) for name in ("LC_ALL", "LC_CTYPE", "LANG"))
    locale = next(filter(None, names), "C")
    return "utf" in locale.lower()
