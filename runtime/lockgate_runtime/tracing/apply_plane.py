"""The tracing plane's part of apply and rollback: what is loaded, armed, kept and undone.

Both planes hang on one slot and one generation number.  A generation's tracing programs stand
beside the network's; :mod:`lockgate_runtime.tracing.generation` says when they are attached.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from lockgate_runtime.errors import NodeError
from lockgate_runtime.generation import generation_in
from lockgate_runtime.recovery import attachments, wanted_by
from lockgate_runtime.slot import read_slot
from lockgate_runtime.tracing import classifiers, generation
from lockgate_runtime.tracing.former import Known, read_epoch
from lockgate_runtime.tracing.former_classes import CLASSES, read_lists, same_classes
from lockgate_runtime.tracing.guard import (
    DEEDS,
    check_processes,
    on_node,
    read_deeds,
)
from lockgate_runtime.tracing.kept import (
    DIGESTS,
    choose_kept,
    digest_parts,
    digest_place_tables,
    known_tables,
    read_digests,
)
from lockgate_runtime.tracing.mode_map import MODES, has_room
from lockgate_runtime.tracing.place_tables import FOLDER as PLACE_TABLES
from lockgate_runtime.tracing.place_tables import place_tables
from lockgate_runtime.tracing.pod_names import PODS
from lockgate_runtime.tracing.self_test import try_stands
from lockgate_runtime.tracing.sensor import (
    check_sensor,
    follows_credentials,
    start_sensor,
    stop_sensor,
)
from lockgate_runtime.tracing.sites import SITES, SitesError, read_sites
from lockgate_runtime.tracing.workloads import (
    WORKLOADS,
    Filled,
    WorkloadsError,
    fill_workloads,
    read_workloads,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from pathlib import Path

    from lockgate_runtime.attach import Attachment
    from lockgate_runtime.pins import Pins
    from lockgate_runtime.state import State
    from lockgate_runtime.tracing.kept import Donor
    from lockgate_runtime.tracing.plane import TracingPlane
    from lockgate_runtime.tracing.sites import Sites
    from lockgate_runtime.tracing.workloads import Workloads

PLANES = ("network", "tracing")


def stands_of(sites: Sites, policies: Collection[int]) -> set[str]:
    """Return the ways in which some policies (by number) are attached."""
    hooks = {h["number"] for h in sites.hooks if h["policy_number"] in policies}
    return {site.stand for site in sites.sites if hooks & set(site.hooks)}


class PlaneApplication:
    """What apply does with the plane of one bundle, under the lock."""

    def __init__(
        self,
        plane: TracingPlane,
        pins: Pins,
        state: State,
        step: Callable[[str], None],
        node: str = "",
    ) -> None:
        self._plane = plane
        self._node = node
        self._pins = pins
        self._state = state
        self._step = step
        self.warnings: list[str] = []
        """What arming found that people should know."""

    def check(self, *, is_unguarded: bool) -> None:
        """Find out what speaks against it, before anything is loaded.

        E5022 where somebody removed the pin of a map in use; E5145 where an enforcing selector
        would hit a process that the node needs.
        """
        check_sensor(self._pins, self._plane.sensor)
        if not is_unguarded:
            deeds = read_deeds(self._plane.folder)
            here = on_node(deeds, self._node)
            check_processes(deed for deed in here if deed["mode"] == "enforce")

    def keep_names(self, number: int) -> None:
        """Keep what readers of events and a rollback need to know; E5037 without room."""
        folder = self._plane.folder
        for path in (
            *(folder / name for name in (SITES, WORKLOADS)),
            folder.parent / PODS,
        ):
            if path.exists():
                self._state.keep(number, path.name, path.read_bytes())
        tables = place_tables(self._plane.sites)
        files = [name for table in tables for name in (table.file, table.keys) if name]
        for name in (CLASSES, *files):
            if (folder / name).exists():
                content = (folder / name).read_bytes()
                self._state.keep(number, f"{PLACE_TABLES}/{name}", content)
        # There in any case: where it is lost, nobody knows whom a policy would hit.
        self._state.keep(number, DEEDS, json.dumps(read_deeds(folder)).encode())

    def load(self, number: int, place: int) -> list[str]:
        """Start the sensor unless it runs, load the generation's programs; return warnings."""
        self._step("sensor")
        unrecorded = start_sensor(self._pins, self._plane.sensor)
        self._step("load tracing")
        plane = self._plane
        digests = digest_parts(plane.sites, plane.folder)
        donor = self._find_donor(number, place, digests)
        generation.load(self._pins, number, place, plane.sites, plane.folder, donor)
        self._state.keep(number, DIGESTS, json.dumps(digests).encode())
        warnings = []
        if unrecorded:
            warnings.append(
                f"{unrecorded} of the running processes have no record, for want of room: "
                "rules that ask for their binary judge it on the spot"
            )
        if not follows_credentials(self._pins):
            warnings.append(
                "this kernel has no trampolines at commit_creds: events show the credentials "
                "that a process had at exec; rules judge those that it has"
            )
        return warnings

    def _find_donor(
        self, number: int, place: int, digests: Mapping[str, str]
    ) -> Donor | None:
        """Return what the generation in force has the same."""
        sites, folder = self._plane.sites, generation.armed_in(self._pins, 1 - place)
        if folder is None:
            return None
        in_force = int(folder.parent.name)
        others = [
            (other, generation.tracing_map(self._pins, other, MODES))
            for other in self._pins.generation_numbers()
        ]
        modes = generation.tracing_map(self._pins, in_force, MODES)
        if not has_room(modes, number, len(sites.policies), others):
            return None
        known = read_digests(self._state.generation(in_force) / DIGESTS)
        return choose_kept(folder, known, sites, digests)

    def arm(self, number: int, place: int) -> list[str]:
        """Try the ways to enforce, then attach everything; return the ways."""
        self._step("self-test")
        sites = self._plane.sites
        enforcing = {
            policy.number
            for policy in sites.policies
            if policy.enforces and policy.mode == "enforce"
        }
        tried = try_stands(stands_of(sites, enforcing))
        self._step("arm")
        filled = Filled()
        workloads = read_workloads(self._plane.folder, self._node)
        if workloads:
            filled = fill_workloads(self._pins, place, workloads)
        if filled.unknown_pods:
            self.warnings.append(
                f"{filled.unknown_pods} pods here are not in the bundle's snapshot: policies "
                "for some pods take them for selected unless they say left-out"
            )
        if filled.without_room:
            self.warnings.append(
                f"{filled.without_room} cgroups have no class, for want of room in the map: they "
                "are of the workload of the cgroup above them"
            )
        generation.arm(
            *(self._pins, number, place, sites, self._plane.folder, self._step),
            known=_what_is_known(self._pins, self._state, number, place, sites),
        )
        return tried


