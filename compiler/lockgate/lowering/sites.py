"""Gather the hooks of all policies into sites, each decided by one program.

Before: where each hook stands on a target.  After: sites, with selectors numbered in the
order of policy keys, hooks and selectors, and what they ask split into dimensions.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from lockgate.ir.cluster import Cluster
from lockgate.ir.placement import DENYING, Result, Stand
from lockgate.ir.room import most_selectors
from lockgate.ir.site import (
    Dimension,
    Facet,
    Generation,
    Origin,
    Site,
    SiteHook,
    SiteSelector,
    Value,
    follow_key,
)
from lockgate.ir.tracing import OF_32_BITS
from lockgate.ir.tracing_actions import Action, ActionKind
from lockgate.ir.tracing_selectors import HookSelector
from lockgate.lowering.dimensions import dimensions_of
from lockgate.lowering.enforcers import enforcer_sites
from lockgate.lowering.places import place_policy
from lockgate.lowering.settle import settle
from lockgate.lowering.workload_reports import report_workloads
from lockgate.lowering.workloads import collect_workloads, workload_tests

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from lockgate.diagnostics import Diagnostics
    from lockgate.ir.placement import Placement, Reading
    from lockgate.ir.site import FollowKey, FollowRule
    from lockgate.ir.tracing import Hook, TracingPolicy
    from lockgate.ir.tracing_arguments import Argument
    from lockgate.targets.target import Target

AT_ENTRY = frozenset(
    {ActionKind.OVERRIDE, ActionKind.SIGNAL, ActionKind.NOTIFY_ENFORCER}
)
"""What is done where an operation begins, if it can be denied there."""

MOST_TEXTS = 5
"""Strings that one site can judge (TEXT_ROOMS of rooms.h, but the last)."""

MOST_FOLLOWING = 64
"""Rules that follow processes: the bits of ``process.followed``."""


def lower_policies(
    policies: Iterable[TracingPolicy],
    target: Target,
    diagnostics: Diagnostics,
    cluster: Cluster | None = None,
) -> Generation:
    """Return all sites of some policies on one target; what is refused is diagnosed.

    ``cluster`` is the snapshot, which says which pods, containers and nodes there are.
    """
    ordered = tuple(sorted(policies, key=lambda policy: policy.key))
    placements = [p for policy in ordered for p in place_policy(policy, target)]
    generation = gather_sites(ordered, placements, target, diagnostics)
    if not workload_tests(generation):
        return generation
    cluster = cluster or Cluster()
    workloads = collect_workloads(generation, cluster)
    report_workloads(generation, cluster, workloads, diagnostics)
    return replace(generation, workloads=workloads)


def gather_sites(
    policies: tuple[TracingPolicy, ...],
    placements: Sequence[Placement],
    target: Target,
    diagnostics: Diagnostics,
) -> Generation:
    """Return the sites of placements that are in the order of policies and hooks."""
    report_placements(placements, diagnostics)
    standing = [p for p in settle(placements) if p.result is not Result.REFUSED]
    numbers: dict[tuple[str, str], int] = {}
    for placement in standing:
        key = placement.policy.key, placement.hook.path
        numbers.setdefault(key, len(numbers))
    policy_numbers = {policy.key: number for number, policy in enumerate(policies)}
    places: dict[tuple[str, str], list[Placement]] = {}
    for placement in standing:
        places.setdefault(_program_place(placement), []).append(placement)
    shared: dict[tuple[object, ...], list[str]] = {}
    groups: dict[tuple[object, ...], list[Placement]] = {}
    for (stand, function), hooks in sorted(places.items()):
        alike = (
            stand,
            function.startswith(OF_32_BITS),  # their arguments are in other registers
            *((_numbered(p, numbers), _readings(p), p.stand) for p in hooks),
        )
        shared.setdefault(alike, []).append(function)
        groups.setdefault(alike, hooks)
    sites = tuple(
        _site(
            number,
            Stand(alike[0]),
            groups[alike],
            tuple(functions),
            numbers,
            policy_numbers,
        )
        for number, (alike, functions) in enumerate(shared.items())
    )
    for site in sites:
        _check_texts(site, diagnostics)
        _check_selectors(site, diagnostics)
        _warn_of_denials(site, diagnostics)
    followed = _followed(sites, diagnostics)
    # Where an enforcer cannot stand, the hooks that notify it are refused already.
    enforcers = enforcer_sites(policies, target) if diagnostics.ok else ()
    return Generation(target.name, policies, sites, followed, tuple(enforcers))


def _followed(sites: Sequence[Site], diagnostics: Diagnostics) -> dict[FollowKey, int]:
    """Return the bit of each selector that follows processes; refuse more than there are.

    Each has its own, so that another list in one changes nothing of others.  Where there are too
    many of them, those whose rules are the same share one.
    """
    asked = {
        follow_key(test): test
        for site in sites
        for dimension in site.dimensions
        if dimension.facet is Facet.FOLLOWED
        for test in dimension.tests
    }
    if len(asked) <= MOST_FOLLOWING:
        return {key: bit for bit, key in enumerate(asked)}
    bits: dict[FollowRule, int] = {}
    shared = {key: bits.setdefault(key.rule, len(bits)) for key in asked}
    if len(bits) > MOST_FOLLOWING:
        message = f"{len(bits)} different rules follow processes to their children"
        help_ = (
            f"a process has room for {MOST_FOLLOWING}: let policies share their lists"
        )
        over = next(key for key, bit in shared.items() if bit == MOST_FOLLOWING)
        diagnostics.error("E3138", message, over.span, help=help_)
    return shared


def _program_place(placement: Placement) -> tuple[str, str]:
    """Return where the program stands that decides: at the return where that is asked."""
    stand, function = placement.stand, placement.function
    if placement.hook.has_return and stand in DENYING:
        if stand is Stand.LSM:
            function = f"security_{function}"
        stand = Stand.FEXIT
    return stand.value if stand else "", function


def _check_texts(site: Site, diagnostics: Diagnostics) -> None:
    """Refuse more strings than a program has room for."""
    judged = {
        dimension.value: dimension.tests[0].span
        for dimension in site.dimensions
        if dimension.facet in (Facet.TEXT, Facet.PATH)
    }
    if len(judged) > MOST_TEXTS:
        message = f"{site.functions[0]} would judge {len(judged)} different strings"
        help_ = f"it has room for {MOST_TEXTS}: compare fewer arguments as strings"
        diagnostics.error("E3132", message, list(judged.values())[-1], help=help_)


def _check_selectors(site: Site, diagnostics: Diagnostics) -> None:
    """Refuse more selectors than a program has room for."""
    count, most = len(site.selectors), most_selectors(site)
    if count > most:
        message = (
            f"{count} selectors would be judged at {site.functions[0]}, and a program that does "
            f"what these do has room for {most}"
        )
        help_ = (
            "let one selector have the values of many, which have no limit, or split the policies "
            "over two hooks"
        )
        over = site.selectors[most].selector.span
        diagnostics.error("E3139", message, over, help=help_)


def _warn_of_denials(site: Site, diagnostics: Diagnostics) -> None:
    """Tell where policies return different errors for one operation."""
    first: tuple[str, Action] | None = None
    for hook in site.hooks:
        for number in hook.selectors:
            for action in site.selectors[number].actions:
                if action.kind is not ActionKind.OVERRIDE:
                    continue
                if first is None:
                    first = hook.policy.key, action
                elif first[0] != hook.policy.key and first[1].error != action.error:
                    message = (
                        f"{hook.policy.key} returns {action.error} at {site.functions[0]}, and "
                        f"{first[0]} returns {first[1].error} ({first[1].span.place})"
                    )
                    help_ = f"where both match, {first[1].error} is returned"
                    diagnostics.warning("W3133", message, action.span, help=help_)
                    return


def report_placements(
    placements: Sequence[Placement], diagnostics: Diagnostics
) -> None:
    """Diagnose what is refused, and what is lost where a hook stands elsewhere."""
    for placement in placements:
        if not placement.code:
            continue
        message = f"{placement.reason} (target {placement.target})"
        report = {
            "E": diagnostics.error,
            "W": diagnostics.warning,
            "N": diagnostics.note,
        }[placement.code[0]]
        help_ = placement.suggestion or None
        report(placement.code, message, placement.hook.span, help=help_)


def _numbered(
    placement: Placement, numbers: dict[tuple[str, str], int]
) -> tuple[int, ...]:
    return (numbers[placement.policy.key, placement.hook.path],)


def _readings(placement: Placement) -> tuple[object, ...]:
    return placement.arguments, placement.data, placement.returned


def _site(
    number: int,
    stand: Stand,
    placements: Sequence[Placement],
    functions: tuple[str, ...],
    numbers: dict[tuple[str, str], int],
    policy_numbers: dict[str, int],
) -> Site:
    values: dict[Value, int] = {}
    hooks: list[SiteHook] = []
    selectors: list[SiteSelector] = []
    for placement in placements:
        hook = placement.hook
        first = len(selectors)
        for selector in hook.selectors or (HookSelector(hook.span),):
            actions = (*selector.actions, *selector.return_actions)
            if placement.stand in DENYING and hook.has_return:
                # What is done is done at the entry; the return tells of it.
                told = (a for a in selector.actions if a.kind not in AT_ENTRY)
                actions = (*told, *selector.return_actions)
            site_number = len(selectors)
            hook_number = numbers[placement.policy.key, hook.path]
            selectors.append(
                SiteSelector(site_number, hook_number, selector, actions or _post(hook))
            )
        hooks.append(
            SiteHook(
                number=numbers[placement.policy.key, hook.path],
                policy_number=policy_numbers[placement.policy.key],
                policy=placement.policy,
                hook=hook,
                placement=placement,
                arguments=_values(
                    Origin.ARGUMENT, hook.arguments, placement.arguments, values
                ),
                data=_values(Origin.DATA, hook.data, placement.data, values),
                returned=_returned(placement, values),
                selectors=tuple(range(first, len(selectors))),
            )
        )
    denials = {p.stand for p in placements if p.stand is not stand}
    site = Site(
        number,
        stand,
        functions,
        tuple(hooks),
        tuple(selectors),
        tuple(values),
        (),
        next(iter(denials), None),
    )
    return replace(site, dimensions=_sorted(dimensions_of(site), len(selectors)))


def _sorted(dimensions: Iterable[Dimension], selectors: int) -> tuple[Dimension, ...]:
    """Put first what all selectors ask, since that can end the matter; then what is cheap."""

    def turn(dimension: Dimension) -> tuple[bool, int]:
        return len(dimension.tests) < selectors, dimension.facet.order

    return tuple(sorted(dimensions, key=turn))


def _post(hook: Hook) -> tuple[Action, ...]:
    return (Action(ActionKind.POST, hook.span),)


def _values(
    origin: Origin,
    arguments: tuple[Argument, ...],
    readings: tuple[Reading, ...],
    values: dict[Value, int],
) -> tuple[int, ...]:
    found = []
    for place, (argument, reading) in enumerate(zip(arguments, readings, strict=True)):
        index = argument.index if origin is Origin.ARGUMENT else place
        found.append(_number(_value(origin, index, argument, reading), values))
    return tuple(found)


def _value(origin: Origin, index: int, argument: Argument, reading: Reading) -> Value:
    if origin is Origin.DATA:
        index = 0  # the task: what is read is in the steps
    return Value(
        origin,
        index,
        reading,
        argument.size_index,
        argument.is_long,
        argument.is_copied_at_return,
    )


def _returned(placement: Placement, values: dict[Value, int]) -> int | None:
    argument, reading = placement.hook.returned, placement.returned
    if argument is None or reading is None:
        return None
    return _number(_value(Origin.RETURN, 0, argument, reading), values)


def _number(value: Value, values: dict[Value, int]) -> int:
    return values.setdefault(value, len(values))
