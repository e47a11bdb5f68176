"""The manifest is read as strictly as it is written."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from lockgate_runtime import layout
from lockgate_runtime.manifest import (
    MANIFEST,
    VERSION,
    Feature,
    File,
    Link,
    Manifest,
    ManifestError,
    Map,
    Program,
    Sizes,
    Table,
    Toolchain,
    read_bundle,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

EXAMPLE = Manifest(
    version=VERSION,
    lockgate="0.1.0",
    layout=layout.SCHEMA,
    byte_order="little",
    toolchain=Toolchain("ziglang", "0.17.1", "22.1.0"),
    kernel="6.1",
    features=(Feature("ring buffer", "5.8"),),
    options={"semantics": "kubernetes"},
    programs=(Program("tc", 1, "from_endpoint", "objects/tc.o", "tc", 900),),
    maps=(Map("array", 1, "peers", 4, 16, 6, 96),),
    links=(Link("tc", 1, "stub_tc", "tc ingress"),),
    tables=(Table("peers", 1, "tables/peers.bin", 16, 6),),
    sizes=Sizes(900, 6, 96),
    files={
        "tables/peers.bin": File(
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", 3
        )
    },
)


def test_a_manifest_comes_back_as_it_was_written() -> None:
    """Text and value are two forms of one thing."""
    again = Manifest.from_json(EXAMPLE.to_json())
    assert again == EXAMPLE
    assert again.to_json() == EXAMPLE.to_json()
    assert again.digest == EXAMPLE.digest
    assert replace(EXAMPLE, kernel="6.2").digest != EXAMPLE.digest


REFUSED: dict[str, Callable[[dict[str, Any]], object]] = {
    "has version 2.*version 1": lambda m: m.update(version=2),
    "unknown field 'signature'": lambda m: m.update(signature=""),
    "missing field 'kernel'": lambda m: m.pop("kernel"),
    "schema 99": lambda m: m.update(layout=99),
    "kind 'xdp' with schema 1": lambda m: m["programs"][0].update(kind="xdp"),
    "kind 'tracing_site' with schema 1": lambda m: m["programs"][0].update(
        kind="tracing_site"
    ),
    "kind 'tc' with schema 2": lambda m: m["links"][0].update(schema=2),
    r"maps\[0\].entries: expected int": lambda m: m["maps"][0].update(entries="6"),
    r"maps\[0\].schema: expected int": lambda m: m["maps"][0].update(schema=True),
    "programs: expected a list": lambda m: m.update(programs={}),
    "names a file outside": lambda m: m["files"].update(
        {"../x": {"sha256": "", "bytes": 0}}
    ),
    "byte order 'big'": lambda m: m.update(byte_order="big"),
}


@pytest.mark.parametrize("fault", REFUSED)
def test_what_this_version_does_not_know_is_refused(fault: str) -> None:
    """A newer or a damaged manifest is never half understood."""
    value = json.loads(EXAMPLE.to_json())
    REFUSED[fault](value)
    with pytest.raises(ManifestError, match=fault):
        Manifest.from_json(json.dumps(value))


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"kind": "List"}', "not JSON", "[" * 100_000]
)
def test_other_files_are_no_manifest(text: str) -> None:
    """A manifest.json of another program is refused as such."""
    with pytest.raises(ManifestError, match="is not"):
        Manifest.from_json(text)


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """Write the smallest bundle whose hashes are right."""
    (tmp_path / "tables").mkdir()
    (tmp_path / "tables/peers.bin").write_bytes(b"abc")
    (tmp_path / MANIFEST).write_text(EXAMPLE.to_json())
    return tmp_path


def test_a_whole_bundle_is_accepted(bundle: Path) -> None:
    """Every file is there and has its hash."""
    assert read_bundle(bundle) == EXAMPLE


def test_a_changed_file_is_refused(bundle: Path) -> None:
    """One flipped bit in a table is found before it is in force."""
    (bundle / "tables/peers.bin").write_bytes(b"abb")
    with pytest.raises(ManifestError, match="not what was compiled"):
        read_bundle(bundle)


def test_a_missing_file_is_refused(bundle: Path) -> None:
    """A half copied bundle is no bundle."""
    (bundle / "tables/peers.bin").unlink()
    with pytest.raises(ManifestError, match="No such file"):
        read_bundle(bundle)


@pytest.mark.parametrize("name", [MANIFEST, "tables/peers.bin"])
def test_a_device_is_refused(name: str, bundle: Path) -> None:
    """What never ends is not hashed."""
    (bundle / name).unlink()
    (bundle / name).symlink_to("/dev/zero")
    with pytest.raises(ManifestError, match="is no regular file"):
        read_bundle(bundle)


def test_a_stranger_is_refused(bundle: Path) -> None:
    """Nothing rides along unhashed."""
    (bundle / "objects").mkdir()
    (bundle / "objects/more.o").write_bytes(b"")
    with pytest.raises(ManifestError, match=r"does not name: objects/more\.o"):
        read_bundle(bundle)


def test_a_directory_without_manifest_is_no_bundle(tmp_path: Path) -> None:
    """The error says so."""
    with pytest.raises(ManifestError, match="is not a bundle"):
        read_bundle(tmp_path)
