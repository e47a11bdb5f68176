"""Records of tracing in the ring, as Python values: ``layout.TRACING_EVENT`` and what follows."""

from __future__ import annotations

import struct
from typing import NamedTuple

from lockgate_runtime.layout import ENUMERATIONS
from lockgate_runtime.tracing import layout

FIRST_KIND = len(ENUMERATIONS["event_kind"])
KINDS = layout.EVENT_KINDS
TYPES = layout.TRACING_ENUMERATIONS["tracing_type"]
_HEAD = struct.Struct("<BBHIQQIIIIQQQHBBI")
_VALUE = struct.Struct("<BBHI")
if _HEAD.size != layout.TRACING_EVENT.size or _VALUE.size != layout.TRACING_VALUE.size:
    raise AssertionError("the layout changed")


class RecordError(Exception):
    """A record that is none of tracing, or not of this version."""


class Value(NamedTuple):
    """One value: its type (a word of ``tracing_type``), flags, place, bytes."""

    type: str
    flags: int
    place: int
    data: bytes


class Record(NamedTuple):
    """One record; see ``layout.TRACING_EVENT``."""

    kind: str
    flags: int
    time: int
    start: int
    tgid: int
    tid: int
    generation: int
    hook: int
    selectors: int
    cgroup: int
    function: int
    action: int
    withheld: int
    error: int
    values: list[Value]


def is_tracing(data: bytes) -> bool:
    """Whether a record of the ring is tracing's; others are the network's."""
    return len(data) > 1 and data[1] >= FIRST_KIND


def decode_record(data: bytes) -> Record:
    """Decode one record; RecordError where it is not whole or of another version."""
    try:
        (
            version,
            kind,
            flags,
            size,
            time,
            start,
            tgid,
            tid,
            generation,
            hook,
            selectors,
            cgroup,
            function,
            count,
            action,
            withheld,
            error,
        ) = _HEAD.unpack_from(data)
        if version != layout.TRACING_EVENT_VERSION or size > len(data):
            raise RecordError(f"a record has version {version} and size {size}")
        values = []
        at = _HEAD.size
        for _ in range(count):
            type_, value_flags, place, length = _VALUE.unpack_from(data, at)
            at += _VALUE.size
            if at + length > size:
                raise RecordError("a value goes beyond its record")
            values.append(
                Value(TYPES[type_], value_flags, place, data[at : at + length])
            )
            at += (length + 7) & ~7
        for value in values:
            if value.place == layout.VALUE_SELECTORS:
                selectors |= int.from_bytes(value.data, "little") << 64
        values = [v for v in values if v.place != layout.VALUE_SELECTORS]
        return Record(
            KINDS[kind - FIRST_KIND],
            flags,
            time,
            start,
            tgid,
            tid,
            generation,
            hook,
            selectors,
            cgroup,
            function,
            action,
            withheld,
            error,
            values,
        )
    except (struct.error, IndexError) as fault:
        raise RecordError(f"a record cannot be read: {fault}") from None
