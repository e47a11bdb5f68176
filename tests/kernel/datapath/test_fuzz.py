"""Mutated packets by the hundred thousand: none that the plain reader refuses may pass."""

from __future__ import annotations

import hashlib
import os
import random
import struct
import tempfile
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

from lockgate.vm.kernels import cache_folders
from lockgate_runtime.errors import BpfError
from tests.kernel.datapath.conftest import MEMBERS
from tests.kernel.datapath.frames import (
    ETH_IPV4,
    ETH_IPV6,
    SYN,
    authentication,
    ethernet,
    extension,
    fragment6,
    icmp,
    ipv4,
    ipv6,
    sctp,
    tcp,
    udp,
)
from tests.kernel.datapath.node import PASS
from tests.kernel.datapath.oracle import Oracle
from tests.kernel.e2e.network import IS_EMULATED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.kernel.datapath.node import Node

pytestmark = pytest.mark.kernel

PACKETS = int(os.environ.get("LOCKGATE_FUZZ_PACKETS", "300000"))
"""The virtual machines run fewer: emulation is slow.  Whoever changes how the datapath reads
packets sends millions."""

KEPT = 15_000
"""So many packets the host keeps, with what the plain reader says: drawing and reading them
costs a virtual machine more than running the program."""

V4 = ("10.0.0.1", "10.0.0.2", "10.0.0.3", "10.9.0.1", "8.8.8.8", "192.0.2.3")
V6 = ("fd00::1", "fd00::2", "fd00::3", "fd00:9::1", "2001:db8::8", "fe80::1")
PORTS = (53, 79, 80, 89, 90, 91, 5000, 68, 67, 546, 547, 40000)
INTERESTING = (0, 1, 4, 5, 6, 0x0F, 0x45, 0x60, 0x7F, 0x80, 0xFE, 0xFF)


def build(chance: random.Random) -> bytes:
    """Return a frame that is mostly right."""
    is_v6 = chance.random() < 0.5
    addresses = V6 if is_v6 else V4
    source, destination = chance.choice(addresses), chance.choice(addresses)
    if chance.random() < 0.9:  # most of them are web's
        if chance.random() < 0.5:
            source = addresses[0]
        else:
            destination = addresses[0]
    protocol, payload = _transport(chance, is_v6)
    vlans = chance.choice(((), (), (), (5,), (5, 6)))
    if is_v6:
        protocol, payload = _headers(chance, protocol, payload)
        hop_limit = chance.choice((1, 64, 255))
        inner = ipv6(source, destination, protocol, payload, hop_limit=hop_limit)
        return ethernet(inner, ETH_IPV6, vlans)
    options = b"" if chance.random() < 0.8 else _options(chance)
    fragment = 0
    if chance.random() < 0.15:
        fragment = chance.choice((0x2000, 0x2001, 0x2003, 0x0003, 0x2008, 0x1FFF))
    inner = ipv4(
        source,
        destination,
        protocol,
        payload,
        options=options,
        fragment=fragment,
        identification=chance.randrange(4),
        ttl=chance.choice((1, 64)),
    )
    return ethernet(inner, ETH_IPV4, vlans)


def _options(chance: random.Random) -> bytes:
    return b"".join(
        chance.choice(
            (b"\1\1\1\1", b"\x44\4\5\0", b"\x83\3\4\0", b"\0\0\0\0", b"\x94\4\0\0")
        )
        for _ in range(chance.randrange(1, 10))
    )


def _transport(chance: random.Random, is_v6: bool) -> tuple[int, bytes]:
    one, two = chance.choice(PORTS), chance.choice(PORTS)
    extra = bytes(chance.choice((0, 1, 8, 40)))
    match chance.randrange(7):
        case 0 | 1:
            flags = chance.choice(
                (SYN, 0x10, 0x12, 0x11, 4, 0x14, 0x18, chance.randrange(256))
            )
            return 6, tcp(one, two, flags, extra)
        case 2:
            return 17, udp(one, two, extra)
        case 3:
            return 132, sctp(one, two, chance.choice((0, 1, 2, 6, 7)))
        case 4:
            kinds = (128, 129, 130, 135, 1, 3) if is_v6 else (8, 0, 13, 14, 3, 11)
            kind = chance.choice((*kinds, chance.randrange(256)))
            about = b""
            if chance.random() < 0.5:
                build_ip, addresses = (ipv6, V6) if is_v6 else (ipv4, V4)
                ends = chance.choice(addresses), chance.choice(addresses)
                about = build_ip(*ends, 6, tcp(one, two))
            return (58 if is_v6 else 1), icmp(kind, 0, chance.randrange(3), about)
        case 5:
            return chance.choice((2, 47, 50, 51, 4, 41, 1, 58, 135, 59)), bytes(24)
    return chance.randrange(256), bytes(chance.randrange(64))


