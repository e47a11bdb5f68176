"""Tables are compared with the reference; each planted fault is noticed."""

from __future__ import annotations

import json
from array import array
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

import pytest

from lockgate.options import EnforcementMode, Options, Semantics
from lockgate.proof import compare
from lockgate.proof.reference import atoms
from lockgate.proof.verdict import table_findings
from lockgate_runtime import layout
from lockgate_runtime.tables import PORT_DIRECTORY_SIZE
from tests.conformance.cases import read_cases
from tests.conformance.compiling import make_options, refused_objects
from tests.conformance.test_reference import find
from tests.proof.cluster import OBJECTS, pack, prove, with_files
from tests.properties.generate import generate

if TYPE_CHECKING:
    from collections.abc import Callable

    from lockgate_runtime.tables import PackedTables

SEEDS = 24


@pytest.fixture(scope="module")
def tables() -> PackedTables:
    """Compile the cluster once."""
    return pack(OBJECTS)


def codes(objects: list[Any], tables: PackedTables) -> set[str]:
    """Return the codes of what keeps tables from being proved."""
    return {finding.code for finding in table_findings(prove(objects, tables))}


# ---------------------------------------------------------------- all is well


def test_what_was_compiled_is_proved(tables: PackedTables) -> None:
    """Every cell is visited and says what the reference says."""
    proof = prove(OBJECTS, tables)
    assert (proof.differences, proof.unvisited, proof.holds) == ([], [], True)
    counts = proof.counts
    assert counts.visited_cells == counts.cells - counts.dead_cells > 30
    assert counts.subjects == 4  # three pods, and the node that a host policy selects
    assert counts.address_edges > 10
    assert counts.port_edges > 10


@pytest.mark.parametrize("seed", range(SEEDS))
def test_random_clusters_are_proved(seed: int) -> None:
    """All kinds, semantics, modes and audits: outcomes, deciding rules, places, tiers."""
    example = generate(50_000 + seed)
    options = make_options(
        example.semantics, example.enforcement_mode, list(example.audit)
    )
    proof = prove(example.objects, pack(example.objects, options), options)
    assert (proof.differences[:3], proof.unvisited) == ([], [])
    assert proof.holds


@pytest.mark.parametrize("name", ["gotchas", "own", "k8s_e2e"])
def test_cases_from_elsewhere_are_proved(name: str) -> None:
    """Not only the flows of a case, but all that its policies could be asked."""
    options = make_options()
    for case in read_cases(find(name))[::4]:
        refused = refused_objects(case.objects, options)
        objects = [o for i, o in enumerate(case.objects) if i not in refused]
        proof = prove(objects, pack(objects, options), options)
        assert (proof.differences[:3], proof.unvisited) == ([], []), case.name


# ---------------------------------------------------------------- planted faults


def test_every_flipped_cell_is_noticed(tables: PackedTables) -> None:
    """Each cell by itself, decided as its neighbour is not."""
    cells = array("I", bytes(tables.content("cells.bin")))
    decisions = range(len(tables.reasons))
    for at, now in enumerate(cells):
        flipped = cells[:]
        flipped[at] = next(n for n in decisions if n != now)
        proof = prove(OBJECTS, with_files(tables, {"cells.bin": flipped.tobytes()}))
        assert proof.differences, f"cell {at}"


def test_a_wrong_deciding_rule_is_noticed(tables: PackedTables) -> None:
    """The verdict is right, and put down to another rule that allows as well."""
    rows = json.loads(bytes(tables.content("decisions.json")))
    allowing = [
        number
        for number, row in enumerate(rows)
        if row["outcome"] == "allow" and tables.rules[row["rule"]].policies
    ]
    one, other = allowing[:2]
    cells = array("I", bytes(tables.content("cells.bin")))
    swapped = array("I", [other if cell == one else cell for cell in cells])
    proof = prove(OBJECTS, with_files(tables, {"cells.bin": swapped.tobytes()}))
    assert proof.differences
    for difference in proof.differences:
        assert difference.expected.startswith("allow (")
        assert difference.found.startswith("allow (")


