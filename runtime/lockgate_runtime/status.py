"""Tell what is in force: read from the kernel, with names where the state has them."""

from __future__ import annotations

import errno
import time
from typing import TYPE_CHECKING, Any

from lockgate_runtime.attach.cgroup import attachment_number
from lockgate_runtime.bpf import Map
from lockgate_runtime.damage import check_active
from lockgate_runtime.errors import NodeError
from lockgate_runtime.generation import (
    BEFORE,
    generation_in,
    rule_counters,
    was_in_force,
)
from lockgate_runtime.layout import ENUMERATIONS
from lockgate_runtime.maps import count_entries, sum_counters
from lockgate_runtime.recovery import attachments, is_attached
from lockgate_runtime.slot import read_slot
from lockgate_runtime.state import Total
from lockgate_runtime.tracing.tracing_status import print_tracing, read_tracing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lockgate_runtime.netlink import Netlink
    from lockgate_runtime.pins import Pins
    from lockgate_runtime.state import State

_STEP, _PATIENCE = 0.02, 1.0
"""Seconds between two looks, and in all while another process changes what is looked at."""
_FLOWS = ("flows", "flows_new")


def read_settled_status(pins: Pins, state: State, netlink: Netlink) -> dict[str, Any]:
    """Read while nobody changes the root; after some patience say that somebody does.

    E5030 where nothing can be read because of that.
    """
    deadline = time.monotonic() + _PATIENCE
    while True:
        was_busy, there = pins.is_busy, pins.exist
        status = None
        problem: OSError | NodeError | None = None
        try:
            status = read_status(pins, state, netlink)
        except OSError as error:
            if error.errno != errno.ENOENT:
                raise
            problem = error
        except NodeError as error:
            problem = error
        is_busy = was_busy or pins.is_busy or pins.exist != there
        if not is_busy and problem:
            raise problem
        if status is not None and not is_busy:
            return status | {"is_changing": False}
        if time.monotonic() > deadline:
            break
        time.sleep(_STEP)
    if status is None:
        raise NodeError(
            "E5030",
            f"another process is changing {pins.root}",
            "ask again when it has ended",
        )
    return status | {"is_changing": True}


def read_status(pins: Pins, state: State, netlink: Netlink) -> dict[str, Any]:
    """Return everything as plain values, ready for JSON; E5042 where pins were removed."""
    check_active(pins)
    if not pins.exist:
        return {"root": str(pins.root), "is_loaded": False}
    slot = read_slot(pins)
    active = generation_in(pins, slot.active)
    previous = generation_in(pins, slot.other)
    if previous and not was_in_force(pins, previous):
        previous = None  # of an apply that died: the next command takes it away
    node = state.read_node(active) if active else {}
    places = {
        place.name: is_attached(pins, place, netlink) for place in attachments(pins)
    }
    attached = {name for name, is_in_force in places.items() if is_in_force}
    return {
        "root": str(pins.root),
        "is_loaded": True,
        "generation": active,
        "place": slot.active,
        "is_pending": slot.is_pending,
        "seconds_left": round(slot.remaining / 1e9, 1),
        "has_fallen_back": slot.has_fallen_back,
        "previous": previous or None,
        "applied": node.get("applied"),
        "bundle": node.get("bundle"),
        "digest": node.get("digest"),
        "node": node.get("node"),
        "is_host_enforced": node.get("is_host_enforced", False),
        "devices": node.get("devices", []),
        "endpoints": [
            row | {"is_attached": _is_endpoint_attached(row, attached)}
            for row in node.get("endpoints", ())
        ],
        "absent": node.get("absent", []),
        "attachments": [
            {"name": name, "is_attached": is_in_force}
            for name, is_in_force in places.items()
        ],
        "rules": list(_rules(pins, state)),
        "drops": list(_drops(pins)),
        "tracing": read_tracing(pins, state, active),
        "conntrack": {name: _fill(pins, name) for name in _FLOWS},
    }


def _is_endpoint_attached(row: dict[str, Any], attached: set[str]) -> bool:
    """Whether both hooks of an endpoint are in force."""
    if row["is_cgroup"]:
        ends = {
            name.rsplit("-", 1)[1] for name in attached if name.startswith("cgroup-")
        }
        return any(attachment_number(int(end)) == row["attachment"] for end in ends)
    hooks = ("from_endpoint", "to_endpoint")
    return all(
        any(
            f"{way}-{hook}-{row['attachment']}" in attached for way in ("tcx", "clsact")
        )
        for hook in hooks
    )


