"""The order of the passes: from cluster and policies to verdict tables."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from lockgate.decision_book import DecisionBook
from lockgate.identity_lock import IdentityLock
from lockgate.ir.policy import Direction
from lockgate.ir.resolution import HOST, PartlyAllowed
from lockgate.ir.tables import EndpointEntry, HostEntry, Tables
from lockgate.options import Semantics
from lockgate.passes.assign_identities import assign_identities
from lockgate.passes.build_verdicts import Matches, TableBuilder, collect_matches
from lockgate.passes.classify_services import classify_services, follow_covers
from lockgate.passes.collect_peers import collect_peers
from lockgate.passes.collect_vocabulary import collect_vocabulary
from lockgate.passes.gather_rules import gather_rules
from lockgate.passes.judge_services import ServiceJudge, TableView
from lockgate.passes.map_addresses import map_addresses
from lockgate.passes.partition_identities import partition_identities
from lockgate.passes.report_services import report_services
from lockgate.passes.resolve_groups import resolve_groups
from lockgate.passes.resolve_rules import resolve_rules
from lockgate.passes.resolve_selectors import SelectorResolver
from lockgate.passes.resolve_tiers import ParserConflicts, TierJudge, no_policy
from lockgate.passes.select_subjects import select_subjects
from lockgate.passes.split_ports import split_ports

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from lockgate.bitset import Bits
    from lockgate.diagnostics import Diagnostics
    from lockgate.ir.cluster import Cluster
    from lockgate.ir.policy import Policy
    from lockgate.ir.resolution import (
        Census,
        IdentityClasses,
        Resolution,
        Services,
        SubjectRules,
        Subjects,
    )
    from lockgate.ir.tables import VerdictTable
    from lockgate.options import Options

FIRST_TABLE = 2
"""Tables 0 and 1 are "no policy"; the table of subject ``i`` is ``i + FIRST_TABLE``."""


@dataclass(frozen=True, slots=True)
class Ground:
    """All that verdicts are made of; ``tables`` has everything but them already."""

    cluster: Cluster
    tables: Tables
    resolution: Resolution
    subjects: Subjects
    rules: Sequence[SubjectRules]
    classes: IdentityClasses
    sets: Mapping[int, Bits]
    services: Services


@dataclass(frozen=True, slots=True)
class Middle:
    """All that the passes found out: the tables, and what explains them."""

    tables: Tables
    resolution: Resolution
    subjects: Subjects
    rules: Sequence[SubjectRules]
    classes: IdentityClasses


def build_tables(
    cluster: Cluster,
    policies: Sequence[Policy],
    lock: IdentityLock | None,
    options: Options,
    diagnostics: Diagnostics,
) -> Tables:
    """Return the verdict tables of a cluster; worthless if ``diagnostics`` has errors."""
    return run_passes(cluster, policies, lock, options, diagnostics).tables


def run_passes(
    cluster: Cluster,
    policies: Sequence[Policy],
    lock: IdentityLock | None,
    options: Options,
    diagnostics: Diagnostics,
) -> Middle:
    """Run all passes, and keep what lies between policies and tables."""
    ground = lay_ground(cluster, policies, lock, options, diagnostics)
    return judge_subjects(ground, options, diagnostics)


def lay_ground(
    cluster: Cluster,
    policies: Sequence[Policy],
    lock: IdentityLock | None,
    options: Options,
    diagnostics: Diagnostics,
) -> Ground:
    """Run the passes before any verdict."""
    # 1. What rules say, in sets.
    plain = resolve_groups(cluster, policies, diagnostics)
    census = assign_identities(cluster.endpoints, (lock or IdentityLock()).numbers)
    vocabulary = collect_vocabulary(plain)
    space = collect_peers(cluster, census, vocabulary)
    atoms = split_ports(plain, cluster, vocabulary, diagnostics)
    resolver = SelectorResolver(space, vocabulary.keys, cluster.cidr_groups)
    # By identity: those of many endpoints are one object.
    ports_of = {id(e.named_ports): e.named_ports for e in cluster.endpoints}
    named_ports = {(p.name, p.protocol) for some in ports_of.values() for p in some}
    resolution = resolve_rules(
        plain,
        options.audit,
        space,
        atoms,
        resolver,
        frozenset(named_ports),
        diagnostics,
    )

    # 2. Whom they judge, and what nobody can tell apart.
    subjects = select_subjects(
        plain,
        cluster,
        census,
        space,
        resolver.resolve,
        options.enforcement_mode,
        diagnostics,
    )
    rules = gather_rules(resolution, subjects, options.audit)
    used = {term.peers for some in rules for term in some.terms}
    classes, sets = partition_identities(space.size, resolution.peer_sets, used)
    services = classify_services(cluster, space, classes, atoms)

    # 3. What leads a packet to its verdict.
    addresses = map_addresses(cluster, space, classes, services)
    identities = {identity.number: identity for identity in addresses.identities}
    identities |= {identity.number: identity for identity in census.identities}
    tables = Tables(
        identities=tuple(identities[number] for number in sorted(identities)),
        peers=addresses.peers,
        class_count=len(classes.representatives) + len(services.classes),
        addresses=addresses.addresses,
        atoms=atoms,
        tables=(),
        decisions=(),
        rules=(),
        endpoints=_endpoints(cluster, census, subjects),
        hosts=_hosts(cluster, subjects),
    )
    return Ground(cluster, tables, resolution, subjects, rules, classes, sets, services)


def judge_subjects(
    ground: Ground, options: Options, diagnostics: Diagnostics
) -> Middle:
    """Build the verdict table of every subject."""
    book = DecisionBook()
    bench = _Bench(ground, book, options, diagnostics)
    tables = bench.no_policy_tables()
    tables += [bench.judge(number, some) for number, some in enumerate(ground.rules)]
    entries = book.rules()
    report_services(
        bench.partly_allowed(),
        ground.cluster.services,
        ground.tables.atoms,
        book.decisions,
        entries,
        diagnostics,
    )
    result = replace(
        ground.tables,
        tables=tuple(tables),
        decisions=tuple(book.decisions),
        rules=entries,
    )
    return Middle(
        result, ground.resolution, ground.subjects, ground.rules, ground.classes
    )


class _Bench:
    """Judges subject after subject over the same classes, atoms and services."""

    def __init__(
        self,
        ground: Ground,
        book: DecisionBook,
        options: Options,
        diagnostics: Diagnostics,
    ) -> None:
        services = ground.services
        self._ground = ground
        self._resolution = ground.resolution
        self._services = services
        self._book = book
        self._conflicts = ParserConflicts(diagnostics)
        self._baseline_overrides = options.semantics is Semantics.CILIUM
        self._no_policy = no_policy(book)
        count, atoms = len(ground.classes.representatives), ground.tables.atoms.count
        self._every_class = (1 << count) - 1
        self._every_atom = (1 << atoms) - 1
        self._service_judge = ServiceJudge(services, book.decisions)
        self._builder = TableBuilder(count, len(services.classes), atoms, diagnostics)
        self._egress_sets = ground.sets
        self._ingress_sets = follow_covers(ground.sets, services, count)
        self._every_source = self._every_class
        if services.classes:
            self._every_source = (1 << count + len(services.classes)) - 1

    def no_policy_tables(self) -> list[VerdictTable]:
        """Return the tables of subjects on whom no policy has a say."""
        return [
            self._builder.build(
                direction,
                (),
                Matches((), (), 0, 0),
                self._every_source,
                lambda _: self._no_policy,
                None,
                self._no_policy,
            )
            for direction in (Direction.INGRESS, Direction.EGRESS)
        ]

    def judge(self, number: int, rules: SubjectRules) -> VerdictTable:
        """Return the table of a subject."""
        judge = TierJudge(rules, self._baseline_overrides, self._book, self._conflicts)
        keys = self._resolution.keys
        names = {keys[policy] for policy in rules.subject.policies}
        direction = rules.subject.direction
        if direction is Direction.INGRESS or not self._services.classes:
            matches = collect_matches(
                rules, self._ingress_sets, self._every_source, self._every_atom
            )
            universe, services, not_served = self._every_source, None, 0
        else:
            matches = collect_matches(
                rules, self._egress_sets, self._every_class, self._every_atom
            )
            universe, not_served = self._every_class, judge.not_served()
            view = TableView(number, *matches, judge.decide, not_served)
            services = self._service_judge.judge(view)
        return self._builder.build(
            direction,
            tuple(sorted(names)),
            matches,
            universe,
            judge.decide,
            services,
            not_served,
        )

    def partly_allowed(self) -> Iterator[PartlyAllowed]:
        """Yield the ports of services whose backends some table does not treat alike."""
        disagreements = self._service_judge.disagreements
        names = _names_of_subjects(self._ground) if disagreements else {}
        for (service, atom), noted in disagreements.items():
            yield PartlyAllowed(
                self._services.names[service],
                atom,
                names[noted.table],
                noted.tables,
                noted.decisions,
            )


# ---------------------------------------------------------------- who has which table


def _names_of_subjects(ground: Ground) -> dict[int, str]:
    """Return one endpoint or host for each subject, for messages."""
    cluster, subjects = ground.cluster, ground.subjects
    names: dict[int, str] = {}
    for endpoint, pair in zip(cluster.endpoints, subjects.endpoints, strict=True):
        for subject in pair:
            names.setdefault(subject, endpoint.key)
    for node, pair in zip(cluster.nodes, subjects.hosts, strict=True):
        for subject in pair:
            names.setdefault(subject, f"node {node.name}")
    return names


def _endpoints(
    cluster: Cluster, census: Census, subjects: Subjects
) -> tuple[EndpointEntry, ...]:
    return tuple(
        EndpointEntry(
            endpoint.namespace,
            endpoint.name,
            endpoint.node,
            identity,
            endpoint.addresses,
            0 if ingress < 0 else ingress + FIRST_TABLE,
            1 if egress < 0 else egress + FIRST_TABLE,
            endpoint.attachment,
        )
        for endpoint, identity, (ingress, egress) in zip(
            cluster.endpoints, census.numbers, subjects.endpoints, strict=True
        )
    )


def _hosts(cluster: Cluster, subjects: Subjects) -> tuple[HostEntry, ...]:
    api_servers = set(cluster.api_server_addresses)
    pods: dict[str | None, list[str]] = {}
    for pod in cluster.host_pods:
        pods.setdefault(pod.node, []).append(f"{pod.namespace}/{pod.name}")
    return tuple(
        HostEntry(
            node.name,
            HOST,
            node.addresses,
            0 if ingress < 0 else ingress + FIRST_TABLE,
            1 if egress < 0 else egress + FIRST_TABLE,
            is_api_server=not api_servers.isdisjoint(node.addresses),
            is_enforced=(ingress, egress) != (-1, -1),
            pods=tuple(sorted(pods.get(node.name, ()))),
        )
        for node, (ingress, egress) in zip(cluster.nodes, subjects.hosts, strict=True)
    )
