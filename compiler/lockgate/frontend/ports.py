"""Ports, port ranges, named ports and protocols, as each kind writes them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from lockgate.diagnostics import Diagnostics, quote
from lockgate.frontend.schema import Fields
from lockgate.ir.policy import (
    ALL_PORTS,
    NamedPortMatch,
    PortMatch,
    PortRange,
    Protocol,
    ProtocolMatch,
)

if TYPE_CHECKING:
    from lockgate.frontend.schema import Node
    from lockgate.ir.policy import TrafficMatch
    from lockgate.source import Span

WITH_PORTS = (Protocol.TCP, Protocol.UDP, Protocol.SCTP)
"""Protocols that have ports; ``ANY`` in Cilium's kinds means these, never ICMP."""

LAST_PORT = 65535

_PORTLESS = {
    "AH": Protocol.AH,
    "ESP": Protocol.ESP,
    "GRE": Protocol.GRE,
    "IGMP": Protocol.IGMP,
    "IPIP": Protocol.IPIP,
    "IPV6": Protocol.IPV6,
    "VRRP": Protocol.VRRP,
}
_CILIUM_PROTOCOLS: dict[str, tuple[Protocol, ...]] = {
    "ANY": WITH_PORTS,
    "SCTP": (Protocol.SCTP,),
    "TCP": (Protocol.TCP,),
    "UDP": (Protocol.UDP,),
}
_CILIUM_WORDS = sorted(_CILIUM_PROTOCOLS.keys() | _PORTLESS.keys())
_KUBERNETES_PROTOCOLS = {
    "SCTP": Protocol.SCTP,
    "TCP": Protocol.TCP,
    "UDP": Protocol.UDP,
}
_ICMP_WORDS = frozenset({"icmp", "icmpv4", "icmpv6"})

_SERVICE_NAME = re.compile(r"[A-Za-z0-9]+(?:-[A-Za-z0-9]+)*")
_SERVICE_NAME_LENGTH = 15
_NAME_CURE = (
    f"a number from 1 to {LAST_PORT}, or a name of at most {_SERVICE_NAME_LENGTH} letters, "
    "digits and single '-', with at least one letter (RFC 6335)"
)


def is_service_name(text: str) -> bool:
    """Whether a port may have this name (RFC 6335, section 5.1)."""
    return (
        len(text) <= _SERVICE_NAME_LENGTH
        and _SERVICE_NAME.fullmatch(text) is not None
        and not text.isdecimal()
        and any(c.isalpha() for c in text)
    )


# ---------------------------------------------------------------- Cilium


def parse_cilium_port(node: Node, diagnostics: Diagnostics) -> TrafficMatch | None:
    """Return what one item of ``ports`` matches; None where it is mistaken.

    No protocol and ``ANY`` are TCP, UDP and SCTP; port ``"0"`` is every port; names are
    compared in lower case; protocols without ports match every packet of theirs.
    """
    known = ("endPort", "port", "protocol")
    fields = Fields(node, "PortProtocol", diagnostics, known=known)
    if _refuse_icmp(fields, diagnostics):
        return None
    word = fields.string("protocol", enum=_CILIUM_WORDS)
    if word is None and fields.has("protocol"):
        return None
    if word in _PORTLESS:
        return _parse_portless(fields, word, diagnostics)
    protocols = _CILIUM_PROTOCOLS[word or "ANY"]
    port = fields.string("port", required=True)
    last = fields.integer("endPort", minimum=0, maximum=LAST_PORT)
    if port is None:
        return None
    if port.isascii() and port.isdecimal() and int(port[:6]) <= LAST_PORT:
        ports = _cilium_range(int(port), last or 0, fields, diagnostics)
        return PortMatch(protocols, ports)
    if not is_service_name(port):
        bad_port(port, fields.span("port"), diagnostics)
        return None
    if last:
        _range_of_name(port, fields, diagnostics)
    return NamedPortMatch(protocols, port.lower())


