"""A generation's tracing plane below its pins: loaded, armed, disarmed.

::

    generations/N/tracing/programs/PROGRAM-I   copies of a site's program, classify, classify_all
    generations/N/tracing/links/PROGRAM-I      what attaches them; there only while it is armed
    generations/N/tracing/whole/               there while all of it is attached
    generations/N/tracing/user/PROGRAM/        there for each program at uprobes
    generations/N/tracing/maps/NAME            maps that its objects share, or that are by place
    generations/N/tracing/services/PROGRAM-I   whom a program serves

To load attaches nothing.  To arm attaches everything, and yet nothing acts before the slot names
the generation's place; to disarm takes the links away and keeps the programs for a rollback.
At most two generations are armed: the one in force, and until it is confirmed the one before.
What both have the same is loaded and attached once (:mod:`lockgate_runtime.tracing.kept`).
"""

from __future__ import annotations

import contextlib
from types import MappingProxyType
from typing import TYPE_CHECKING

from lockgate_runtime.bpf import Link, Map, Program
from lockgate_runtime.errors import BpfError, NodeError
from lockgate_runtime.generation import generation_in
from lockgate_runtime.kernel_constants import AttachType
from lockgate_runtime.pins import list_folder, remove_tree
from lockgate_runtime.slot import PLACES
from lockgate_runtime.tracing.attach import (
    attach_site,
    is_newest_first,
    uses_multi,
    way_number,
)
from lockgate_runtime.tracing.classifiers import classify, forget_classifiers
from lockgate_runtime.tracing.former import FORMER, Known, class_words
from lockgate_runtime.tracing.kept import (
    CLASSIFIER,
    keep_links,
    keep_objects,
    kept_maps,
)
from lockgate_runtime.tracing.layout import TRACING_CONFIG
from lockgate_runtime.tracing.mode_map import MODES, write_modes
from lockgate_runtime.tracing.objects import Pool, refusal
from lockgate_runtime.tracing.place_tables import fill_place, place_tables
from lockgate_runtime.tracing.sensor import stop_sensor
from lockgate_runtime.tracing.service import SERVICE, serve, services
from lockgate_runtime.tracing.trampolines import check_room

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from pathlib import Path

    from lockgate_runtime.bpf_object import Object
    from lockgate_runtime.pins import Pins
    from lockgate_runtime.tracing.kept import Donor
    from lockgate_runtime.tracing.sites import Site, Sites

FORGET = "forget_socket"
"""The program that takes sockets that end out of the map sockets."""
_WHOLE, _USER = "whole", "user"
_NOTHING_KNOWN = Known()


def tracing_folder(pins: Pins, number: int) -> Path:
    """Return where a generation's tracing plane is pinned."""
    return pins.generation(number) / "tracing"


def has_tracing(pins: Pins, number: int) -> bool:
    """Whether a generation has a tracing plane."""
    return tracing_folder(pins, number).exists()


def is_armed(pins: Pins, number: int) -> bool:
    """Whether a generation has links."""
    return bool(list_folder(tracing_folder(pins, number) / "links"))


def is_in_user_space(pins: Pins, number: int) -> bool:
    """Whether a generation has programs in user space."""
    return (tracing_folder(pins, number) / _USER).exists()


def tracing_map(pins: Pins, number: int, name: str) -> Path:
    """Return where a map of a generation's tracing plane is pinned."""
    return tracing_folder(pins, number) / "maps" / name


# ---------------------------------------------------------------- load


def load(
    pins: Pins,
    number: int,
    place: int,
    sites: Sites,
    folder: Path,
    donor: Donor | None = None,
) -> None:
    """Load and pin the programs of ``folder`` (``tracing/TARGET`` of a bundle), filled.

    What ``donor`` has the same is taken over from it.  E5020 where the verifier refuses a
    program, E5021 without memory; nothing is attached.
    """
    target = tracing_folder(pins, number)
    for name in ("programs", "links", "maps", "services"):
        (target / name).mkdir(mode=0o700, parents=True)
    for site in sites.sites:
        if site.binary is not None:
            (target / _USER / site.program).mkdir(mode=0o700, parents=True)
    pool = Pool(pins, sites.tables, folder, kept_maps(donor) if donor else {})
    names = sorted({site.object for site in sites.sites})
    if donor:
        names = [name for name in names if name not in donor.objects]
        keep_objects(donor, sites, target)
        if donor.objects:
            write_modes(pool.own["", MODES], number, sites.policies)
    if (folder / CLASSIFIER).exists():
        names.insert(0, CLASSIFIER)
    try:
        for name in names:
            _load_object(pool, folder / name, sites, place, target)
        by_place = {table.map for table in place_tables(sites)}
        for (owner, name), created in sorted(pool.own.items(), key=lambda i: i[0]):
            if not owner or name in by_place or name == FORMER:
                created.pin(target / "maps" / name)
    finally:
        pool.close()


