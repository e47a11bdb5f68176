"""What a bundle says of its tracing programs on one target: ``sites.json``.

The compiler writes it (:class:`lockgate.codegen.tracing.TracingBuild`); a copy among a generation's
names serves whoever reads events, and a rollback that attaches anew.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lockgate_runtime.tracing.layout import FOLLOW_RULES

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

SITES = "sites.json"

TRACED_STANDS = frozenset({"fentry", "fexit", "fmod_ret", "lsm"})
"""Stands whose program is for one function, which it must know when it is loaded."""

DENYING_STANDS = frozenset({"fmod_ret", "lsm"})
"""Stands at which what a program returns decides."""


class SitesError(Exception):
    """A ``sites.json`` that is not what it should be."""


@dataclass(frozen=True, slots=True)
class Site:
    """One program and the functions (or places in a binary) that it is attached to.

    A uprobe names symbols as ``functions``, or ``offsets`` in the file ``binary``, or its
    ``addresses``; ``semaphores`` are the counters that belong to them (0 for none).  A usdt names
    its probe, ``provider:name``, and what notes of it say of ``arguments``: it stands at those.
    All but offsets are looked up in the binary when it is attached.  Where there are ``digests``
    the binary must have one of them; ``is_skipped_on_digest``: else it is not attached.
    ``reads``: what of the shared records it judges, "classes" of binaries and "workloads".
    """

    program: str
    object: str
    stand: str
    functions: tuple[str, ...]
    binary: str | None = None
    offsets: tuple[int, ...] = ()
    semaphores: tuple[int, ...] = ()
    addresses: tuple[int, ...] = ()
    arguments: tuple[str, ...] = ()
    digests: tuple[str, ...] = ()
    is_skipped_on_digest: bool = False
    is_multi_disabled: bool = False
    hooks: tuple[int, ...] = ()
    reads: tuple[str, ...] = ()

    @property
    def is_traced(self) -> bool:
        """Whether each function needs a program of its own."""
        return self.stand in TRACED_STANDS

    @property
    def copies(self) -> int:
        """How many programs are loaded."""
        return len(self.functions) if self.is_traced else 1


@dataclass(frozen=True, slots=True)
class TracedPolicy:
    """One tracing policy; ``number`` is its place in the map ``modes``."""

    number: int
    key: str
    name: str
    namespace: str
    mode: str
    enforces: bool


@dataclass(frozen=True, slots=True)
class TableFile:
    """Content of a map: values joined in ``file``, keys in ``keys`` unless it is an array.

    ``object`` is the object (without ``.o``) whose map it is, empty for one that all objects of
    the generation share.  ``form``: how two generations share the map, each at its place
    (:mod:`lockgate_runtime.tracing.place_tables`); empty where it is one generation's.  ``room``:
    how many entries each place has in a map that is made for it; 0 where the object says so.
    """

    map: str
    file: str
    records: int
    object: str = ""
    keys: str | None = None
    form: str = ""
    room: int = 0


@dataclass(frozen=True, slots=True)
class Sites:
    """All of ``sites.json`` that the loader needs; ``hooks`` as they stand there.

    ``followed``: in words, by number, the rules that follow processes to their children.
    """

    sites: tuple[Site, ...]
    policies: tuple[TracedPolicy, ...]
    tables: tuple[TableFile, ...]
    hooks: tuple[Mapping[str, Any], ...]
    followed: tuple[str, ...] = ()

    @property
    def stands(self) -> frozenset[str]:
        """The ways to attach that are used."""
        return frozenset(site.stand for site in self.sites)


def read_sites(path: Path) -> Sites:
    """Read the file; SitesError when it is not what it should be, OSError without."""
    return parse_sites(path.read_bytes())


def parse_sites(text: bytes | str) -> Sites:
    """Read the text of ``sites.json``."""
    try:
        value = json.loads(text)
        return Sites(
            tuple(_site(row) for row in value["sites"]),
            tuple(_policy(row) for row in value["policies"]),
            tuple(_table(row) for row in value.get("tables", ())),
            tuple(_hook(row) for row in value["hooks"]),
            tuple(map(str, value.get("followed", ())[:FOLLOW_RULES])),
        )
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise SitesError(f"{SITES} is not what it should be: {error!r:.80}") from None


def _hook(row: Mapping[str, Any]) -> Mapping[str, Any]:
    for name in ("number", "policy_number"):
        row[name]  # what the loader needs of it; events ask for the rest
    return row


def _policy(row: Mapping[str, Any]) -> TracedPolicy:
    return TracedPolicy(
        row["number"],
        row["key"],
        row["name"],
        row["namespace"],
        row["mode"],
        row["enforces"],
    )


_FORMS = {
    "entry": ("numbers", "bits", "literals", "classes", "list_indexes"),
    "rows": ("nodes", "states", "found"),
    "keys": ("edges", "parts", "leaves", "tails", "networks_v4", "networks_v6"),
    "class": ("binaries", "workloads"),
    "list": ("lists",),
}
_FORM_OF = {kind: form for form, kinds in _FORMS.items() for kind in kinds}
_MOST = 1 << 30


def form_of(name: str) -> str:
    """Return the form of the table that a map has, by the map's name; empty for others.

    >>> form_of("nodes_3_0"), form_of("lists"), form_of("modes")
    ('rows', 'list', '')
    """
    return _FORM_OF.get(re.sub(r"_\d+_\d+$", "", name), "")


def _table(row: Mapping[str, Any]) -> TableFile:
    found = TableFile(
        _name(row["map"]),
        _name(row["file"]),
        _count(row["records"]),
        _name(row["object"]) if row["object"] else "",
        _name(row["keys"]) if row["keys"] is not None else None,
        row["form"],
        _count(row["room"]),
    )
    if found.form != form_of(found.map) or (found.form == "keys") != bool(found.keys):
        raise ValueError(f"the table {found.map} is of form {found.form!r}")
    return found


def _name(value: object) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"\w[\w.-]*", value, re.ASCII):
        raise ValueError(f"{value!r:.40} is no plain name")
    return value


def _count(value: object) -> int:
    if type(value) is not int or not 0 <= value <= _MOST:
        raise ValueError(f"{value!r:.40} is no number of entries")
    return value


def _site(row: Mapping[str, Any]) -> Site:
    return Site(
        row["program"],
        row["object"],
        row["stand"],
        tuple(row["functions"]),
        row.get("binary"),
        tuple(row.get("offsets") or ()),
        tuple(row.get("semaphores") or ()),
        tuple(row.get("addresses") or ()),
        tuple(row.get("arguments") or ()),
        tuple(row.get("digests") or ()),
        bool(row.get("is_skipped_on_digest")),
        bool(row.get("is_multi_disabled")),
        tuple(row["hooks"]),
        tuple(row.get("reads") or ()),
    )
