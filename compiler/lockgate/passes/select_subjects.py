"""Find who is judged by which policies: the subjects, each of which is one verdict table.

Before: policies, and a resolver of their subject selectors.
After:  for each endpoint and host the subject of each direction, or -1 for "no policy".
        Endpoints with the same policies share a subject; where an ingress rule names
        a port, only those that give the name the same number do.

Under the mode ``always`` every endpoint is denied by default, policies or not, and so is one
with the identity ``init`` in every mode but ``never``.  Hosts are judged only where a host
policy selects them, whatever the mode: nobody means to cut off a node with a default.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lockgate.bitset import from_members, members
from lockgate.ir.policy import Direction, NamedPortMatch, SubjectKind
from lockgate.ir.resolution import INIT, Subject, Subjects, reserved
from lockgate.options import EnforcementMode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from lockgate.bitset import Bits
    from lockgate.diagnostics import Diagnostics
    from lockgate.ir.cluster import Cluster, NamedPort
    from lockgate.ir.labels import Selector
    from lockgate.ir.policy import Policy
    from lockgate.ir.resolution import Census, PeerSpace

NO_POLICY = -1
ALWAYS = "lockgate/enforcement-mode-always"
INITIALISING = "lockgate/identity-init"


def select_subjects(
    policies: Sequence[Policy],
    cluster: Cluster,
    census: Census,
    space: PeerSpace,
    resolve: Callable[[Selector], Bits],
    mode: EnforcementMode,
    diagnostics: Diagnostics,
) -> Subjects:
    """Return all subjects of a cluster, numbered in the order of endpoints, then hosts.

    A host policy that selects no node is a warning.
    """
    nobody = (NO_POLICY, NO_POLICY)
    if mode is EnforcementMode.NEVER:
        return Subjects(
            (), (nobody,) * len(cluster.endpoints), (nobody,) * len(cluster.nodes)
        )
    found = _Subjects(policies)
    groups_of = _group_by_point(policies, space, resolve)
    endpoints = []
    none: tuple[tuple[int, ...], ...] = ()
    everywhere = ALWAYS if mode is EnforcementMode.ALWAYS else None
    known: dict[tuple[int, int, bool], tuple[int, int]] = {}  # ports by identity:
    for endpoint, points, identity in zip(  # those of many endpoints are one object
        cluster.endpoints, space.endpoints, census.numbers, strict=True
    ):
        ports = endpoint.named_ports
        key = points[0], id(ports), identity == INIT
        pair = known.get(key)
        if pair is None:
            forced = INITIALISING if identity == INIT else everywhere
            groups = groups_of.get(points[0], none)
            pair = known[key] = found.of(groups, ports, forced)
        endpoints.append(pair)
    of_hosts = [
        (number, policy.subject)
        for number, policy in enumerate(policies)
        if policy.subject_kind is SubjectKind.HOST
    ]
    hosts = []
    unused = dict(of_hosts)
    for node in cluster.nodes:
        selected = tuple(
            number
            for number, selector in of_hosts
            if selector.selects((*node.labels, reserved("host")))
        )
        for number in selected:
            unused.pop(number, None)
        hosts.append(found.of_host(selected) if selected else nobody)
    for number in unused:
        _report_unused(policies[number], cluster, diagnostics)
    return Subjects(tuple(found.subjects), endpoints, hosts)


def _group_by_point(
    policies: Sequence[Policy],
    space: PeerSpace,
    resolve: Callable[[Selector], Bits],
) -> dict[int, tuple[tuple[int, ...], ...]]:
    """Return the policies of each endpoint's point, in groups with the same subject."""
    firsts = from_members({points[0] for points in space.endpoints}, space.size)
    by_selector: dict[Selector, list[int]] = {}
    for number, policy in enumerate(policies):
        if policy.subject_kind is SubjectKind.ENDPOINT:
            by_selector.setdefault(policy.subject, []).append(number)
    found: dict[int, list[tuple[int, ...]]] = {}
    for selector, numbers in by_selector.items():
        group = tuple(numbers)
        for point in members(resolve(selector) & firsts):
            found.setdefault(point, []).append(group)
    return {point: tuple(groups) for point, groups in found.items()}


@dataclass(slots=True)
class _Effects:
    """What a set of policies has to say in one direction."""

    policies: tuple[int, ...]
    port_names: frozenset[str]


@dataclass(slots=True)
class _Subjects:
    """Subjects so far, each distinct one once."""

    policies: Sequence[Policy]
    subjects: dict[Subject, int] = field(default_factory=dict)
    _known: dict[object, tuple[int, int]] = field(default_factory=dict)
    _effects: dict[object, tuple[_Effects, _Effects]] = field(default_factory=dict)

    def of(
        self,
        groups: tuple[tuple[int, ...], ...],
        ports: tuple[NamedPort, ...],
        forced: str | None,
    ) -> tuple[int, int]:
        """Return the subjects of an endpoint: ingress, egress."""
        effects = self._effects.get(groups)
        if effects is None:
            numbers = sorted(number for group in groups for number in group)
            effects = self._effects[groups] = (
                self._of_direction(numbers, Direction.INGRESS),
                self._of_direction(numbers, Direction.EGRESS),
            )
        ingress, egress = effects
        if ingress.port_names:
            ports = tuple(sorted(p for p in ports if p.name in ingress.port_names))
        else:
            ports = ()
        key = (groups, ports, forced)
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = (
                self._add(Direction.INGRESS, ingress.policies, ports, forced),
                self._add(Direction.EGRESS, egress.policies, (), forced),
            )
        return known

    def of_host(self, policies: Iterable[int]) -> tuple[int, int]:
        """Return the subjects of a node that some host policy selects."""
        found = []
        for direction in (Direction.INGRESS, Direction.EGRESS):
            effects = self._of_direction(policies, direction)
            subject = Subject(direction, effects.policies, is_host=True)
            found.append(self._number(subject) if effects.policies else NO_POLICY)
        return found[0], found[1]

    def _of_direction(self, policies: Iterable[int], direction: Direction) -> _Effects:
        relevant = []
        names = set()
        for number in policies:
            section = self.policies[number].section(direction)
            if not section.isolates and not section.rules:
                continue
            relevant.append(number)
            for rule in section.rules:
                for match in rule.traffic or ():
                    if isinstance(match, NamedPortMatch):
                        names.add(match.name)
        return _Effects(tuple(relevant), frozenset(names))

    def _add(
        self,
        direction: Direction,
        policies: tuple[int, ...],
        ports: tuple[NamedPort, ...],
        forced: str | None,
    ) -> int:
        if not policies and forced is None:
            return NO_POLICY
        return self._number(Subject(direction, policies, ports, False, forced))

    def _number(self, subject: Subject) -> int:
        return self.subjects.setdefault(subject, len(self.subjects))


# ---------------------------------------------------------------- nodes


def _report_unused(policy: Policy, cluster: Cluster, diagnostics: Diagnostics) -> None:
    count = len(cluster.nodes)
    what = f"none of the {count} nodes" if count else "a node, and there is none"
    diagnostics.warning(
        "W2055",
        f"{policy.key} judges nobody: its nodeSelector selects {what} in the snapshot",
        policy.span,
        help="correct the selector, or add the nodes with their labels (kubectl get nodes)",
    )
