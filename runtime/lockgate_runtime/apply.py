"""Put a bundle in force: survey, load beside what runs, attach, switch with one write.

Up to the switch the old policy is in force and every failure is undone; from the switch on
the new one is, and what is left to do is tidying.  Whenever the process dies, the kernel
holds one policy or the other, and the next command repairs the rest.
"""

from __future__ import annotations

import errno
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lockgate_runtime import environment
from lockgate_runtime.attach import Attachment, way
from lockgate_runtime.bundle import Bundle
from lockgate_runtime.damage import check_slot, name_refusal
from lockgate_runtime.errors import BpfError, NodeError
from lockgate_runtime.generation import (
    BEFORE,
    create_before,
    empty_place,
    generation_in,
    is_empty,
    new_number,
    passing_program,
    put_in_place,
)
from lockgate_runtime.jiffies import jiffies_per_second
from lockgate_runtime.link_header import device_stub
from lockgate_runtime.loader import Loader
from lockgate_runtime.netlink import Netlink
from lockgate_runtime.pins import Pins, boot_time, remove_tree
from lockgate_runtime.recovery import (
    attachments,
    detach,
    enforced_devices,
    is_attached,
    recover,
    retire_others,
    settle,
)
from lockgate_runtime.slot import PLACES, Slot, read_slot
from lockgate_runtime.state import State
from lockgate_runtime.survey import Choice, Survey, survey
from lockgate_runtime.tracing.apply_plane import (
    PlaneApplication,
    refuse_dropped,
    undo_tracing,
)
from lockgate_runtime.tracing.hand_over import switch
from lockgate_runtime.tracing.plane import open_plane
from lockgate_runtime.unload import remove_everything, remove_pins

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from lockgate_runtime.bpf import Program
    from lockgate_runtime.endpoints import Absent, Placement, Present
    from lockgate_runtime.guard import Guard
    from lockgate_runtime.netlink import Device
    from lockgate_runtime.tracing.plane import TracingPlane

HOST_MARK = 1 << 5
"""Bit of the packet mark that says "came in through a hook"; kube-proxy uses 0x4000 and
0x8000, Cilium 0x0f00 and above, Calico 0xffff0000."""

TIMEOUTS = {
    "timeout_syn": 60,
    "timeout_established": 21600,
    "timeout_closing": 10,
    "timeout_other": 120,
    "timeout_new": 30,
}
"""Seconds; UDP as nf_conntrack has it, an idle established TCP connection six hours."""


@dataclass(frozen=True)
class Request:
    """What ``apply`` was asked; ``confirm_within`` in seconds, 0 for never falling back."""

    bundle: Path
    root: Path
    state: Path
    node: str
    placements: Mapping[str, Placement] = field(default_factory=dict)
    devices: tuple[str, ...] = ()
    confirm_within: float = 0
    guard: Guard | None = None
    dry_run: bool = False
    wait: bool = True
    event_rate: int = 1000
    host_mark: int = HOST_MARK
    dropped_planes: frozenset[str] = frozenset()
    is_unguarded: bool = False


@dataclass
class Outcome:
    """What was done, or with ``dry_run`` would be."""

    generation: int
    is_dry: bool
    place: int
    confirm_within: float
    bundle: str
    present: list[Present]
    absent: list[Absent]
    devices: list[Device]
    attached: list[Attachment] = field(default_factory=list)
    detached: list[Attachment] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    tracing_policies: list[str] = field(default_factory=list)
    self_tests: list[str] = field(default_factory=list)
    seconds: float = 0.0


def apply(
    request: Request,
    step: Callable[[str], None] = lambda _name: None,
    waiting: Callable[[], None] = lambda: None,
) -> Outcome:
    """Put a bundle in force; ``step`` is called with the name of each step before it.

    Raises NodeError, and then the old policy is in force as before.
    """
    began = time.monotonic()
    step("check")
    environment.check_node(request.root)
    bundle = Bundle.open(request.bundle)
    environment.check_kernel(bundle.manifest.features)
    plane = open_plane(bundle)
    pins = Pins(request.root)
    with Netlink() as netlink:
        application = _Application(request, bundle, plane, pins, netlink, step)
        if request.dry_run:
            outcome = application.plan()
        else:
            with pins.lock(wait=request.wait, waiting=waiting):
                outcome = application.run()
    outcome.seconds = round(time.monotonic() - began, 3)
    return outcome


