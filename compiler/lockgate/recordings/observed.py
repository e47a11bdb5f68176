"""Read one line of our own: ``lockgate observe -o json``.

The fields are those of ``lockgate_runtime.observe.flows.Flow``, which belongs to the node's
side and is not imported here; a test reads what it writes.
"""

from __future__ import annotations

from typing import Any

from lockgate.ir.policy import Protocol
from lockgate.recordings.record import (
    NEIGHBOUR_DISCOVERY,
    NEIGHBOURS,
    REPLY,
    MalformedError,
    Record,
    Recorded,
    RecordedEnd,
    SetAside,
)
from lockgate.recordings.times import normalise_time

_PROTOCOLS = {protocol.name: protocol for protocol in Protocol}
_ICMP = (Protocol.ICMP, Protocol.ICMPV6)
_WITH_PORTS = (Protocol.TCP, Protocol.UDP, Protocol.SCTP)

_RECORDED = {
    "allowed": Recorded.PASSED,
    "redirected": Recorded.PASSED,
    "authenticate": Recorded.PASSED,
    "audit": Recorded.AUDITED,
    "denied": Recorded.DENIED,
}
_BY_POLICY = ("policy", "no_policy", "unenforced")
"""Reasons of a denial that are the policy's."""

_REPLIES = ("reply", "related")


def is_observed(value: dict[str, Any]) -> bool:
    """Whether a JSON object looks like a line of ours."""
    return "event" in value and "flow_state" in value


def parse_observed(value: dict[str, Any]) -> Record | SetAside:
    """Read one line; :class:`MalformedError` where it breaks our own form."""
    event = value["event"]
    if event == "lost":
        count = _whole(value, "packets")
        return SetAside("events that were lost while recording", count, is_loss=True)
    if event == "flow_end":
        return SetAside("ends of connections")
    if event != "verdict":
        raise MalformedError(f"unknown event '{str(event)[:40]}'")
    recorded = _RECORDED.get(str(value.get("verdict")))
    if recorded is None:
        raise MalformedError("verdict is missing, or unknown")
    if value["flow_state"] in _REPLIES:
        return REPLY
    reason = value.get("reason")
    if reason == "exempt":
        return NEIGHBOURS
    if recorded is Recorded.DENIED and reason not in _BY_POLICY:
        return SetAside(f"drops that no policy decided ({reason})")
    return _record(value, recorded)


def _record(value: dict[str, Any], recorded: Recorded) -> Record | SetAside:
    name = value.get("protocol")
    if name is None:
        return SetAside("packets of which the recording has no protocol")
    protocol = _PROTOCOLS.get(str(name).upper())
    if protocol is None:
        return SetAside(f"packets of a protocol that no policy names ({name})")
    port = _port(value, protocol)
    if protocol is Protocol.ICMPV6 and port in NEIGHBOUR_DISCOVERY:
        return NEIGHBOURS
    direction = value.get("direction")
    return Record(
        normalise_time(value.get("time")),
        recorded,
        direction if direction in ("ingress", "egress") else None,
        protocol,
        port,
        _end(value, "source"),
        _end(value, "destination"),
    )


def _port(value: dict[str, Any], protocol: Protocol) -> int:
    if protocol in _ICMP:
        port, limit = _whole(value, "icmp_type"), 255
    elif protocol in _WITH_PORTS:
        port, limit = _whole(_end_fields(value, "destination"), "port"), 65535
    else:
        return 0
    if not 0 <= port <= limit:
        raise MalformedError(f"the port is out of range: {port}")
    return port


def _end(value: dict[str, Any], side: str) -> RecordedEnd:
    end = _end_fields(value, side)
    name, address = end.get("name"), end.get("address")
    labels = end.get("labels") or []
    if not isinstance(labels, list) or not all(isinstance(x, str) for x in labels):
        raise MalformedError(f"labels of {side} are no list of strings")
    is_node = isinstance(name, str) and name.startswith("node ")
    return RecordedEnd(
        name if isinstance(name, str) and not is_node else None,
        name.removeprefix("node ") if isinstance(name, str) and is_node else None,
        address if isinstance(address, str) else None,
        tuple(labels),
    )


def _end_fields(value: dict[str, Any], side: str) -> dict[str, Any]:
    end = value.get(side)
    if not isinstance(end, dict):
        raise MalformedError(f"{side} is missing, or no object")
    return end


def _whole(fields: dict[str, Any], name: str) -> int:
    value = fields.get(name)
    if type(value) is not int:
        raise MalformedError(f"{name} is missing, or no number")
    return value
