"""The packets that are chosen visit everything, and are the same each time."""

from __future__ import annotations

from collections import Counter
from ipaddress import ip_address
from pathlib import Path

import pytest

from lockgate.codegen.pack import pack_tables
from lockgate.driver import compile_tables
from lockgate.packet_set import _is_fit, _spread, choose_packets
from lockgate_runtime.tables import PackedTables
from tests.table_values import web_tables

SHOP = Path(__file__).parent / "demo/shop"


@pytest.fixture(scope="module")
def shop() -> PackedTables:
    """Compile the shop as far as tables."""
    tables = compile_tables([SHOP]).tables
    assert tables is not None
    return PackedTables(pack_tables(tables))


def test_edges_are_where_atoms_change() -> None:
    """Both ends of each run, for ports and for types of ICMP, against a plain walk."""
    packed = PackedTables(pack_tables(web_tables()))
    for protocol, last in ((6, 65535), (17, 65535), (132, 65535), (1, 255), (58, 255)):
        atoms = [packed.atom(protocol, port) for port in range(last + 1)]
        wanted = {0, last}
        for port in range(1, last + 1):
            if atoms[port] != atoms[port - 1]:
                wanted |= {port - 1, port}
        assert packed.edges(protocol) == sorted(wanted)
    assert len(packed.edges(6)) > 2


def test_prefix_edges_are_where_peers_change(shop: PackedTables) -> None:
    """Every endpoint's address is an edge, and its neighbours are the edges beside it."""
    edges = set(shop.prefix_edges())
    for endpoint in shop.endpoints:
        for address in endpoint.addresses:
            assert address in edges
            if address.version == 4:
                assert {address - 1, address + 1} <= edges
    assert {ip_address("0.0.0.0"), ip_address("255.255.255.255")} <= edges  # noqa: S104


def test_small_products_are_taken_whole(shop: PackedTables) -> None:
    """Every verdict table meets every peer at every edge; no question is asked twice."""
    chosen = choose_packets(shop, 1_000_000)
    assert len(chosen.questions) == chosen.possible == len(set(chosen.questions))
    judged = {question.policy for question in chosen.questions}
    used = {e.ingress_policy for e in shop.endpoints}
    used |= {e.egress_policy for e in shop.endpoints}
    assert judged == used
    for endpoint in shop.endpoints:
        for address in endpoint.addresses:
            assert any(question.remote == address for question in chosen.questions)
    assert chosen == choose_packets(shop, 1_000_000)


def test_a_budget_is_shared(shop: PackedTables) -> None:
    """A tenth of the packets still has every table, every peer and every port edge."""
    whole = choose_packets(shop, 1_000_000)
    tenth = choose_packets(shop, whole.possible // 10)
    assert len(tenth.questions) == whole.possible // 10
    assert set(tenth.questions) < set(whole.questions)
    for axis in ("policy", "peer", "port", "direction", "protocol"):
        every = Counter(getattr(question, axis) for question in whole.questions)
        some = Counter(getattr(question, axis) for question in tenth.questions)
        assert every.keys() == some.keys(), axis


def test_spread_has_no_place_twice() -> None:
    """Whatever the number, as many different places as wanted."""
    for count in (1, 2, 10, 97, 1000, 4096):
        for wanted in (0, 1, 7, 96, 5000):
            places = list(_spread(count, wanted))
            assert len(set(places)) == min(count, wanted)
            assert all(0 <= place < count for place in places)


@pytest.mark.parametrize(
    ("address", "is_fit"),
    [
        ("10.0.0.1", True),
        ("0.0.0.0", False),  # noqa: S104
        ("127.0.0.1", False),
        ("224.0.0.1", False),
        ("239.255.255.255", False),
        ("240.0.0.1", True),
        ("255.255.255.255", False),
        ("2001:db8::", True),
        ("::", False),
        ("fe80::1", False),
        ("ff02::1", False),
        ("::ffff:10.0.0.1", False),
    ],
)
def test_addresses_that_policies_judge(address: str, is_fit: bool) -> None:
    """What the datapath exempts or drops before any policy is not asked about."""
    assert _is_fit(ip_address(address)) == is_fit
