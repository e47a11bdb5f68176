"""Build the tracing programs of some policies for one target: C texts, tables, names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockgate.codegen.render import render
from lockgate.codegen.tracing import TracingBuild
from lockgate.codegen.tracing.classes import LISTS, collect_classes, print_lists
from lockgate.codegen.tracing.enforcers import enforcer_row, render_enforcer
from lockgate.codegen.tracing.lists import number_rows, with_lists
from lockgate.codegen.tracing.names import print_sites
from lockgate.codegen.tracing.owners import (
    render_sockets,
    sockets_row,
    tracks_sockets,
)
from lockgate.codegen.tracing.program import render_site
from lockgate.codegen.tracing.tables import (
    generation_tables,
    site_tables,
)
from lockgate.codegen.tracing.workloads import FILE as WORKLOADS
from lockgate.codegen.tracing.workloads import print_workloads
from lockgate.codegen.tracing_header import tracing_headers
from lockgate.lowering.sites import lower_policies

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lockgate.diagnostics import Diagnostics
    from lockgate.ir.cluster import Cluster
    from lockgate.ir.site import Generation
    from lockgate.ir.tracing import TracingPolicy
    from lockgate.targets.target import Target

_DEEPEST_ANCESTRY = 64
"""Generations over which a rule that follows processes is looked for among those that run."""


def build(
    policies: Sequence[TracingPolicy],
    target: Target,
    diagnostics: Diagnostics,
    cluster: Cluster | None = None,
) -> TracingBuild:
    """Return the programs, their tables and their names; errors are in ``diagnostics``.

    ``cluster`` is the snapshot, which says which pods, containers and nodes there are.
    """
    generation = lower_policies(policies, target, diagnostics, cluster)
    return build_generation(generation, target)


def build_generation(generation: Generation, target: Target) -> TracingBuild:
    """Return the programs of sites that are lowered already."""
    classes = collect_classes(generation)
    sources = dict(tracing_headers())
    tables = [*generation_tables(generation)]
    for site in generation.sites:
        tables += site_tables(site, classes, generation.workloads)
    numbers = number_rows(tables)
    for site in generation.sites:
        sources[f"{site.name}.c"] = render_site(site, generation, target, numbers)
    rows = []
    if tracks_sockets(generation):
        sources["sockets.c"] = render_sockets(target)
        rows.append(sockets_row(target))
    for enforcer in generation.enforcers:
        sources[f"{enforcer.name}.c"] = render_enforcer(enforcer, target)
        rows.append(enforcer_row(enforcer))
    if classes.has_paths or classes.numbers:
        sources["classify.c"] = render(
            "tracing/classify.c.j2",
            rounds=_DEEPEST_ANCESTRY,
            paths=classes.has_paths,
            numbers=bool(classes.numbers),
        )
    tables = [*with_lists(tables, classes)]
    files = {name: data for table in tables for name, data in table.files.items()}
    if classes.has_paths:
        files[LISTS] = print_lists(classes)
    if generation.workloads is not None:
        files[WORKLOADS] = print_workloads(generation.workloads)
    return TracingBuild(
        dict(sorted(sources.items())),
        print_sites(generation, [table.row for table in tables], rows),
        dict(sorted(files.items())),
    )
