"""What is compared: policies and a snapshot, compiled as far as verdict tables.

Sources can be put together anew: the policies of one side on the snapshot of the other.
That tells what a snapshot alone has changed.  A bundle does not keep its policies.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import TYPE_CHECKING, NamedTuple

from lockgate.artifact import describe_tables
from lockgate.codegen.pack import pack_maps
from lockgate.diagnostics import Diagnostics
from lockgate.faults import Fault
from lockgate.frontend.documents import Documents, parse_documents
from lockgate.passes.pipeline import run_passes
from lockgate.report import says_all_enforced
from lockgate.review.comparison import Sizes
from lockgate.review.joint import FIRST_TABLE
from lockgate.review.view_of_bundle import view_of_bundle
from lockgate.review.view_of_tables import view_of_tables
from lockgate_runtime.manifest import ManifestError, read_bundle
from lockgate_runtime.tables import PackedTables

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from lockgate.frontend.inputs import InputFile
    from lockgate.ir.cluster import Cluster, Endpoint, Node, Service
    from lockgate.ir.policy import Policy
    from lockgate.ir.tables import Tables
    from lockgate.ir.tracing import TracingPolicy
    from lockgate.options import Options
    from lockgate.passes.pipeline import Middle
    from lockgate.review.view import View
    from lockgate_runtime.manifest import Table


class Parsed(NamedTuple):
    """What documents say; policies sorted by key."""

    cluster: Cluster
    policies: tuple[Policy, ...]
    tracing_policies: tuple[TracingPolicy, ...] = ()


@dataclass(frozen=True, slots=True)
class PolicySet:
    """One side: its tables in view; ``parsed`` and ``middle`` are None for a bundle.

    ``texts`` are the hashes of the inputs by their names in artifacts, ``paths`` where
    these are on the disk, or from the root of the repository.  ``meaning`` are the options
    that change what policies mean, as a manifest has them.  ``is_whole``: what policies ask
    for is all in view; a bundle has nothing of what it does not enforce.  ``has_tracing``:
    there are tracing policies.
    """

    label: str
    view: View
    sizes: Sizes
    parsed: Parsed | None = None
    middle: Middle | None = None
    digest: str | None = None
    texts: frozenset[tuple[str, bytes]] = frozenset()
    paths: Mapping[str, str] = field(default_factory=dict)
    meaning: Mapping[str, str] = field(default_factory=dict)
    is_whole: bool = True
    has_tracing: bool = False


# ---------------------------------------------------------------- sources


@dataclass
class SourceReader:
    """Reads the sources of both sides; what they share is read once.

    Everything counts as enforced: what a policy says is compared, whoever enforces it.
    """

    options: Options
    cache: Path | None
    diagnostics: Diagnostics
    _shared: tuple[tuple[InputFile, ...], Parsed] | None = None

    def read(
        self, files: tuple[InputFile, ...], shared: tuple[InputFile, ...]
    ) -> Parsed:
        """Read a side's own files and those of both."""
        if not shared:
            return self._parse(files, self.diagnostics)
        if not files:
            return self._read_shared(shared)
        aside = Diagnostics()
        own = self._parse(files, aside)
        if _has_snapshot(own.cluster):
            return self._parse((*files, *shared), self.diagnostics)
        both = self._read_shared(shared)
        if _has_duplicates(own, both):
            return self._parse((*files, *shared), self.diagnostics)
        self.diagnostics.found += aside.found
        groups = (*own.cluster.cidr_groups, *both.cluster.cidr_groups)
        cluster = replace(
            both.cluster, cidr_groups=tuple(sorted(groups, key=lambda g: g.name))
        )
        return Parsed(
            cluster,
            _sorted((*own.policies, *both.policies)),
            (*own.tracing_policies, *both.tracing_policies),
        )

    def _read_shared(self, shared: tuple[InputFile, ...]) -> Parsed:
        if self._shared is None or self._shared[0] is not shared:
            self._shared = shared, self._parse(shared, self.diagnostics)
        return self._shared[1]

    def _parse(self, files: tuple[InputFile, ...], diagnostics: Diagnostics) -> Parsed:
        found = parse_documents(Documents(files, self.cache), self.options, diagnostics)
        return Parsed(found.cluster, _sorted(found.policies), found.tracing_policies)


def _sorted(policies: Iterable[Policy]) -> tuple[Policy, ...]:
    return tuple(sorted(policies, key=lambda policy: (policy.key, policy.part)))


def _has_snapshot(cluster: Cluster) -> bool:
    """Whether documents say more than policies and groups of prefixes."""
    return bool(
        cluster.namespaces
        or cluster.endpoints
        or cluster.host_pods
        or cluster.nodes
        or cluster.services
        or cluster.api_server_addresses
    )


def _has_duplicates(one: Parsed, other: Parsed) -> bool:
    keys = {p.key for p in one.policies} | {p.key for p in one.tracing_policies}
    groups = {group.name for group in one.cluster.cidr_groups}
    others = {p.key for p in other.policies} | {p.key for p in other.tracing_policies}
    return not keys.isdisjoint(others) or any(
        group.name in groups for group in other.cluster.cidr_groups
    )