def _load_object(
    pool: Pool, path: Path, sites: Sites, place: int, folder: Path
) -> None:
    """Load an object, once for each copy of its programs, and pin them."""
    by_program = {s.program: s for s in sites.sites if s.object == path.name}
    # The entry that only keeps what the return wants to know asks for no turn, and has no hooks.
    asking = next((site for site in by_program.values() if site.hooks), None)
    constants = TRACING_CONFIG.pack(
        place=place,
        is_newest_first=bool(asking and is_newest_first(asking)),
        way=way_number(asking) if asking else 0,
    )
    elf = path.read_bytes()
    rounds = max((site.copies for site in by_program.values()), default=1)
    for number in range(rounds):

        def prepare(target: Object, number: int = number) -> None:
            if target.has_constant("config", len(constants)):
                target.set_constant("config", constants)
            for program in target.programs:
                _prepare_program(target, program, by_program.get(program), number)

        with pool.loaded(path.stem, elf, prepare) as loaded:
            for name in loaded.programs:
                pin = f"{name}-{number}" if name in by_program else name
                with loaded.program(name) as program:
                    program.pin(folder / "programs" / pin)
                if name in by_program:
                    with loaded.map(SERVICE) as service:
                        service.pin(services(folder) / pin)


def _prepare_program(
    target: Object, program: str, site: Site | None, number: int
) -> None:
    if number >= (site.copies if site else 1):
        target.skip(program)
    elif site is None:
        return
    elif site.is_traced:
        try:
            target.set_attach_target(program, site.functions[number])
        except BpfError as error:
            raise refusal(error, f"attach {site.program}") from None
    elif uses_multi(site):
        is_user = site.binary is not None
        kind = AttachType.UPROBE_MULTI if is_user else AttachType.KPROBE_MULTI
        target.set_attach_type(program, kind)
    elif target.attach_type(program) == AttachType.KPROBE_MULTI:
        target.set_attach_type(program, 0)


# ---------------------------------------------------------------- arm


def arm(
    pins: Pins,
    number: int,
    place: int,
    sites: Sites,
    source: Path,
    step: Callable[[str], None] = lambda _name: None,
    *,
    known: Known = _NOTHING_KNOWN,
) -> None:
    """Classify the processes that run, then attach every site; E5143 where one refuses.

    What is armed stays as it is; what an arming that died has left goes first.  ``source`` has
    the tables that are by place; ``known`` is what the generation in the other place, which is
    armed, knows of the processes.
    """
    folder = tracing_folder(pins, number)
    if (folder / _WHOLE).exists():
        return
    disarm(pins, number)
    step("fill")
    former = class_words(known, place)
    length = fill_place(place_tables(sites), source, folder / "maps", place, former)
    step("classify")
    classify(pins, folder, place, known, length)
    step("serve")
    (folder / "links").mkdir(mode=0o700, exist_ok=True)  # somebody may have removed it
    donor = armed_in(pins, 1 - place)
    if donor:
        keep_links(donor, folder, sites)
    serve_places(pins, {place: number})
    _check_room(folder, sites)
    _forget_sockets(pins, sites)
    # Who keeps calls comes before who sees their returns: none of those is missed.
    kept = {pin.name.rpartition("-")[0] for pin in list_folder(folder / "links")}
    for site in sorted(sites.sites, key=lambda site: bool(site.hooks)):
        if site.program not in kept:
            step(f"trace {site.program}")
            _attach(folder, site)
    (folder / _WHOLE).mkdir(mode=0o700)


def armed_in(pins: Pins, place: int) -> Path | None:
    """Return the plane of a place's generation where all of it is attached."""
    number = generation_in(pins, place)
    folder = None if number is None else tracing_folder(pins, number)
    return folder if folder and (folder / _WHOLE).exists() else None


