"""Read one line of Hubble's JSON: ``hubble observe -o json``, or what its exporter writes.

A line is a ``GetFlowsResponse`` or an ``ExportEvent`` (the flow under ``flow``), or the flow
itself.  Names are those of Cilium's ``api/v1/flow/flow.proto`` in the JSON mapping of protocol
buffers: snake case as declared (but ``IP``, ``Type``, ``Summary``), numbers that are zero left
out, 64-bit numbers as text, enumerations by name.
"""

from __future__ import annotations

from typing import Any

from lockgate.ir.policy import Protocol
from lockgate.recordings.record import (
    NEIGHBOUR_DISCOVERY,
    NEIGHBOURS,
    REPLY,
    UNSAID,
    MalformedError,
    Record,
    Recorded,
    RecordedEnd,
    SetAside,
)
from lockgate.recordings.times import normalise_time

_L4 = {
    "TCP": Protocol.TCP,
    "UDP": Protocol.UDP,
    "SCTP": Protocol.SCTP,
    "ICMPv4": Protocol.ICMP,
    "ICMPv6": Protocol.ICMPV6,
}
_ICMP = (Protocol.ICMP, Protocol.ICMPV6)
_ECHO_REQUEST = {Protocol.ICMP: 8, Protocol.ICMPV6: 128}

_RECORDED = {
    "FORWARDED": Recorded.PASSED,
    "REDIRECTED": Recorded.PASSED,
    "AUDIT": Recorded.AUDITED,
    "DROPPED": Recorded.DENIED,
}
_BY_POLICY = {"POLICY_DENIED", "POLICY_DENY", "AUTH_REQUIRED", "133", "181", "189"}
"""Reasons of a drop that are the policy's: ``DropReason``, or its number in older lines."""

_POLICY_VERDICT = 5
"""``event_type.type`` of an event that the policy look-up itself wrote: never a reply."""

_OTHER_EVENTS = {
    "node_status": "messages about nodes",
    "agent_event": "messages of the agent",
    "debug_event": "debug messages",
}
_WRAPPER = ("flow", "lost_events", *_OTHER_EVENTS)


def is_hubble(value: dict[str, Any]) -> bool:
    """Whether a JSON object looks like a line of Hubble's."""
    return any(name in value for name in _WRAPPER) or (
        "verdict" in value and ("IP" in value or "l4" in value or "l7" in value)
    )


def parse_hubble(value: dict[str, Any]) -> Record | SetAside:
    """Read one line; :class:`MalformedError` where it breaks Hubble's own form."""
    lost = value.get("lost_events")
    if isinstance(lost, dict):
        count = _whole(lost, "num_events_lost")
        return SetAside("events that were lost while recording", count, is_loss=True)
    for name, reason in _OTHER_EVENTS.items():
        if name in value:
            return SetAside(reason)
    flow = value.get("flow", value)
    if not isinstance(flow, dict):
        raise MalformedError("flow is no object")
    return _set_aside(flow) or _record(flow, value)


# ---------------------------------------------------------------- what says nothing


def _set_aside(flow: dict[str, Any]) -> SetAside | None:
    verdict = flow.get("verdict", "VERDICT_UNKNOWN")
    if flow.get("Type") == "SOCK" or verdict == "TRANSLATED":
        return SetAside("translations of addresses in sockets")
    if verdict not in _RECORDED:
        return SetAside(f"events without a verdict ({verdict})")
    point = flow.get("trace_observation_point")
    if isinstance(point, str) and point.startswith("FROM_"):
        return SetAside("packets seen before policy (trace points FROM_...)")
    if verdict == "DROPPED" and flow.get("Type") != "L7":
        reason = str(flow.get("drop_reason_desc") or flow.get("drop_reason", "?"))
        if reason not in _BY_POLICY:
            return SetAside(f"drops that no policy decided ({reason})")
        return None
    return _about_replies(flow)


