"""Every local address leads to the host, and every other address where it led."""

from __future__ import annotations

import tempfile
from array import array
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from lockgate.codegen.pack import pack_addresses_v4, pack_addresses_v6
from lockgate.ir.tables import AddressEntry
from lockgate_runtime import layout
from lockgate_runtime.local_addresses import AddressPart
from tests.table_values import networks

Address = IPv4Address | IPv6Address
PEERS = 20
HOST_OFFSET, API_OFFSET = 100, 200


def part_of(
    entries: list[AddressEntry], local: set[Address], *, is_api_server: bool = False
) -> AddressPart:
    """Pack the entries, and lay the local addresses over them."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "addresses_v4.bin").write_bytes(pack_addresses_v4(entries))
        (folder / "addresses_v6.bin").write_bytes(pack_addresses_v6(entries))
        peers = b"".join(
            layout.PEER.pack(host=i + HOST_OFFSET, api_server_host=i + API_OFFSET)
            for i in range(PEERS)
        )
        (folder / "peers.bin").write_bytes(peers)
        return AddressPart(folder, local, is_api_server=is_api_server)


def look_up(part: AddressPart, address: Address) -> int:
    """Find an address in what the maps would hold."""
    if isinstance(address, IPv4Address):
        words = array("I", b"".join(part.v4()))
        assert len(words) == part.pages * layout.ADDRESS_V4_PAGE
        page = 0
        for byte in address.packed:
            word = words[page * layout.ADDRESS_V4_PAGE + byte]
            if not word & layout.ADDRESS_V4_IS_PAGE:
                return word
            page = word & ~layout.ADDRESS_V4_IS_PAGE
        raise AssertionError("deeper than an address")
    exact: dict[bytes, int] = {}
    for keys, values in part.v6_addresses():
        for i in range(len(keys) // 16):
            key = keys[16 * i : 16 * i + 16]
            assert key not in exact
            exact[key] = int.from_bytes(values[4 * i : 4 * i + 4], "little")
    assert len(exact) == part.v6_address_count
    if address.packed in exact:
        return exact[address.packed]
    covering = [(0, 0)]
    for key, value in part.v6_prefixes():
        length = int.from_bytes(key[:4], "little")
        if address in ip_network((key[4:], length)):
            covering.append((length, int.from_bytes(value, "little")))
    return max(covering)[1]


def expected(entries: list[AddressEntry], address: Address) -> int:
    """Find an address the slow way."""
    covering = [e for e in entries if address in e.network]
    return max(covering, key=lambda e: e.length).peer if covering else 0


@given(st.data())
@settings(max_examples=80, deadline=None)
def test_local_addresses_lead_to_the_host(data: st.DataObject) -> None:
    """Addresses that are covered by something, or by nothing, or are there themselves."""
    single = [ip_network(text) for text in ("10.0.0.1/32", "fe80::1/128", "fe80::/64")]
    prefixes = data.draw(st.sets(networks(), max_size=9))
    prefixes |= data.draw(st.sets(st.sampled_from(single)))
    entries = [
        AddressEntry.of(prefix, 1 + i % (PEERS - 1))
        for i, prefix in enumerate(prefixes)
    ]
    near = [p.network_address for p in prefixes] + [
        p.broadcast_address for p in prefixes
    ]
    some = [ip_address("10.0.0.1"), ip_address("fe80::1"), *near]
    local = data.draw(st.sets(st.sampled_from(some), max_size=5))
    is_api_server = data.draw(st.booleans())
    part = part_of(entries, local, is_api_server=is_api_server)
    offset = API_OFFSET if is_api_server else HOST_OFFSET
    for address in some:
        peer = expected(entries, address)
        wanted = peer + offset if address in local else peer
        assert look_up(part, address) == wanted, address