def test_a_wrong_line_is_noticed(tables: PackedTables) -> None:
    """A place that is one line off is not where the rule stands."""
    rows = json.loads(bytes(tables.content("rules.json")))
    named = next(row for row in rows if row["effect"] == "allow" and row["places"])
    file, line, column = named["places"][0].split(":")
    named["places"][0] = f"{file}:{int(line) + 1}:{column}"
    changed = with_files(tables, {"rules.json": json.dumps(rows).encode()})
    assert codes(OBJECTS, changed) == {"E6300"}


def test_a_counter_for_another_rule_is_noticed(tables: PackedTables) -> None:
    """What the kernel would count is the rule that the text names."""
    data = bytearray(tables.content("decisions.bin"))
    data[0] ^= 1
    changed = with_files(tables, {"decisions.bin": bytes(data)})
    assert codes(OBJECTS, changed) == {"E6300"}


@pytest.mark.parametrize("port", [7999, 8000, 8010, 8011])
def test_a_wrong_port_edge_is_noticed(tables: PackedTables, port: int) -> None:
    """The range 8000-8010 begins or ends one port too early or too late."""
    ports = array("H", bytes(tables.content("ports.bin")))
    pages = PORT_DIRECTORY_SIZE // 2
    at = pages + ports[port >> 8] * layout.PORT_PAGE + (port & 0xFF)
    neighbour = at - 1 if port in (8000, 8011) else at + 1
    assert ports[at] != ports[neighbour]
    ports[at] = ports[neighbour]
    changed = with_files(tables, {"ports.bin": ports.tobytes()})
    assert "E6300" in codes(OBJECTS, changed)


def test_an_edge_that_no_source_has_is_noticed(tables: PackedTables) -> None:
    """A port far from every atom is treated otherwise: no cell differs, and yet."""
    ports = array("H", bytes(tables.content("ports.bin")))
    pages = PORT_DIRECTORY_SIZE // 2
    at = pages + ports[30_000 >> 8] * layout.PORT_PAGE + (30_000 & 0xFF)
    ports[at] = tables.atom(6, 8005)
    changed = with_files(tables, {"ports.bin": ports.tobytes()})
    assert "E6302" in codes(OBJECTS, changed)


def test_a_rule_missing_from_the_tables_is_noticed() -> None:
    """The tables are of policies that lack one rule."""
    fewer = json.loads(json.dumps(OBJECTS))
    del next(o for o in fewer if o["kind"] == "CiliumNetworkPolicy")["spec"]["ingress"][
        1
    ]
    proof = prove(OBJECTS, pack(fewer))
    assert any("10.1.0.3" in difference.peer for difference in proof.differences)


def test_merged_classes_are_noticed(tables: PackedTables) -> None:
    """Two peers that rules tell apart have the class of one of them."""
    peers = array("I", bytes(tables.content("peers.bin")))
    one, other = (tables.peer_of(ip_address(f"10.1.0.{n}")) for n in (1, 3))
    assert peers[4 * one + 1] != peers[4 * other + 1]
    peers[4 * one + 1] = peers[4 * other + 1]
    changed = with_files(tables, {"peers.bin": peers.tobytes()})
    assert "E6300" in codes(OBJECTS, changed)


@pytest.mark.parametrize("address", ["10.1.0.2", "203.0.113.7", "192.168.0.2"])
def test_a_wrongly_mapped_address_is_noticed(
    tables: PackedTables, address: str
) -> None:
    """A pod's, an exception's and a node's address lead where their neighbour's do."""
    words = array("I", bytes(tables.content("addresses_v4.bin")))
    page = 0
    for byte in ip_address(address).packed:
        place = page * layout.ADDRESS_V4_PAGE + byte
        page = words[place] & ~layout.ADDRESS_V4_IS_PAGE
    words[place] = tables.peer_of(ip_address(address) + 1)
    changed = with_files(tables, {"addresses_v4.bin": words.tobytes()})
    assert "E6300" in codes(OBJECTS, changed)