def compile_parsed(
    label: str,
    parsed: Parsed,
    options: Options,
    diagnostics: Diagnostics,
    files: Sequence[InputFile] = (),
) -> PolicySet | None:
    """Compile what was read; None where there were errors."""
    middle = run_passes(parsed.cluster, parsed.policies, None, options, diagnostics)
    if not diagnostics.ok:
        return None
    return PolicySet(
        label,
        view_of_tables(middle),
        measure_tables(middle.tables),
        parsed,
        middle,
        has_tracing=bool(parsed.tracing_policies),
        texts=frozenset((f.alias, sha256(f.data).digest()) for f in files),
        paths={f.alias: f.name.removeprefix(f"{label}:") for f in files},
        meaning={
            "semantics": options.semantics.value,
            "enforcement_mode": options.enforcement_mode.value,
            "cluster_name": options.cluster_name,
        },
    )


def move_policies(old: PolicySet, new: PolicySet, options: Options) -> View | None:
    """Return the policies of one side on the snapshot of the other.

    None where they cannot be compiled there, or where a side is a bundle.
    """
    if old.parsed is None or new.parsed is None:
        return None
    groups = old.parsed.cluster.cidr_groups
    cluster = replace(new.parsed.cluster, cidr_groups=groups)
    diagnostics = Diagnostics()
    middle = run_passes(cluster, old.parsed.policies, None, options, diagnostics)
    if not diagnostics.ok:
        return None
    return view_of_tables(middle)


def has_same_snapshot(old: PolicySet, new: PolicySet) -> bool:
    """Whether both sides judge the same cluster, as far as they tell."""
    if old.parsed is None or new.parsed is None:
        return _facts_of_view(old.view) == _facts_of_view(new.view)
    one, other = old.parsed.cluster, new.parsed.cluster
    return (
        one.endpoints is other.endpoints
        or _facts(one.endpoints) == _facts(other.endpoints)
    ) and _facts_of_cluster(one) == _facts_of_cluster(other)


def _facts(items: Iterable[Endpoint | Node | Service]) -> list[object]:
    """Return all that is known of each but where it was read."""
    return [
        [getattr(item, name) for name in item.__slots__ if name != "span"]
        for item in items
    ]


def _facts_of_cluster(cluster: Cluster) -> tuple[object, ...]:
    return (
        cluster.namespaces,
        cluster.host_pods,
        _facts(cluster.nodes),
        _facts(cluster.services),
        cluster.api_server_addresses,
    )


def _facts_of_view(view: View) -> tuple[object, ...]:
    pods = [(p.key, p.labels, p.node, p.addresses) for p in view.pods]
    return pods, [(n.name, n.addresses) for n in view.nodes]


def require_snapshot(old: PolicySet, new: PolicySet) -> None:
    """Refuse to compare where nobody is judged on either side, and nothing traced."""
    if any(side.parsed and side.parsed.tracing_policies for side in (old, new)):
        return
    if not any(_judges_somebody(side.view) for side in (old, new)):
        raise Fault(
            "E6502",
            "neither side has a pod with an address, or a node under a host policy: "
            "the policies judge nobody",
            "name a snapshot with -f, such as "
            "`kubectl get ns,pods,nodes,svc,endpointslices -A -o yaml`",
        )


def _judges_somebody(view: View) -> bool:
    return bool(view.pods) or any(
        max(node.ingress, node.egress) >= FIRST_TABLE for node in view.nodes
    )


# ---------------------------------------------------------------- bundles


def read_bundle_set(directory: Path) -> PolicySet:
    """Read a bundle, whose every file is what its manifest says."""
    try:
        manifest = read_bundle(directory)
    except ManifestError as error:
        raise Fault(
            "E5010",
            str(error),
            "compile it again with this Lockgate, or use the one that compiled it",
        ) from None
    folder = directory / "tables"
    addresses = (folder / "addresses.txt").read_text(encoding="utf-8")
    view = view_of_bundle(PackedTables.open(folder), addresses)
    sizes = measure_described(manifest.tables)
    report = directory / "report.md"
    return PolicySet(
        str(directory),
        view,
        sizes._replace(instructions=manifest.sizes.instructions),
        digest=manifest.digest,
        meaning=manifest.options,
        has_tracing=(directory / "tracing").is_dir(),
        is_whole=report.is_file()
        and says_all_enforced(report.read_text(encoding="utf-8")),
    )


def measure_tables(tables: Tables) -> Sizes:
    """Return what tables need in the kernel's maps, without programs."""
    return measure_described(describe_tables(pack_maps(tables)))


def measure_described(tables: Iterable[Table]) -> Sizes:
    """Return the sum of all tables: elements of maps, and their bytes."""
    some = list(tables)
    return Sizes(
        sum(table.records for table in some),
        sum(table.records * table.record_bytes for table in some),
    )
