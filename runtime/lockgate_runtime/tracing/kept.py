"""Take over from the generation in force what the new one has the same: nothing is loaded twice.

A changed value changes tables alone, of which two generations each have their part in one map
(:mod:`lockgate_runtime.tracing.place_tables`).  Programs and maps that are the same are pinned by
the new generation, too, and so are their links; :mod:`lockgate_runtime.tracing.service` says to
them whom they serve.  Programs of user space are attached anew in any case: the file may be
another one by now.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from lockgate_runtime.bpf import Link, Map, Program
from lockgate_runtime.tracing.attach import uses_multi
from lockgate_runtime.tracing.mode_map import MODES
from lockgate_runtime.tracing.objects import NOTIFICATIONS
from lockgate_runtime.tracing.place_tables import place_tables, room_in
from lockgate_runtime.tracing.service import read_services, services

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from lockgate_runtime.tracing.sites import Site, Sites, TableFile

CLASSIFIER = "classify.o"
"""The object that gives processes their classes."""

_SHARED = "shared"
"""In place of an object's name: what objects share, of which each knows the shape."""

DIGESTS = "digests.json"
"""What a generation was made from, part by part; among what the state keeps of it."""


def digest_parts(sites: Sites, folder: Path) -> dict[str, str]:
    """Return a hash of what each table by place has, and of all that an object does.

    Keys are names of maps and of objects' files, which ``folder`` has.  Of what is by place an
    object knows the shape only.  Objects whose programs stand in user space are left out, and
    the modes, which people change.
    """
    found = digest_place_tables(sites, folder)
    found[_SHARED] = _digest([_part(t, folder) for t in _shared_tables(sites)])
    for name, rows in _by_object(sites).items():
        if any(site.binary is not None for site in rows):
            continue
        parts = [
            _hash(folder / name),
            [asdict(site) for site in rows],
            [_part(table, folder) for table in _tables_of(name, sites)],
            found[_SHARED] if _reads_classes(rows) else "",
        ]
        found[name] = _digest(parts)
    return found


def digest_place_tables(sites: Sites, folder: Path) -> dict[str, str]:
    """Return a hash of what each table by place has, by the name of its map."""
    return {t.map: _digest(_content(t, folder)) for t in place_tables(sites)}


def known_tables(digests: Mapping[str, str]) -> dict[str, str]:
    """Return what digests say of the tables by place alone."""
    return {
        name: digest
        for name, digest in digests.items()
        if name != _SHARED and not name.endswith(".o")
    }


def read_digests(path: Path) -> dict[str, str]:
    """Read what was kept of a generation; nothing where that is lost or damaged."""
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _by_object(sites: Sites) -> dict[str, list[Site]]:
    found: dict[str, list[Site]] = {}
    for site in sites.sites:
        found.setdefault(site.object, []).append(site)
    return found


def _shared_tables(sites: Sites) -> list[TableFile]:
    """Return the tables that objects share, but for the modes, which people change."""
    return [t for t in sites.tables if not t.object and t.map != MODES]


def _tables_of(name: str, sites: Sites) -> list[TableFile]:
    """Return the tables of which an object is the only one to have them."""
    return [table for table in sites.tables if f"{table.object}.o" == name]


def _reads_classes(rows: list[Site]) -> bool:
    return any("classes" in site.reads for site in rows)


def _part(table: TableFile, folder: Path) -> list[Any]:
    return (_shape if table.form else _content)(table, folder)


def _content(table: TableFile, folder: Path) -> list[Any]:
    keys = _hash(folder / table.keys) if table.keys else ""
    return [asdict(table), _hash(folder / table.file), keys]


