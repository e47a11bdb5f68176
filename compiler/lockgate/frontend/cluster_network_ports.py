"""The protocols and ports of ClusterNetworkPolicy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockgate.frontend.cardinality import require_one
from lockgate.frontend.ports import LAST_PORT, WITH_PORTS, bad_port, is_service_name
from lockgate.frontend.schema import Fields
from lockgate.ir.policy import NamedPortMatch, PortMatch, PortRange, Protocol

if TYPE_CHECKING:
    from lockgate.diagnostics import Diagnostics
    from lockgate.frontend.schema import Node
    from lockgate.ir.policy import TrafficMatch

_PROTOCOLS = {"tcp": Protocol.TCP, "udp": Protocol.UDP, "sctp": Protocol.SCTP}
_FIELDS = (*_PROTOCOLS, "destinationNamedPort")


def parse_protocol(node: Node, diagnostics: Diagnostics) -> TrafficMatch | None:
    """Return what one item of ``protocols`` matches; None where it is mistaken.

    A named port is looked for among the peer's ports of any protocol.
    """
    what = "ClusterNetworkPolicyProtocol"
    fields = Fields(node, what, diagnostics, known=_FIELDS)
    which = require_one(fields, _FIELDS, diagnostics)
    if which is None:
        return None
    if which == "destinationNamedPort":
        name = fields.string(which)
        if name is None:
            return None
        if not is_service_name(name):
            bad_port(name, fields.span(which), diagnostics)
            return None
        return NamedPortMatch(WITH_PORTS, name)
    wanted = ("destinationPort",)
    protocol = fields.fields(which, f"{what}{which.upper()}", known=wanted)
    if protocol is None:
        return None
    forms = ("number", "range")
    port = protocol.fields("destinationPort", "Port", known=forms, required=True)
    ports = None if port is None else _parse_ports(port, diagnostics)
    return None if ports is None else PortMatch((_PROTOCOLS[which],), ports)


def _parse_ports(port: Fields, diagnostics: Diagnostics) -> PortRange | None:
    which = require_one(port, ("number", "range"), diagnostics)
    if which is None:
        return None
    if which == "number":
        number = port.integer("number", minimum=1, maximum=LAST_PORT)
        return None if number is None else PortRange(number, number)
    fields = port.fields("range", "PortRange", known=("end", "start"))
    if fields is None:
        return None
    first = fields.integer("start", minimum=1, maximum=LAST_PORT, required=True)
    last = fields.integer("end", minimum=1, maximum=LAST_PORT, required=True)
    if first is None or last is None:
        return None
    if first >= last:
        message = f"the range must end after it starts: {first} to {last}"
        cure = f"for one port, write 'number: {first}'"
        diagnostics.error("E1043", message, fields.node.span, help=cure)
        return None
    return PortRange(first, last)
