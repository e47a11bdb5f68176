"""lockgate.frontend.cache and records: what was read before is not read again."""

from __future__ import annotations

import shutil
import sqlite3
from typing import TYPE_CHECKING

import pytest

from lockgate.diagnostics import Diagnostics
from lockgate.frontend import cache as cache_module
from lockgate.frontend import objects, parts
from lockgate.frontend.cache import DocumentCache, default_folder
from lockgate.frontend.documents import parse_documents, read_documents
from lockgate.frontend.records import Decoder, encode
from lockgate.frontend.splitting import Form
from lockgate.options import Options, Semantics
from lockgate.renderers import render_text
from lockgate.source import Source
from tests.bench.generate import write_cluster
from tests.bench.generate_snapshot import Size

if TYPE_CHECKING:
    from pathlib import Path

MISTAKE = "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: x}\n"


@pytest.fixture
def inputs(tmp_path: Path) -> Path:
    """Write a cluster in small, and a mistake."""
    folder = tmp_path / "in"
    write_cluster(folder, Size(policies=300, identities=40, pods=120))
    (folder / "mistake.yaml").write_text(MISTAKE)
    return folder


def _compile(folder: Path, cache: Path | None, options: Options | None = None) -> str:
    """Return everything that comes of reading, as text."""
    diagnostics = Diagnostics()
    documents = read_documents([folder], cache, diagnostics)
    cluster, policies, *_ = parse_documents(
        documents, options or Options(), diagnostics
    )
    lines = [f"{policy.span} {policy}" for policy in policies]
    lines += [f"{endpoint.span} {endpoint}" for endpoint in cluster.endpoints]
    lines += [str(cluster.services), render_text(diagnostics)]
    return "\n".join(lines)


@pytest.fixture
def count_reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Give a list that grows with each document that is really read."""
    read: list[str] = []
    original = objects.read_document

    def counted(source: Source, *rest: object) -> object:
        read.append(source.name)
        return original(source, *rest)  # type: ignore[arg-type]  # passed on

    monkeypatch.setattr(objects, "read_document", counted)
    return read


def test_the_cache_changes_nothing(
    inputs: Path, tmp_path: Path, count_reads: list[str]
) -> None:
    """The second time nothing is read, and all comes out the same, mistakes too."""
    expected = _compile(inputs, None)
    assert "E1006" in expected
    cache = tmp_path / "cache"
    assert _compile(inputs, cache) == expected
    count_reads.clear()
    assert _compile(inputs, cache) == expected
    assert count_reads == []


def test_one_change_is_one_reading(
    inputs: Path,
    tmp_path: Path,
    count_reads: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Only what changed is read with its group, however much moved below it."""
    monkeypatch.setattr(parts, "_GROUP", dict.fromkeys(Form, 2))
    cache = tmp_path / "cache"
    _compile(inputs, cache)
    for name, old, new in (
        ("policies.yaml", "name: policy-7\n", "name: policy-seven\n  # moved\n"),
        ("snapshot.json", '"phase": "Running"', '"phase":\n"Running"'),
    ):
        path = inputs / name
        path.write_text(path.read_text().replace(old, new, 1))
    expected = _compile(inputs, None)
    count_reads.clear()
    assert _compile(inputs, cache) == expected
    assert set(count_reads) == {str(inputs / "policies.yaml"), str(path)}
    assert len(count_reads) <= 2 * 2 * parts._LARGEST_GROUP


def test_a_document_is_known_wherever_it_stands(
    inputs: Path, tmp_path: Path, count_reads: list[str]
) -> None:
    """The key is the text: another name and place change only the spans."""
    cache = tmp_path / "cache"
    _compile(inputs, cache)
    moved = tmp_path / "elsewhere"
    shutil.move(inputs, moved)
    path = moved / "policies.yaml"
    path.write_text("# a line before\n" + path.read_text())
    count_reads.clear()
    found = _compile(moved, cache)
    largest = parts._GROUP[Form.YAML] * parts._LARGEST_GROUP
    assert len(count_reads) <= largest, "the first group, which has a new beginning"
    assert found == _compile(moved, None)


def test_options_are_part_of_the_key(inputs: Path, tmp_path: Path) -> None:
    """What was read under other options is not what is wanted."""
    cache = tmp_path / "cache"
    _compile(inputs, cache)
    options = Options(semantics=Semantics.CILIUM)
    assert _compile(inputs, cache, options) == _compile(inputs, None, options)
    assert _compile(inputs, cache, options) != _compile(inputs, cache)


