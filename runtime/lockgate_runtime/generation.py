"""Which generation is in which place, and how one gets there.

A place is one column of the stubs' program arrays.  What is in it is read back from the
kernel: the arrays give program ids, and the pinned programs of a generation have the same
or they do not.  Generation 0 judges nothing: it is what was before the first one.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from lockgate_runtime.bpf import Map, Program, ProgramType
from lockgate_runtime.layout import ENDPOINT, value_of
from lockgate_runtime.loader import CGROUP_HOOKS, TC_HOOKS
from lockgate_runtime.maps import sum_counters
from lockgate_runtime.pins import list_folder, remove_tree
from lockgate_runtime.state import Total

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lockgate_runtime.pins import Pins
    from lockgate_runtime.state import State

BEFORE = 0
"""The generation that passes everything."""

_ARRAYS = {"programs_tc": TC_HOOKS, "programs_cgroup": CGROUP_HOOKS}
_IN_FORCE = "in_force"
_PASS_TC, _PASS_CGROUP = -1, 1


def passing_program(hook: str) -> Program:
    """Load a program that passes everything on to the next one."""
    is_tc = hook in TC_HOOKS
    answer = _PASS_TC if is_tc else _PASS_CGROUP
    # r0 = answer; exit
    code = struct.pack("<BBhiBBhi", 0xB7, 0, 0, answer, 0x95, 0, 0, 0)
    kind = ProgramType.SCHED_CLS if is_tc else ProgramType.CGROUP_SKB
    return Program.load(kind, _passing_name(hook), code)


def _passing_name(hook: str) -> str:
    return f"pass_{hook}"[:15]


def create_before(pins: Pins) -> None:
    """Create generation 0."""
    folder = pins.generation(BEFORE) / "programs"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for hook in (*TC_HOOKS, *CGROUP_HOOKS):
        if not (folder / hook).exists():
            with passing_program(hook) as program:
                program.pin(folder / hook)


def put_in_place(pins: Pins, number: int, place: int) -> None:
    """Fill a place with a generation's programs; hooks that it lacks become empty."""
    for name, hooks in _ARRAYS.items():
        if not pins.map(name).exists():
            continue
        with Map.pinned(pins.map(name)) as programs:
            for hook in hooks:
                pin = pins.generation(number) / "programs" / hook
                if pin.exists():
                    with Program.pinned(pin) as program:
                        programs.set(_index(hook, place), struct.pack("=I", program.fd))
                else:
                    programs.delete(_index(hook, place))


def empty_place(pins: Pins, place: int) -> None:
    """Take all programs out of a place."""
    for name, hooks in _ARRAYS.items():
        if pins.map(name).exists():
            with Map.pinned(pins.map(name)) as programs:
                for hook in hooks:
                    programs.delete(_index(hook, place))


def generation_in(pins: Pins, place: int) -> int | None:
    """Return the generation that fills a place wholly; None for an empty or mixed one."""
    found = _programs_in(pins, place)
    if not found:
        return None
    for number in pins.generation_numbers():
        if _programs_of(pins, number, found) == found:
            return number
    return None


def is_whole(pins: Pins, number: int) -> bool:
    """Whether all programs of a generation are pinned: a hook without one drops everything."""
    folder = pins.generation(number) / "programs"
    cgroup = [(folder / hook).exists() for hook in CGROUP_HOOKS]
    return all((folder / hook).exists() for hook in TC_HOOKS) and (
        all(cgroup) or not any(cgroup)
    )


def mark_in_force(pins: Pins, number: int) -> None:
    """Remember that packets were judged by a generation: one can go back to it."""
    (pins.generation(number) / _IN_FORCE).mkdir(mode=0o700, exist_ok=True)


def was_in_force(pins: Pins, number: int) -> bool:
    """Whether packets were ever judged by a generation."""
    return (pins.generation(number) / _IN_FORCE).exists()


def is_empty(pins: Pins, place: int) -> bool:
    """Whether a place has no program at all."""
    return not _programs_in(pins, place)


