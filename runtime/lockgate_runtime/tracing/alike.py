"""Events that differ in time and process only: most of many have a body that one before had.

What a record says besides time, process and thread are the same bytes then, and by those its body
is found without decoding them again.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from lockgate_runtime.tracing import layout

if TYPE_CHECKING:
    from lockgate_runtime.tracing.records import Record
    from lockgate_runtime.tracing.render import Body, Renderer

_OWN = struct.Struct("<QQII")
"""Time, start, tgid, tid: what is a record's own."""
_FIRST, _END = layout.TRACING_EVENT.offset("time"), layout.TRACING_EVENT.offset("tid")
_END += 4
if _OWN.size != _END - _FIRST:
    raise AssertionError("the layout changed")

_MOST = 8192
"""Bodies that are remembered at once, ..."""
_LONGEST = 512
"""... and bytes of the longest record whose body is."""


class AlikeEvents:
    """The bodies of a renderer's hooks, by the bytes of records that they are of."""

    def __init__(self, renderer: Renderer) -> None:
        self._renderer = renderer
        self._bodies: dict[bytes, Body] = {}

    def __len__(self) -> int:
        return len(self._bodies)

    def find(self, data: bytes) -> str | None:
        """Return the line of a record whose like there was; None where there was none."""
        body = self._bodies.get(data[:_FIRST] + data[_END:])
        if body is None:
            return None
        return self._renderer.render_body(body, *_OWN.unpack_from(data, _FIRST))

    def render(self, data: bytes, record: Record) -> str | None:
        """Return the line of a record, and remember its body."""
        if record.kind != "hook":
            return self._renderer.render(record)
        body, is_lasting = self._renderer.lasting_body(record)
        if is_lasting and len(data) <= _LONGEST:
            if len(self._bodies) >= _MOST:
                self._bodies.clear()
            self._bodies[data[:_FIRST] + data[_END:]] = body
        return self._renderer.render_body(body, *_OWN.unpack_from(data, _FIRST))