def _rules(pins: Pins, state: State) -> Iterator[dict[str, Any]]:
    """Yield what was counted for each rule, over all generations, the busiest first."""
    last, totals = state.read_totals()
    known: dict[int, dict[str, Any]] = {}
    for number in pins.generation_numbers():
        if number in (BEFORE, last):
            continue
        known |= state.read_rules(number)
        for rule, packets, size in rule_counters(pins, number):
            had = totals.get(rule, Total(0, 0, ""))
            totals[rule] = Total(had.packets + packets, had.bytes + size, had.name)
    for rule, total in sorted(totals.items(), key=lambda i: (-i[1].packets, i[0])):
        row = known.get(rule, {})
        if rule:
            yield {
                "rule": rule,
                "name": row.get("name") or total.name or f"rule {rule:#x}",
                "effect": row.get("effect"),
                "places": row.get("places", []),
                "packets": total.packets,
                "bytes": total.bytes,
            }


def _drops(pins: Pins) -> Iterator[dict[str, Any]]:
    """Yield packets dropped by reason."""
    path = pins.map("drop_counters")
    if not path.exists():
        return
    reasons = ENUMERATIONS["reason"]
    with Map.pinned(path) as counters:
        for number, (packets, size) in enumerate(sum_counters(counters)):
            if packets:
                name = reasons[number] if number < len(reasons) else str(number)
                yield {"reason": name, "packets": packets, "bytes": size}


def _fill(pins: Pins, name: str) -> dict[str, int]:
    path = pins.map(name)
    if not path.exists():
        return {"entries": 0, "room": 0}
    with Map.pinned(path) as flows:
        return {"entries": count_entries(flows), "room": flows.info.max_entries}


def print_status(status: dict[str, Any]) -> str:
    """Print it for people."""
    if not status["is_loaded"]:
        return f"nothing is loaded below {status['root']}"
    lines = [*_head(status), *_places(status)]
    if status.get("is_changing"):
        lines.insert(0, "another process is changing this now: it may be half of it")
    has_network = status["endpoints"] or status["absent"] or status["attachments"]
    rules = [row for row in status["rules"] if row["packets"]]
    if has_network or rules:
        lines += ["", "  packets      bytes  rule"]
    for row in rules:
        place = f"  {row['places'][0]}" if row["places"] else ""
        lines.append(f"  {row['packets']:>7} {row['bytes']:>10}  {row['name']}{place}")
    if has_network or status["drops"]:
        lines += ["", "  packets      bytes  dropped because"]
    lines += [
        f"  {row['packets']:>7} {row['bytes']:>10}  {row['reason']}"
        for row in status["drops"]
    ]
    lines += print_tracing(status["tracing"])
    lines += [""] * bool(has_network)
    for name, fill in status["conntrack"].items() if has_network else ():
        lines.append(f"  {name}: {fill['entries']} of {fill['room']}")
    return "\n".join(lines)


def _places(status: dict[str, Any]) -> list[str]:
    """Return where endpoints and the host are, below an empty line."""
    lines = []
    for row in status["endpoints"]:
        where = row["where"]
        if not row["is_attached"]:
            where += " (gone, or detached: apply again)"
        if row["is_attached"] and row.get("kept"):
            where += f" (as before: {row['kept']})"
        lines.append(f"  endpoint {row['namespace']}/{row['name']}  {where}")
    lines += [
        f"  endpoint {row['namespace']}/{row['name']}  not here: {row['why']}"
        for row in status["absent"]
    ]
    if status["is_host_enforced"]:
        lines.append(f"  host {status['node']}  {', '.join(status['devices'])}")
    return ["", *lines] if lines else []


def _head(status: dict[str, Any]) -> list[str]:
    number = status["generation"]
    if number is None:
        head = "no generation is in force: every packet at a hook is dropped"
    elif number == BEFORE:
        head = "nothing is judged"
    else:
        head = f"generation {number} is in force"
    if status["is_pending"]:
        head += f"; it falls back in {status['seconds_left']:.0f} s unless confirmed"
    if status["has_fallen_back"]:
        head += "; the one after it was not confirmed in time"
    lines = [head]
    if status["bundle"]:
        lines.append(f"  bundle {status['bundle']} ({status['digest'][:12]})")
        lines.append(f"  applied {status['applied']} for node {status['node']}")
    if status["previous"]:
        lines.append(f"  generation {status['previous']} is kept for rollback")
    return lines
