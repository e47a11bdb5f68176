"""Put a bundle in force: survey, load beside what runs, attach, switch with one write.

Up to the switch the old policy is in force and every failure is undone; from the switch on
the new one is, and what is left to do is tidying.  Whenever the process dies, the kernel
holds one policy or the other, and the next command repairs the rest.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lockgate_runtime import environment, guard
from lockgate_runtime.attach import Attachment, tcx, way
from lockgate_runtime.bpf import Program
from lockgate_runtime.bundle import Bundle
from lockgate_runtime.endpoints import find_endpoints
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
from lockgate_runtime.loader import CGROUP_HOOKS, Loader, NodeTables
from lockgate_runtime.local_addresses import AddressPart
from lockgate_runtime.netlink import Netlink
from lockgate_runtime.node_part import take_policies
from lockgate_runtime.pins import Pins, boot_time, remove_tree
from lockgate_runtime.recovery import (
    attachments,
    detach,
    is_attached,
    recover,
    settle,
)
from lockgate_runtime.slot import PLACES, Slot, read_slot, write_slot
from lockgate_runtime.state import State
from lockgate_runtime.unload import remove_everything

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from lockgate_runtime.bundle import NodeRows
    from lockgate_runtime.endpoints import Absent, Placement, Present
    from lockgate_runtime.netlink import Device

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
    guard: guard.Guard | None = None
    dry_run: bool = False
    wait: bool = True
    event_rate: int = 1000
    host_mark: int = HOST_MARK


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
    seconds: float = 0.0


@dataclass(frozen=True)
class Survey:
    """What was found on this node, before anything changes."""

    rows: NodeRows
    present: list[Present]
    absent: list[Absent]
    devices: list[Device]
    wanted: dict[Attachment, str]
    tables: NodeTables


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
    pins = Pins(request.root)
    with Netlink() as netlink:
        application = _Application(request, bundle, pins, netlink, step)
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
        pins: Pins,
        netlink: Netlink,
        step: Callable[[str], None],
    ) -> None:
        self._request = request
        self._bundle = bundle
        self._pins = pins
        self._netlink = netlink
        self._step = step
        self._state = State(request.root, request.state)
        self._loader = Loader(bundle, pins)

    def plan(self) -> Outcome:
        """Say what would be done; change nothing."""
        survey = self._survey()
        exists = self._pins.exist
        slot = read_slot(self._pins) if exists else Slot(0)
        self._refuse_pending(slot)
        outcome = self._outcome(new_number(self._pins, self._state), slot.other, survey)
        there = set(attachments(self._pins))
        outcome.attached = [a for a in survey.wanted if a not in there]
        outcome.detached = sorted(there - survey.wanted.keys())
        return outcome

    def run(self) -> Outcome:
        """Do it."""
        is_fresh = not self._pins.exist
        try:
            if not is_fresh:
                self._step("recover")
                self._refuse_pending(recover(self._pins))
            self._step("survey")
            survey = self._survey()
            return self._change(survey)
        except (NodeError, OSError) as error:
            if is_fresh:
                remove_everything(self._pins, self._state, self._netlink)
            if isinstance(error, NodeError):
                raise
            raise _unexpected(error) from error

    def _refuse_pending(self, slot: Slot) -> None:
        if slot.is_pending:
            raise NodeError(
                "E5031",
                "a generation is waiting for its confirmation "
                f"({slot.remaining / 1e9:.0f} seconds left)",
                "confirm it (lockgate confirm), or go back at once (lockgate rollback)",
            )

    # ---------------------------------------------------------------- survey

    def _survey(self) -> Survey:
        request, netlink = self._request, self._netlink
        rows = self._bundle.node(request.node, tuple(request.placements))
        present, absent = find_endpoints(rows.endpoints, request.placements, netlink)
        taken = {one.target for one in present if not one.is_cgroup}
        devices = self._host_devices(rows, taken)
        used = [rows.host.ingress_policy, rows.host.egress_policy]
        for one in present:
            used += [one.endpoint.ingress_policy, one.endpoint.egress_policy]
        local = netlink.local_addresses()
        if request.guard:
            guard.check(request.guard, self._bundle, rows, present, local)
        tables = NodeTables(
            addresses=AddressPart(
                self._bundle.tables, local, is_api_server=rows.host.is_api_server
            ),
            policies=take_policies(self._bundle.tables, used),
            bundle=self._bundle,
            host=rows.host,
            present=tuple(present),
        )
        wanted = self._wanted(present, devices)
        return Survey(rows, present, absent, devices, wanted, tables)

    def _host_devices(self, rows: NodeRows, taken: set[int]) -> list[Device]:
        """Return where the host meets the network, if its policies are to be judged."""
        if not rows.host.is_enforced:
            return []
        found = []
        for name in self._request.devices:
            device = self._netlink.device(name)
            if device is None:
                raise NodeError(
                    "E5025", f"there is no device {name}", "look at `ip link`"
                )
            found.append(device)
        if not found:
            found = self._netlink.default_devices()
        found = [device for device in found if device.index not in taken]
        if not found:
            raise NodeError(
                "E5025",
                "a policy selects this host, and no device has a default route",
                "name the host's devices: --devices eth0,eth1",
            )
        return found

    def _wanted(
        self, present: list[Present], devices: list[Device]
    ) -> dict[Attachment, str]:
        """Return every attachment of the new generation, and the path of its cgroup."""
        device_way = "tcx" if tcx.is_supported() else "clsact"
        wanted = {}
        for one in present:
            if one.is_cgroup:
                for hook in CGROUP_HOOKS:
                    wanted[Attachment("cgroup", hook, one.target)] = one.where
            else:
                for hook in ("from_endpoint", "to_endpoint"):
                    wanted[Attachment(device_way, hook, one.target)] = one.where
        for device in devices:
            for hook in ("from_network", "to_network"):
                wanted[Attachment(device_way, hook, device.index)] = device.name
        return wanted

    # ---------------------------------------------------------------- change

    def _change(self, survey: Survey) -> Outcome:
        pins, step = self._pins, self._step
        step("pins")
        pins.create()
        self._load_stubs()
        slot = read_slot(pins)
        number = new_number(pins, self._state)
        outcome = self._outcome(number, slot.other, survey)
        previous = generation_in(pins, slot.other)
        made: list[Attachment] = []
        try:
            step("state")
            self._write_state(number, survey)
            step("before")
            if is_empty(pins, slot.active) and not attachments(pins):
                create_before(pins)
                put_in_place(pins, BEFORE, slot.active)
            step("sweeper")
            self._loader.start_sweeper(self._config(survey))
            step("load")
            self._load(number, survey)
            step("place")
            put_in_place(pins, number, slot.other)
            step("attach")
            self._attach(survey, made)
            step("switch")
            within = self._request.confirm_within
            deadline = boot_time() + int(within * 1e9) if within else 0
            write_slot(pins, slot.other, deadline)
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

    def _config(self, survey: Survey) -> dict[str, int]:
        """Return the constants of the programs, all but those of one generation."""
        rate = jiffies_per_second()
        is_enforced = survey.rows.host.is_enforced
        return {name: seconds * rate for name, seconds in TIMEOUTS.items()} | {
            "host_mark": self._request.host_mark if is_enforced else 0,
            "event_rate": self._request.event_rate,
            "jiffies_per_second": rate,
        }

    def _load(self, number: int, survey: Survey) -> None:
        is_enforced = survey.rows.host.is_enforced

        def passing(hook: str) -> Program | None:
            is_network = hook in ("from_network", "to_network")
            return passing_program(hook) if is_network and not is_enforced else None

        config = self._config(survey)
        self._loader.load_generation(number, survey.tables, config, passing)

    def _attach(self, survey: Survey, made: list[Attachment]) -> None:
        numbers = {one.target: one.number for one in survey.present if one.is_cgroup}
        for place, path in survey.wanted.items():
            if is_attached(self._pins, place, self._netlink):
                continue
            self._step(f"attach {place.name}")
            pin = self._pins.links / place.name
            try:
                with self._stub(place, numbers) as program:
                    made.append(place)
                    way(place.way).attach(program, place, pin, self._netlink, path)
            except OSError as error:
                raise NodeError(
                    "E5023",
                    f"cannot attach {place.hook} to {path}: {error.strerror}",
                    "nothing was changed; see whether the device or cgroup is still there",
                ) from None

    def _stub(self, place: Attachment, numbers: Mapping[int, int]) -> Program:
        if place.way != "cgroup":
            return Program.pinned(self._pins.stubs / place.hook)
        return self._loader.cgroup_stubs(numbers[place.target])[place.hook]

    def _undo(
        self, number: int, previous: int | None, slot: Slot, made: list[Attachment]
    ) -> None:
        """Put back what was there: links, the inactive place, no trace of the new one."""
        for place in made:
            detach(self._pins, place, self._netlink)
        if previous is not None:
            put_in_place(self._pins, previous, slot.other)
        else:
            empty_place(self._pins, slot.other)
        remove_tree(self._pins.generation(number))
        self._state.forget(number)

    # ---------------------------------------------------------------- words

    def _outcome(self, number: int, place: int, survey: Survey) -> Outcome:
        return Outcome(
            generation=number,
            is_dry=self._request.dry_run,
            place=place,
            confirm_within=self._request.confirm_within,
            bundle=self._bundle.manifest.digest,
            present=survey.present,
            absent=survey.absent,
            devices=survey.devices,
            warnings=[
                f"{one.endpoint.key} is not enforced: {one.why}"
                for one in survey.absent
            ],
        )

    def _write_state(self, number: int, survey: Survey) -> None:
        decisions = survey.tables.policies.decisions
        rules = {
            int.from_bytes(decisions[at : at + 4], "little")
            for at in range(0, len(decisions), 8)
        }
        self._state.write_generation(
            number,
            self._node_of(number, survey),
            self._bundle.rules(rules),
            self._bundle,
        )

    def _node_of(self, number: int, survey: Survey) -> dict[str, Any]:
        return {
            "generation": number,
            "applied": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "bundle": str(self._bundle.directory.resolve()),
            "digest": self._bundle.manifest.digest,
            "node": survey.rows.name,
            "is_host_enforced": survey.rows.host.is_enforced,
            "devices": [device.name for device in survey.devices],
            "endpoints": [
                {
                    "namespace": one.endpoint.namespace,
                    "name": one.endpoint.name,
                    "identity": one.endpoint.identity,
                    "attachment": one.number,
                    "where": one.where,
                    "is_cgroup": one.is_cgroup,
                }
                for one in survey.present
            ],
            "absent": [
                {
                    "namespace": one.endpoint.namespace,
                    "name": one.endpoint.name,
                    "why": one.why,
                }
                for one in survey.absent
            ],
            "attachments": [
                {"name": place.name, "where": path}
                for place, path in survey.wanted.items()
            ],
        }


def _unexpected(error: OSError) -> NodeError:
    """Turn a refusal of the system that no step has named into one of our errors."""
    code = "E5021" if isinstance(error, BpfError) else "E5037"
    return NodeError(
        code,
        f"{error}; nothing was changed",
        "mend what the system says, then try again",
    )
