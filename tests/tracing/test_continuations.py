"""Values that go on in records before their event: joined, or ended where something is missing."""

from __future__ import annotations

import base64
import json
import struct
from itertools import pairwise
from random import Random
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from lockgate_runtime.tracing import layout
from lockgate_runtime.tracing.continuations import Continuations, is_continuation
from lockgate_runtime.tracing.event_schema import without_additions
from lockgate_runtime.tracing.frames import Hooks
from lockgate_runtime.tracing.records import RecordError, decode_record
from tests.tracing.buffer_deeds import pattern, spell, spell_argument
from tests.tracing.test_alike import SITES
from tests.tracing.test_events import KINDS, record, renderer, value
from tests.tracing.walk_events import faults

if TYPE_CHECKING:
    from collections.abc import Iterable

ROOM, PIECE = 4096, 4096
LIMIT = layout.LONGEST_VALUE
WHOLE, UNREADABLE, LOST = (
    layout.REST_IS_WHOLE,
    layout.REST_IS_UNREADABLE,
    layout.REST_IS_LOST,
)


def continuation(data: bytes, offset: int, **fields: int) -> bytes:
    """Return one record that goes on with a value."""
    head = layout.TRACING_CONTINUATION.pack(
        version=layout.TRACING_EVENT_VERSION,
        kind=KINDS.index("continuation"),
        size=layout.TRACING_CONTINUATION.size + len(data),
        offset=offset,
        **{"time": 7, "tid": 10, **fields},
    )
    return head + data


def written(data: bytes, end: int = WHOLE, whole: int = 0, **key: int) -> list[bytes]:
    """Return what the kernel writes of a buffer of which ``data`` could be read."""
    key = {"time": 7, "tid": 10, "room": 0, "place": 0, **key}
    begun, rest = data[:ROOM], data[ROOM:]
    pieces = [
        continuation(rest[at : at + PIECE], at, **key)
        for at in range(0, len(rest), PIECE)
    ]
    size = struct.pack("<Q", whole or len(data))
    said = layout.TRACING_REST.pack(size=len(rest), room=key["room"], flags=end)
    event = record(
        "hook",
        value("bytes", key["place"], begun, layout.VALUE_IS_CUT),
        value("whole_size", key["place"], size),
        value("rest", key["place"], said),
        time=key["time"],
        tid=key["tid"],
        tgid=10,
        start=1000,
    )
    return [*pieces, event]


def read(
    records: Iterable[bytes], continuations: Continuations | None = None
) -> list[str]:
    """Return what is shown of the buffers of some records, in the order of events."""
    joined = continuations or Continuations()
    found = renderer(hooks_of=lambda _: Hooks.of(SITES))
    shown = []
    for data in records:
        if is_continuation(data):
            joined.add(data)
            continue
        line = found.render(joined.join(decode_record(data)))
        assert line is not None
        event: dict[str, Any] = json.loads(line)
        shown += [spell_argument(a) for a in event["process_kprobe"]["args"]]
    return shown


@pytest.mark.parametrize("size", [ROOM + 1, ROOM + PIECE, 100_000, LIMIT])
def test_a_whole_value_looks_like_a_short_one(size: int) -> None:
    """All of its bytes, and no word of having been cut."""
    data = pattern("whole", size)
    assert read(written(data)) == [spell(data, size)]
    (line,) = [
        renderer(hooks_of=lambda _: Hooks.of(SITES)).render(event)
        for event in [joined(written(data))]
    ]
    assert line is not None
    shown = json.loads(line)["process_kprobe"]["args"]
    assert shown == [{"bytes_arg": base64.b64encode(data).decode()}]


def joined(records: list[bytes]) -> Any:  # noqa: ANN401  # a Record
    """Return the event of records, joined."""
    continuations = Continuations()
    for data in records[:-1]:
        continuations.add(data)
    found = continuations.join(decode_record(records[-1]))
    assert continuations.size == 0, "what is joined is let go of"
    return found


@pytest.mark.parametrize(
    ("end", "word"), [(0, "limit"), (UNREADABLE, "memory"), (LOST, "loss")]
)
def test_a_cut_value_says_why(end: int, word: str) -> None:
    """What is there is shown, with the whole size."""
    data = pattern("cut", 50_000)
    records = written(data, end, 400_000)
    assert read(records) == [spell(data, 400_000, word)]
    line = renderer(hooks_of=lambda _: Hooks.of(SITES)).render(joined(records))
    assert line is not None
    event = json.loads(line)
    assert faults(event) == []
    assert faults(without_additions(event), additions=False) == []


@pytest.mark.parametrize("missing", [0, 1, 5, 11])
def test_a_value_ends_where_a_record_is_missing(missing: int) -> None:
    """Never with what came behind it; it is counted."""
    data = pattern("missing", ROOM + 12 * PIECE)
    records = written(data)
    del records[missing]
    continuations = Continuations()
    left = data[: ROOM + missing * PIECE]
    assert read(records, continuations) == [spell(left, len(data), "loss")]
    assert (continuations.take_cut(), continuations.take_cut()) == (1, 0)


def test_records_out_of_order_end_a_value() -> None:
    """The ring keeps the order; where it would not, less is shown and nothing wrong."""
    data = pattern("order", ROOM + 6 * PIECE)
    records = written(data)
    for first, second in pairwise(range(6)):
        swapped = list(records)
        swapped[first], swapped[second] = records[second], records[first]
        left = data[: ROOM + (first + 1) * PIECE]  # one comes late, the other too early
        assert read(swapped) == [spell(left, len(data), "loss")]
    late = [records[-1], *records[:-1], *written(pattern("next", 9_000), time=8)]
    assert read(late) == [
        spell(data[:ROOM], len(data), "loss"),
        spell(pattern("next", 9_000), 9_000),
    ]


