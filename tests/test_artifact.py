"""Bundles on the disk: whole, unchanged where equal, never in place of something else."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from lockgate.artifact import (
    Bundle,
    check_replaceable,
    describe_tables,
    seal_bundle,
    write_bundle,
)
from lockgate.codegen.pack import pack_tables
from lockgate.faults import Fault
from lockgate_runtime import layout
from lockgate_runtime.manifest import MANIFEST, ManifestError, files_below, read_bundle
from tests.runtime.test_manifest import EXAMPLE
from tests.table_values import web_tables

if TYPE_CHECKING:
    from pathlib import Path


def bundle(**files: str) -> Bundle:
    """Return a bundle that holds some text files below ``tables``."""
    content = {f"tables/{name}": text.encode() for name, text in files.items()}
    return seal_bundle(EXAMPLE, content)


def test_a_written_bundle_is_one_that_the_runtime_reads(tmp_path: Path) -> None:
    """Every file is there, with the hash that the manifest says."""
    assert write_bundle(bundle(one="1", two="2"), tmp_path / "b")
    read = read_bundle(tmp_path / "b")
    assert read == bundle(one="1", two="2").manifest
    assert files_below(tmp_path / "b") == {MANIFEST, "tables/one", "tables/two"}


def test_an_equal_bundle_is_not_touched(tmp_path: Path) -> None:
    """Nothing is written again, the directory stays the same one."""
    write_bundle(bundle(one="1"), tmp_path / "b")
    before = (tmp_path / "b").stat()
    assert not write_bundle(bundle(one="1"), tmp_path / "b")
    after = (tmp_path / "b").stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_unchanged_files_are_not_written_again(tmp_path: Path) -> None:
    """They go into the new bundle as they are; changed ones are new files."""
    write_bundle(bundle(one="1", two="2"), tmp_path / "b")
    before = {n: (tmp_path / "b/tables" / n).stat().st_ino for n in ("one", "two")}
    assert write_bundle(bundle(one="1", two="changed"), tmp_path / "b")
    after = {n: (tmp_path / "b/tables" / n).stat().st_ino for n in ("one", "two")}
    assert after["one"] == before["one"]
    assert after["two"] != before["two"]
    read_bundle(tmp_path / "b")


def test_a_damaged_bundle_is_repaired(tmp_path: Path) -> None:
    """A file that somebody changed is written anew, though the manifest is equal."""
    write_bundle(bundle(one="1"), tmp_path / "b")
    (tmp_path / "b/tables/one").write_text("tampered")
    with pytest.raises(ManifestError):
        read_bundle(tmp_path / "b")
    assert write_bundle(bundle(one="1"), tmp_path / "b")
    read_bundle(tmp_path / "b")


def test_an_empty_directory_may_be_used(tmp_path: Path) -> None:
    """Mkdir before compile is no mistake."""
    (tmp_path / "b").mkdir()
    assert write_bundle(bundle(one="1"), tmp_path / "b")


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (["notes.txt"], "no bundle"),
        (["manifest.json"], "no bundle"),
        ([], "no bundle"),
    ],
    ids=["somebody's files", "another manifest", "a file"],
)
def test_what_is_no_bundle_is_not_replaced(
    tmp_path: Path, made: list[str], message: str
) -> None:
    """`-o ~` must not empty a home directory."""
    target = tmp_path / "b"
    if made:
        target.mkdir()
        for name in made:
            (target / name).write_text('{"name": "other"}')
    else:
        target.write_text("a file")
    with pytest.raises(Fault, match=message):
        write_bundle(bundle(one="1"), target)
    assert not made or {path.name for path in target.iterdir()} == set(made)


def test_a_file_that_somebody_put_into_a_bundle_is_not_lost(tmp_path: Path) -> None:
    """Replacing would remove it."""
    write_bundle(bundle(one="1"), tmp_path / "b")
    (tmp_path / "b/notes.txt").write_text("mine")
    with pytest.raises(Fault, match=r"notes\.txt"):
        check_replaceable(tmp_path / "b")


def test_a_directory_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    """The old bundle stays."""
    write_bundle(bundle(one="1"), tmp_path / "b")
    name = "x" * 300  # longer than file systems allow
    with pytest.raises(OSError, match="name too long"):
        write_bundle(bundle(**{name: "1"}), tmp_path / "b")
    assert read_bundle(tmp_path / "b") == bundle(one="1").manifest
    assert os.listdir(tmp_path) == ["b"]  # noqa: PTH208  # hidden ones, too


def test_tables_are_described_by_their_elements() -> None:
    """Records times their size is the file; the manifest's sizes come from here."""
    packed = pack_tables(web_tables())
    tables = {table.kind: table for table in describe_tables(packed)}
    assert (tables["peers"].records, tables["peers"].record_bytes) == (6, 16)
    assert tables["addresses_v4"].records == 6  # root, 10, 10.0, 10.0.0, ..
    assert (tables["addresses_v6"].records, tables["prefixes_v6"].records) == (1, 1)
    assert tables["port_directory"].records == 4
    pages = len(packed["ports.bin"]) // (2 * layout.PORT_PAGE)
    assert tables["port_pages"].records == pages - 4
    for kind in ("policies", "decisions", "peers", "peer_pages"):
        table = tables[kind]
        assert table.records * table.record_bytes == len(packed[f"{kind}.bin"])
    cells = replace(tables["cells"], records=1)
    assert tables["cells"] == cells, "a few cells share one element"
