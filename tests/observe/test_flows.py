"""Events become flows with names, and lines that say which line of a policy decided."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address, ip_network

import pytest

from lockgate.codegen.pack import pack_tables
from lockgate_runtime import layout
from lockgate_runtime.layout import ENUMERATIONS, EVENT, EVENT_VERSION, value_of
from lockgate_runtime.observe.events import EventError, decode_event
from lockgate_runtime.observe.filters import Filter
from lockgate_runtime.observe.flows import Flow, name_flow
from lockgate_runtime.observe.names import Names
from lockgate_runtime.observe.text import REASONS, explain, print_flow
from lockgate_runtime.tables import PackedTables
from tests.table_values import web_tables

NAMES = Names.of(PackedTables(pack_tables(web_tables())), {7: "default/web"})
CLOCK = 1_700_000_000_000_000_000  # 2023-11-14 22:13:20 UTC


def packed(address: str) -> bytes:
    """Return an address as the kernel writes it."""
    value = ip_address(address)
    return (
        value.packed if value.version == 6 else b"\0" * 10 + b"\xff\xff" + value.packed
    )


def record(source: str, destination: str, **values: int | bytes) -> bytes:
    """Return a record of the ring: a denied SYN, where nothing else is said."""
    defaults: dict[str, int | bytes] = {
        "version": EVENT_VERSION,
        "kind": value_of("event_kind", "verdict"),
        "hook": value_of("hook", "to_endpoint"),
        "direction": value_of("direction", "ingress"),
        "reason": value_of("reason", "policy"),
        "tcp_flags": 2,
        "time": 1_500_000_000,
        "source": packed(source),
        "destination": packed(destination),
        "source_port": 51234,
        "destination_port": 80,
        "protocol": 6,
        "family": ip_address(source).version,
        "source_identity": 301,
        "destination_identity": 300,
        "endpoint": 7,
        "rule": 88,
        "generation": 4,
        "packets": 1,
        "bytes": 60,
    }
    return EVENT.pack(**defaults | values)


def flow(source: str, destination: str, **values: int | bytes) -> Flow:
    """Return the flow of a record."""
    return name_flow(decode_event(record(source, destination, **values)), NAMES, CLOCK)


DENIED = flow("10.0.0.2", "10.0.0.1")
WORLD = flow("8.8.8.8", "10.0.0.1", source_identity=2)


def test_a_denied_flow_names_both_ends_and_the_line_that_causes_it() -> None:
    """A reader finds who, to whom, and why, without a table at hand."""
    assert print_flow(DENIED) == (
        "22:13:21.500  denied      ingress  default/client:51234 → default/web:80  "
        "TCP SYN  default deny, because policy.yaml:3 selects it"
    )
    assert DENIED.time == "2023-11-14T22:13:21.500000Z"
    assert DENIED.endpoint == "default/web"
    assert DENIED.source.labels == ("k8s:app=client",)


def test_an_allowed_flow_names_the_rule() -> None:
    """The policy and its line stand in place of a number."""
    allowed = flow(
        "10.0.0.2", "10.0.0.1", outcome=value_of("outcome", "allow"), rule=77
    )
    assert allowed.verdict == "allowed"
    assert explain(allowed) == "NetworkPolicy/default/web policy.yaml:3"
    assert allowed.rule == "NetworkPolicy/default/web#spec.ingress[0]"


def test_a_stranger_is_shown_by_address_and_identity() -> None:
    """The world has no names."""
    assert str(WORLD.source) == "8.8.8.8:51234 (world)"
    six = flow("2001:db8::1", "fd00::2", source_identity=2)
    assert str(six.source) == "[2001:db8::1]:51234 (world)"
    assert str(six.destination) == "default/client:80"
    unknown = flow("8.8.8.8", "10.0.0.1", source_identity=999)
    assert str(unknown.source) == "8.8.8.8:51234"


def test_icmp_has_type_and_code_and_no_ports() -> None:
    """An echo request is not port 8."""
    ping = flow("10.0.0.2", "10.0.0.1", protocol=1, source_port=8, destination_port=0)
    assert "default/client → default/web  ICMP type 8 code 0" in print_flow(ping)
    assert (ping.icmp_type, ping.icmp_code, ping.source.port) == (8, 0, None)


def test_a_packet_without_ip_header_has_no_addresses() -> None:
    """Nothing is read that the datapath did not read."""
    short = flow(
        "10.0.0.2",
        "10.0.0.1",
        family=0,
        rule=0,
        destination_identity=0,
        reason=value_of("reason", "truncated"),
    )
    assert (short.source.address, short.protocol, short.rule) == (None, None, None)
    assert print_flow(short).endswith("? (default/client) → ?  the packet is cut short")


def test_every_reason_has_words() -> None:
    """A new reason in the datapath asks for its sentence here."""
    assert {*REASONS, "policy", "no_policy"} == set(ENUMERATIONS["reason"])


def test_lost_events_and_ended_flows_are_shown() -> None:
    """What was not seen is counted, and the end of a flow sums it up."""
    lost = flow("::", "::", kind=value_of("event_kind", "lost"), packets=12)
    assert print_flow(lost) == "22:13:21.500  12 events lost"
    end = flow(
        "10.0.0.2", "10.0.0.1", kind=value_of("event_kind", "flow_end"), packets=9
    )
    assert print_flow(end).endswith("9 packets, 60 bytes")
    assert "ended" in print_flow(end)


def test_json_comes_back() -> None:
    """What was recorded can be shown and filtered again."""
    assert Flow.from_json(DENIED.to_json()) == DENIED
    assert "\n" not in DENIED.to_json()
    with pytest.raises(ValueError, match="not a line"):
        Flow.from_json("{}")


def test_colour_is_only_there_when_asked_for() -> None:
    """Plain text stays plain."""
    assert "\033[31mdenied" in print_flow(DENIED, colour=True)
    assert "\033" not in print_flow(DENIED)


@pytest.mark.parametrize(
    "change", [{"version": EVENT_VERSION + 1}, {"version": 0}], ids=str
)
def test_another_version_is_no_event(change: dict[str, int]) -> None:
    """A record is never read by the wrong rules."""
    with pytest.raises(EventError, match="version"):
        decode_event(record("10.0.0.2", "10.0.0.1", **change))


def test_a_short_record_is_no_event() -> None:
    """Half a record is not filled up with zeros."""
    with pytest.raises(EventError, match="too short"):
        decode_event(record("10.0.0.2", "10.0.0.1")[:-1])


def test_a_newer_reason_is_shown_by_its_number() -> None:
    """Values added at the end do not stop an older reader."""
    number = len(layout.ENUMERATIONS["reason"])
    assert explain(flow("10.0.0.2", "10.0.0.1", reason=number)) == str(number)


@pytest.mark.parametrize(
    ("chosen", "shows"),
    [
        (Filter(), (True, True)),
        (Filter(sources=("default/client",)), (True, False)),
        (Filter(endpoints=("default/",)), (True, True)),
        (Filter(destinations=("default/client",)), (False, False)),
        (Filter(verdicts=("denied",), ports=(80,)), (True, True)),
        (Filter(verdicts=("allowed", "audit")), (False, False)),
        (Filter(ports=(443, 51234)), (True, True)),
        (Filter(protocols=("udp",)), (False, False)),
        (Filter(protocols=("tcp",), directions=("ingress",)), (True, True)),
        (Filter(networks=(ip_network("8.0.0.0/8"),)), (False, True)),
        (Filter(policies=("NetworkPolicy/default/web",)), (True, True)),
        (Filter(policies=("NetworkPolicy/default/other",)), (False, False)),
    ],
)
def test_filters_choose(chosen: Filter, shows: tuple[bool, bool]) -> None:
    """Conditions are joined by and, values of one by or."""
    assert (chosen.matches(DENIED), chosen.matches(WORLD)) == shows


def test_lost_events_pass_every_filter() -> None:
    """A filter must not hide that something is missing."""
    assert Filter(ports=(1,)).matches(replace(DENIED, event="lost"))
