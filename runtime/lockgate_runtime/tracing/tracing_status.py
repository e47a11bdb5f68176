"""Tell what is traced: policies with their modes, what is attached, events and losses."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from lockgate_runtime.bpf import Map, possible_cpus
from lockgate_runtime.pins import list_folder
from lockgate_runtime.tracing.generation import tracing_folder
from lockgate_runtime.tracing.layout import TRACING_COUNTERS
from lockgate_runtime.tracing.modes import is_to_trace, read_modes
from lockgate_runtime.tracing.sensor import follows_credentials, has_sensor
from lockgate_runtime.tracing.sites import SITES, Sites, SitesError, read_sites

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lockgate_runtime.pins import Pins
    from lockgate_runtime.state import State


def read_tracing(pins: Pins, state: State, number: int | None) -> dict[str, Any] | None:
    """Return the plane of a generation as plain values; None where it traces nothing."""
    if number is None or not is_to_trace(pins, state, number):
        return None
    links = [pin.name for pin in list_folder(tracing_folder(pins, number) / "links")]
    found: dict[str, Any] = {
        "has_sensor": has_sensor(pins),
        "follows_credentials": follows_credentials(pins),
        "links": len(links),
        "counters": read_counters(pins),
        "policies": [],
        "sites": [],
    }
    try:
        sites = read_sites(state.generation(number) / SITES)
    except (OSError, SitesError):
        return found  # its names are lost, what acts is not
    return found | {
        "policies": list(_policies(pins, number, sites)),
        "sites": list(_sites(sites, links)),
    }


def read_counters(pins: Pins) -> dict[str, int]:
    """Return the counters of all tracing programs, over all CPUs and generations."""
    names = [field.name for field in TRACING_COUNTERS.fields]
    path = pins.map("tracing_counters")
    sums = dict.fromkeys(names, 0)
    if path.exists():
        with Map.pinned(path) as counters:
            value = counters.get(bytes(4)) or b""
        size = len(value) // possible_cpus()
        for at in range(0, len(value), size or 1):
            row = TRACING_COUNTERS.unpack(value[at : at + TRACING_COUNTERS.size])
            for name in names:
                sums[name] += int(row[name])
    return sums


def _policies(pins: Pins, number: int, sites: Sites) -> Iterator[dict[str, Any]]:
    hooks = Counter(hook["policy_number"] for hook in sites.hooks)
    modes = read_modes(pins, number, sites.policies)
    for policy, mode in zip(sites.policies, modes, strict=True):
        yield {
            "policy": policy.key,
            "mode": mode,
            "enforces": policy.enforces,
            "hooks": hooks[policy.number],
        }


def _sites(sites: Sites, links: list[str]) -> Iterator[dict[str, Any]]:
    attached = Counter(link.rpartition("-")[0] for link in links)
    for site in sites.sites:
        yield {
            "program": site.program,
            "stand": site.stand,
            "functions": list(site.functions),
            "links": attached[site.program],
        }


def print_tracing(tracing: dict[str, Any] | None) -> list[str]:
    """Return the lines of a status for people."""
    if tracing is None:
        return []
    lines = ["", "  mode     hooks  tracing policy"]
    for row in tracing["policies"]:
        mode = row["mode"] if row["enforces"] else "-"
        lines.append(f"  {mode:<8} {row['hooks']:>5}  {row['policy']}")
    if tracing["links"] and not tracing["policies"]:
        lines.append("  the names of what acts here are lost (--state): apply again")
    lines += [
        f"  {row['program']} is not attached: apply again"
        for row in tracing["sites"]
        if not row["links"]
    ]
    counters = tracing["counters"]
    lost = {name: n for name, n in counters.items() if n and name != "events"}
    said = "".join(f", {n} {name}" for name, n in sorted(lost.items()))
    lines.append(
        f"  links: {tracing['links']}, events: {counters['events']}{said or ', none lost'}"
    )
    if not tracing["has_sensor"]:
        lines.append("  the process sensor is not attached: apply again")
    elif not tracing["follows_credentials"]:
        lines.append("  credentials in events are those of exec: no trampolines here")
    return lines