def undo_tracing(pins: Pins, number: int) -> None:
    """Take a generation's plane away that never was in force."""
    generation.remove(pins, number)
    generation.stop_unused_sensor(pins)


def refuse_dropped(
    pins: Pins,
    plane: TracingPlane | None,
    wanted: Collection[Attachment],
    dropped: Collection[str],
) -> None:
    """E5141 where a plane is in force, the bundle has nothing in it, and nobody said so.

    ``wanted``: where the bundle's network policies would be attached.
    """
    if not pins.exist:
        return
    active = generation_in(pins, read_slot(pins).active)
    if active is None:
        return
    is_tracing = generation.is_armed(pins, active)
    is_judging = any(map(wanted_by(pins, active), attachments(pins)))
    for name, is_in_force, is_there in (
        ("tracing", is_tracing, plane is not None),
        # Sources with network policies that select nothing here are no reason to stop.
        ("network", is_judging, bool(wanted) or plane is None),
    ):
        if is_in_force and not is_there and name not in dropped:
            raise NodeError(
                "E5141",
                f"generation {active} has a {name} plane in force, and the bundle has nothing "
                "there: its enforcement would end",
                "compile both kinds of policies into one bundle, or say that it shall end: "
                f"--drop-plane {name}",
            )


def arm_again(pins: Pins, state: State, number: int, place: int) -> None:
    """Attach what a generation traced, before one goes back to it.

    E5148 where what that needs is lost, or its programs are gone; then nothing is attached.
    """
    if not generation.has_tracing(pins, number):
        if (state.generation(number) / SITES).exists():
            raise _lost(number, "its programs are not pinned any more")
        return
    was_armed = generation.is_armed(pins, number)
    try:
        sites, workloads = _read_kept(state, number)
        _check_classifiers(pins, number, sites)
        if workloads:
            fill_workloads(pins, place, workloads)
        source = state.generation(number) / PLACE_TABLES
        _check_place_tables(state, number, sites, source)
        known = _what_is_known(pins, state, number, place, sites)
        generation.arm(pins, number, place, sites, source, known=known)
    except BaseException as error:
        if not was_armed:
            generation.disarm(pins, number)
        if isinstance(error, OSError | SitesError | WorkloadsError):
            raise _lost(number, str(error)) from None
        raise


