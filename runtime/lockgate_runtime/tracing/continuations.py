"""Values that are longer than an event ('maxData'): their rests come in records before it.

The ring keeps the order in which one program wrote, so that each record goes on where the one
before ended; a rest of which a record is missing ends there.  What is here waits for its event,
and the oldest goes where there is too much: its event was lost, and is counted as such.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from lockgate_runtime.tracing import layout
from lockgate_runtime.tracing.records import FIRST_KIND, Record, RecordError, Value

_KIND = FIRST_KIND + layout.EVENT_KINDS.index("continuation")
_HEAD = struct.Struct("<BBHIQIIII")
_REST = struct.Struct("<IHH")
if (_HEAD.size, _REST.size) != (
    layout.TRACING_CONTINUATION.size,
    layout.TRACING_REST.size,
):
    raise AssertionError("the layout changed")

_MOST = 1024
"""Values whose events have not come yet, ..."""
_MOST_BYTES = 32 << 20
"""... and their bytes: a hundred of the longest."""


class _Key(NamedTuple):
    """What names a value that goes on, in a continuation as in its event."""

    time: int
    tid: int
    room: int
    place: int


def is_continuation(data: bytes) -> bool:
    """Whether a record of tracing is no event, but goes on with a value of one."""
    return data[1] == _KIND


class Continuations:
    """The rests of values whose events have not come yet."""

    def __init__(self, most_bytes: int = _MOST_BYTES) -> None:
        self._begun: dict[_Key, bytearray] = {}
        self._bytes = 0
        self._most_bytes = most_bytes
        self._cut = 0

    @property
    def size(self) -> int:
        """Bytes that wait for their events."""
        return self._bytes

    def add(self, data: bytes) -> None:
        """Take one record; RecordError where it is not whole or of another version."""
        try:
            version, kind, place, size, time, tid, room, offset, _ = _HEAD.unpack_from(
                data
            )
        except struct.error as fault:
            raise RecordError(f"a continuation cannot be read: {fault}") from None
        is_known = (version, kind) == (layout.TRACING_EVENT_VERSION, _KIND)
        if not is_known or not _HEAD.size < size <= len(data):
            message = f"a continuation has version {version} and size {size}"
            raise RecordError(message)
        key, more = _Key(time, tid, room, place), data[_HEAD.size : size]
        if not offset:
            self._forget(key)
            self._begun[key] = bytearray()
        found = self._begun.get(key)
        if found is None or len(found) != offset:
            return  # one before it is missing: the value ends there
        if offset + len(more) > layout.LONGEST_VALUE:
            raise RecordError("a continuation goes beyond the longest value")
        found += more
        self._bytes += len(more)
        while self._bytes > self._most_bytes or len(self._begun) > _MOST:
            self._forget(next(iter(self._begun)))

    def join(self, record: Record) -> Record:
        """Return an event with its values whole, or as long as there is something of them."""
        rests = {value.place: value for value in record.values if value.type == "rest"}
        if not rests:
            return record
        joined: list[Value] = []
        for value in record.values:
            rest = rests.get(value.place)
            if rest and value.type == "bytes":
                joined += self._join(record, value, rest)
            elif value.type != "rest":
                joined.append(value)
        return record._replace(values=joined)

    def take_cut(self) -> int:
        """Return of how many values records were lost since this was asked last."""
        count, self._cut = self._cut, 0
        return count

    def _join(self, record: Record, value: Value, rest: Value) -> tuple[Value, ...]:
        """Return a value with its rest, and behind it why that ends, unless it is whole."""
        try:
            size, room, flags = _REST.unpack(rest.data)
        except struct.error:
            raise RecordError("a rest cannot be read") from None
        key = _Key(record.time, record.tid, room, value.place)
        found = self._begun.get(key, b"")[:size]
        self._forget(key)
        if len(found) < size:
            flags = layout.REST_IS_LOST
        if flags & layout.REST_IS_LOST:
            self._cut += 1
        data = value.data + bytes(found)
        if flags == layout.REST_IS_WHOLE:
            whole = value.flags & ~layout.VALUE_IS_CUT
            return (value._replace(data=data, flags=whole),)
        end = _REST.pack(size, room, flags)
        return value._replace(data=data), rest._replace(data=end)

    def _forget(self, key: _Key) -> None:
        self._bytes -= len(self._begun.pop(key, b""))
