"""``apply``: put a bundle in force on this node."""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lockgate_runtime.verbs import (
    Answer,
    add_lock,
    add_output,
    add_place,
    faults_to_exit_codes,
    show,
    tell_waiting,
)

if TYPE_CHECKING:
    from lockgate_runtime.apply import Outcome

EXAMPLES = """
  lockgate apply bundle/                             for the node with this host's name
  lockgate apply bundle/ --node worker-3 --dry-run   what would change; nothing changes
  lockgate apply bundle/ --confirm-within 60s        falls back by itself, unless ...
  lockgate confirm                                   ... this comes in time
  lockgate apply bundle/ --guard tcp/22              refuses to cut this SSH session
  lockgate apply bundle/ --endpoints here.json       where endpoints are, by name
"""

_LONGEST = 8760 * 3600
_UNITS = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0, "ms": 0.001}


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("bundle", type=Path, help="what `lockgate compile` wrote")
    parser.add_argument("--node", metavar="NAME", help="default: this host's name")
    parser.add_argument(
        "--endpoints",
        type=Path,
        metavar="FILE",
        help="where endpoints of the bundle are: namespace, name, interface or cgroup",
    )
    parser.add_argument(
        "--devices",
        type=lambda text: tuple(filter(None, text.split(","))),
        default=(),
        metavar="NAMES",
        help="the host's devices, for its policies (default: those with a default route)",
    )
    parser.add_argument(
        "--confirm-within",
        type=_duration,
        default=0.0,
        metavar="TIME",
        help="fall back to the policy before, unless confirmed in time (60s, 5m)",
    )
    parser.add_argument(
        "--guard",
        metavar="PROTOCOL/PORT",
        help="refuse a policy that would cut this connection to us (tcp/22)",
    )
    parser.add_argument(
        "--guard-peer", metavar="ADDRESS", help="its other end (default: SSH's client)"
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="print what would change"
    )
    parser.add_argument(
        "--event-rate",
        type=_rate,
        default=1000,
        metavar="N",
        help="most events a second and CPU; more are counted (default: %(default)s)",
    )
    parser.add_argument(
        "--host-mark",
        type=_bit,
        default=1 << 5,
        metavar="BIT",
        help="packet mark of forwarded packets, with host policies (default: %(default)s)",
    )
    parser.add_argument(
        "--drop-plane",
        action="append",
        choices=("network", "tracing"),
        default=[],
        dest="dropped",
        help="end the enforcement of a plane that the bundle has nothing in",
    )
    parser.add_argument(
        "--unguarded",
        action="store_true",
        help="apply tracing policies even if they would hit init, sshd, the kubelet, sudo or us",
    )
    parser.add_argument(
        "-v", "--verbose", action="store_true", help="print each step before it is made"
    )
    parser.set_defaults(placements=None)
    add_lock(parser)
    add_place(parser)
    add_output(parser)


_OBJECTS = 50_000
"""How many more objects there are before cycles of them are looked for."""


@faults_to_exit_codes
def run(arguments: argparse.Namespace) -> int:
    """Apply, and say what was done."""
    import gc
    import os

    # Modules and tables that stay to the end: to look through them again and again is in vain.
    gc.set_threshold(_OBJECTS)
    from lockgate_runtime.apply import Request, apply
    from lockgate_runtime.endpoints import read_placements
    from lockgate_runtime.guard import parse_guard

    placements = arguments.placements
    if placements is None and arguments.endpoints:
        placements = read_placements(arguments.endpoints)
    guard = None
    if arguments.guard:
        try:
            guard = parse_guard(arguments.guard, arguments.guard_peer)
        except ValueError as error:
            print(f"lockgate apply: --guard: {error}", file=sys.stderr)
            return 2
    request = Request(
        bundle=arguments.bundle,
        root=arguments.root,
        state=arguments.state,
        node=arguments.node or os.uname().nodename,
        placements=placements or {},
        devices=arguments.devices,
        confirm_within=arguments.confirm_within,
        guard=guard,
        dry_run=arguments.dry_run,
        wait=not arguments.no_wait,
        event_rate=arguments.event_rate,
        host_mark=arguments.host_mark,
        dropped_planes=frozenset(arguments.dropped),
        is_unguarded=arguments.unguarded,
    )
    outcome = apply(request, _tell if arguments.verbose else _silent, tell_waiting)
    answer = Answer([_plain(outcome)], _summary(outcome), outcome.warnings)
    show(arguments, answer, *_lines(outcome))
    return 0