def _headers(chance: random.Random, protocol: int, payload: bytes) -> tuple[int, bytes]:
    while chance.random() < 0.25:
        match chance.randrange(5):
            case 0:
                payload, protocol = authentication(protocol, payload), 51
            case 1:
                payload = fragment6(
                    protocol,
                    payload,
                    offset=chance.choice((0, 0, 8, 16, 24, 65528)),
                    more=chance.random() < 0.5,
                    number=chance.randrange(4),
                )
                protocol = 44
            case _:
                kind = chance.choice((0, 43, 60, 60, 60))
                body = bytes(chance.choice((6, 6, 14)))
                payload, protocol = extension(protocol, payload, body=body), kind
    return protocol, payload


def mutate(chance: random.Random, frame: bytes) -> bytes:
    """Damage a frame: bytes, words, its end."""
    damaged = bytearray(frame)
    for _ in range(chance.choice((0, 1, 1, 2, 3))):
        at = chance.randrange(12, min(len(damaged), 80))
        match chance.randrange(4):
            case 0:
                damaged[at] = chance.choice(INTERESTING)
            case 1:
                damaged[at] ^= 1 << chance.randrange(8)
            case 2:
                damaged[at] = chance.randrange(256)
            case _:
                word = struct.pack(">H", chance.choice((0, 1, 8, 20, 40, 0xFFFF)))
                damaged[at : at + 2] = word[: len(damaged) - at]
    if chance.random() < 0.1:
        del damaged[chance.randrange(14, len(damaged) + 1) :]
    return bytes(damaged)


class Packet(NamedTuple):
    """A packet to send, and whether the plain reader would let it pass."""

    is_egress: bool
    may_pass: bool
    frame: bytes


def judged_packets(
    count: int, is_refused: Callable[[bool, bytes], bool]
) -> Iterator[Packet]:
    """Draw packets, and judge those that are not refused.

    The reader is asked about each: a first fragment is remembered even when it is denied.
    """
    chance = random.Random(7)  # noqa: S311  # not for secrets
    own = frozenset(map(ip_address, MEMBERS["web"].addresses))
    oracle = Oracle(own, {"ingress": "web-ingress", "egress": "web-egress"})
    for _ in range(count):
        frame = mutate(chance, build(chance))
        is_egress = chance.random() < 0.5
        if is_refused(is_egress, frame):
            continue
        yield Packet(
            is_egress,
            oracle.may_pass(frame, "egress" if is_egress else "ingress"),
            frame,
        )


# ---------------------------------------------------------------- kept for the machines

_HEAD = struct.Struct("<BBH")


def kept_packets() -> Path:
    """Return the file of this version of drawing and reading."""
    sources = (
        Path(__file__).with_name(f"{n}.py") for n in ("test_fuzz", "oracle", "frames")
    )
    digest = hashlib.sha256(b"".join(source.read_bytes() for source in sources))
    return cache_folders()[0] / "packets" / digest.hexdigest()[:16]


def keep(packets: list[Packet]) -> None:
    """Write packets for the virtual machines, whole or not at all."""
    path = kept_packets()
    path.parent.mkdir(parents=True, exist_ok=True)
    for older in path.parent.iterdir():
        older.unlink(missing_ok=True)
    content = b"".join(
        _HEAD.pack(p.is_egress, p.may_pass, len(p.frame)) + p.frame for p in packets
    )
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
        file.write(content)
    Path(file.name).rename(path)


def read_kept() -> Iterator[Packet]:
    """Read them again."""
    content, at = kept_packets().read_bytes(), 0
    while at < len(content):
        is_egress, may_pass, size = _HEAD.unpack_from(content, at)
        at += _HEAD.size + size
        yield Packet(bool(is_egress), bool(may_pass), content[at - size : at])


def test_nothing_passes_that_must_not(node: Node) -> None:
    """The kernel's passes are among the plain reader's; and there are many of them."""
    stubs = node.stubs["to_endpoint"], node.stubs["from_endpoint"]
    context = bytes(192)
    values: list[int] = []

    def is_refused(is_egress: bool, frame: bytes) -> bool:
        """Run it; too short for BPF_PROG_TEST_RUN is no verdict."""
        try:
            values.append(stubs[is_egress].test_run(frame, context).value)
        except BpfError:
            return True
        return False

    has_kept = IS_EMULATED and kept_packets().exists()
    packets = (
        (packet for packet in read_kept() if not is_refused(*packet[::2]))
        if has_kept
        else judged_packets(PACKETS, is_refused)
    )
    to_keep = []
    judged = passed = 0
    for packet in packets:
        judged += 1
        if values.pop() == PASS:
            passed += 1
            if not packet.may_pass:
                pytest.fail(f"{packet.is_egress=}: {packet.frame.hex()} passed")
        if not has_kept and judged <= KEPT:
            to_keep.append(packet)
    assert judged > 0.8 * (KEPT if has_kept else PACKETS)
    assert passed > judged // 50
    if not IS_EMULATED and judged >= KEPT:
        keep(to_keep)
