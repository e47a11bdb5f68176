"""A slow, obvious reader of frames, and the plain rules: what must never pass.

It shares nothing with the programs: written from the RFCs, over slices of bytes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)

from lockgate.ir.tables import Outcome
from tests.kernel.datapath.worlds import PREFIXES, WORLD, decide

Address = IPv4Address | IPv6Address
Key = tuple[Address, Address, int, int, int]

_NETWORKS: list[tuple[IPv4Network | IPv6Network, int]] = sorted(
    ((ip_network(prefix), peer) for prefix, peer in PREFIXES.items()),
    key=lambda pair: -pair[0].prefixlen,
)
_LINK_LOCAL = ip_network("fe80::/10")
_LINK_GROUPS = ip_network("ff02::/16")
_LINK_LOCAL_OR_NONE = ("fe80::/10", "::/128")


class BadFrameError(Exception):
    """The frame must be dropped, whatever the policy."""


class ExemptFrameError(Exception):
    """The frame may pass, whatever the policy."""


@dataclass
class Reading:
    """What was read: one packet, or its later fragment."""

    source: Address
    destination: Address
    protocol: int
    source_port: int = 0
    destination_port: int = 0
    type: int | None = None
    is_opening: bool = True
    embedded: Key | None = None
    fragment: tuple[Address, Address, int, int] | None = None
    is_later: bool = False
    is_discovery: bool = False
    hop_limit: int = 0

    @property
    def port(self) -> int:
        """What the policy asks for: destination port, or type of ICMP."""
        return self.destination_port if self.type is None else self.type


@dataclass
class Oracle:
    """Remembers what passed, and says whether a frame may pass.

    Too generous only where it does not matter: it forgets nothing, and takes every flow
    that was ever open for open.
    """

    own: frozenset[Address]
    policies: dict[str, str]
    opened: set[tuple[Key, str]] = field(default_factory=set)
    first: dict[tuple[Address, Address, int, int], list[Reading]] = field(
        default_factory=dict
    )

    def may_pass(self, frame: bytes, direction: str) -> bool:
        """Whether a frame may pass the hook of this direction; if so it is remembered."""
        try:
            reading = read_frame(frame)
            if reading.is_discovery and not self._is_far(reading, direction):
                return True
            if direction == "egress":
                self._check_source(reading)
        except BadFrameError:
            return False
        except ExemptFrameError:
            return True
        if reading.is_later:
            assert reading.fragment
            return any(
                self._judge(one, direction)
                for one in self.first.get(reading.fragment, [])
            )
        if reading.fragment:
            self.first.setdefault(reading.fragment, []).append(reading)
        return self._judge(reading, direction)

    @staticmethod
    def _is_far(reading: Reading, direction: str) -> bool:
        """Whether an endpoint sends neighbour discovery where the host would forward it."""
        to = reading.destination
        is_near = to in _LINK_LOCAL or to in _LINK_GROUPS or peer_of(to) != WORLD
        return direction == "egress" and not is_near

    def _check_source(self, reading: Reading) -> None:
        if reading.source in self.own:
            return
        is_udp = reading.protocol == 17
        ports = (reading.source_port, reading.destination_port)
        if is_udp and int(reading.source) == 0 and ports == (68, 67):
            return
        if is_udp and ports == (546, 547) and reading.source in _LINK_LOCAL:
            return
        if reading.is_later and (
            int(reading.source) == 0 or reading.source in _LINK_LOCAL
        ):
            return  # its first fragment says which ports
        raise BadFrameError

    def _judge(self, reading: Reading, direction: str) -> bool:
        remote = reading.source if direction == "ingress" else reading.destination
        outcome = decide(
            self.policies[direction], peer_of(remote), reading.protocol, reading.port
        )
        key = self._key(reading, direction)
        if outcome in (Outcome.ALLOW, Outcome.AUDIT):
            self.opened.add((key, direction))
            return True
        other = "egress" if direction == "ingress" else "ingress"
        if (key, other) in self.opened and not self._is_new(reading):
            return True
        if reading.embedded is None:
            return False
        one, two, *ports, protocol = reading.embedded
        if direction == "egress" and one != reading.destination:
            return False  # an endpoint tells the sender only
        # The embedded packet went the other way.
        turned = (
            (one, two, ports[0], ports[1], protocol)
            if direction == "ingress"
            else (two, one, ports[1], ports[0], protocol)
        )
        return any((turned, either) in self.opened for either in ("ingress", "egress"))

    @staticmethod
    def _is_new(reading: Reading) -> bool:
        return reading.protocol in (6, 132) and reading.is_opening

    @staticmethod
    def _key(reading: Reading, direction: str) -> Key:
        ends = (reading.source, reading.destination)
        ports = (reading.source_port, reading.destination_port)
        if direction == "ingress":
            ends, ports = ends[::-1], ports[::-1]
        return (*ends, *ports, reading.protocol)


def peer_of(address: Address) -> int:
    """Return the peer of the longest prefix."""
    return next(peer for network, peer in _NETWORKS if address in network)


def read_frame(frame: bytes) -> Reading:
    """Read a frame with up to two tags."""
    if len(frame) < 14:
        raise BadFrameError
    at, kind = 14, frame[12:14]
    for _ in range(2):
        if kind in (b"\x81\x00", b"\x88\xa8"):
            kind = frame[at + 2 : at + 4]
            at += 4
    if kind == b"\x08\x06":
        raise ExemptFrameError
    if kind == b"\x08\x00":
        return _read_v4(frame[at:])
    if kind == b"\x86\xdd":
        return _read_v6(frame[at:])
    raise BadFrameError


def _read_v4(packet: bytes) -> Reading:
    if len(packet) < 20 or packet[0] >> 4 != 4:
        raise BadFrameError
    size = (packet[0] & 15) * 4
    total = int.from_bytes(packet[2:4], "big")
    if size < 20 or total < size or total > len(packet):
        raise BadFrameError
    _check_options(packet[20:size])
    source, destination = IPv4Address(packet[12:16]), IPv4Address(packet[16:20])
    if source.is_multicast or source.is_loopback or int(source) == 0xFFFFFFFF:
        raise BadFrameError
    if packet[12] == 0 and int(source):
        raise BadFrameError
    if destination.is_loopback or packet[16] == 0:
        raise BadFrameError
    field_ = int.from_bytes(packet[6:8], "big")
    offset, more = (field_ & 0x1FFF) * 8, bool(field_ & 0x2000)
    reading = Reading(source, destination, packet[9], hop_limit=packet[8])
    if offset or more:
        number = int.from_bytes(packet[4:6], "big")
        reading.fragment = (source, destination, number, packet[9])
    payload = packet[size:total]
    if offset + len(payload) > 65535 and (offset or more):
        raise BadFrameError
    if offset:
        reading.is_later = True
        return reading
    _read_transport(reading, payload, icmp=1, is_first=more)
    if int(source) == 0 and not (
        reading.protocol == 17
        and (reading.source_port, reading.destination_port) == (68, 67)
    ):
        raise BadFrameError
    return reading


def _check_options(options: bytes) -> None:
    while options:
        kind = options[0]
        if kind == 0:
            return
        if kind == 1:
            options = options[1:]
            continue
        if kind in (131, 137) or len(options) < 2:
            raise BadFrameError
        if options[1] < 2 or options[1] > len(options):
            raise BadFrameError
        options = options[options[1] :]


def _read_v6(packet: bytes) -> Reading:
    if len(packet) < 40 or packet[0] >> 4 != 6:
        raise BadFrameError
    length = int.from_bytes(packet[4:6], "big")
    if length > len(packet) - 40:
        raise BadFrameError
    source, destination = IPv6Address(packet[8:24]), IPv6Address(packet[24:40])
    if source.ipv4_mapped or destination.ipv4_mapped or source.is_multicast:
        raise BadFrameError
    # All of ::/64 is reserved, except :: for those without an address.
    if (int(source) >> 64 == 0 and int(source)) or int(destination) >> 64 == 0:
        raise BadFrameError
    reading = Reading(source, destination, packet[6], hop_limit=packet[7])
    payload = _skip_headers(reading, packet[40 : 40 + length])
    if reading.is_later:
        return reading
    if reading.protocol in (135, 139, 140, 253, 254):
        raise BadFrameError
    _read_transport(reading, payload, icmp=58, is_first=reading.fragment is not None)
    if int(source) == 0 and not reading.is_discovery:
        raise BadFrameError
    return reading


def _skip_headers(reading: Reading, payload: bytes) -> bytes:
    """Walk over extension headers, and return what follows."""
    for i in range(9):
        protocol = reading.protocol
        if protocol not in (0, 43, 44, 51, 60):
            break
        if len(payload) < 8 or (protocol == 0 and i) or i == 8:
            raise BadFrameError
        if protocol == 43 and payload[3]:
            raise BadFrameError
        size = {44: 8, 51: (payload[1] + 2) * 4}.get(protocol, (payload[1] + 1) * 8)
        if protocol == 44 and int.from_bytes(payload[2:4], "big") & 0xFFF9:
            number = int.from_bytes(payload[4:8], "big")
            reading.fragment = (reading.source, reading.destination, number, 0)
            reading.is_later = bool(int.from_bytes(payload[2:4], "big") & 0xFFF8)
        if size > len(payload):
            raise BadFrameError
        reading.protocol, payload = payload[0], payload[size:]
        if reading.is_later:
            break
    return payload


def _read_transport(
    reading: Reading, data: bytes, *, icmp: int, is_first: bool
) -> None:
    match reading.protocol:
        case 6:
            _read_tcp(reading, data)
        case 17:
            _read_udp(reading, data, is_first=is_first)
        case 132:
            _read_sctp(reading, data)
        case 2:
            group = reading.destination.is_multicast
            is_v4 = isinstance(reading.destination, IPv4Address)
            if is_v4 and group and reading.hop_limit == 1:
                raise ExemptFrameError
        case number if number == icmp:
            _read_icmp(reading, data, is_first=is_first)
        case 1 | 58:
            reading.protocol = 300  # of the wrong family: no policy names its type


def _read_ports(reading: Reading, data: bytes) -> None:
    reading.source_port = int.from_bytes(data[0:2], "big")
    reading.destination_port = int.from_bytes(data[2:4], "big")


def _read_udp(reading: Reading, data: bytes, *, is_first: bool) -> None:
    if len(data) < 8:
        raise BadFrameError
    length = int.from_bytes(data[4:6], "big")
    if length < 8 or (length > len(data) and not is_first):
        raise BadFrameError
    _read_ports(reading, data)


def _read_sctp(reading: Reading, data: bytes) -> None:
    if len(data) < 16:
        raise BadFrameError
    _read_ports(reading, data)
    reading.is_opening = data[12] == 1


def _read_tcp(reading: Reading, data: bytes) -> None:
    if len(data) < 20:
        raise BadFrameError
    size, flags = (data[12] >> 4) * 4, data[13]
    if size < 20 or size > len(data):
        raise BadFrameError
    fin, syn, rst, ack = (flags & bit for bit in (1, 2, 4, 16))
    if (syn and (fin or rst)) or (fin and rst) or not (syn or rst or ack):
        raise BadFrameError
    _read_ports(reading, data)
    reading.is_opening = bool(syn and not ack)


def _read_icmp(reading: Reading, data: bytes, *, is_first: bool) -> None:
    if len(data) < 8:
        raise BadFrameError
    kind, code = data[0], data[1]
    reading.type = kind
    identifier = int.from_bytes(data[4:6], "big")
    is_v6 = reading.protocol == 58
    if is_v6 and 133 <= kind <= 137:
        if reading.hop_limit != 255 or code or is_first:
            raise BadFrameError
        reading.is_discovery = True
        return
    is_mld = is_v6 and kind in (130, 131, 132, 143) and reading.hop_limit == 1
    if is_mld and not is_first and _is_link_source(reading.source):
        raise ExemptFrameError
    queries = {128: 129} if is_v6 else {8: 0, 13: 14}
    answers = {answer: query for query, answer in queries.items()}
    if kind in queries:
        reading.source_port, reading.destination_port = identifier, kind
    elif kind in answers:
        reading.source_port, reading.destination_port = answers[kind], identifier
    elif kind in ((1, 2, 3, 4) if is_v6 else (3, 4, 11, 12)):
        reading.embedded = _read_embedded(data[8:])


def _is_link_source(source: Address) -> bool:
    return any(source in ip_network(one) for one in _LINK_LOCAL_OR_NONE)


def _read_embedded(data: bytes) -> Key | None:
    """Return the embedded packet's ends and ports, as it was sent."""
    if not data:
        return None
    version = data[0] >> 4
    if (
        version == 4
        and len(data) >= 20
        and not int.from_bytes(data[6:8], "big") & 0x1FFF
    ):
        size, protocol = (data[0] & 15) * 4, data[9]
        ends = ip_address(data[12:16]), ip_address(data[16:20])
        transport = data[size:]
    elif version == 6 and len(data) >= 40:
        protocol = data[6]
        ends = ip_address(data[8:24]), ip_address(data[24:40])
        transport = data[40:]
    else:
        return None
    if len(transport) < 8:
        return None
    identifier = int.from_bytes(transport[4:6], "big")
    kind = transport[0]
    if protocol in (6, 17, 132):
        ports = (
            int.from_bytes(transport[0:2], "big"),
            int.from_bytes(transport[2:4], "big"),
        )
    elif (protocol, kind) in ((1, 8), (1, 13), (58, 128)):
        ports = identifier, kind
    elif (protocol, kind) in ((1, 0), (1, 14), (58, 129)):
        ports = {0: 8, 14: 13, 129: 128}[kind], identifier
    else:
        ports = 0, 0
    return (*ends, *ports, protocol)
