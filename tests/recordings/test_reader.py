"""Recordings are read as they are written, line by line, whoever wrote them."""

from __future__ import annotations

import gzip
import json
from io import BytesIO
from typing import Any

import pytest

from lockgate.diagnostics import Diagnostics
from lockgate.ir.policy import Protocol
from lockgate.recordings import reader
from lockgate.recordings.reader import Reading, read_records
from lockgate.recordings.record import Record, Recorded
from lockgate_runtime.observe.flows import End, Flow, lost_flow
from tests.recordings.lines import hubble, text

EXPORTED = (
    '{"flow":{"time":"2023-08-21T12:12:18.510175415Z","verdict":"DROPPED","IP":{"source":'
    '"10.244.1.60","destination":"10.244.1.5","ipVersion":"IPv4"},"l4":{"TCP":'
    '{"source_port":44916,"destination_port":80,"flags":{"SYN":true}}},"source":'
    '{"namespace":"default","pod_name":"xwing"},"destination":{"namespace":"default",'
    '"pod_name":"deathstar-7848d6c4d5-th9v2"},"node_name":"kind-kind/kind-worker",'
    '"drop_reason_desc":"POLICY_DENIED"},"node_name":"kind-kind/kind-worker",'
    '"time":"2023-08-21T12:12:18.510175415Z"}'
)
"""A line of Hubble's exporter with a field mask, as Cilium's documentation shows it."""


def read(content: bytes) -> tuple[list[Record], Reading, Diagnostics]:
    """Read a recording that stands in memory."""
    reading, diagnostics = Reading(), Diagnostics()
    stream = BytesIO(content)
    records = list(read_records("flows.jsonl", stream, reading, diagnostics))
    return records, reading, diagnostics


def one(line: dict[str, Any] | str) -> Record:
    """Read one line that is a record."""
    records, reading, _ = read(text(line))
    assert len(records) == 1, reading
    return records[0]


def aside(line: dict[str, Any]) -> str:
    """Read one line that says nothing about policy; return why."""
    records, reading, diagnostics = read(text(line))
    assert not records
    assert diagnostics.ok
    (reason,) = reading.set_aside
    return reason


def test_a_line_of_the_exporter() -> None:
    """Every field that a judgement needs is taken from where Hubble writes it."""
    record = one(EXPORTED)
    assert record.recorded is Recorded.DENIED
    assert (record.protocol, record.port) == (Protocol.TCP, 80)
    assert record.source.pod == "default/xwing"
    assert record.destination.address == "10.244.1.5"
    assert record.time == "2023-08-21T12:12:18.510175415"
    assert record.direction is None
    assert (record.cluster, record.node) == ("kind-kind", "kind-worker")


def test_a_flow_without_its_wrapper() -> None:
    """What ``hubble observe -o json`` of old printed is the flow itself."""
    whole = hubble("web", "api", 8080)
    assert one(whole["flow"]) == one(whole)


def test_zero_is_left_out_by_the_mapping() -> None:
    """A port or a type that is missing is 0, and 64-bit numbers may be text."""
    record = one(hubble("web", "api", 0, "ICMPv4"))
    assert (record.protocol, record.port) == (Protocol.ICMP, 0)
    line = hubble("web", "api", 1)
    line["flow"]["l4"]["TCP"]["destination_port"] = "8080"
    assert one(line).port == 8080


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"is_reply": True}, "replies"),
        ({"is_reply": None}, "does not say whether"),
        ({"verdict": "TRACED"}, "without a verdict"),
        ({"verdict": "TRANSLATED"}, "translations"),
        ({"trace_observation_point": "FROM_ENDPOINT"}, "before policy"),
        ({"verdict": "DROPPED", "drop_reason_desc": "INVALID_SOURCE_IP"}, "no policy"),
        ({"l4": {"ICMPv6": {"type": 135}}}, "neighbour discovery"),
        ({"l4": {}}, "no protocol"),
        ({"l7": {"type": "RESPONSE", "http": {"code": 200}}}, "replies"),
    ],
)
def test_what_says_nothing_is_counted(fields: dict[str, Any], reason: str) -> None:
    """A packet that policy did not judge is set aside, with the reason."""
    assert reason in aside(hubble("web", "api", 8080, **fields))


@pytest.mark.parametrize(
    "fields",
    [
        {"l4": {"TCP": {"destination_port": 80, "flags": {"SYN": True}}}},
        {"l4": {"ICMPv4": {"type": 8}}},
        {"event_type": {"type": 5}},
        {"l7": {"type": "REQUEST", "http": {"method": "GET", "url": "http://a/b"}}},
    ],
)
def test_who_opens_a_connection_can_show_otherwise(fields: dict[str, Any]) -> None:
    """Without ``is_reply`` a SYN, an echo request, a request is still no reply."""
    one(hubble("web", "api", 8080, is_reply=None, **fields))


def test_a_syn_that_is_acknowledged_is_a_reply() -> None:
    """The other end answers, whatever else is left out."""
    flags = {"SYN": True, "ACK": True}
    l4 = {"TCP": {"source_port": 80, "destination_port": 40_000, "flags": flags}}
    assert "replies" in aside(hubble("api", "web", 40_000, is_reply=None, l4=l4))


