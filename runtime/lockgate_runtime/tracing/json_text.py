"""JSON in one line, as events are written, and the texts in it."""

from __future__ import annotations

import json
import re

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
_quote = json.encoder.encode_basestring


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
    """Spell a value in one line.

    Objects of texts and numbers, which events are made of, are spelled here: to set up an encoder
    takes longer than they do.

    >>> dumps({"file_arg": {"path": "/tmp/a", "size": 3, "is_new": True}})
    '{"file_arg":{"path":"/tmp/a","size":3,"is_new":true}}'
    """
    if isinstance(value, str):
        return _quote(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, dict):
        fields = [f"{_quote(name)}:{dumps(one)}" for name, one in value.items()]
        return "{" + ",".join(fields) + "}"
    return _encode(value)
