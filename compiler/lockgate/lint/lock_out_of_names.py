"""Pods that may talk to others, and may not ask the name service who they are.

The most frequent mistake of all: egress is isolated, some peers are allowed, and UDP 53 to
kube-dns is not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockgate.findings import Finding, Level
from lockgate.ir.policy import Action, Direction, Protocol
from lockgate.lint.name_service import cure, find_name_service
from lockgate.lint.neighbours import names_of
from lockgate.passes.pipeline import FIRST_TABLE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lockgate.ir.cluster import Endpoint
    from lockgate.ir.resolution import SubjectRules
    from lockgate.ir.tables import RuleEntry
    from lockgate.lint.name_service import NameService
    from lockgate.lint.scene import Scene
    from lockgate.source import Span

_DEFAULT_DENY = "default-deny"


def find_of_names(scene: Scene) -> Iterator[Finding]:
    """Yield a finding for each policy that keeps pods from the name service."""
    service = find_name_service(scene.cluster)
    if service.targets:
        cut = _Cut(scene, service)
        yield from cut.on_the_way_out()
        yield from cut.at_the_door()


class _Cut:
    """Finds the pods that are cut off, by egress of theirs and by ingress of the service."""

    def __init__(self, scene: Scene, service: NameService) -> None:
        self._scene = scene
        self._service = service
        self._told: set[str] = set()
        numbers = (
            scene.reach.endpoint_at(target.address) for target in service.targets
        )
        self._servers = {number for number in numbers if number is not None}
        endpoints = scene.cluster.endpoints
        self._names = {endpoints[number].key for number in self._servers}

    def on_the_way_out(self) -> Iterator[Finding]:
        """Yield where egress of pods denies it: isolation, or a rule."""
        isolated: dict[tuple[str, bool], list[Endpoint]] = {}
        by: dict[tuple[str, bool], tuple[tuple[str, Span], ...]] = {}
        denied: dict[str, list[Endpoint]] = {}
        rules: dict[str, RuleEntry] = {}
        for number, subject in enumerate(self._scene.passed.rules):
            is_egress = subject.subject.direction is Direction.EGRESS
            if not is_egress or subject.subject.is_host or not subject.subject.policies:
                continue
            rule = self._denying(number)
            some = self._asking(number) if rule is not None else []
            if rule is None or not some:
                continue
            if rule.effect == _DEFAULT_DENY and subject.isolating:
                key = subject.isolating[0][0], _talks(subject)
                isolated.setdefault(key, []).extend(some)
                by.setdefault(key, subject.isolating)
            elif rule.spans:
                denied.setdefault(rule.name, []).extend(some)
                rules[rule.name] = rule
        for (policy, talks), endpoints in sorted(isolated.items()):
            yield self._isolated(policy, talks, by[policy, talks], endpoints)
        for name, endpoints in sorted(denied.items()):
            yield self._denied(rules[name], endpoints)

    def at_the_door(self) -> Iterator[Finding]:
        """Yield where ingress of the name service keeps away pods that may ask."""
        reach = self._scene.reach
        targets = self._service.targets
        doors = []
        for target in targets:
            number = reach.endpoint_at(target.address)
            if number is None:
                return  # a server outside takes everybody
            table = self._scene.passed.tables.endpoints[number].ingress_table
            doors.append((table, reach.atom(Protocol.UDP, target.port)))
        verdicts: dict[tuple[int, ...], bool] = {}
        kept_out: dict[tuple[int, ...], list[Endpoint]] = {}
        for number, endpoint in enumerate(self._scene.cluster.endpoints):
            if endpoint.key in self._told or endpoint.key in self._names:
                continue
            classes = reach.of_endpoint(number)
            if classes not in verdicts:
                verdicts[classes] = any(
                    reach.passes(table, c, atom)
                    for table, atom in doors
                    for c in classes
                )
            if not verdicts[classes]:
                kept_out.setdefault(classes, []).append(endpoint)
        by_rule: dict[int, list[Endpoint]] = {}
        table, atom = doors[0]
        for classes, endpoints in kept_out.items():
            rule = reach.decision(table, classes[0], atom).rule
            by_rule.setdefault(rule, []).extend(endpoints)
        for rule, endpoints in sorted(by_rule.items()):
            yield self._kept_out(self._scene.passed.tables.rules[rule], endpoints)

    # ------------------------------------------------------------ who, and by what

    def _denying(self, number: int) -> RuleEntry | None:
        """Return the rule that keeps a subject from every server; None where it reaches one."""
        reach, tables = self._scene.reach, self._scene.passed.tables
        table = number + FIRST_TABLE
        cells = [
            (identity_class, reach.atom(Protocol.UDP, target.port))
            for target in self._service.targets
            for identity_class in reach.of_address(target.address)
        ]
        if any(reach.passes(table, *cell) for cell in cells):
            return None
        return tables.rules[reach.decision(table, *cells[0]).rule]

    def _asking(self, number: int) -> list[Endpoint]:
        """Return the endpoints of a subject that do not answer themselves."""
        endpoints = self._scene.endpoints_of.get(number, ())
        some = [endpoint for endpoint in endpoints if endpoint.key not in self._names]
        self._told.update(endpoint.key for endpoint in some)
        return some

    # ------------------------------------------------------------ what is said

    def _isolated(
        self,
        policy: str,
        talks: bool,
        isolating: tuple[tuple[str, Span], ...],
        endpoints: list[Endpoint],
    ) -> Finding:
        what = "can look up no names"
        if talks:
            what = "may talk to others, and cannot look up their names"
        return Finding(
            "W6012" if talks else "N6012",
            Level.WARNING if talks else Level.NOTE,
            f"{names_of(self._scene, endpoints)} {what}: egress is isolated, and nothing allows "
            f"{self._service.door}",
            isolating[0][1],
            cure(policy.partition("/")[0]),
            tuple((span, f"{key} isolates, too") for key, span in isolating[1:3]),
            key=f"{policy} names {'talks' if talks else 'silent'}",
        )

    def _denied(self, rule: RuleEntry, endpoints: list[Endpoint]) -> Finding:
        return Finding(
            "W6012",
            Level.WARNING,
            f"{names_of(self._scene, endpoints)} can look up no names: this denies "
            f"{self._service.door}",
            rule.spans[0],
            "narrow the denial, so that it leaves the name service out",
            key=f"{rule.name} names",
        )

    def _kept_out(self, rule: RuleEntry, endpoints: list[Endpoint]) -> Finding:
        return Finding(
            "W6012",
            Level.WARNING,
            f"{names_of(self._scene, endpoints)} can look up no names: their egress allows it, and "
            f"ingress of the name service does not ({self._service.door})",
            rule.spans[0] if rule.spans else None,
            "allow ingress on that port from every endpoint of the cluster",
            key=f"{rule.name} door",
        )


def _talks(subject: SubjectRules) -> bool:
    """Whether anything is allowed at all; a pod that may ask nobody needs no names."""
    return any(
        owner is not None and owner.rule.action is Action.ALLOW
        for owner in subject.owners
    )
