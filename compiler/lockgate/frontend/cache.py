"""What was found in a document, kept under the hash of its text.

A document that was read before is not read again, wherever it stands now.  The store is
an SQLite file in a folder of the user's own; each record carries a check sum.  A store
that cannot be opened, written or trusted is only a slow one: everything in it can be had
again.  Its keys begin with a hash of this compiler's own code and of the options.
"""

from __future__ import annotations

import os
import platform
import sqlite3
import time
from functools import cache
from hashlib import blake2b, sha256
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_SCHEMA = 2
_LARGEST = 256 << 20
"""Bytes from which on records that were not used for days are dropped; if there are
none, all are."""

_DAYS_KEPT = 3
_BATCH = 500
_CHECK = 8
"""Bytes of check sum before each record."""

_TABLE = (
    "CREATE TABLE IF NOT EXISTS documents "
    "(key BLOB PRIMARY KEY, day INTEGER NOT NULL, record BLOB NOT NULL) WITHOUT ROWID"
)


def default_folder() -> Path:
    """Return the folder that the XDG base directory specification gives us."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base, "lockgate")


class DocumentCache:
    """Records of documents by key; without a folder it keeps nothing."""

    def __init__(self, folder: Path | None, salt: bytes = b"") -> None:
        self._salt = salt
        self._new: dict[bytes, bytes] = {}
        self._used: list[bytes] = []
        self._today = int(time.time() // 86_400)
        self._connection = None if folder is None else _connect(folder)

    def key(self, text: bytes, how: bytes) -> bytes:
        """Return the key of some documents: of their bytes, and how they are to be read.

        SHA-256, because processors have instructions for it: a snapshot is large.
        """
        hasher = sha256(self._salt)
        hasher.update(len(how).to_bytes(8, "little") + how)
        hasher.update(text)
        return hasher.digest()

    def load(self, keys: Iterable[bytes]) -> dict[bytes, bytes]:
        """Return the records that are there and whole."""
        if self._connection is None:
            return {}
        wanted = list(dict.fromkeys(keys))
        found: dict[bytes, bytes] = {}
        try:
            for i in range(0, len(wanted), _BATCH):
                self._load_batch(wanted[i : i + _BATCH], found)
        except sqlite3.Error:
            self._connection.close()
            self._connection = None
            return {}
        return found

    def store(self, key: bytes, record: bytes) -> None:
        """Keep a record; it is written by :meth:`close`."""
        if self._connection is not None:
            self._new[key] = _check(record) + record

    def close(self) -> None:
        """Write what is new, drop what is old, and close the store."""
        connection, self._connection = self._connection, None
        if connection is None:
            return
        try:
            with connection:
                rows = [(key, self._today, record) for key, record in self._new.items()]
                insert = "INSERT OR REPLACE INTO documents VALUES (?, ?, ?)"
                connection.executemany(insert, rows)
                touch = "UPDATE documents SET day = ? WHERE key = ?"
                connection.executemany(touch, [(self._today, k) for k in self._used])
            self._shrink(connection)
        except sqlite3.Error:
            pass  # another process holds it, or the disk is full: then not this time
        finally:
            connection.close()

    def _load_batch(self, keys: list[bytes], found: dict[bytes, bytes]) -> None:
        assert self._connection is not None  # noqa: S101  # load() has looked
        marks = ",".join("?" * len(keys))
        query = f"SELECT key, day, record FROM documents WHERE key IN ({marks})"  # noqa: S608  # only question marks
        for key, day, stored in self._connection.execute(query, keys):
            record = stored[_CHECK:]
            if stored[:_CHECK] == _check(record):
                found[key] = record
                if day != self._today:
                    self._used.append(key)

    def _shrink(self, connection: sqlite3.Connection) -> None:
        for first_kept in (self._today - _DAYS_KEPT, self._today + 1):
            if _size(connection) <= _LARGEST:
                return
            with connection:
                delete = "DELETE FROM documents WHERE day < ?"
                connection.execute(delete, (first_kept,))
            connection.execute("VACUUM")


def _size(connection: sqlite3.Connection) -> int:
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    page = connection.execute("PRAGMA page_size").fetchone()[0]
    return int(pages * page)


def compiler_salt(options: str) -> bytes:
    """Hash what makes a record: our code, Python's version, the options."""
    salt = blake2b(options.encode(), digest_size=32)
    salt.update(f"{_SCHEMA} {platform.python_version()}".encode())
    salt.update(_code_digest())
    return salt.digest()


@cache
def _code_digest() -> bytes:
    """Hash our code, once: a process runs what it began with."""
    digest = blake2b(digest_size=32)
    package = Path(__file__).parent.parent
    for path in sorted((*_modules(package), *package.glob("grammar/*"))):
        name = path.relative_to(package).as_posix()
        digest.update(name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.digest()


def _modules(package: Path) -> Iterator[Path]:
    """Yield our modules; folders of bytecode come and go while others import."""
    for folder, folders, names in os.walk(package):
        folders[:] = [name for name in folders if name != "__pycache__"]
        yield from (Path(folder, name) for name in names if name.endswith(".py"))


def _check(record: bytes) -> bytes:
    return blake2b(record, digest_size=_CHECK).digest()


def _connect(folder: Path) -> sqlite3.Connection | None:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if folder.stat().st_uid != os.geteuid():
            return None  # somebody else's folder is not trusted
        return _open(folder / f"documents-{_SCHEMA}.sqlite")
    except (OSError, sqlite3.Error):
        return None


def _open(file: Path) -> sqlite3.Connection:
    try:
        return _prepare(file)
    except sqlite3.DatabaseError as error:
        if isinstance(error, sqlite3.OperationalError):
            raise  # locked or unreadable: not ours to delete
        file.unlink()
        return _prepare(file)


def _prepare(file: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(file, timeout=2)
    try:
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute(_TABLE)
    except sqlite3.Error:
        connection.close()
        raise
    return connection
