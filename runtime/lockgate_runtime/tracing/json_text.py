"""JSON in one line, as events are written."""

from __future__ import annotations

import json

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def dumps(value: object) -> str:
    """Spell a value in one line."""
    return _encode(value)
