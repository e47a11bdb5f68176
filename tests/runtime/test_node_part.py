"""A node's part judges as the whole does, and holds no more than it needs."""

from __future__ import annotations

import tempfile
from array import array
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lockgate.codegen.pack import pack_policies
from lockgate_runtime import layout
from lockgate_runtime.attach.cgroup import attachment_number
from lockgate_runtime.node_part import (
    PolicyPart,
    interface_size,
    pack_interfaces,
    take_policies,
)
from tests.table_values import verdict_tables

CLASSES, ATOMS, DECISIONS = 150, 9, 40


def words(pieces: object, code: str) -> array[int]:
    """Join pieces to one array."""
    joined = array(code)
    for piece in pieces:  # type: ignore[attr-defined]  # any iterable of bytes
        joined.frombytes(piece)
    return joined


def judge(part: PolicyPart, maps: dict[str, array[int]], policy: int) -> list[int]:
    """Return the bundle's decision of every cell of a policy, as the datapath finds it."""
    directory, intervals, cells, count = array("I", part.policies)[
        4 * policy : 4 * policy + 4
    ]
    found = []
    for identity_class in range(CLASSES):
        page, place = divmod(identity_class, layout.PEER_PAGE)
        page = maps["peer_directory"][directory + page]
        row = maps["peer_pages"][page * layout.PEER_PAGE + place]
        for atom in range(ATOMS):
            cell = maps["cells"][
                cells + row * count + maps["intervals"][intervals + atom]
            ]
            found.append(part.decision_numbers[cell])
    return found


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_a_part_judges_as_the_whole(data: st.DataObject) -> None:
    """Whatever policies a node uses, each of their cells leads to the same decision."""
    tables = data.draw(
        st.lists(verdict_tables(CLASSES, ATOMS, DECISIONS), min_size=2, max_size=9)
    )
    used = data.draw(st.sets(st.integers(0, len(tables) - 1)))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for file, content in pack_policies(tables).items():
            (folder / file).write_bytes(content)
        decisions = b"".join(
            layout.DECISION.pack(rule=1000 + i) for i in range(DECISIONS)
        )
        (folder / "decisions.bin").write_bytes(decisions)
        part = take_policies(folder, used)
        maps = {
            "peer_directory": words(part.peer_directory, "I"),
            "peer_pages": words(part.peer_pages, "H"),
            "intervals": words(part.intervals, "H"),
            "cells": words(part.cells, "I"),
        }
    for name, held in maps.items():
        assert part.sizes[name] == len(held) * held.itemsize
    for number in {0, 1, *used}:
        table = tables[number]
        expected = [
            table.cells[table.rows[c] * table.interval_count + table.intervals[a]]
            for c in range(CLASSES)
            for a in range(ATOMS)
        ]
        assert judge(part, maps, part.policy(number)) == expected
    for new, old in enumerate(part.decision_numbers):
        assert part.decisions[8 * new : 8 * new + 4] == decisions[8 * old : 8 * old + 4]
    if len(part.policy_numbers) < len(tables):
        assert set(part.policy_numbers) == {0, 1, *used}


@given(
    st.sets(st.integers(1, 1 << 20), max_size=30),
    st.sets(st.integers(1, 1 << 20), max_size=30),
)
def test_attachments_do_not_collide(devices: set[int], cgroups: set[int]) -> None:
    """Each attachment is found at its number modulo the size, a power of two."""
    numbers = devices | set(map(attachment_number, cgroups))
    size = interface_size(numbers)
    assert size & (size - 1) == 0
    table = pack_interfaces({number: i for i, number in enumerate(numbers, 1)})
    assert len(table) == size * layout.INTERFACE.size
    for i, number in enumerate(numbers, 1):
        at = (number & (size - 1)) * layout.INTERFACE.size
        found = layout.INTERFACE.unpack(table[at : at + layout.INTERFACE.size])
        assert found == {"ifindex": number, "endpoint": i}


def test_the_size_is_the_smallest() -> None:
    """Devices that were made one after the other need no more places than there are."""
    assert interface_size([]) == 1
    assert interface_size([7]) == 1
    assert interface_size(range(10, 26)) == 16
    assert interface_size([1, 17]) == 32


def test_equal_numbers_are_refused() -> None:
    """Two attachments with one number could not be told apart by any size."""
    with pytest.raises(ValueError, match="same number"):
        interface_size([5, 5])