def test_requests() -> None:
    """A path has its query, and headers are names and values."""
    l7 = {
        "type": "REQUEST",
        "http": {
            "method": "GET",
            "url": "http://shop/v1/items?page=2",
            "headers": [{"key": "X-Key", "value": "1"}],
        },
    }
    record = one(hubble("web", "api", 8080, Type="L7", l7=l7))
    assert record.request == {
        "http": {
            "method": "GET",
            "path": "/v1/items?page=2",
            "host": "shop",
            "headers": {"X-Key": "1"},
        }
    }


def test_lines_of_our_own() -> None:
    """What ``lockgate observe -o json`` prints is read, fields and all."""
    source = End("10.77.0.1", 40_000, "shop/web", 300, None, ("k8s:app=web",))
    host = End("198.51.100.1", 22, "node node-1", 1)
    lost = lost_flow(3, 0)
    values = {name: getattr(lost, name) for name in Flow.__slots__}
    values |= {
        "event": "verdict",
        "verdict": "denied",
        "reason": "policy",
        "direction": "egress",
        "protocol": "TCP",
        "source": source,
        "destination": host,
        "flow_state": "new",
        "time": "2026-11-20T10:00:00.000001Z",
    }
    record = one(Flow(**values).to_json())
    assert record.recorded is Recorded.DENIED
    assert record.source == ("shop/web", None, "10.77.0.1", ("k8s:app=web",), ())
    assert (record.destination.node, record.port) == ("node-1", 22)
    for fields, reason in (
        ({"flow_state": "reply"}, "replies"),
        ({"event": "flow_end"}, "ends of connections"),
        ({"reason": "truncated"}, "drops that no policy decided (truncated)"),
    ):
        line = Flow(**(values | fields)).to_json()
        assert reason in aside(json.loads(line))
    _, reading, _ = read(text(lost.to_json()))
    assert reading.lost == 3


def test_malformed_lines_stop_nothing() -> None:
    """Each is told with its line; the others are read."""
    good = hubble("web", "api", 8080)
    bad = hubble("web", "api", 8080, l4={"TCP": {"destination_port": 70_000}})
    late = hubble("web", "api", 8080, time="yesterday")
    content = text(good, "no", "[]", "{}", bad, late, "", good) + b"\xff\n{"
    records, reading, diagnostics = read(content)
    assert len(records) == 2
    assert reading.malformed == 7
    assert [d.code for d in diagnostics.found] == ["E6400"] * 7
    lines = [d.span.line for d in diagnostics.found if d.span]
    assert lines == [2, 3, 4, 5, 6, 9, 10]


def test_many_malformed_lines_are_counted() -> None:
    """A file of another kind does not fill the screen."""
    _, reading, diagnostics = read(b"no\n" * 1000)
    assert reading.malformed == 1000
    assert len(diagnostics.found) == reader.MOST_REPORTED + 1
    assert "980 more" in diagnostics.found[-1].message


def test_a_line_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """A line longer than the limit is refused as one line, and takes no more memory."""
    monkeypatch.setattr(reader, "LONGEST_LINE", 1024)
    good = json.dumps(hubble("web", "api", 8080)).encode()
    records, _, diagnostics = read(b"x" * 5000 + b"\n" + good + b"\n")
    assert len(records) == 1
    assert [d.span.line for d in diagnostics.found if d.span] == [1]


def test_what_is_no_recording_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """A line or lines without end are not waited for; a recording with mistakes is read."""
    monkeypatch.setattr(reader, "LONGEST_LINE", 1024)
    monkeypatch.setattr(reader, "LONGEST_SKIPPED", 4096)
    monkeypatch.setattr(reader, "MOST_MALFORMED", 30)
    good = json.dumps(hubble("web", "api", 8080)).encode() + b"\n"
    bomb = gzip.compress(bytes(1 << 20) + good)
    for endless in (b"x" * 5000 + b"\n" + good, b"y\n" * 30 + good, bomb):
        records, _, diagnostics = read(endless)
        assert records == []
        assert "is not read further" in diagnostics.found[-1].message
    records, _, _ = read(good + b"y\n" * 100 + good)
    assert len(records) == 2


def test_compressed_recordings() -> None:
    """Hubble's exporter compresses what it rotates; one that breaks off is an error."""
    content = gzip.compress(text(*[hubble("web", "api", 8080)] * 500))
    assert len(read(content)[0]) == 500
    _, _, diagnostics = read(content[: len(content) - 20])
    assert [d.code for d in diagnostics.found] == ["E6402"]


def test_times_sort_as_text() -> None:
    """Fractions of any length, zones, and their absence."""
    times = (
        "2026-01-01T00:00:00Z",
        "2026-01-01T00:00:00.5Z",
        "2026-01-01T03:00:01+02:00",
    )
    records = [one(hubble("web", "api", 1, time=time)) for time in times]
    assert [r.time for r in records] == sorted(r.time for r in records)
    assert records[2].time == "2026-01-01T01:00:01"
