"""What a check looks at: the policies, the snapshot, and what the passes made of them."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from enum import IntEnum
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from lockgate.ir.policy import Direction
from lockgate.lint.algebra.rule_boxes import BoxMaker
from lockgate.lint.coverage import as_written, find_covered
from lockgate.lint.places import Places
from lockgate.lint.reach import Reach
from lockgate.lint.redundancy import find_redundant
from lockgate.passes.resolve_selectors import SelectorResolver

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from lockgate.findings import Finding
    from lockgate.ir.cluster import Cluster, Endpoint
    from lockgate.ir.labels import Selector
    from lockgate.ir.policy import Policy, Rule
    from lockgate.ir.resolution import ResolvedRule, SubjectRules
    from lockgate.ir.tracing import TracingPolicy
    from lockgate.lint.config import Config
    from lockgate.lint.coverage import Coverage
    from lockgate.lint.redundancy import Redundant
    from lockgate.options import Options
    from lockgate.passes.pipeline import Middle
    from lockgate.review.workloads import Workloads


class Needs(IntEnum):
    """What a check cannot do without; each includes those before it.

    POLICY: one policy at a time.  SET: all policies, without a mistake in any.
    SNAPSHOT: endpoints or nodes, too.
    """

    POLICY = 0
    SET = 1
    SNAPSHOT = 2


class Check(NamedTuple):
    """One kind of finding; ``find`` yields what it finds in a scene.

    ``without_snapshot`` is what a check that needs SNAPSHOT can still find without one.
    """

    name: str
    needs: Needs
    find: Callable[[Scene], Iterator[Finding]]
    without_snapshot: Callable[[Scene], Iterator[Finding]] | None = None


@dataclass
class Scene:
    """Everything that checks may ask; what is dear is worked out when it is asked for.

    ``policies`` and ``tracing`` are those that were read without a mistake.  ``middle`` is
    there for checks that need SET.  ``remembers``: a baseline is read or written, so that
    what is only new counts.
    """

    options: Options
    config: Config
    cluster: Cluster
    policies: Sequence[Policy]
    middle: Middle | None = None
    tracing: Sequence[TracingPolicy] = ()
    remembers: bool = False
    places: Places = field(default_factory=Places)

    @property
    def has_snapshot(self) -> bool:
        """Whether the input tells of anything that policies could be about."""
        return bool(self.cluster.endpoints or self.cluster.nodes)

    @property
    def passed(self) -> Middle:
        """What the passes found, for checks that need it."""
        assert self.middle is not None, "a check needs more than it says"  # noqa: S101
        return self.middle

    def rules(self) -> Iterator[tuple[Policy, Direction, Rule]]:
        """Yield all rules as the policies have them."""
        for policy in self.policies:
            for direction in Direction:
                for rule in policy.section(direction).rules:
                    yield policy, direction, rule

    @cached_property
    def resolved(self) -> list[ResolvedRule]:
        """All rules in their order."""
        found = [
            rule for some in self.passed.resolution.rules.values() for rule in some
        ]
        return sorted(found, key=lambda rule: rule.place)

    @cached_property
    def boxes(self) -> BoxMaker:
        """What selectors say, for every label set."""
        return BoxMaker()

    def policies_near(self, policy: Policy) -> Iterator[Policy]:
        """Yield those of the same namespace, and the cluster-wide ones; or all."""
        if not policy.namespace:
            yield from self.policies
            return
        yield from self._of_namespace[policy.namespace]
        yield from self._of_namespace[""]

    @cached_property
    def _of_namespace(self) -> defaultdict[str, list[Policy]]:
        found: defaultdict[str, list[Policy]] = defaultdict(list)
        for policy in self.policies:
            found[policy.namespace].append(policy)
        return found

    @cached_property
    def coverage(self) -> Coverage:
        """Rules that others cover for every label set."""
        return find_covered(as_written(self.resolved, self.policies))

    @cached_property
    def redundant(self) -> list[Redundant]:
        """Rules that decide nothing in the snapshot, besides those that are covered."""
        names = {covered.rule.name for covered in self.coverage.found}
        return find_redundant(self.passed, self.options, names)

    @cached_property
    def reach(self) -> Reach:
        """Who reaches whom, by the verdict tables."""
        return Reach(self.passed, self.cluster)

    @cached_property
    def resolver(self) -> SelectorResolver:
        """Which points of the snapshot a selector means."""
        keys = {r.key for s in self._selectors() for r in s.requirements}
        space = self.passed.resolution.space
        return SelectorResolver(space, keys, self.cluster.cidr_groups)

    @cached_property
    def workloads(self) -> Workloads:
        """The endpoints under the names of what was deployed."""
        from lockgate.review.workloads import workloads_of

        return workloads_of(self.cluster)

    @cached_property
    def values_of(self) -> Mapping[str, set[str]]:
        """The values that labels of endpoints have, by key."""
        found: dict[str, set[str]] = defaultdict(set)
        for endpoint in self.cluster.endpoints:
            for label in endpoint.labels:
                found[label.key].add(label.value)
        return found

    @cached_property
    def subjects_of(self) -> Mapping[tuple[int, Direction], list[SubjectRules]]:
        """The subjects on whom a policy (by number) has a say in a direction."""
        found: dict[tuple[int, Direction], list[SubjectRules]] = defaultdict(list)
        for subject in self.passed.rules:
            for number in subject.subject.policies:
                found[number, subject.subject.direction].append(subject)
        return found

    @cached_property
    def endpoints_of(self) -> Mapping[int, list[Endpoint]]:
        """The endpoints of each subject, by the subject's number."""
        found: dict[int, list[Endpoint]] = defaultdict(list)
        subjects = self.passed.subjects.endpoints
        for endpoint, pair in zip(self.cluster.endpoints, subjects, strict=True):
            for number in pair:
                if number >= 0:
                    found[number].append(endpoint)
        return found

    def _selectors(self) -> Iterator[Selector]:
        for policy in self.policies:
            yield policy.subject
        for _, _, rule in self.rules():
            for peer in rule.peers:
                selector = getattr(peer, "selector", None)
                if selector is not None:
                    yield selector