def _shape(table: TableFile, folder: Path) -> list[Any]:
    """Return what two generations must have in common to share the map of a table.

    How large its entries are, the object says.
    """
    unknown = ""
    if table.form == "class":
        values = (folder / table.file).read_bytes()
        unknown = values[: len(values) // max(1, table.records)].hex()
    return [table.map, table.object, table.form, unknown]


def _digest(parts: list[Any]) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else ""


# ---------------------------------------------------------------- programs and maps


@dataclass(frozen=True)
class Donor:
    """A generation that is attached, and the objects and maps that the new one has the same."""

    folder: Path
    objects: frozenset[str]
    maps: frozenset[str]


def is_whole(folder: Path, name: str, sites: Sites) -> bool:
    """Whether all that was loaded of an object, and its links, are still pinned."""
    rows = _by_object(sites)[name]
    wanted = [folder / "maps" / table.map for table in _place_tables_of(name, sites)]
    for program in programs_of(rows):
        wanted += [services(folder) / program, folder / "programs" / program]
    wanted += [folder / "links" / link for row in rows for link in links_of(row)]
    return all(pin.exists() for pin in wanted)


def has_room(folder: Path, name: str, sites: Sites) -> bool:
    """Whether the maps of an object, which are there, have room for other tables."""
    for table in _tables_of(name, sites):
        if table.room:
            with Map.pinned(folder / "maps" / table.map) as found:
                if table.records > room_in(found):
                    return False
    return True


def _place_tables_of(name: str, sites: Sites) -> list[TableFile]:
    """Return the tables by place that an object reads."""
    owners = {name.removesuffix(".o")}
    if _reads_classes(_by_object(sites)[name]):
        owners.add("")
    return [table for table in place_tables(sites) if table.object in owners]


def programs_of(rows: list[Site]) -> list[str]:
    """Return the names under which an object's programs are pinned."""
    return [f"{site.program}-{copy}" for site in rows for copy in range(site.copies)]


def links_of(site: Site) -> list[str]:
    """Return the names of the links of a site in the kernel."""
    count = 1 if uses_multi(site) else len(site.functions)
    return [f"{site.program}-{number}" for number in range(count)]


def choose_kept(
    donor: Path, known: Mapping[str, str], sites: Sites, digests: Mapping[str, str]
) -> Donor:
    """Return what can be taken over from a generation, whose digests are ``known``."""
    same = {name for name, digest in digests.items() if digest == known.get(name)}
    whole = {
        name
        for name in _by_object(sites)
        if name in same
        and is_whole(donor, name, sites)
        and has_room(donor, name, sites)
    }
    shared = _shared_tables(sites) if _SHARED in same else []
    return Donor(donor, frozenset(whole), frozenset(table.map for table in shared))


def keep_objects(donor: Donor, sites: Sites, folder: Path) -> None:
    """Pin the programs that are the same below the new generation's ``folder``, too."""
    for name, rows in _by_object(sites).items():
        if name not in donor.objects:
            continue
        for program in programs_of(rows):
            with Program.pinned(donor.folder / "programs" / program) as kept:
                kept.pin(folder / "programs" / program)
            with Map.pinned(services(donor.folder) / program) as service:
                service.pin(services(folder) / program)
        for table in _tables_of(name, sites):
            if table.form:
                with Map.pinned(donor.folder / "maps" / table.map) as rows_of_classes:
                    rows_of_classes.pin(folder / "maps" / table.map)


def kept_maps(donor: Donor) -> dict[str, Map]:
    """Open the maps that programs of both generations have in common, if any are kept."""
    if not donor.objects:
        return {}
    names = sorted({MODES, NOTIFICATIONS} | donor.maps)
    pins = [donor.folder / "maps" / name for name in names]
    return {pin.name: Map.pinned(pin) for pin in pins if pin.exists()}


# ---------------------------------------------------------------- links


def keep_links(donor: Path, folder: Path, sites: Sites) -> None:
    """Pin the links of programs that are the same below ``folder``, too."""
    own, others = read_services(folder), read_services(donor)
    kept = {
        site.program
        for rows in _by_object(sites).values()
        if all(
            program in own and own[program] == others.get(program)
            for program in programs_of(rows)
        )
        for site in rows
    }
    for site in sites.sites:
        pins = [donor / "links" / name for name in links_of(site)]
        if site.program in kept and all(pin.exists() for pin in pins):
            for pin in pins:
                with Link.pinned(pin) as link:
                    link.pin(folder / "links" / pin.name)