def _tell(step: str) -> None:
    print(f"step: {step}", file=sys.stderr)


def _silent(_step: str) -> None:
    pass


def _plain(outcome: Outcome) -> dict[str, Any]:
    return {
        "generation": outcome.generation,
        "dry_run": outcome.is_dry,
        "confirm_within": outcome.confirm_within,
        "bundle": outcome.bundle,
        "endpoints": [
            {
                "namespace": one.endpoint.namespace,
                "name": one.endpoint.name,
                "where": one.where,
            }
            for one in outcome.present
        ],
        "kept": [
            {
                "namespace": one.endpoint.namespace,
                "name": one.endpoint.name,
                "where": one.where,
                "why": one.kept,
            }
            for one in outcome.present
            if one.kept
        ],
        "absent": [
            {
                "namespace": one.endpoint.namespace,
                "name": one.endpoint.name,
                "why": one.why,
            }
            for one in outcome.absent
        ],
        "devices": [device.name for device in outcome.devices],
        "attached": [place.name for place in outcome.attached],
        "detached": [place.name for place in outcome.detached],
        "tracing_policies": outcome.tracing_policies,
        "self_tests": outcome.self_tests,
        "seconds": outcome.seconds,
    }


def _summary(outcome: Outcome) -> dict[str, int]:
    return {
        "endpoints": len(outcome.present),
        "absent": len(outcome.absent),
        "attached": len(outcome.attached),
        "detached": len(outcome.detached),
        "tracing_policies": len(outcome.tracing_policies),
        "warnings": len(outcome.warnings),
    }


def _lines(outcome: Outcome) -> list[str]:
    lines: list[str] = []
    endpoints = f"{len(outcome.present)} endpoint{'s' * (len(outcome.present) != 1)}"
    if number := len(outcome.tracing_policies):
        endpoints += f", {number} tracing polic{'y' if number == 1 else 'ies'}"
    if outcome.devices:
        endpoints += f" and the host ({', '.join(d.name for d in outcome.devices)})"
    if outcome.is_dry:
        lines += [f"would attach {place.name}" for place in outcome.attached]
        lines += [f"would detach {place.name}" for place in outcome.detached]
        lines.append(f"would be generation {outcome.generation} for {endpoints}")
    else:
        lines += [f"attached {place.name}" for place in outcome.attached]
        lines += [f"detached {place.name}" for place in outcome.detached]
        lines += [f"tried: {stand} enforces here" for stand in outcome.self_tests]
        lines.append(
            f"generation {outcome.generation} is in force for {endpoints} "
            f"({outcome.seconds:.2f} s)"
        )
    if outcome.confirm_within and not outcome.is_dry:
        lines.append(
            f"confirm it within {outcome.confirm_within:g} s (lockgate confirm), or the "
            "kernel goes back to the policy before"
        )
    return lines


def _duration(text: str) -> float:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)(ms|s|m|h|)", text)
    if not match or float(match[1]) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a time like 60s or 5m")
    seconds = float(match[1]) * _UNITS[match[2]]
    if seconds > _LONGEST:
        raise argparse.ArgumentTypeError("the longest time is 8760h, a year")
    return seconds


def _rate(text: str) -> int:
    if not text.isdecimal() or int(text) >= 1 << 32:
        raise argparse.ArgumentTypeError(f"{text!r} is not from 0 to 4294967295")
    return int(text)


def _bit(text: str) -> int:
    try:
        mark = int(text, 0)
    except ValueError:
        mark = 0
    if mark not in (1 << bit for bit in range(32)):
        raise argparse.ArgumentTypeError(
            f"{text!r} is not one bit of 32, like 32 or 0x20"
        )
    return mark
