"""Read and change the modes of tracing policies while they are in force.

A policy in enforce mode denies and signals; in monitor mode its events tell what it would have
done.  The map ``modes`` of a generation has a word for each policy, which every hit reads: a
change acts at once, and lasts until the next apply.
"""

from __future__ import annotations

import json
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from lockgate_runtime.bpf import Map
from lockgate_runtime.damage import check_active
from lockgate_runtime.errors import NodeError
from lockgate_runtime.generation import generation_in
from lockgate_runtime.slot import read_slot
from lockgate_runtime.tracing.apply_plane import stands_of
from lockgate_runtime.tracing.generation import has_tracing, tracing_map
from lockgate_runtime.tracing.guard import DEEDS, check_processes, on_node
from lockgate_runtime.tracing.mode_map import (
    ENFORCE,
    MODES,
    read_mode,
    write_mode,
)
from lockgate_runtime.tracing.self_test import try_stands
from lockgate_runtime.tracing.sites import SITES, Sites, SitesError, read_sites

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lockgate_runtime.pins import Pins
    from lockgate_runtime.state import State
    from lockgate_runtime.tracing.sites import TracedPolicy


def is_to_trace(pins: Pins, state: State, number: int) -> bool:
    """Whether a generation traces, or would, had nobody removed its plane."""
    return has_tracing(pins, number) or (state.generation(number) / SITES).exists()


def read_modes(pins: Pins, number: int, policies: Iterable[TracedPolicy]) -> list[str]:
    """Return the mode of each policy, as the kernel has it."""
    path = tracing_map(pins, number, MODES)
    if not path.exists():
        return [policy.mode for policy in policies]
    with Map.pinned(path) as modes:
        return [read_mode(modes, policy.number, number) for policy in policies]


def set_mode(
    pins: Pins, state: State, name: str, mode: str, *, is_unguarded: bool = False
) -> list[tuple[str, str]]:
    """Put a policy (by name or key) in a mode; return (key, mode before) of what has the name.

    E5149 where none in force has it.  Before it enforces, its ways to do so are tried (E5144),
    and the processes that a node needs are guarded from it (E5145).
    """
    check_active(pins)
    number = generation_in(pins, read_slot(pins).active)
    if number is None or not is_to_trace(pins, state, number):
        raise NodeError(
            "E5149",
            "no tracing policy is in force",
            "apply a bundle with one first (lockgate status shows what is in force)",
        )
    sites = _sites(state, number)
    chosen = [p for p in sites.policies if name in (p.key, p.name)]
    if not chosen:
        raise _unknown(name, sites)
    if mode == ENFORCE:
        _check(state, number, sites, chosen, is_unguarded=is_unguarded)
    path = tracing_map(pins, number, MODES)
    if not path.exists():
        raise NodeError(
            "E5148",
            f"the modes of generation {number} cannot be changed: somebody removed {path}",
            "apply its bundle again",
        )
    before = read_modes(pins, number, chosen)
    with Map.pinned(path) as modes:
        for policy in chosen:
            write_mode(modes, policy.number, number, mode)
    return [(policy.key, old) for policy, old in zip(chosen, before, strict=True)]


def _check(
    state: State,
    number: int,
    sites: Sites,
    chosen: list[TracedPolicy],
    *,
    is_unguarded: bool,
) -> None:
    if not is_unguarded:
        keys = {policy.key for policy in chosen}
        deeds = on_node(_deeds(state, number), state.read_node(number).get("node", ""))
        check_processes(deed for deed in deeds if deed["policy"] in keys)
    try_stands(stands_of(sites, {p.number for p in chosen if p.enforces}))


def _deeds(state: State, number: int) -> list[dict[str, Any]]:
    """Return what the enforcing selectors do; E5148 where that is lost or damaged."""
    try:
        found = json.loads((state.generation(number) / DEEDS).read_bytes())
        if all(isinstance(deed["policy"], str) for deed in found):
            return list(found)
        error: Exception = ValueError("a deed has no policy")
    except (OSError, ValueError, TypeError, KeyError) as caught:
        error = caught
    raise NodeError(
        "E5148",
        f"it is not known any more whom policies of generation {number} would hit: {error}",
        "apply its bundle again, or say --unguarded",
    )


def _sites(state: State, number: int) -> Sites:
    try:
        return read_sites(state.generation(number) / SITES)
    except (OSError, SitesError) as error:
        raise NodeError(
            "E5148",
            f"it is not known any more which policies generation {number} has: {error}",
            "apply its bundle again",
        ) from None


def _unknown(name: str, sites: Sites) -> NodeError:
    names = sorted({p.name for p in sites.policies} | {p.key for p in sites.policies})
    near = get_close_matches(name, names, n=1)
    return NodeError(
        "E5149",
        f"no tracing policy in force is called {name!r}",
        f"did you mean {near[0]}?"
        if near
        else f"these are: {', '.join(p.key for p in sites.policies)}",
    )