def _read_kept(state: State, number: int) -> tuple[Sites, Workloads | None]:
    """Return what was attached, and whose processes are whose; an error where one is lost."""
    folder, node = state.generation(number), state.read_node(number)
    sites = read_sites(folder / SITES)
    if any("workloads" in site.reads for site in sites.sites):
        if not (folder / WORKLOADS).exists():
            raise WorkloadsError(f"there is no {WORKLOADS}")
        if not node:  # one of another node is no substitute
            raise WorkloadsError("node.json does not say for which node it was")
    return sites, read_workloads(folder, node.get("node", ""))


def _check_classifiers(pins: Pins, number: int, sites: Sites) -> None:
    """E5148 where processes would keep classes that they have no more, or have none."""
    folder = generation.tracing_folder(pins, number)
    if not classifiers.is_whole(folder / "programs", sites):
        raise _lost(number, "somebody removed a program that classifies processes")


def _lost(number: int, why: str) -> NodeError:
    return NodeError(
        "E5148",
        f"generation {number} traced, and cannot be attached again: {why}; what is in force "
        "stays",
        "apply its bundle again instead",
    )


def _check_place_tables(state: State, number: int, sites: Sites, source: Path) -> None:
    """E5148 where the tables that would be written are not certainly those that were applied."""
    known = known_tables(read_digests(state.generation(number) / DIGESTS))
    found = digest_place_tables(sites, source)
    for name in sorted(known.keys() | found.keys()):
        if known.get(name) != found.get(name):
            raise _lost(number, f"its table {name}, {SITES} or {DIGESTS} is damaged")


def _what_is_known(
    pins: Pins, state: State, number: int, place: int, sites: Sites
) -> Known:
    """Return what who is armed in the other place knows of processes."""
    folder = generation.armed_in(pins, 1 - place)
    if folder is None:
        return Known()
    there, here = state.generation(int(folder.parent.name)), state.generation(number)
    try:
        other = read_sites(there / SITES)
    except (SitesError, OSError):
        return Known()
    bits = {rule: bit for bit, rule in enumerate(other.followed, start=1)}
    lists = [read_lists(each / PLACE_TABLES) for each in (there, here)]
    former = same_classes(lists[0], lists[1]) if lists[0] and lists[1] else {}
    return Known(
        epoch=read_epoch(folder / "maps"),
        rules=tuple(bits.get(rule, 0) for rule in sites.followed),
        classes=former,
    )


def remove_tracing(pins: Pins) -> list[str]:
    """Detach every generation and the sensor; return the links that policies had."""
    links = []
    for number in pins.generation_numbers():
        links += [f"{name} of {number}" for name in generation.remove(pins, number)]
    stop_sensor(pins)
    return links