def serve_places(pins: Pins, known: Mapping[int, int] = MappingProxyType({})) -> None:
    """Say to all programs whom they serve; ``known``: which generations are in which places."""
    places = {place: generation_in(pins, place) for place in PLACES} | dict(known)
    planes = {
        place: (number, tracing_folder(pins, number))
        for place, number in places.items()
        if number is not None
    }
    serve(planes)


def _check_room(folder: Path, sites: Sites) -> None:
    """E5151 where a function cannot take all that would be attached to it."""
    waiting = [
        (f"{site.program} at {site.functions[copy]}", f"{site.program}-{copy}")
        for site in sites.sites
        if site.is_traced
        for copy in range(site.copies)
        if not (folder / "links" / f"{site.program}-{copy}").exists()
    ]
    with contextlib.ExitStack() as ends:
        check_room(
            [
                (what, ends.enter_context(Program.pinned(folder / "programs" / name)))
                for what, name in waiting
            ]
        )


def _forget_sockets(pins: Pins, sites: Sites) -> None:
    """Let no socket have an owner from a time when nobody saw sockets end."""
    if not any(site.program == FORGET for site in sites.sites):
        return
    for number in pins.generation_numbers():
        if (tracing_folder(pins, number) / "links" / f"{FORGET}-0").exists():
            return
    with Map.pinned(pins.map("sockets")) as sockets:
        sockets.clear()


def _attach(folder: Path, site: Site) -> None:
    programs = [
        Program.pinned(folder / "programs" / f"{site.program}-{copy}")
        for copy in range(site.copies)
    ]
    with contextlib.ExitStack() as ends:
        for program in programs:
            ends.enter_context(program)
        try:
            for index, link in enumerate(attach_site(site, programs)):
                with link:
                    link.pin(folder / "links" / f"{site.program}-{index}")
        except BpfError as error:
            raise _attach_refusal(site, error) from None


def _attach_refusal(site: Site, error: BpfError) -> NodeError:
    import errno

    cure = "nothing was changed; compile for this very kernel (lockgate target record)"
    if error.errno == errno.E2BIG:
        cure = "the function has no room for another program (38 of them): see bpftool link"
    if error.errno in (errno.EPERM, errno.EBUSY):
        cure = "the kernel lets nobody attach there: lockgate attach-report says what works"
    if error.errno == errno.EEXIST:
        cure = "what is in force has it there, and lost pins that say so: apply again"
    return NodeError("E5143", f"{site.program}: {error}", cure)


# ---------------------------------------------------------------- disarm


def disarm(pins: Pins, number: int) -> list[str]:
    """Take away a generation's links and classifier; return the names of the links.

    The kernel may take a moment to let the last hit of a program end.
    """
    folder = tracing_folder(pins, number)
    removed = _detach(folder, list_folder(folder / "links"))
    forget_classifiers(pins, folder)
    return removed


def leave_user_space(pins: Pins, number: int) -> None:
    """Take away a generation's links in user space; every hit there that it has seen has ended.

    Who closes the last reference to such a link waits for them (``uprobe_unregister()``).
    """
    folder = tracing_folder(pins, number)
    programs = {one.name for one in list_folder(folder / _USER)}
    links = list_folder(folder / "links")
    _detach(folder, [pin for pin in links if pin.name.rpartition("-")[0] in programs])


def _detach(folder: Path, links: list[Path]) -> list[str]:
    with contextlib.suppress(FileNotFoundError):
        (folder / _WHOLE).rmdir()
    for pin in links:
        with Link.pinned(pin):
            pin.unlink(missing_ok=True)
    return [pin.name for pin in links]


def disarm_others(pins: Pins, kept: Collection[int]) -> list[str]:
    """Disarm every generation but those; return what was detached."""
    if any(has_tracing(pins, number) for number in pins.generation_numbers()):
        serve_places(pins)
    removed = []
    for number in pins.generation_numbers():
        if number not in kept and has_tracing(pins, number):
            removed += [f"{name} of {number}" for name in disarm(pins, number)]
    return removed


def stop_unused_sensor(pins: Pins) -> None:
    """Stop the process sensor where no generation traces any more."""
    if not any(has_tracing(pins, number) for number in pins.generation_numbers()):
        stop_sensor(pins)


def remove(pins: Pins, number: int) -> list[str]:
    """Disarm a generation and remove its tracing plane; return the names of its links."""
    removed = disarm(pins, number)
    remove_tree(tracing_folder(pins, number))
    return removed
