"""lockgate_runtime.tracing.sites: no row of a table is believed that cannot be one."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lockgate_runtime.tracing.sites import SitesError, form_of, parse_sites
from tests.lowering.test_places import EVERY_HOOK, FUNCTIONS, TRACEPOINTS, small_types
from tests.lowering.types import write_target
from tests.tracing.test_build import files, made, policy

ROW = {
    "map": "edges_0_1",
    "object": "site_0",
    "file": "edges_0_1.bin",
    "keys": "edges_0_1.keys",
    "records": 3,
    "form": "keys",
    "room": 16,
}


def text(**changes: object) -> str:
    """Return a file with one table."""
    value: dict[str, Any] = {"sites": [], "policies": [], "hooks": []}
    return json.dumps(value | {"tables": [ROW | changes]})


def test_a_row(tmp_path_factory: pytest.TempPathFactory) -> None:
    """What the compiler writes is read; maps have the forms of their names."""
    (table,) = parse_sites(text()).tables
    assert (table.map, table.records, table.form, table.room) == (
        *("edges_0_1", 3),
        *("keys", 16),
    )
    folder = tmp_path_factory.mktemp("target")
    target = write_target(
        folder, small_types(), FUNCTIONS, hooks=EVERY_HOOK, tracepoints=TRACEPOINTS
    )
    asked = policy(
        "a", files("/etc/") + ", matchBinaries: [{operator: In, values: [/a]}]"
    )
    tables = parse_sites(json.dumps(made(target, asked).sites)).tables
    assert {table.form for table in tables} >= {
        "keys",
        "rows",
        "entry",
        "class",
        "list",
    }
    assert all(table.form == form_of(table.map) for table in tables)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("form", value) for value in ("", "rows", "weird", 5, None)),
        *(("map", value) for value in ("../edges_0_1", "nodes_0_1", "", 7, "a/b")),
        *(("file", value) for value in (None, "../x", "/etc/passwd", ".", "")),
        *(("keys", value) for value in (None, "../x", 3)),
        *(("records", value) for value in (None, -1, "3", 1 << 40, 1.5, True)),
        *(("room", value) for value in (None, -1, "x", 1 << 31, 1e30)),
        ("object", "../x"),
    ],
)
def test_refused(name: str, value: object) -> None:
    """Another form than the map's, names of other places, numbers that count nothing."""
    with pytest.raises(SitesError):
        parse_sites(text(**{name: value}))
