"""Compile the objects of a case, each one a document of its own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lockgate.codegen.pack import pack_tables
from lockgate.diagnostics import Diagnostics, Severity
from lockgate.frontend.documents import documents_from_text, parse_documents
from lockgate.frontend.unenforced import report_unenforced
from lockgate.identity_lock import IdentityLock
from lockgate.options import EnforcementMode, Options, Semantics
from lockgate.passes.pipeline import build_tables
from lockgate.requests import RuleRequests
from lockgate.simulation import Judge, Simulation, TableJudge
from lockgate_runtime.tables import PackedTables

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from lockgate.ir.cluster import Cluster
    from lockgate.ir.policy import Policy

Object = dict[str, Any]


class RefusedError(Exception):
    """The objects have errors."""


def make_options(
    semantics: str = "kubernetes",
    enforcement_mode: str = "default",
    audit: Iterable[str] = (),
) -> Options:
    """Return options under which L7 rules are no error."""
    return Options(
        semantics=Semantics(semantics),
        enforcement_mode=EnforcementMode(enforcement_mode),
        allow_unenforced=True,
        audit=frozenset(audit),
    )


def parse_objects(
    objects: Sequence[Object], options: Options, diagnostics: Diagnostics
) -> tuple[Cluster, tuple[Policy, ...]]:
    """Read objects; the document of object ``i`` is called ``i.json``."""
    texts = {f"{i}.json": json.dumps(o, indent=1) for i, o in enumerate(objects)}
    cluster, policies, *_ = parse_documents(
        documents_from_text(texts), options, diagnostics
    )
    return cluster, policies


def refused_objects(objects: Sequence[Object], options: Options) -> set[int]:
    """Return the indexes of objects with errors."""
    diagnostics = Diagnostics()
    _, policies = parse_objects(objects, options, diagnostics)
    report_unenforced(policies, options, diagnostics)
    return {
        int(Path(found.span.source.name).stem)
        for found in diagnostics.found
        if found.severity is Severity.ERROR and found.span is not None
    }


def compile_objects(objects: Sequence[Object], options: Options) -> Simulation:
    """Compile objects as far as packed tables, and return a simulation over them."""
    diagnostics = Diagnostics()
    cluster, policies = parse_objects(objects, options, diagnostics)
    report_unenforced(policies, options, diagnostics)
    _refuse(diagnostics)
    tables = build_tables(cluster, policies, IdentityLock(), options, diagnostics)
    _refuse(diagnostics)
    packed = PackedTables(pack_tables(tables))
    return simulate(packed, TableJudge(packed), cluster, policies)


def simulate(
    tables: PackedTables, judge: Judge, cluster: Cluster, policies: Iterable[Policy]
) -> Simulation:
    """Return a simulation with all that the files know."""
    host_pods = {f"{pod.namespace}/{pod.name}": pod.node for pod in cluster.host_pods}
    return Simulation(tables, judge, host_pods, RuleRequests(policies, tables))


def _refuse(diagnostics: Diagnostics) -> None:
    if not diagnostics.ok:
        errors = (
            f"{found.code} {found.message} ({found.span})"
            for found in diagnostics.found
            if found.severity is Severity.ERROR
        )
        raise RefusedError("; ".join(errors))
