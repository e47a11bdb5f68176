"""Decode what the datapath writes into the ring: ``layout.EVENT``."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import cast

from lockgate_runtime import layout

_MAPPED_V4 = bytes(10) + b"\xff\xff"


class EventError(Exception):
    """A record that is no event of this version."""


@dataclass(frozen=True, slots=True)
class Event:
    """One event; enumerations are words of ``layout.ENUMERATIONS``.

    ``time`` is nanoseconds since boot.  ``source`` and ``destination`` are None where no IP
    header was read.  For ICMP the ports are type and code.  ``endpoint`` is the attachment
    whose hook judged, 0 the host.  ``packets`` and ``bytes``: at the end of a flow all of it,
    else those since the last event about the same thing.
    """

    kind: str
    hook: str
    direction: str
    outcome: str
    reason: str
    flow_state: str
    tcp_flags: int
    time: int
    source: IPv4Address | IPv6Address | None
    destination: IPv4Address | IPv6Address | None
    source_port: int
    destination_port: int
    protocol: int
    source_identity: int
    destination_identity: int
    endpoint: int
    interface: int
    rule: int
    generation: int
    packets: int
    bytes: int


_NUMBERS = (
    "tcp_flags",
    "time",
    "source_port",
    "destination_port",
    "protocol",
    "source_identity",
    "destination_identity",
    "endpoint",
    "interface",
    "rule",
    "generation",
    "packets",
    "bytes",
)


def decode_event(record: bytes) -> Event:
    """Decode one record of the ring; :class:`EventError` if it is of another version."""
    if len(record) < layout.EVENT.size:
        raise EventError(f"a record has {len(record)} bytes: too short")
    raw = layout.EVENT.unpack(record)
    if raw["version"] != layout.EVENT_VERSION:
        raise EventError(f"a record has version {raw['version']!r}")
    numbers = {name: cast("int", raw[name]) for name in _NUMBERS}
    family = raw["family"]
    return Event(
        kind=_word("event_kind", raw["kind"]),
        hook=_word("hook", raw["hook"]),
        direction=_word("direction", raw["direction"]),
        outcome=_word("outcome", raw["outcome"]),
        reason=_word("reason", raw["reason"]),
        flow_state=_word("flow_state", raw["flow_state"]),
        source=_address(family, raw["source"]),
        destination=_address(family, raw["destination"]),
        **numbers,
    )


def _word(enumeration: str, value: int | bytes) -> str:
    """Name a value; one that a newer datapath added is shown by its number."""
    words = layout.ENUMERATIONS[enumeration]
    number = cast("int", value)
    return words[number] if number < len(words) else str(number)


def _address(
    family: int | bytes, value: int | bytes
) -> IPv4Address | IPv6Address | None:
    packed = cast("bytes", value)
    if family == 4 and packed.startswith(_MAPPED_V4):
        return IPv4Address(packed[12:])
    return IPv6Address(packed) if family == 6 else None