def test_a_host_that_is_somebody_else_is_noticed(tables: PackedTables) -> None:
    """An address on its own node stays what it is for other nodes."""
    peers = array("I", bytes(tables.content("peers.bin")))
    one = tables.peer_of(ip_address("192.168.0.2"))
    assert peers[4 * one + 2] != one
    peers[4 * one + 2] = one
    changed = with_files(tables, {"peers.bin": peers.tobytes()})
    assert "E6300" in codes(OBJECTS, changed)


def test_a_wrong_identity_is_noticed(tables: PackedTables) -> None:
    """Verdicts are right, and events would show somebody else."""
    peers = array("I", bytes(tables.content("peers.bin")))
    one, other = (tables.peer_of(ip_address(f"10.1.0.{n}")) for n in (1, 3))
    peers[4 * one] = peers[4 * other]
    changed = with_files(tables, {"peers.bin": peers.tobytes()})
    assert codes(OBJECTS, changed) == {"E6307"}


def test_a_missing_subject_is_noticed(tables: PackedTables) -> None:
    """A pod that the bundle does not have, and one at another address."""
    rows = json.loads(bytes(tables.content("endpoints.json")))
    del rows["endpoints"][0]
    changed = with_files(tables, {"endpoints.json": json.dumps(rows).encode()})
    assert "E6301" in codes(OBJECTS, changed)
    rows = json.loads(bytes(tables.content("endpoints.json")))
    rows["endpoints"][0]["addresses"] = ["10.1.0.99"]
    changed = with_files(tables, {"endpoints.json": json.dumps(rows).encode()})
    assert "E6301" in codes(OBJECTS, changed)


@pytest.mark.parametrize(
    "options",
    [
        Options(allow_unenforced=True, semantics=Semantics.CILIUM),
        Options(allow_unenforced=True, enforcement_mode=EnforcementMode.ALWAYS),
        Options(
            allow_unenforced=True, audit=frozenset({"CiliumNetworkPolicy/shop/api"})
        ),
    ],
    ids=["semantics", "mode", "audit"],
)
def test_other_options_are_noticed(options: Options) -> None:
    """A bundle that was made under other options than it says."""
    assert not prove(OBJECTS, pack(OBJECTS, options)).holds
    assert prove(OBJECTS, pack(OBJECTS, options), options).holds


# ---------------------------------------------------------------- the prover itself


def _nothing(*_: object) -> set[Any]:
    return set()


@pytest.mark.parametrize(
    ("name", "wrong", "code"),
    [
        ("_edges_of", _nothing, "E6302"),  # the edges of prefixes
        ("_around", lambda constants, _: sorted(constants), "E6302"),  # c-1 and c+1
        ("_collect", _nothing, "E6302"),  # ports and types of policies
    ],
    ids=["no prefixes", "no neighbours", "no ports"],
)
def test_missing_atoms_are_noticed(
    monkeypatch: pytest.MonkeyPatch,
    tables: PackedTables,
    name: str,
    wrong: Callable[..., Any],
    code: str,
) -> None:
    """A generator that forgets constants leaves cells or edges of the tables unseen."""
    monkeypatch.setattr(atoms, name, wrong)
    assert code in codes(OBJECTS, tables)


@pytest.mark.parametrize("name", ["find_peer_atoms", "find_traffic_atoms"])
def test_no_atoms_prove_nothing(
    monkeypatch: pytest.MonkeyPatch, tables: PackedTables, name: str
) -> None:
    """A generator that yields nothing is no proof."""
    monkeypatch.setattr(compare, name, lambda *_: [])
    proof = prove(OBJECTS, tables)
    assert not proof.holds
    assert {finding.code for finding in table_findings(proof)} == {"E6303"}


def test_nobody_to_judge_proves_nothing() -> None:
    """Policies without a single pod."""
    objects = [o for o in OBJECTS if o["kind"] in ("Namespace", "NetworkPolicy")]
    assert codes(objects, pack(objects)) == {"E6303"}
