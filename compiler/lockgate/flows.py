"""Flows as questions to a policy: who talks to whom, on which port.

The format is JSON, one flow a line: ``src``, ``dst`` (``namespace/pod``, an address,
``@host``, ``@remote-node``), ``protocol``, ``port`` (the type for ICMP), perhaps the request
(``http``, ``dns``) and what the flow is expected to come to (``expect``, ``expect_k8s``).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lockgate.ir.policy import Protocol
from lockgate.source import Span

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lockgate.diagnostics import Diagnostics
    from lockgate.source import Source

EXPECTATIONS = ("expect", "expect_k8s")
"""Fields of a flow that say what it should come to."""

PROTOCOLS = {
    "TCP": Protocol.TCP,
    "UDP": Protocol.UDP,
    "SCTP": Protocol.SCTP,
    "ICMP": Protocol.ICMP,
    "ICMPv6": Protocol.ICMPV6,
}
ICMP_FAMILY = {Protocol.ICMP: 4, Protocol.ICMPV6: 6}
"""The IP version that each of the two belongs to."""


class FlowError(Exception):
    """A flow that cannot be judged: a wrong field, or an end that nobody knows."""


@dataclass(frozen=True, slots=True)
class Flow:
    """One flow, and the fields as they were given."""

    source: str
    destination: str
    protocol: Protocol
    port: int
    fields: Mapping[str, Any]

    def expectation(self, *, of_cilium: bool = False) -> Mapping[str, str]:
        """Return what the flow should come to, as far as it says so.

        ``expect_k8s`` is what the specification says where Cilium, by ``expect``, differs.
        """
        names = EXPECTATIONS[:1] if of_cilium else reversed(EXPECTATIONS)
        for name in names:
            if isinstance(self.fields.get(name), dict):
                expected: Mapping[str, str] = self.fields[name]
                return expected
        return {}

    @property
    def question(self) -> dict[str, Any]:
        """The fields without expectations."""
        return {k: v for k, v in self.fields.items() if k not in EXPECTATIONS}


def parse_flow(fields: object) -> Flow:
    """Check the fields of a flow; raise :class:`FlowError` with what is wrong."""
    if not isinstance(fields, dict):
        raise FlowError("a flow is an object with src, dst, protocol and port")
    for name in ("src", "dst", "protocol"):
        if not isinstance(fields.get(name), str):
            raise FlowError(f"{name} is missing, or no string")
    known = {name.lower(): number for name, number in PROTOCOLS.items()}
    protocol = known.get(fields["protocol"].lower())
    if protocol is None:
        names = ", ".join(PROTOCOLS)
        raise FlowError(f"unknown protocol '{fields['protocol']}': one of {names}")
    port = fields.get("port")
    limit = 255 if protocol in ICMP_FAMILY else 65535
    if type(port) is not int or not 0 <= port <= limit:
        raise FlowError(f"port is missing, or not a number from 0 to {limit}")
    return Flow(fields["src"], fields["dst"], protocol, port, fields)


@dataclass(frozen=True, slots=True)
class LocatedFlow:
    """A flow and the line that it was read from."""

    flow: Flow
    span: Span


def read_flows(source: Source, diagnostics: Diagnostics) -> list[LocatedFlow]:
    """Read one flow a line; empty lines are passed over, mistakes are E2240."""
    flows = []
    start = 0
    for line in source.text.split("\n"):
        span = Span(source, start, start + len(line))
        start += len(line) + 1
        if not line.strip():
            continue
        try:
            value = json.loads(line)
            json.dumps(value, ensure_ascii=False).encode()  # no half characters
            flows.append(LocatedFlow(parse_flow(value), span))
        except (ValueError, RecursionError) as error:
            diagnostics.error("E2240", f"this line is no JSON: {error}", span)
        except FlowError as error:
            diagnostics.error("E2240", f"this is no flow: {error}", span)
    return flows
