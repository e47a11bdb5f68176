"""Packed tables say what the tables say."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lockgate.codegen.pack import (
    pack_addresses_v4,
    pack_policies,
    pack_ports,
    pack_tables,
)
from lockgate.ir.tables import AddressEntry, PortAtoms
from lockgate_runtime import layout
from lockgate_runtime.tables import DESCRIBED, PACKED, PORT_DIRECTORY_SIZE, PackedTables
from tests.table_values import (
    AXIS_SIZES,
    networks,
    port_atoms,
    verdict_tables,
    web_tables,
)

if TYPE_CHECKING:
    from lockgate.ir.tables import VerdictTable

PROTOCOLS = (6, 17, 132, 1, 58)


def test_web_client_is_let_in_on_its_ports_and_nobody_else() -> None:
    """A packet's way, from address to decision, ends where the tables say."""
    packed = PackedTables(pack_tables(web_tables()))

    def judge(source: str, port: int) -> tuple[str, int]:
        peer = packed.peer(packed.peer_of(ip_address(source)))
        number = packed.judge(2, peer.identity_class, 6, port)
        decision = packed.decision(number)
        return decision.outcome, decision.rule

    assert judge("10.0.0.2", 80) == ("allow", 77)
    assert judge("fd00::2", 89) == ("allow", 77)
    assert judge("10.0.0.2", 79) == ("deny", 88)
    assert judge("10.0.0.2", 90) == ("deny", 88)
    assert judge("10.0.0.1", 80) == ("deny", 88)
    assert judge("8.8.8.8", 80) == ("deny", 88)
    assert judge("fd00::3", 80) == ("deny", 88)


def test_every_file_is_one_that_the_reader_knows() -> None:
    """Writer and reader agree on the names."""
    assert set(pack_tables(web_tables())) == {*PACKED, *DESCRIBED}


@settings(deadline=None)
@given(st.lists(st.tuples(networks(), st.integers(1, 99)), max_size=30), st.data())
def test_longest_prefix_decides(
    prefixes: list[tuple[IPv4Network | IPv6Network, int]], data: st.DataObject
) -> None:
    """Address look-up is longest prefix match, at the edges of each prefix too."""
    entries = [
        AddressEntry.of(network, peer) for network, peer in dict(prefixes).items()
    ]
    packed = PackedTables(pack_tables(replace(web_tables(), addresses=entries)))
    probes: list[IPv4Address | IPv6Address] = [
        IPv4Address(data.draw(st.integers(0, 2**32 - 1))),
        IPv6Address(data.draw(st.integers(0, 2**128 - 1))),
    ]
    for network, _ in prefixes:
        first, last = network[0], network[-1]
        probes += [first, last]
        probes += [first - 1] if int(first) else []
        probes += [last + 1] if int(last) + 1 < 1 << network.max_prefixlen else []
    for address in probes:
        covering = [e for e in entries if address in e.network]
        longest = max(covering, key=lambda e: e.network.prefixlen, default=None)
        assert packed.peer_of(address) == (longest.peer if longest else 0)


@settings(deadline=None)
@given(port_atoms(), st.data())
def test_every_port_finds_its_atom(atoms: PortAtoms, data: st.DataObject) -> None:
    """The two-level port table equals the sorted starts, at every edge."""
    packed = PackedTables(pack_tables(replace(web_tables(), atoms=atoms)))
    first = 0
    for axis, (starts, size) in enumerate(zip(atoms.starts, AXIS_SIZES, strict=True)):
        ports = {0, size - 1, data.draw(st.integers(0, size - 1)), *starts}
        ports |= {start - 1 for start in starts if start}
        for port in ports - set(PROTOCOLS if axis == 5 else ()):
            wanted = first + sum(start <= port for start in starts) - 1
            protocol = PROTOCOLS[axis] if axis < 5 else port
            assert packed.atom(protocol, port) == wanted
        first += len(starts)


@given(st.integers(1, 140), port_atoms(), st.data())
@settings(max_examples=50, deadline=None)
def test_every_cell_is_kept(
    class_count: int, atoms: PortAtoms, data: st.DataObject
) -> None:
    """Sharing pages, intervals and cells changes no verdict."""
    some = verdict_tables(class_count, atoms.count, decision_count=4)
    drawn: list[VerdictTable] = data.draw(st.lists(some, min_size=1, max_size=5))
    tables = replace(
        web_tables(), class_count=class_count, atoms=atoms, tables=(*drawn, *drawn)
    )
    packed = PackedTables(pack_tables(tables))
    axis = data.draw(st.integers(0, 4))
    atom = sum(map(len, atoms.starts[:axis]))
    for number, table in enumerate(tables.tables):
        for start_place, port in enumerate(atoms.starts[axis]):
            interval = table.intervals[atom + start_place]
            for identity_class in range(class_count):
                row = table.rows[identity_class]
                wanted = table.cells[row * table.interval_count + interval]
                found = packed.judge(number, identity_class, PROTOCOLS[axis], port)
                assert found == wanted


def test_equal_parts_are_written_once() -> None:
    """A hundred endpoints with the same policy cost a hundred records, no more."""
    tables = web_tables().tables
    once, often = pack_policies(tables), pack_policies([*tables] * 100)
    size = layout.POLICY.size
    assert len(once["policies.bin"]) == size * len(tables)
    assert len(often.pop("policies.bin")) == 100 * len(once.pop("policies.bin"))
    assert often == once
    page = 2 * layout.PEER_PAGE
    assert once["peer_pages.bin"][:page] == bytes(page), "page 0 is all zero"
    assert len(once["peer_pages.bin"]) == 2 * page
    assert len(once["peer_directory.bin"]) == 2 * 4


def test_a_prefix_inside_another_makes_only_the_pages_it_needs() -> None:
    """One host route below a covering prefix is four pages deep."""
    entries = [AddressEntry.of(IPv4Network("10.0.0.0/8"), 1)]
    assert len(pack_addresses_v4(entries)) == 1024
    entries.append(AddressEntry.of(IPv4Network("10.1.2.3/32"), 2))
    assert len(pack_addresses_v4(entries)) == 4 * 1024


def test_port_pages_are_shared() -> None:
    """Where nobody names a port, an axis is one page."""
    packed = pack_ports(PortAtoms(((0,), (0,), (0,), (0,), (0,), (0,))))
    assert len(packed) == PORT_DIRECTORY_SIZE + 6 * 2 * layout.PORT_PAGE


@pytest.mark.parametrize(
    ("protocol", "port"), [(6, 65536), (1, 256), (6, -1), (300, 0)]
)
def test_a_port_that_does_not_exist_is_refused(protocol: int, port: int) -> None:
    """No look-up wraps round into another protocol's pages."""
    packed = PackedTables(pack_tables(web_tables()))
    with pytest.raises(ValueError, match="no port"):
        packed.atom(protocol, port)
