"""JSON in one line, as events are written, and the texts in it."""

from __future__ import annotations

import json
import re

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


_ESCAPED = re.compile("[\udc80-\udcff]+")


def read_text(data: bytes) -> str:
    r"""Read bytes of the kernel; a run of those that are no UTF-8 becomes one U+FFFD.

    >>> read_text(b"/tmp/\xff\xfe.txt")
    '/tmp/\ufffd.txt'
    """
    try:
        return data.decode()
    except UnicodeDecodeError:
        return _ESCAPED.sub("\ufffd", data.decode(errors="surrogateescape"))


def dumps(value: object) -> str:
    """Spell a value in one line."""
    return _encode(value)