def _refuse_icmp(fields: Fields, diagnostics: Diagnostics) -> bool:
    node = fields.get("protocol")
    if node is None or str(getattr(node, "text", "")).lower() not in _ICMP_WORDS:
        return False
    message = "ICMP has types, not ports"
    cure = "write 'icmps: [{fields: [{family: IPv4, type: EchoRequest}]}]', no toPorts"
    diagnostics.error("E1052", message, node.span, help=cure)
    return True


def _parse_portless(
    fields: Fields, word: str, diagnostics: Diagnostics
) -> ProtocolMatch | None:
    port = fields.string("port")
    if port in (None, "", "0") and not fields.has("endPort"):
        return ProtocolMatch(_PORTLESS[word])
    name = "port" if port not in (None, "", "0") else "endPort"
    message = f"{word} has no ports"
    cure = f"leave out '{name}'" + (', or write "0"' if name == "port" else "")
    diagnostics.error("E1052", message, fields.span(name), help=cure)
    return None


def _cilium_range(
    first: int, last: int, fields: Fields, diagnostics: Diagnostics
) -> PortRange:
    """Return the range; Cilium takes no notice of an ``endPort`` that makes none."""
    if last and (first == 0 or last < first):
        meaning = "every port" if first == 0 else f"port {first} alone"
        message = f"endPort {last} makes no range with port {first}: taken as {meaning}"
        cure = "write the lower number as 'port' and the higher one as 'endPort'"
        diagnostics.warning("W1047", message, fields.span("endPort"), help=cure)
    if first == 0:
        return ALL_PORTS
    return PortRange(first, max(first, last))


# ---------------------------------------------------------------- Kubernetes


def parse_kubernetes_port(node: Node, diagnostics: Diagnostics) -> TrafficMatch | None:
    """Return what one item of NetworkPolicy's ``ports`` matches; None where mistaken.

    No protocol is TCP; no port is every port of the protocol.
    """
    known = ("endPort", "port", "protocol")
    fields = Fields(node, "NetworkPolicyPort", diagnostics, known=known)
    word = fields.string("protocol", enum=_KUBERNETES_PROTOCOLS)
    if word is None and fields.has("protocol"):
        return None
    protocols = (_KUBERNETES_PROTOCOLS[word or "TCP"],)
    port = fields.integer_or_string("port")
    last = fields.integer("endPort", minimum=1, maximum=LAST_PORT)
    if port is None:
        if last is not None:
            message = "endPort needs a 'port' that the range begins with"
            cure = "'port: 1' begins the range with the first port"
            diagnostics.error("E1043", message, fields.span("endPort"), help=cure)
        return None if fields.has("port") else PortMatch(protocols)
    if isinstance(port, int):
        if not 1 <= port <= LAST_PORT:
            bad_port(str(port), fields.span("port"), diagnostics)
            return None
        if last is not None and last < port:
            message = f"the range ends before it begins: {port} to {last}"
            cure = "write the lower number as 'port'"
            diagnostics.error("E1043", message, fields.span("endPort"), help=cure)
            return None
        return PortMatch(protocols, PortRange(port, last or port))
    if not is_service_name(port) or port != port.lower():
        is_number = port.isdecimal() and port.isascii()
        unquoted = f"a port number stands without quotes: {port}" if is_number else None
        bad_port(port, fields.span("port"), diagnostics, unquoted)
        return None
    if last is not None:
        _range_of_name(port, fields, diagnostics)
    return NamedPortMatch(protocols, port)


# ---------------------------------------------------------------- both


def bad_port(
    port: str, span: Span, diagnostics: Diagnostics, cure: str | None = None
) -> None:
    """Say that something is no port."""
    message = f"{quote(port)} is neither a port number nor the name of a port"
    diagnostics.error("E1042", message, span, help=cure or _NAME_CURE)


def _range_of_name(name: str, fields: Fields, diagnostics: Diagnostics) -> None:
    message = f"a range cannot begin with a named port, {quote(name)}"
    cure = "write numbers, or one item for each name"
    diagnostics.error("E1043", message, fields.span("endPort"), help=cure)
