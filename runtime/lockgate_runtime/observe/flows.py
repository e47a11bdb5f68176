"""Flows as people and other programs read them: events with names, and their JSON form."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ipaddress import IPv4Address, IPv6Address

    from lockgate_runtime.observe.events import Event
    from lockgate_runtime.observe.names import Names

PROTOCOLS = {
    1: "ICMP",
    2: "IGMP",
    4: "IPIP",
    6: "TCP",
    17: "UDP",
    41: "IPV6",
    47: "GRE",
    50: "ESP",
    51: "AH",
    58: "ICMPv6",
    112: "VRRP",
    132: "SCTP",
}
"""IP protocol numbers (IANA) by the names that policies use; others are shown as numbers."""

VERDICTS = ("allowed", "denied", "audit", "redirected", "authenticate")
_VERDICT_OF = {
    "allow": "allowed",
    "deny": "denied",
    "audit": "audit",
    "redirect": "redirected",
    "authenticate": "authenticate",
}
_TCP_FLAGS = ("FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR")


@dataclass(frozen=True, slots=True)
class End:
    """One end of a flow.  ``name`` is ``namespace/name`` of an endpoint, or ``node NAME``."""

    address: str | None
    port: int | None
    name: str | None
    identity: int
    identity_name: str | None = None
    labels: tuple[str, ...] = ()

    def __str__(self) -> str:
        if self.name:
            return self.name + self._port
        where = self.address or "?"
        if self._port and ":" in where:
            where = f"[{where}]"
        who = f" ({self.identity_name})" if self.identity_name else ""
        return where + self._port + who

    @property
    def _port(self) -> str:
        return "" if self.port is None else f":{self.port}"


@dataclass(frozen=True, slots=True)
class Flow:
    """One line of ``lockgate observe``.

    ``time`` is UTC, ISO 8601.  ``event`` is ``verdict``, ``flow_end`` or ``lost``;
    ``effect`` that of the rule (``allow``, ``deny``, ``default-deny``, ...); ``policies`` their
    keys, for a default deny those that caused it, and ``places`` where they say so
    (``file:line:column``).
    """

    time: str
    event: str
    verdict: str
    reason: str
    direction: str
    hook: str
    protocol: str | None
    source: End
    destination: End
    endpoint: str
    icmp_type: int | None
    icmp_code: int | None
    tcp_flags: tuple[str, ...]
    flow_state: str
    rule: str | None
    effect: str | None
    policies: tuple[str, ...]
    places: tuple[str, ...]
    generation: int
    packets: int
    bytes: int

    def to_json(self) -> str:
        """Return one line of JSON."""
        return json.dumps(asdict(self), ensure_ascii=False, separators=(",", ":"))

    @classmethod
    def from_json(cls, line: str) -> Flow:
        """Read a line that :meth:`to_json` wrote; ValueError if it is something else."""
        value = json.loads(line)
        names = {field.name for field in fields(cls)}
        if not isinstance(value, dict) or value.keys() != names:
            raise ValueError("not a line of `lockgate observe -o json`")
        for name in ("source", "destination"):
            value[name] = End(**_with_tuples(value[name]))
        return cls(**_with_tuples(value))


def name_flow(event: Event, names: Names, clock: int) -> Flow:
    """Put names to an event.  ``clock`` is the time of boot, nanoseconds since 1970."""
    rule = names.rules.get(event.rule)
    protocol = event.protocol if event.source else None
    is_icmp = protocol in (1, 58)
    has_ports = protocol in (6, 17, 132)
    host = "host" if event.endpoint == 0 else f"attachment {event.endpoint}"

    def end(address: IPv4Address | IPv6Address | None, port: int, identity: int) -> End:
        return End(
            str(address) if address else None,
            port if has_ports else None,
            names.by_address.get(address) if address else None,
            identity,
            names.identity(identity),
            names.labels(identity),
        )

    return Flow(
        time=_iso(clock + event.time),
        event=event.kind,
        verdict=_VERDICT_OF.get(event.outcome, event.outcome),
        reason=event.reason,
        direction=event.direction,
        hook=event.hook,
        protocol=None if protocol is None else PROTOCOLS.get(protocol, str(protocol)),
        source=end(event.source, event.source_port, event.source_identity),
        destination=end(
            event.destination, event.destination_port, event.destination_identity
        ),
        endpoint=names.by_attachment.get(event.endpoint, host),
        icmp_type=event.source_port if is_icmp else None,
        icmp_code=event.destination_port if is_icmp else None,
        tcp_flags=_flags(event.tcp_flags) if protocol == 6 else (),
        flow_state=event.flow_state,
        rule=rule.name if rule else None,
        effect=rule.effect if rule else None,
        policies=rule.policies if rule else (),
        places=rule.places if rule else (),
        generation=event.generation,
        packets=event.packets,
        bytes=event.bytes,
    )


def lost_flow(count: int, now: int) -> Flow:
    """Return the line that says how many events nobody saw.  ``now``: ns since 1970."""
    nobody = End(None, None, None, 0)
    return Flow(
        time=_iso(now),
        event="lost",
        verdict="",
        reason="",
        direction="",
        hook="",
        protocol=None,
        source=nobody,
        destination=nobody,
        endpoint="",
        icmp_type=None,
        icmp_code=None,
        tcp_flags=(),
        flow_state="",
        rule=None,
        effect=None,
        policies=(),
        places=(),
        generation=0,
        packets=count,
        bytes=0,
    )


def _flags(bits: int) -> tuple[str, ...]:
    return tuple(name for place, name in enumerate(_TCP_FLAGS) if bits >> place & 1)


def _iso(nanoseconds: int) -> str:
    seconds, rest = divmod(nanoseconds, 1_000_000_000)
    moment = datetime.fromtimestamp(seconds, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{rest // 1000:06}Z"


def _with_tuples(value: dict[str, Any]) -> dict[str, Any]:
    return {k: tuple(v) if isinstance(v, list) else v for k, v in value.items()}