def test_values_under_way_do_not_mix() -> None:
    """Of threads, of events within events, of two values of one event; records by turns."""
    keys = [{"tid": 10}, {"tid": 11}, {"room": 1}, {"time": 8}, {"place": 0, "room": 2}]
    buffers = [pattern(f"buffer {n}", 40_000 + n) for n in range(len(keys))]
    streams = [written(data, **key) for data, key in zip(buffers, keys, strict=True)]
    dice = Random(1)  # noqa: S311  # no secret
    for _ in range(20):
        left = [list(stream) for stream in streams]
        mixed = []
        while any(left):
            stream = dice.choice([stream for stream in left if stream])
            mixed.append(stream.pop(0))
        wanted = sorted(spell(data, len(data)) for data in buffers)
        assert sorted(read(mixed)) == wanted


def test_two_values_of_one_event() -> None:
    """Each has its own rest, by its place."""
    buffers = [pattern(f"place {n}", 20_000 + n) for n in range(2)]
    parts = [written(data, place=n) for n, data in enumerate(buffers)]
    values = [part[-1][layout.TRACING_EVENT.size :] for part in parts]
    head = bytearray(parts[0][-1][: layout.TRACING_EVENT.size])
    event = bytes(head) + b"".join(values)
    at = layout.TRACING_EVENT.offset("size")
    event = event[:at] + struct.pack("<I", len(event)) + event[at + 4 :]
    at = layout.TRACING_EVENT.offset("value_count")
    event = event[:at] + struct.pack("<H", 6) + event[at + 2 :]
    assert read([*parts[0][:-1], *parts[1][:-1], event]) == [
        spell(data, len(data)) for data in buffers
    ]


def test_what_waits_for_its_event_is_bounded() -> None:
    """Events that never come leave nothing behind for ever; the oldest goes first."""
    continuations = Continuations(10 * PIECE)
    for tid in range(1000):
        read(written(pattern("x", ROOM + 2 * PIECE), tid=tid)[:-1], continuations)
        assert continuations.size <= 10 * PIECE
    data = pattern("x", ROOM + 2 * PIECE)
    assert read(written(data, tid=999)[-1:], continuations) == [spell(data, len(data))]
    cut = spell(data[:ROOM], len(data), "loss")
    assert read(written(data, tid=1)[-1:], continuations) == [cut]
    many = Continuations()
    for tid in range(5000):
        many.add(continuation(b"x", 0, tid=tid))
    assert many.size == 1024


def test_a_value_that_begins_again_has_nothing_of_the_one_before() -> None:
    """The event before was lost, and the clock did not move."""
    lost = written(pattern("before", ROOM + 3 * PIECE))[:-1]
    data = pattern("after", ROOM + 2 * PIECE)
    continuations = Continuations()
    assert read([*lost, *written(data)], continuations) == [spell(data, len(data))]
    assert continuations.size == 0


@pytest.mark.parametrize(
    "data",
    [
        continuation(b"x", 0)[:20],
        continuation(b"", 0),
        continuation(b"xy", 0)[:-1],
        b"\x09" + continuation(b"x", 0)[1:],
    ],
    ids=["head", "empty", "end", "version"],
)
def test_damaged_continuations_are_refused(data: bytes) -> None:
    """Cut off, empty, of another version."""
    with pytest.raises(RecordError):
        Continuations().add(data)


def test_no_value_is_longer_than_the_longest() -> None:
    """Whatever a record says, memory is bounded."""
    continuations = Continuations()
    whole = LIMIT // PIECE * PIECE
    for at in range(0, whole, PIECE):
        continuations.add(continuation(bytes(PIECE), at))
    with pytest.raises(RecordError):
        continuations.add(continuation(bytes(PIECE), whole))
    assert continuations.size == whole


@given(st.data())
def test_damaged_records_show_no_wrong_bytes(data: st.DataObject) -> None:
    """Whatever is flipped in the heads and said of rests: a beginning of what was written."""
    buffer = pattern("damaged", ROOM + 3 * PIECE + 5)
    records = [bytearray(r) for r in written(buffer)]
    number = data.draw(st.integers(0, len(records) - 2))
    head = layout.TRACING_CONTINUATION.size
    at = data.draw(st.integers(0, head - 1))
    records[number][at] ^= data.draw(st.integers(1, 255))
    # Nobody can know of a piece that says to be the first one.
    assume(
        not number
        or layout.TRACING_CONTINUATION.unpack(bytes(records[number]))["offset"]
    )
    continuations = Continuations()
    for piece in map(bytes, records[:-1]):
        try:
            if is_continuation(piece):
                continuations.add(piece)
        except RecordError:
            continue
    event = continuations.join(decode_record(bytes(records[-1])))
    (shown,) = [v.data for v in event.values if v.type == "bytes"]
    assert shown == buffer[: len(shown)]
    assert len(shown) >= ROOM


def test_an_event_with_a_damaged_rest_is_refused() -> None:
    """It is counted among those that cannot be read."""
    event = record(
        "hook",
        value("bytes", 0, b"begun", layout.VALUE_IS_CUT),
        value("rest", 0, b"\0\0\0"),
    )
    with pytest.raises(RecordError):
        Continuations().join(decode_record(event))
