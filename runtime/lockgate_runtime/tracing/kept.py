"""Take over from the generation in force what the new one has the same: nothing is loaded twice.

A changed value changes the tables of one site.  Programs and maps of the other ones are pinned by
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
from lockgate_runtime.tracing.service import read_services, services
from lockgate_runtime.tracing.workloads import WORKLOADS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from lockgate_runtime.tracing.sites import Site, Sites, TableFile

CLASSIFIER = "classify.o"
"""The object that gives processes their classes; with its tables it decides which."""

DIGESTS = "digests.json"
"""What a generation was made from, part by part; among what the state keeps of it."""


def digest_parts(sites: Sites, folder: Path, node: str) -> dict[str, str]:
    """Return a hash of what is in each map that objects share, and of all that an object does.

    Keys are names of maps and of objects' files, which ``folder`` has.  Objects whose programs
    stand in user space are left out, and the modes, which people change.
    """
    found = {
        table.map: _digest(_of_table(table, folder))
        for table in sites.tables
        if not table.object and table.map != MODES
    }
    classes = [_hash(folder / CLASSIFIER), *sorted(found.items())]
    found[CLASSIFIER] = _digest(classes)
    read: dict[str, list[Any]] = {
        "classes": classes,
        "workloads": [_hash(folder / WORKLOADS), node],
    }
    for name, rows in _by_object(sites).items():
        if any(site.binary is not None for site in rows):
            continue
        parts = [
            _hash(folder / name),
            [asdict(site) for site in rows],
            [_of_table(t, folder) for t in sites.tables if f"{t.object}.o" == name],
            [read[what] for what in sorted({w for site in rows for w in site.reads})],
        ]
        found[name] = _digest(parts)
    return found


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


def _of_table(table: TableFile, folder: Path) -> list[Any]:
    keys = _hash(folder / table.keys) if table.keys else ""
    return [asdict(table), _hash(folder / table.file), keys]


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


def is_whole(folder: Path, name: str, rows: list[Site]) -> bool:
    """Whether all that was loaded of an object, and its links, are still pinned."""
    wanted = [services(folder) / copy for copy in copies_of(name, rows)]
    wanted += [folder / "programs" / program for program in programs_of(rows)]
    wanted += [folder / "links" / link for row in rows for link in links_of(row)]
    return all(pin.exists() for pin in wanted)


def copies_of(name: str, rows: list[Site]) -> list[str]:
    """Return the names of an object's copies: traced functions have one each."""
    stem = name.removesuffix(".o")
    return [f"{stem}-{copy}" for copy in range(max(site.copies for site in rows))]


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
        for name, rows in _by_object(sites).items()
        if name in same and is_whole(donor, name, rows)
    }
    tables = {table.map for table in sites.tables if not table.object}
    return Donor(donor, frozenset(whole), frozenset(tables & same))


def keep_objects(donor: Donor, sites: Sites, folder: Path) -> None:
    """Pin the programs that are the same below the new generation's ``folder``, too."""
    for name, rows in _by_object(sites).items():
        if name not in donor.objects:
            continue
        for program in programs_of(rows):
            with Program.pinned(donor.folder / "programs" / program) as kept:
                kept.pin(folder / "programs" / program)
        for copy in copies_of(name, rows):
            with Map.pinned(services(donor.folder) / copy) as service:
                service.pin(services(folder) / copy)


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
        for name, rows in _by_object(sites).items()
        if all(
            copy in own and own[copy] == others.get(copy)
            for copy in copies_of(name, rows)
        )
        for site in rows
    }
    for site in sites.sites:
        pins = [donor / "links" / name for name in links_of(site)]
        if site.program in kept and all(pin.exists() for pin in pins):
            for pin in pins:
                with Link.pinned(pin) as link:
                    link.pin(folder / "links" / pin.name)
