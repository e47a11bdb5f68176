"""The reader of packed tables, from files."""

from __future__ import annotations

from ipaddress import ip_address
from typing import TYPE_CHECKING

import pytest

from lockgate.codegen.pack import pack_tables
from lockgate_runtime.tables import Decision, Identity, PackedTables, Policy, Rule
from tests.table_values import web_tables

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def packed(tmp_path: Path) -> PackedTables:
    """Write the example's tables to files and map them."""
    for name, content in pack_tables(web_tables()).items():
        (tmp_path / name).write_bytes(content)
    return PackedTables.open(tmp_path)


def test_numbers_have_names(packed: PackedTables) -> None:
    """Rules, reasons and identities come back as they went in."""
    assert packed.rules[2] == Rule(
        77,
        "NetworkPolicy/default/web#spec.ingress[0]",
        "allow",
        ("NetworkPolicy/default/web",),
        ("policy.yaml:3:8",),
    )
    assert packed.reasons[3] == (3, (3,), (("NORMAL", 3),))
    assert packed.identities[300] == Identity(300, "default/web", ("k8s:app=web",))


def test_endpoints_and_hosts_keep_their_tables(packed: PackedTables) -> None:
    """The runtime finds who is enforced, and how each is attached."""
    client, web = packed.endpoints
    assert (client.key, client.node, client.interface) == (
        "default/client",
        "node-1",
        None,
    )
    assert client.addresses == (ip_address("10.0.0.2"), ip_address("fd00::2"))
    assert (web.interface, web.ingress_policy, web.egress_policy) == ("lg-web", 2, 1)
    (host,) = packed.hosts
    assert (host.node, host.is_api_server, host.is_enforced) == ("node-1", True, False)


def test_records_are_read_from_the_mapped_files(packed: PackedTables) -> None:
    """Structures are where ``layout`` puts them."""
    assert packed.peer(packed.peer_of(ip_address("10.9.0.1"))) == (6, 0, 5, 5)
    assert packed.policy(2) == Policy(1, 8, 2, 2)
    assert packed.decision(3) == Decision(88, 0, "deny")
    with pytest.raises(IndexError):
        packed.decision(4)


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    """A bundle without its tables is never read as an empty policy."""
    with pytest.raises(FileNotFoundError):
        PackedTables.open(tmp_path)