def _programs_in(pins: Pins, place: int) -> dict[str, int]:
    found = {}
    for name, hooks in _ARRAYS.items():
        if not pins.map(name).exists():
            continue
        with Map.pinned(pins.map(name)) as programs:
            for hook in hooks:
                value = programs.get(_index(hook, place))
                if value is not None:
                    found[hook] = int.from_bytes(value, "little")
    return found


def _programs_of(pins: Pins, number: int, places: dict[str, int]) -> dict[str, int]:
    """Return hook → program id; of hooks that have an array (no cgroup, no array)."""
    arrays = {n: hooks for n, hooks in _ARRAYS.items() if pins.map(n).exists()}
    hooks = {hook for hooks in arrays.values() for hook in hooks}
    found = {}
    for pin in list_folder(pins.generation(number) / "programs"):
        if pin.name in hooks:
            with Program.pinned(pin) as program:
                found[pin.name] = program.info.id
        if found.get(pin.name) != places.get(pin.name):
            break
    return found


def _index(hook: str, place: int) -> bytes:
    return struct.pack("=I", value_of("hook", hook) * 2 + place)


def is_passing(pins: Pins, number: int, hook: str) -> bool:
    """Whether a generation judges nothing at a hook."""
    pin = pins.generation(number) / "programs" / hook
    if not pin.exists():
        return False
    with Program.pinned(pin) as program:
        return program.info.name == _passing_name(hook)


def attachment_numbers(pins: Pins, number: int) -> set[int]:
    """Return the attachment numbers of the endpoints that a generation knows."""
    pin = pins.generation(number) / "maps" / "interfaces"
    if not pin.exists():
        return set()
    with Map.pinned(pin) as interfaces:
        found = {int.from_bytes(value[:4], "little") for _, value in interfaces.items()}
    return found - {0}


def endpoint_addresses(pins: Pins, number: int) -> dict[int, tuple[bytes, bytes]]:
    """Return attachment number → first addresses of both families, zeros where none."""
    pin = pins.generation(number) / "maps" / "endpoints"
    if not pin.exists():
        return {}
    with Map.pinned(pin) as endpoints:
        rows = [ENDPOINT.unpack(value) for _, value in endpoints.items()]
    found = {
        int(row["attachment"]): (
            int(row["address_v4"]).to_bytes(4, "little"),
            bytes(row["address_v6"]),
        )
        for row in rows
    }
    return {n: both for n, both in found.items() if any(map(any, both))}


def new_number(pins: Pins, state: State) -> int:
    """Return a number that no packet was ever judged by."""
    return 1 + max([BEFORE, state.read_totals()[0], *pins.generation_numbers()])


def rule_counters(pins: Pins, number: int) -> Iterator[tuple[int, int, int]]:
    """Yield (stable rule number, packets, bytes) of a generation, one per decision."""
    folder = pins.generation(number) / "maps"
    if not (folder / "counters").exists() or not (folder / "decisions").exists():
        return
    with (
        Map.pinned(folder / "counters") as counters,
        Map.pinned(folder / "decisions") as decisions,
    ):
        rules = (int.from_bytes(value[:4], "little") for _, value in decisions.items())
        for rule, (packets, size) in zip(rules, sum_counters(counters), strict=True):
            yield rule, packets, size


def retire(pins: Pins, state: State, number: int) -> None:
    """Add a generation's counters to the totals, and remove it.

    Its programs go first: without them it is no candidate for a place.  A process that dies
    in between counts nothing twice: the totals say which generation was added last.
    """
    remove_tree(pins.generation(number) / "programs")
    last, totals = state.read_totals()
    if last != number:
        counted = False
        rules = state.read_rules(number)
        for rule, packets, size in rule_counters(pins, number):
            if packets:
                had = totals.get(rule, Total(0, 0, ""))
                name = rules[rule]["name"] if rule in rules else had.name
                totals[rule] = Total(had.packets + packets, had.bytes + size, name)
                counted = True
        if counted:
            state.write_totals(number, totals)
    remove_tree(pins.generation(number))
    state.forget(number)