def _about_replies(flow: dict[str, Any]) -> SetAside | None:
    """Tell who opens a connection from who answers; proto3 leaves no doubt only if it says so."""
    is_reply = flow.get("is_reply", flow.get("reply"))
    l7 = _object(flow, "l7")
    if is_reply is True or l7.get("type") == "RESPONSE":
        return REPLY
    if is_reply is False or l7 or flow.get("verdict") != "FORWARDED":
        return None
    if _object(flow, "event_type").get("type") == _POLICY_VERDICT:
        return None
    protocol, fields = _layer_4(flow)
    flags = _object(fields, "flags")
    if flags.get("SYN"):
        return REPLY if flags.get("ACK") else None
    if protocol in _ECHO_REQUEST and _port(protocol, fields) == _ECHO_REQUEST[protocol]:
        return None
    return UNSAID


# ---------------------------------------------------------------- the record


def _record(flow: dict[str, Any], whole: dict[str, Any]) -> Record | SetAside:
    protocol, fields = _layer_4(flow)
    if protocol is None:
        return SetAside("packets of which the recording has no protocol")
    port = _port(protocol, fields)
    if protocol is Protocol.ICMPV6 and port in NEIGHBOUR_DISCOVERY:
        return NEIGHBOURS
    direction = flow.get("traffic_direction")
    addresses = _object(flow, "IP")
    # `cluster/node` since Cilium 1.10, before that the node alone.
    place = flow.get("node_name") or whole.get("node_name")
    where, _, node = place.rpartition("/") if isinstance(place, str) else ("", "", "")
    return Record(
        normalise_time(flow.get("time") or whole.get("time")),
        _RECORDED[flow["verdict"]],
        direction.lower() if direction in ("INGRESS", "EGRESS") else None,
        protocol,
        port,
        _end(flow, "source", addresses),
        _end(flow, "destination", addresses),
        node or None,
        where or None,
        _request(_object(flow, "l7")),
    )


def _layer_4(flow: dict[str, Any]) -> tuple[Protocol | None, dict[str, Any]]:
    l4 = _object(flow, "l4")
    for name, protocol in _L4.items():
        if name in l4:
            return protocol, _object(l4, name)
    return None, {}


def _port(protocol: Protocol, fields: dict[str, Any]) -> int:
    is_icmp = protocol in _ICMP
    name = "type" if is_icmp else "destination_port"
    port = _whole(fields, name)
    if not 0 <= port <= (255 if is_icmp else 65535):
        raise MalformedError(f"{name} is out of range: {port}")
    return port


def _end(flow: dict[str, Any], side: str, addresses: dict[str, Any]) -> RecordedEnd:
    end = _object(flow, side)
    namespace, pod = end.get("namespace"), end.get("pod_name")
    address = addresses.get(side)
    return RecordedEnd(
        f"{namespace}/{pod}" if namespace and pod else None,
        None,
        address if isinstance(address, str) and address else None,
        _texts(end, "labels"),
        _texts(flow, f"{side}_names"),
    )


def _request(l7: dict[str, Any]) -> dict[str, Any] | None:
    """Return the request of an L7 flow as ``simulate`` takes it."""
    http, dns = _object(l7, "http"), _object(l7, "dns")
    if http:
        host, path = _split_url(str(http.get("url", "")))
        headers = {
            str(header.get("key", "")): str(header.get("value", ""))
            for header in http.get("headers") or ()
            if isinstance(header, dict)
        }
        method = str(http.get("method", ""))
        request = {"method": method, "path": path, "host": host, "headers": headers}
        return {"http": request}
    if dns:
        return {"dns": {"query": str(dns.get("query", ""))}}
    return None


def _split_url(url: str) -> tuple[str, str]:
    """Return host and path; the path has the query, as HTTP rules match it."""
    _scheme, marker, rest = url.partition("://")
    if not marker:
        return "", url
    host, slash, path = rest.partition("/")
    return host, slash + path or "/"


# ---------------------------------------------------------------- fields


def _object(fields: dict[str, Any], name: str) -> dict[str, Any]:
    value = fields.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise MalformedError(f"{name} is no object")
    return value


def _texts(fields: dict[str, Any], name: str) -> tuple[str, ...]:
    value = fields.get(name)
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise MalformedError(f"{name} is no list of strings")
    return tuple(value)


def _whole(fields: dict[str, Any], name: str) -> int:
    """Return a number; the JSON mapping leaves zero out and writes 64 bits as text."""
    value = fields.get(name, 0)
    if isinstance(value, str) and value.isdecimal():
        return int(value)
    if type(value) is not int:
        raise MalformedError(f"{name} is no number")
    return value
