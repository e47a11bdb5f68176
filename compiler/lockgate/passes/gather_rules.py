"""Gather what each subject is judged by: the terms of its rules, and who isolates it.

Before: the resolution, and the subjects.
After:  one list of terms for each subject, in the order of all rules; named ports of
        ingress rules have become the subject's numbers.
"""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING

from lockgate.ir.policy import Direction
from lockgate.ir.resolution import HOST_SET, SubjectRules, Term

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lockgate.bitset import Bits
    from lockgate.ir.resolution import Resolution, ResolvedRule, Subject, Subjects

_PLACE = attrgetter("place")


def gather_rules(
    resolution: Resolution, subjects: Subjects, audited: frozenset[str]
) -> list[SubjectRules]:
    """Return what judges each subject."""
    own_host = Term(HOST_SET, (1 << resolution.atoms.count) - 1)
    return [
        _gather(resolution, subject, audited, own_host) for subject in subjects.subjects
    ]


def _gather(
    resolution: Resolution, subject: Subject, audited: frozenset[str], own_host: Term
) -> SubjectRules:
    direction = subject.direction
    rules: list[ResolvedRule] = []
    isolating, enforced = [], []
    is_audited = bool(subject.policies)
    for number in subject.policies:
        policy = resolution.policies[number]
        rules += resolution.rules.get((number, direction), ())
        key = resolution.keys[number]
        reports_only = policy.is_audited or key in audited
        is_audited = is_audited and reports_only
        if policy.section(direction).isolates:
            # Of one policy, several specs may isolate: each has its own place.
            name = key if policy.part == "spec" else f"{key}#{policy.part}"
            isolating.append((name, policy.span))
            if not reports_only:
                enforced.append((name, policy.span))
    if len(subject.policies) > 1:
        rules.sort(key=_PLACE)
    terms: list[Term] = []
    owners: list[ResolvedRule | None] = []
    for rule in rules:
        own = (
            (*rule.terms, *_named(resolution, rule, subject))
            if rule.named_ports
            else rule.terms
        )
        terms += own
        owners += [rule] * len(own)
    is_isolated = isolating or subject.forced_by is not None
    if is_isolated and direction is Direction.INGRESS and not subject.is_host:
        terms.append(own_host)
        owners.append(None)
    return SubjectRules(
        subject,
        tuple(terms),
        tuple(owners),
        tuple(isolating),
        tuple(enforced),
        is_audited and subject.forced_by is None,
    )


def _named(
    resolution: Resolution, rule: ResolvedRule, subject: Subject
) -> Iterator[Term]:
    """Yield the term of an ingress rule's named ports, as the subject has them."""
    traffic: Bits = 0
    for match in rule.named_ports:
        for name, protocol, port in subject.named_ports:
            if name == match.name and protocol in match.protocols:
                traffic |= 1 << resolution.atoms.find(protocol, port)
    if traffic and resolution.peer_sets[rule.named_peers]:
        yield Term(rule.named_peers, traffic)
