"""Run in a machine: load each group of policies, do what its cases say, print what was seen.

``python -m tests.tracing.guest FOLDER``: for each group a folder with a target's part of a
bundle, and ``process.o``.  Prints one JSON object: group to case to what happened.
"""

from __future__ import annotations

import json
import os
import struct
import sys
import time
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lockgate_runtime.bpf import Map
from lockgate_runtime.libbpf import RingBuffer
from lockgate_runtime.pins import Pins
from lockgate_runtime.slot import Slot, write_slot
from lockgate_runtime.tracing import generation
from lockgate_runtime.tracing.continuations import is_continuation
from lockgate_runtime.tracing.layout import (
    TRACING_ENUMERATIONS,
    TRACING_EVENT,
    TRACING_VALUE,
)
from lockgate_runtime.tracing.place_tables import fill_place, place_tables
from lockgate_runtime.tracing.records import decode_record
from lockgate_runtime.tracing.sensor import start_sensor
from lockgate_runtime.tracing.sites import Sites, read_sites
from lockgate_runtime.tracing.stream import read_counters
from lockgate_runtime.tracing.symbols import Symbols
from lockgate_runtime.tracing.user_symbols import UserSymbols
from lockgate_runtime.tracing.workloads import fill_workloads, read_workloads
from tests.tracing import deeds, object_deeds
from tests.tracing.buffer_deeds import spell_argument
from tests.tracing.cases import GROUPS
from tests.tracing.cases.snapshot import CGROUPS, NODE
from tests.tracing.reader import Reader
from tests.tracing.workload_deeds import make_cgroups

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.tracing.cases.case import Case

_LONG = 8192
"""Characters of a buffer that is told of shortly."""


def main() -> None:
    """Go over all groups, each a generation."""
    folder = Path(sys.argv[1])
    chosen = sys.argv[2:] or list(GROUPS)
    deeds.prepare()
    make_cgroups(CGROUPS)
    object_deeds.MODULES = folder / "modules"
    pins = Pins(Path("/sys/fs/bpf/lockgate-test"))
    pins.create()
    start_sensor(pins, (folder / "process.o").read_bytes())
    found: dict[str, Any] = {}
    for number, group in enumerate(chosen, start=1):
        start = time.monotonic()
        try:
            reader = Reader(pins, folder / group)
            found[group] = run_group(
                reader, pins, number, folder / group, GROUPS[group]
            )
        except Exception as error:  # the next group may do
            found[group] = {"error": f"{error}\n{traceback.format_exc()}"}
        found[group]["seconds"] = round(time.monotonic() - start, 1)
    print(json.dumps(found))


def run_group(
    reader: Reader, pins: Pins, number: int, folder: Path, cases: tuple[Case, ...]
) -> dict[str, Any]:
    """Load a group's programs, at either place in turn; run its cases, remove the programs."""
    sites, place = read_sites(folder / "sites.json"), number % 2
    generation.load(pins, number, place, sites, folder)
    workloads = read_workloads(folder, NODE)
    if workloads:
        fill_workloads(pins, place, workloads)
    write_slot(pins, Slot(place))
    generation.arm(pins, number, place, sites, folder)
    fill_other(pins, number, sites, folder, 1 - place)
    own = {case.name: own_selectors(sites, case.name) for case in cases}
    places = {hook: site.program for site in sites.sites for hook in site.hooks}
    found: dict[str, Any] = {
        name: {
            "fires": act(reader, pins, workload.fires, selectors, places),
            "silent": act(reader, pins, workload.silent, selectors, places),
        }
        for workload in cases
        for name, selectors in [(workload.name, own[workload.name])]
        if selectors and workload.fires
    }
    found["left"] = left_over(pins)
    generation.remove(pins, number)
    return found


def fill_other(pins: Pins, number: int, sites: Sites, folder: Path, place: int) -> None:
    """Write into the other place of all maps what hits nobody: it is none of this generation's."""
    decoys = folder / "decoys"
    decoys.mkdir()
    for table in place_tables(sites):
        values = (folder / table.file).read_bytes()
        width = len(values) // max(1, table.records)
        unknown = values[:width] if table.form == "class" else b""
        (decoys / table.file).write_bytes(unknown.ljust(len(values), b"\0"))
        if table.keys:
            (decoys / table.keys).write_bytes((folder / table.keys).read_bytes())
    maps = generation.tracing_folder(pins, number) / "maps"
    fill_place(place_tables(sites), decoys, maps, place, b"")


