"""Ports and protocols: whether a rule speaks of this packet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lockgate.proof.reference.flow import End, Packet

WITH_PORTS = ("TCP", "UDP", "SCTP")
_ICMP_NAMES = {
    "IPv4": """
         0 EchoReply
         3 DestinationUnreachable
         5 Redirect
         8 Echo EchoRequest
         9 RouterAdvertisement
        10 RouterSelection RouterSolicitation
        11 TimeExceeded
        12 ParameterProblem
        13 Timestamp
        14 TimestampReply
        40 Photuris
        42 ExtendedEchoRequest
        43 ExtendedEchoReply
    """,
    "IPv6": """
          1 DestinationUnreachable
          2 PacketTooBig
          3 TimeExceeded
          4 ParameterProblem
        128 EchoRequest
        129 EchoReply
        130 MulticastListenerQuery
        131 MulticastListenerReport
        132 MulticastListenerDone
        133 RouterSolicitation
        134 RouterAdvertisement
        135 NeighborSolicitation
        136 NeighborAdvertisement
        137 RedirectMessage
        138 RouterRenumbering
        139 ICMPNodeInformationQuery
        140 ICMPNodeInformationResponse
        141 InverseNeighborDiscoverySolicitation
        142 InverseNeighborDiscoveryAdvertisement
        144 HomeAgentAddressDiscoveryRequest
        145 HomeAgentAddressDiscoveryReply
        146 MobilePrefixSolicitation
        147 MobilePrefixAdvertisement
        157 DuplicateAddressRequestCodeSuffix
        158 DuplicateAddressConfirmationCodeSuffix
        160 ExtendedEchoRequest
        161 ExtendedEchoReply
    """,
}
"""A row a type, as the registries of IANA have them: its number, then its names."""

ICMP_TYPES = {
    family: {
        name: int(number)
        for number, *names in map(str.split, rows.strip().splitlines())
        for name in names
    }
    for family, rows in _ICMP_NAMES.items()
}
OTHERS = {
    "IGMP": 2,
    "IPIP": 4,
    "IPV6": 41,
    "GRE": 47,
    "ESP": 50,
    "AH": 51,
    "VRRP": 112,
}
"""Protocols without ports that Cilium's kinds can name, and their numbers."""


def named_port_matches(
    name: str, protocols: tuple[str, ...], holder: End, packet: Packet
) -> bool:
    """Judge a named port of the end that listens (the destination)."""
    if holder.pod is None or packet.protocol not in protocols:
        return False
    return any(
        port_name.lower() == name.lower()
        and protocol == packet.protocol
        and number == packet.port
        for port_name, protocol, number in holder.pod.ports
    )


def network_policy_protocols(item: dict[str, Any]) -> tuple[str, ...]:
    """Return the protocols of one of a NetworkPolicy's ``ports``: TCP unless given."""
    return (item.get("protocol") or "TCP",)


def network_policy_port(item: dict[str, Any], holder: End, packet: Packet) -> bool:
    """Judge one of a NetworkPolicy's ``ports``."""
    protocols = network_policy_protocols(item)
    if packet.protocol not in protocols:
        return False
    port = item.get("port")
    if port is None:
        return True
    if isinstance(port, str):
        return named_port_matches(port, protocols, holder, packet)
    return int(port) <= packet.port <= int(item.get("endPort") or port)


def cluster_policy_protocol(item: dict[str, Any], holder: End, packet: Packet) -> bool:
    """Judge one of a ClusterNetworkPolicy's ``protocols``."""
    if "destinationNamedPort" in item:
        name = item["destinationNamedPort"]
        return named_port_matches(name, WITH_PORTS, holder, packet)
    protocol = packet.protocol.lower()
    if protocol not in ("tcp", "udp", "sctp") or protocol not in item:
        return False
    port = (item[protocol] or {}).get("destinationPort")
    if not port:
        return True
    if "range" in port:
        return bool(port["range"]["start"] <= packet.port <= port["range"]["end"])
    return bool(packet.port == port["number"])


def cilium_protocols(item: dict[str, Any]) -> tuple[str, ...]:
    """Return those of one of ``toPorts[].ports``: ANY is TCP, UDP and SCTP, never ICMP."""
    protocol = (item.get("protocol") or "ANY").upper()
    return WITH_PORTS if protocol == "ANY" else (protocol,)


def cilium_port(item: dict[str, Any], holder: End, packet: Packet) -> bool:
    """Judge one of ``toPorts[].ports``."""
    protocols = cilium_protocols(item)
    if packet.protocol not in protocols:
        return False
    text = str(item.get("port") or "0")
    if not text.isdigit():
        return named_port_matches(text, protocols, holder, packet)
    first = int(text)
    if first == 0:
        return True
    return first <= packet.port <= max(first, int(item.get("endPort") or 0))


def cilium_icmp_protocol(item: dict[str, Any]) -> str:
    """Return that of one of ``icmps[].fields``; the family is IPv4 unless given."""
    return "ICMP" if (item.get("family") or "IPv4") == "IPv4" else "ICMPv6"


def cilium_icmp(item: dict[str, Any], packet: Packet, *, zero_is_any: bool) -> bool:
    """Judge one of ``icmps[].fields``."""
    if packet.protocol != cilium_icmp_protocol(item):
        return False
    number = item.get("type")
    if isinstance(number, str) and not number.isdigit():
        number = ICMP_TYPES[item.get("family") or "IPv4"][number]
    if zero_is_any and int(number or 0) == 0:
        return True
    return packet.port == int(number or 0)
