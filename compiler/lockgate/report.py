"""``report.md``: what a bundle holds, for the people who review it."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, TypeVar

from lockgate.diagnostics import Severity
from lockgate.ir.policy import Direction

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from lockgate.diagnostics import Diagnostic, Diagnostics
    from lockgate.ir.policy import Policy
    from lockgate.ir.tables import Tables
    from lockgate.tracing_plane import Plane
    from lockgate_runtime.manifest import Manifest

_Row = TypeVar("_Row")

_LONGEST = 200
"""Rows of a list in a report; more are counted, and stand in the files of ``tables/``."""

_UNENFORCED = "W30"
"""What the codes of warnings begin with that say that something is not enforced yet."""

_NOT_ENFORCED = "## Not enforced"
_ALL_ENFORCED = "Everything that the policies say is enforced."


def print_report(
    tables: Tables,
    policies: Sequence[Policy],
    diagnostics: Diagnostics,
    manifest: Manifest,
    plane: Plane | None = None,
) -> str:
    """Return the report as Markdown."""
    sections = [
        _summary(tables, policies, manifest),
        _unenforced(diagnostics),
        _warnings(diagnostics),
        _policies(tables, policies),
        _endpoints(tables),
        _sizes(manifest),
        _programs(manifest),
    ]
    if plane:
        sections.append(_tracing(plane))
    return "\n".join("".join(f"{line}\n" for line in lines) for lines in sections)


def says_all_enforced(report: str) -> bool:
    """Tell from the report of a bundle whether its policies ask for nothing else."""
    section = report.partition(f"\n{_NOT_ENFORCED}\n\n")[2]
    return section.startswith(f"{_ALL_ENFORCED}\n")


def _summary(
    tables: Tables, policies: Sequence[Policy], manifest: Manifest
) -> Iterator[str]:
    options = manifest.options
    isolated = sum(
        any(tables.tables[t].policies for t in (e.ingress_table, e.egress_table))
        for e in tables.endpoints
    )
    yield "# Bundle"
    yield ""
    yield "| | |"
    yield "|---|--:|"
    yield f"| policies | {len(policies)} |"
    yield f"| endpoints | {len(tables.endpoints)} |"
    yield f"| of them selected by a policy | {isolated} |"
    yield f"| nodes | {len(tables.hosts)} |"
    yield f"| identities | {len(tables.identities)} |"
    yield f"| identity classes | {tables.class_count} |"
    yield f"| prefixes | {len(tables.addresses)} |"
    yield f"| ranges of ports and types | {tables.atoms.count} |"
    yield f"| verdict tables | {len(tables.tables)} |"
    yield f"| decisions | {len(tables.decisions)} |"
    yield ""
    yield (
        f"Semantics: {options['semantics']}; policy mode: {options['enforcement_mode']}; "
        f"audited: {options['audit'] or 'what its annotation says'}."
    )


def _unenforced(diagnostics: Diagnostics) -> Iterator[str]:
    found = [d for d in diagnostics.found if d.code.startswith(_UNENFORCED)]
    yield _NOT_ENFORCED
    yield ""
    if not found:
        yield _ALL_ENFORCED
    yield from _listed(found, _message)


def _message(found: Diagnostic) -> str:
    return f"- {found.span.place if found.span else ''} {found.message} ({found.code})"


def _warnings(diagnostics: Diagnostics) -> Iterator[str]:
    found = [
        d
        for d in diagnostics.found
        if d.severity is Severity.WARNING and not d.code.startswith(_UNENFORCED)
    ]
    yield "## Warnings"
    yield ""
    if not found:
        yield "None."
    yield from _listed(found, _message)


def _policies(tables: Tables, policies: Sequence[Policy]) -> Iterator[str]:
    subjects: Counter[str] = Counter()
    pairs = Counter((e.ingress_table, e.egress_table) for e in tables.endpoints)
    pairs.update((h.ingress_table, h.egress_table) for h in tables.hosts)
    for pair, count in pairs.items():
        for key in {key for t in pair for key in tables.tables[t].policies}:
            subjects[key] += count
    yield "## Policies"
    yield ""
    yield "| policy | tier | selects | isolates | rules | where |"
    yield "|---|---|--:|---|--:|---|"
    yield from _listed(
        sorted(policies, key=lambda p: (p.key, p.part)),
        lambda policy: (
            f"| {policy.key} | {policy.tier.name.lower()} | {subjects[policy.key]} | "
            f"{_isolates(policy)} | "
            f"{len(policy.ingress.rules) + len(policy.egress.rules)} | "
            f"{policy.span.place} |"
        ),
    )


def _isolates(policy: Policy) -> str:
    return ", ".join(d.value for d in Direction if policy.section(d).isolates)


def _endpoints(tables: Tables) -> Iterator[str]:
    yield "## Endpoints"
    yield ""
    yield "| endpoint | node | identity | ingress | egress |"
    yield "|---|---|--:|---|---|"
    yield from _listed(
        tables.endpoints,
        lambda e: (
            f"| {e.namespace}/{e.name} | {e.node or ''} | {e.identity} | "
            f"{_table(tables, e.ingress_table)} | {_table(tables, e.egress_table)} |"
        ),
    )
    yield from _listed(
        [host for host in tables.hosts if host.is_enforced],
        lambda host: (
            f"| node {host.node} | {host.node} | {host.identity} | "
            f"{_table(tables, host.ingress_table)} | "
            f"{_table(tables, host.egress_table)} |"
        ),
    )


def _table(tables: Tables, number: int) -> str:
    policies = tables.tables[number].policies
    more = f" and {len(policies) - 3} more" if len(policies) > 3 else ""
    return f"{number}: {', '.join(policies[:3])}{more}" if policies else "no policy"


def _sizes(manifest: Manifest) -> Iterator[str]:
    filled = {table.kind for table in manifest.tables}
    yield "## Maps"
    yield ""
    yield (
        f"{manifest.sizes.map_entries} entries, {_size(manifest.sizes.map_bytes)}, "
        "for the whole cluster; a node takes its part."
    )
    yield ""
    yield "| map | kind | entries | size |"
    yield "|---|---|--:|--:|"
    for map_ in manifest.maps:
        if map_.name in filled:
            size = _size(map_.bytes)
            yield f"| {map_.name} | {map_.kind} | {map_.entries} | {size} |"


def _programs(manifest: Manifest) -> Iterator[str]:
    yield "## Programs"
    yield ""
    yield "| program | object | instructions |"
    yield "|---|---|--:|"
    for program in manifest.programs:
        yield f"| {program.name} | {program.object} | {program.instructions} |"
    yield ""
    needs = ", ".join(f"{f.name} ({f.since})" for f in manifest.features)
    yield f"Linux {manifest.kernel} or newer, with BTF; among others {needs}."


def _listed(rows: Sequence[_Row], show: Callable[[_Row], str]) -> Iterator[str]:
    yield from map(show, rows[:_LONGEST])
    if len(rows) > _LONGEST:
        yield ""
        yield f"{len(rows) - _LONGEST} more: see `tables/`."


def _size(count: int) -> str:
    if count < 1000:
        return f"{count} B"
    return f"{count / 1e6:.1f} MB" if count >= 1e6 else f"{count / 1e3:.1f} kB"


def _tracing(plane: Plane) -> Iterator[str]:
    """Say where the hooks of tracing policies stand on each target."""
    yield "## Tracing"
    for target in plane.targets:
        sites = target.build.sites
        by_hook = {n: site for site in sites["sites"] for n in site["hooks"]}
        yield ""
        yield f"Target {target.name}: Linux {target.facts['release']}."
        yield ""
        yield "| policy | mode | hook | stands as | program | where |"
        yield "|---|---|---|---|---|---|"
        modes = {row["number"]: row["mode"] for row in sites["policies"]}
        yield from _listed(
            sites["hooks"],
            lambda hook, by_hook=by_hook, modes=modes: (  # type: ignore[misc]  # bound now
                f"| {hook['policy']} | {modes[hook['policy_number']]} | "
                f"{hook['kind']} {hook['function']} | "
                f"{by_hook[hook['number']]['stand']} | "
                f"{by_hook[hook['number']]['program']} | {hook['source']} |"
            ),
        )