def left_over(pins: Pins) -> dict[str, int]:
    """Return what was counted so far, and how many sockets are tracked."""
    sockets = 0
    if pins.map("sockets").exists():
        with Map.pinned(pins.map("sockets")) as tracked:
            for _ in range(20):  # the kernel frees them a moment after they are closed
                sockets = len(list(tracked.keys()))
                if not sockets:
                    break
                time.sleep(0.05)
    with Map.pinned(pins.map("tracing_counters")) as counters:
        return read_counters(counters) | {"sockets": sockets}


def own_selectors(sites: Sites, policy: str) -> dict[str, int]:
    """Return by program the selectors of a policy there, as bits."""
    found: dict[str, int] = {}
    for row in sites.hooks:
        for selector in row["selectors"] if row["name"] == policy else ():
            program = sites.sites[selector["site"]].program
            found[program] = found.get(program, 0) | 1 << selector["number"]
    return found


def act(
    reader: Reader,
    pins: Pins,
    workload: str,
    selectors: dict[str, int],
    places: dict[int, str],
) -> dict[str, Any]:
    """Run a workload in a child; return how it ended and what was told of its policy.

    An operation has one event, which names all selectors that matched and is called after
    the first one's hook.
    """
    with Map.pinned(pins.map("events")) as events:
        earlier = RingBuffer(events.fd)
        while earlier.take(0):
            pass
        earlier.close()
        child = os.fork()
        if child == 0:
            code = 0
            try:
                exec(workload, vars(deeds))  # noqa: S102  # a row of cases.py
            except OSError as error:
                code = error.errno or 99
            except BaseException:  # a child ends here
                traceback.print_exc()
                code = 98
            os._exit(code)
        _, status = os.waitpid(child, 0)
        ring = RingBuffer(events.fd)
        records = []
        while batch := ring.take(0):
            records += batch
        ring.close()
    shown = []
    wrong: list[str] = []
    for record in records:
        event, found = reader.show(record)
        wrong += found
        if is_continuation(record):
            continue
        head = TRACING_EVENT.unpack(record)
        if head["kind"] != kind_of_hook():
            continue
        wanted = selectors.get(places[int(head["hook"])], 0)
        head["selectors"] = decode_record(record).selectors
        if not wanted & int(head["selectors"]):
            continue
        found = buffers(event)
        shown.append(
            {"head": head, "values": values(record), "event": event, "buffers": found}
        )
    ends = os.waitstatus_to_exitcode(status)
    return {"ends": ends, "events": shown, "faults": wrong, "child": child}


def buffers(event: dict[str, Any]) -> list[str]:
    """Return what is shown of buffers, and take long ones out of the event."""
    (body,) = (value for name, value in event.items() if name.startswith("process_"))
    arguments = body.get("args", [])
    found = [spell_argument(argument) for argument in arguments]
    for argument in arguments:
        cut = argument.get("truncated_bytes_arg", argument)
        cut |= {"bytes_arg": "long"} if len(cut.get("bytes_arg", "")) > _LONG else {}
    return [text for text in found if text]


def kind_of_hook() -> int:
    """Return the number of the kind of event that hooks make."""
    from lockgate_runtime.layout import ENUMERATIONS
    from lockgate_runtime.tracing.layout import EVENT_KINDS

    return len(ENUMERATIONS["event_kind"]) + EVENT_KINDS.index("hook")


def values(record: bytes) -> list[dict[str, Any]]:
    """Return the values of an event as they are."""
    head = TRACING_EVENT.unpack(record)
    at, found = TRACING_EVENT.size, []
    for _ in range(int(head["value_count"])):
        value = TRACING_VALUE.unpack(record[at : at + TRACING_VALUE.size])
        at += TRACING_VALUE.size
        size = int(value["size"])
        data = record[at : at + size]
        found.append({**value, "bytes": data.hex(), "symbols": symbols(value, data)})
        at += (size + 7) & ~7
    return found


_KERNEL, _PROGRAM = Symbols(), UserSymbols()


def symbols(value: Mapping[str, Any], data: bytes) -> list[str]:
    """Return the functions of a stack: a child has its libraries where we have them."""
    kind = TRACING_ENUMERATIONS["tracing_type"][value["type"]]
    if kind not in ("kernel_stack", "user_stack"):
        return []
    addresses = [address for (address,) in struct.iter_unpack("<Q", data)]
    if kind == "kernel_stack":
        return [_KERNEL.find(address)[0] for address in addresses]
    found = (_PROGRAM.find(os.getpid(), 0, address) for address in addresses)
    return [symbol.name for symbol in found if symbol]


if __name__ == "__main__":
    main()