@pytest.mark.parametrize("damage", ["record", "file", "table", "directory", "empty"])
def test_a_damaged_store_is_only_slow(
    inputs: Path, tmp_path: Path, damage: str
) -> None:
    """Whatever happened to the store, the result is the same."""
    cache = tmp_path / "cache"
    expected = _compile(inputs, cache)
    (file,) = cache.glob("*.sqlite")
    if damage == "record":
        with sqlite3.connect(file) as connection:
            connection.execute(
                "UPDATE documents SET record = CAST(x'00' || record AS BLOB)"
            )
        connection.close()
    elif damage == "table":
        with sqlite3.connect(file) as connection:
            connection.execute("DROP TABLE documents")
            connection.execute("CREATE TABLE documents (other)")
        connection.close()
    elif damage == "directory":
        file.unlink()
        file.mkdir()
    else:
        file.write_bytes(b"" if damage == "empty" else b"no database" * 1000)
    assert _compile(inputs, cache) == expected
    assert _compile(inputs, cache) == expected


def test_a_store_that_fails_is_closed(tmp_path: Path) -> None:
    """What cannot be asked once is not asked again, and no file of it stays open."""
    cache = DocumentCache(tmp_path, b"x")
    connection = cache._connection
    assert connection is not None
    connection.execute("DROP TABLE documents")
    assert cache.load([b"key"]) == {}
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        connection.execute("SELECT 1")
    cache.close()


def test_two_at_once(inputs: Path, tmp_path: Path) -> None:
    """A store that another process is writing to is done without."""
    cache = tmp_path / "cache"
    cache.mkdir()
    first = DocumentCache(cache, b"x")
    first.store(first.key(b"text", b""), b"one")
    blocker = sqlite3.connect(next(cache.glob("*.sqlite")))
    blocker.execute("BEGIN EXCLUSIVE")
    assert "policy-1" in _compile(inputs, cache)
    blocker.rollback()
    blocker.close()
    first.close()
    second = DocumentCache(cache, b"x")
    key = second.key(b"text", b"")
    assert second.load([key]) == {key: b"one"}
    second.close()


@pytest.mark.parametrize("is_old", [True, False])
def test_a_store_that_is_too_large_forgets(
    is_old: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was not used for days leaves first; if that is not enough, all does."""
    monkeypatch.setattr(cache_module, "_LARGEST", 1 << 16)
    first = DocumentCache(tmp_path)
    old = first.key(b"old", b"")
    first.store(old, bytes(1 << 20))
    if is_old:
        monkeypatch.setattr(first, "_today", 0)
        monkeypatch.setattr(cache_module, "_LARGEST", 1 << 30)
    first.close()
    monkeypatch.setattr(cache_module, "_LARGEST", 1 << 16)
    second = DocumentCache(tmp_path)
    new = second.key(b"new", b"")
    second.store(new, b"one")
    second.close()
    third = DocumentCache(tmp_path)
    assert third.load([old, new]) == {new: b"one"}
    third.close()
    (file,) = tmp_path.glob("*.sqlite")
    assert file.stat().st_size <= 1 << 16


def test_no_folder_is_no_cache(tmp_path: Path) -> None:
    """A place that cannot be written is no error."""
    (tmp_path / "file").write_text("")
    for folder in (None, tmp_path / "file"):
        cache = DocumentCache(folder)
        key = cache.key(b"a", b"b")
        cache.store(key, b"one")
        assert cache.load([key]) == {}
        cache.close()


def test_default_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    """The XDG base directory decides."""
    monkeypatch.setenv("XDG_CACHE_HOME", "/srv/cache")
    assert str(default_folder()) == "/srv/cache/lockgate"


def test_values_come_back_equal(inputs: Path) -> None:
    """Encoding and decoding is the identity, and equal selectors are shared."""
    diagnostics = Diagnostics()
    documents = read_documents([inputs], None, diagnostics)
    policies = parse_documents(documents, Options(), diagnostics).policies
    decoder = Decoder()
    for policy in policies:
        source = policy.span.source
        assert decoder.decode(encode(policy), source) == policy
    one, other = (decoder.decode(encode(policies[1]), Source("x", "")) for _ in "ab")
    assert one.subject is other.subject
    for diagnostic in diagnostics.found:
        if diagnostic.span is not None:
            source = diagnostic.span.source
            assert decoder.decode(encode(diagnostic), source) == diagnostic