class _Application:
    """One run of ``apply``, under the lock."""

    def __init__(
        self,
        request: Request,
        bundle: Bundle,
        plane: TracingPlane | None,
        pins: Pins,
        netlink: Netlink,
        step: Callable[[str], None],
    ) -> None:
        self._request = request
        self._bundle = bundle
        self._plane = plane
        self._pins = pins
        self._netlink = netlink
        self._step = step
        self._state = State(request.root, request.state)
        self._loader = Loader(bundle, pins)
        self._tracing = plane and PlaneApplication(
            plane, pins, self._state, step, request.node
        )

    def plan(self) -> Outcome:
        """Say what would be done; change nothing."""
        check_slot(self._pins)
        found = self._survey()
        exists = self._pins.exist
        slot = read_slot(self._pins) if exists else Slot(0)
        self._refuse_pending(slot)
        outcome = self._outcome(new_number(self._pins, self._state), slot.other, found)
        there = set(attachments(self._pins))
        outcome.attached = [a for a in found.wanted if a not in there]
        outcome.detached = sorted(there - found.wanted.keys())
        return outcome

    def run(self) -> Outcome:
        """Do it."""
        check_slot(self._pins)
        is_fresh = not self._pins.exist
        try:
            if not is_fresh:
                self._step("recover")
                self._refuse_pending(recover(self._pins))
                # What applies that died have left must not pile up while none gets through.
                retire_others(self._pins, self._state)
            self._step("survey")
            found = self._survey()
            if is_fresh:
                remove_pins(self._pins, self._netlink)  # of an unload that died
            return self._change(found)
        except BaseException as error:
            if is_fresh:
                remove_everything(self._pins, self._state, self._netlink)
            if isinstance(error, OSError):
                raise _unexpected(error) from error
            raise

    def _refuse_pending(self, slot: Slot) -> None:
        if slot.is_pending:
            raise NodeError(
                "E5031",
                "a generation is waiting for its confirmation "
                f"({slot.remaining / 1e9:.0f} seconds left)",
                "confirm it (lockgate confirm), or go back at once (lockgate rollback)",
            )

    def _survey(self) -> Survey:
        request = self._request
        choice = Choice(
            request.node,
            request.placements,
            request.devices,
            request.guard,
            enforced_devices(self._pins, self._netlink),
        )
        found = survey(self._bundle, choice, self._netlink)
        if self._tracing:
            self._tracing.check(is_unguarded=request.is_unguarded)
        refuse_dropped(self._pins, self._plane, found.wanted, request.dropped_planes)
        return found

    # ---------------------------------------------------------------- change

    def _change(self, found: Survey) -> Outcome:
        pins, step = self._pins, self._step
        step("pins")
        pins.create()
        self._load_stubs()
        slot = read_slot(pins)
        number = new_number(pins, self._state)
        outcome = self._outcome(number, slot.other, found)
        previous = generation_in(pins, slot.other)
        made: list[Attachment] = []
        try:
            step("state")
            self._state.write_generation(
                number,
                found.describe(number, self._bundle),
                self._bundle.rules(found.rule_numbers),
                self._bundle,
            )
            if self._tracing:
                self._tracing.keep_names(number)
            step("before")
            if is_empty(pins, slot.active) and not attachments(pins):
                create_before(pins)
                put_in_place(pins, BEFORE, slot.active)
            step("sweeper")
            self._loader.start_sweeper(self._config(found))
            step("load")
            self._load(number, found)
            if self._tracing:
                outcome.warnings += self._tracing.load(number, slot.other)
            step("place")
            put_in_place(pins, number, slot.other)
            step("attach")
            self._attach(found, made, outcome.warnings)
            if self._tracing:
                outcome.self_tests = self._tracing.arm(number, slot.other)
                outcome.warnings += self._tracing.warnings
            step("switch")
            within = self._request.confirm_within
            deadline = boot_time() + int(within * 1e9) if within else 0
            switch(pins, Slot(slot.other, deadline, newest=slot.other))
        except BaseException:
            self._undo(number, previous, slot, made)
            raise
        step("switched")
        outcome.attached = made
        outcome.detached, warnings = settle(pins, self._state, self._netlink)
        outcome.warnings += warnings
        step("settled")
        return outcome

    def _load_stubs(self) -> None:
        """Load the stubs; an array that is new gets what is in force already."""
        array = self._pins.map("programs_cgroup")
        had = array.exists()
        in_place = (
            {place: generation_in(self._pins, place) for place in PLACES}
            if self._pins.exist
            else {}
        )
        self._loader.load_stubs()
        if not had and array.exists():
            for place, number in in_place.items():
                if number is not None:
                    put_in_place(self._pins, number, place)

    def _config(self, found: Survey) -> dict[str, int]:
        """Return the constants of the programs, all but those of one generation."""
        rate = jiffies_per_second()
        is_enforced = found.rows.host.is_enforced
        return {name: seconds * rate for name, seconds in TIMEOUTS.items()} | {
            "host_mark": self._request.host_mark if is_enforced else 0,
            "event_rate": self._request.event_rate,
            "jiffies_per_second": rate,
        }

    def _load(self, number: int, found: Survey) -> None:
        is_enforced = found.rows.host.is_enforced
        is_called = bool(found.wanted or attachments(self._pins))

        def passing(hook: str) -> Program | None:
            is_idle = hook in ("from_network", "to_network") and not is_enforced
            return passing_program(hook) if is_idle or not is_called else None

        config = self._config(found)
        self._loader.load_generation(number, found.tables, config, passing)

    def _attach(
        self, found: Survey, made: list[Attachment], warnings: list[str]
    ) -> None:
        numbers = {one.target: one.number for one in found.present if one.is_cgroup}
        for place, path in found.wanted.items():
            if is_attached(self._pins, place, self._netlink):
                continue
            self._step(f"attach {place.name}")
            pin = self._pins.links / place.name
            try:
                with self._stub(place, numbers) as program:
                    made.append(place)
                    way(place.way).attach(program, place, pin, self._netlink, path)
            except OSError as error:
                if error.errno in _GONE:  # since we looked
                    warnings.append(f"{path} is not enforced: it went away")
                    continue
                raise NodeError(
                    "E5023",
                    f"cannot attach {place.hook} to {path}: {error.strerror}",
                    "nothing was changed; see whether the device or cgroup is still there",
                ) from None

    def _stub(self, place: Attachment, numbers: Mapping[int, int]) -> Program:
        if place.way != "cgroup":
            return device_stub(self._pins, place, self._netlink)
        return self._loader.cgroup_stubs(numbers[place.target])[place.hook]

    def _undo(
        self, number: int, previous: int | None, slot: Slot, made: list[Attachment]
    ) -> None:
        """Put back what was there: links, the inactive place, no trace of the new one."""
        if read_slot(self._pins).written == slot.other:
            return  # an interrupt came just after the switch: it is in force
        for place in made:
            detach(self._pins, place, self._netlink)
        undo_tracing(self._pins, number)
        if previous is not None:
            put_in_place(self._pins, previous, slot.other)
        else:
            empty_place(self._pins, slot.other)
        remove_tree(self._pins.generation(number))
        self._state.forget(number)

    # ---------------------------------------------------------------- words

    def _outcome(self, number: int, place: int, found: Survey) -> Outcome:
        return Outcome(
            generation=number,
            is_dry=self._request.dry_run,
            place=place,
            confirm_within=self._request.confirm_within,
            bundle=self._bundle.manifest.digest,
            present=found.present,
            absent=found.absent,
            devices=found.devices,
            tracing_policies=[p.key for p in self._plane.sites.policies]
            if self._plane
            else [],
            warnings=[
                f"{one.endpoint.key} is enforced at {one.where} as before, "
                f"though it was not found: {one.kept}"
                for one in found.present
                if one.kept
            ]
            + [
                f"{one.endpoint.key} is not enforced: {one.why}" for one in found.absent
            ],
        )


_GONE = (errno.ENODEV, errno.ENOENT, errno.ENXIO)


def _unexpected(error: OSError) -> NodeError:
    """Turn a refusal of the system that no step has named into one of our errors."""
    told = NodeError("E5037", str(error), "mend what the system says, then try again")
    if isinstance(error, BpfError):
        told = name_refusal(error)
    return NodeError(told.code, f"{told.message}; nothing was changed", told.cure)
