"""ICMP fields of Cilium's kinds: types by number or by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockgate.diagnostics import Diagnostics, did_you_mean, quote
from lockgate.frontend.cardinality import warn_of_nothing
from lockgate.frontend.schema import Fields
from lockgate.ir.policy import IcmpMatch, Protocol
from lockgate.options import Semantics

if TYPE_CHECKING:
    from lockgate.frontend.metadata import Context
    from lockgate.frontend.schema import Node

IPV4_TYPES = {
    "EchoReply": 0,
    "DestinationUnreachable": 3,
    "Redirect": 5,
    "Echo": 8,
    "EchoRequest": 8,
    "RouterAdvertisement": 9,
    "RouterSelection": 10,
    "RouterSolicitation": 10,
    "TimeExceeded": 11,
    "ParameterProblem": 12,
    "Timestamp": 13,
    "TimestampReply": 14,
    "Photuris": 40,
    "ExtendedEchoRequest": 42,
    "ExtendedEchoReply": 43,
}
"""Names of ICMP types (IANA), as Cilium's policy API spells them."""

IPV6_TYPES = {
    "DestinationUnreachable": 1,
    "PacketTooBig": 2,
    "TimeExceeded": 3,
    "ParameterProblem": 4,
    "EchoRequest": 128,
    "EchoReply": 129,
    "MulticastListenerQuery": 130,
    "MulticastListenerReport": 131,
    "MulticastListenerDone": 132,
    "RouterSolicitation": 133,
    "RouterAdvertisement": 134,
    "NeighborSolicitation": 135,
    "NeighborAdvertisement": 136,
    "RedirectMessage": 137,
    "RouterRenumbering": 138,
    "ICMPNodeInformationQuery": 139,
    "ICMPNodeInformationResponse": 140,
    "InverseNeighborDiscoverySolicitation": 141,
    "InverseNeighborDiscoveryAdvertisement": 142,
    "HomeAgentAddressDiscoveryRequest": 144,
    "HomeAgentAddressDiscoveryReply": 145,
    "MobilePrefixSolicitation": 146,
    "MobilePrefixAdvertisement": 147,
    "DuplicateAddressRequestCodeSuffix": 157,
    "DuplicateAddressConfirmationCodeSuffix": 158,
    "ExtendedEchoRequest": 160,
    "ExtendedEchoReply": 161,
}
"""Names of ICMPv6 types (IANA), as Cilium's policy API spells them."""

_FAMILIES = {
    "IPv4": (Protocol.ICMP, IPV4_TYPES),
    "IPv6": (Protocol.ICMPV6, IPV6_TYPES),
}


def parse_icmp(
    node: Node, context: Context, diagnostics: Diagnostics
) -> tuple[IcmpMatch, ...]:
    """Return what one element of ``icmps`` matches; without fields, that is nothing."""
    fields = Fields(node, "ICMPRule", diagnostics, known=("fields",))
    items = fields.items("fields")
    if not items:
        warn_of_nothing(node, "fields", diagnostics)
    found = (_parse_field(item, context, diagnostics) for item in items)
    return tuple(match for match in found if match is not None)


def _parse_field(
    node: Node, context: Context, diagnostics: Diagnostics
) -> IcmpMatch | None:
    fields = Fields(node, "ICMPField", diagnostics, known=("family", "type"))
    family = fields.string("family", enum=_FAMILIES) or "IPv4"
    written = fields.integer_or_string("type", required=True)
    if written is None:
        return None
    protocol, names = _FAMILIES[family]
    number = _number(written, names)
    if number is None:
        message = f"{quote(written)} is no ICMP type of {family}"
        cure = _cure(str(written), family, names)
        diagnostics.error("E1046", message, fields.span("type"), help=cure)
        return None
    if number != 0:
        return IcmpMatch(protocol, number)
    if context.options.semantics is Semantics.CILIUM:
        # Cilium keeps the type in the port field, where 0 stands for every port.
        return IcmpMatch(protocol, None)
    message = "type 0 means type 0 (echo reply) here; in Cilium it means every type"
    cure = "to keep Cilium's reading, compile with --semantics cilium"
    diagnostics.note("N1041", message, fields.span("type"), help=cure)
    return IcmpMatch(protocol, 0)


def _number(written: int | str, names: dict[str, int]) -> int | None:
    if isinstance(written, str):
        if not (written.isascii() and written.isdecimal()):
            return names.get(written)
        written = int(written[:4])
    return written if 0 <= written <= 255 else None


def _cure(written: str, family: str, names: dict[str, int]) -> str:
    for other, (_, others) in _FAMILIES.items():
        if other != family and written in others:
            return f"that is a type of {other}: write 'family: {other}'"
    return did_you_mean(written, names) or "a number from 0 to 255, or a name of IANA"
