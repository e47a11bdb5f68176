"""Which rules decide nothing in this snapshot: without them every verdict is the same.

Exactly: a rule is redundant where taking it away changes, for no endpoint and no packet,
whether it is allowed or denied, by a rule or by default, nor what judges it at L7.  The
test is the one of :mod:`lockgate.passes.resolve_tiers` on whole sets of peers at once.
Rules that are found can be taken away together: the last in order is asked first.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from lockgate.bitset import split
from lockgate.ir.policy import Action, Tier
from lockgate.lint.meaning import l7_of, may_cover
from lockgate.lint.points import real_points
from lockgate.options import Semantics

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from lockgate.bitset import Bits
    from lockgate.ir.resolution import ResolvedRule, SubjectRules
    from lockgate.options import Options
    from lockgate.passes.pipeline import Middle
    from lockgate.source import Span

    Cells = dict[object, Bits]
    """What happens → the peers to which it happens; a partition of all peers."""

_DENY, _DEFAULT_DENY, _OPEN, _HOST = "deny", "default-deny", "open", "host"


class Redundant(NamedTuple):
    """A rule without effect; ``by`` match the same packets, ``isolating`` deny them."""

    rule: ResolvedRule
    by: tuple[ResolvedRule, ...]
    isolating: tuple[tuple[str, Span], ...]


def find_redundant(
    middle: Middle, options: Options, without: Collection[str] = ()
) -> list[Redundant]:
    """Return the rules that match something and decide nothing.

    ``without`` are names of rules that are taken to be gone already.
    """
    real = real_points(middle.resolution.space)
    bench = _Bench(middle, real, options.semantics is Semantics.CILIUM)
    gone = set(without)
    found = _find_once(middle, bench, gone)
    more = found
    # Where the first match decides, a rule may lose its effect with those behind it.
    while any(redundant.rule.policy.tier is not Tier.NORMAL for redundant in more):
        more = _find_once(middle, bench, gone)
        found += more
    return sorted(found, key=lambda redundant: redundant.rule.place)


def _find_once(middle: Middle, bench: _Bench, gone: set[str]) -> list[Redundant]:
    """Find rules that can go besides those that are gone; put them to those."""
    subjects_of: dict[str, list[SubjectRules]] = defaultdict(list)
    rules: dict[str, ResolvedRule] = {}
    effective: set[str] = set()
    matching: set[str] = set()
    for subject in middle.rules:
        names = {owner.name for owner in subject.owners if owner} - gone
        for owner in subject.owners:
            if owner is not None:
                rules.setdefault(owner.name, owner)
        for name in names:
            subjects_of[name].append(subject)
        if names - effective:
            verdicts = bench.judge(subject, gone)
            effective |= verdicts.effective
            matching |= verdicts.matching
    found = []
    candidates = [rules[name] for name in matching - effective]
    for rule in sorted(candidates, key=lambda rule: -rule.place):
        if rule.is_audited:
            continue
        subjects = subjects_of[rule.name]
        if all(rule.name not in bench.judge(s, gone).effective for s in subjects):
            gone.add(rule.name)
            found.append(_explain(rule, subjects, middle, gone))
    return found


def _explain(
    rule: ResolvedRule,
    subjects: Sequence[SubjectRules],
    middle: Middle,
    gone: Collection[str],
) -> Redundant:
    sets = middle.resolution.peer_sets
    by: dict[str, ResolvedRule] = {}
    isolating: dict[str, tuple[str, Span]] = {}
    for subject in subjects:
        mine = [
            t for t, o in zip(subject.terms, subject.owners, strict=True) if o is rule
        ]
        for term, owner in zip(subject.terms, subject.owners, strict=True):
            if owner is None or owner.name in gone or not may_cover(owner, rule):
                continue
            if any(
                t.traffic & term.traffic and sets[t.peers] & sets[term.peers]
                for t in mine
            ):
                by[owner.name] = owner
        for key, span in subject.isolating:
            isolating[key] = key, span
    ordered = sorted(by.values(), key=lambda other: other.place)
    return Redundant(rule, tuple(ordered), tuple(isolating.values()))


@dataclass(slots=True)
class _Verdicts:
    """Names of rules that match something, and of those that matter."""

    matching: set[str] = field(default_factory=set)
    effective: set[str] = field(default_factory=set)

    def note(self, rule: ResolvedRule, peers: Bits, changed: Bits) -> None:
        """Note what a rule matches, and where its absence would be seen."""
        if peers:
            self.matching.add(rule.name)
        if changed:
            self.effective.add(rule.name)


_Matches = list[tuple["ResolvedRule", "Bits"]]


@dataclass(slots=True)
class _Block:
    """Some traffic that no rule of a subject tells apart: who matches which peers."""

    admin: _Matches = field(default_factory=list)
    denials: _Matches = field(default_factory=list)
    allowances: _Matches = field(default_factory=list)
    baseline: _Matches = field(default_factory=list)
    host: Bits = 0

    def add(self, rule: ResolvedRule, peers: Bits) -> None:
        """Add one rule, in the order of rules."""
        tier, action = rule.policy.tier, rule.rule.action
        if tier is Tier.ADMIN:
            self.admin.append((rule, peers))
        elif tier is Tier.BASELINE:
            self.baseline.append((rule, peers))
        elif action is Action.DENY:
            self.denials.append((rule, peers))
        else:
            self.allowances.append((rule, peers))


class _Bench:
    """Judges subjects over the points of one snapshot."""

    def __init__(self, middle: Middle, real: Bits, baseline_overrides: bool) -> None:
        self._sets = middle.resolution.peer_sets
        self._atoms = (1 << middle.resolution.atoms.count) - 1
        self._real = real
        self._baseline_overrides = baseline_overrides
        self._l7: dict[str, object] = {}

    def judge(self, subject: SubjectRules, gone: Collection[str]) -> _Verdicts:
        """Return which rules of a subject match, and which matter, without some of them."""
        verdicts = _Verdicts()
        for block in self._blocks(subject, gone):
            self._judge_block(block, subject.is_isolated, verdicts)
        return verdicts

    def _blocks(self, subject: SubjectRules, gone: Collection[str]) -> Iterator[_Block]:
        traffic: dict[Bits, int] = {}
        tag = 1
        for term in subject.terms:
            traffic[term.traffic] = traffic.get(term.traffic, 0) | tag
            tag <<= 1
        for _, tags in split(self._atoms, list(traffic.items())):
            block = _Block()
            peers: dict[str, Bits] = {}
            rules: dict[str, ResolvedRule] = {}
            while tags:
                lowest = tags & -tags
                tags ^= lowest
                index = lowest.bit_length() - 1
                owner = subject.owners[index]
                bits = self._sets[subject.terms[index].peers] & self._real
                if owner is None:
                    block.host |= bits
                elif owner.name not in gone:
                    rules[owner.name] = owner
                    peers[owner.name] = peers.get(owner.name, 0) | bits
            for name, rule in rules.items():
                block.add(rule, peers[name])
            yield block

    # ------------------------------------------------------------ one block

    def _judge_block(
        self, block: _Block, is_isolated: bool, verdicts: _Verdicts
    ) -> None:
        """Go through the tiers from the last to the first."""
        decided = 0
        earlier = 0
        for rule, peers in block.admin:
            if rule.rule.action is not Action.PASS:
                decided |= peers & ~earlier
            earlier |= peers
        left = self._real & ~decided
        below = self._below_normal(block, left, is_isolated, verdicts)
        normal = self._judge_normal(block, left, below, verdicts)
        self._judge_first_match(block.admin, normal, self._real, verdicts)

    def _below_normal(
        self, block: _Block, left: Bits, is_isolated: bool, verdicts: _Verdicts
    ) -> Cells:
        """Return what happens where no rule of NORMAL matches."""
        last: Cells = {_DEFAULT_DENY if is_isolated else _OPEN: self._real}
        matched = 0
        for _, peers in (*block.denials, *block.allowances):
            matched |= peers
        host = block.host if is_isolated else 0
        is_asked = self._baseline_overrides or not is_isolated
        reached = left & ~matched & ~host if is_asked else 0
        result = self._judge_first_match(block.baseline, last, reached, verdicts)
        if not is_asked:
            result = last
        return _put(result, _HOST, host)

    def _judge_normal(
        self, block: _Block, left: Bits, below: Cells, verdicts: _Verdicts
    ) -> Cells:
        denied, denied_twice = _count(block.denials)
        by_l7: dict[object, _Matches] = {}
        for rule, peers in block.allowances:
            by_l7.setdefault(self._l7_of(rule), []).append((rule, peers))
        counts = {l7: _count(some) for l7, some in by_l7.items()}
        allowed = _allowed(counts)
        below_denials = dict(below)
        for kind, peers in allowed.items():
            below_denials = _put(below_denials, kind, peers)
        for rule, peers in block.denials:
            alone = peers & left & ~denied_twice
            verdicts.note(rule, peers, alone & ~below_denials.get(_DENY, 0))
        for l7, some in by_l7.items():
            _, twice = counts[l7]
            only = ("allow", frozenset({l7}))
            same = allowed.get(only, 0) & below.get(only, 0)
            for rule, peers in some:
                alone = peers & left & ~denied & ~twice
                verdicts.note(rule, peers, alone & ~same)
        return _put(below_denials, _DENY, denied)

    def _judge_first_match(
        self, rules: _Matches, after: Cells, reached: Bits, verdicts: _Verdicts
    ) -> Cells:
        """Judge a tier in which the first match decides; return what it comes to."""
        earlier_than = []
        earlier = 0
        for _, peers in rules:
            earlier_than.append(earlier)
            earlier |= peers
        result = dict(after)
        for (rule, peers), before in zip(
            reversed(rules), reversed(earlier_than), strict=True
        ):
            first = peers & ~before & reached
            if rule.rule.action is Action.PASS:
                same = 0
                for kind, bits in after.items():
                    same |= bits & result.get(kind, 0)
                verdicts.note(rule, peers, first & ~same)
                replaced: Cells = {k: bits & ~peers for k, bits in result.items()}
                for kind, bits in after.items():
                    replaced[kind] = replaced.get(kind, 0) | bits & peers
                result = replaced
                continue
            kind = self._kind(rule)
            verdicts.note(rule, peers, first & ~result.get(kind, 0))
            result = _put(result, kind, peers)
        return result

    def _kind(self, rule: ResolvedRule) -> object:
        if rule.rule.action is Action.DENY:
            return _DENY
        return "allow", frozenset({self._l7_of(rule)})

    def _l7_of(self, rule: ResolvedRule) -> object:
        if rule.rule.l7 is None:
            return None
        if rule.name not in self._l7:
            self._l7[rule.name] = l7_of(rule)
        return self._l7[rule.name]


def _put(cells: Mapping[object, Bits], kind: object, peers: Bits) -> Cells:
    """Return the partition after ``kind`` happens to some peers."""
    put = {other: bits & ~peers for other, bits in cells.items()}
    put[kind] = put.get(kind, 0) | peers
    return put


def _count(matches: _Matches) -> tuple[Bits, Bits]:
    """Return the peers that are matched, and those that are matched more than once."""
    once = twice = 0
    for _, peers in matches:
        twice |= once & peers
        once |= peers
    return once, twice


def _allowed(counts: Mapping[object, tuple[Bits, Bits]]) -> Cells:
    """Return which sets of L7 rules allow which peers."""
    if len(counts) == 1:
        ((l7, (once, _)),) = counts.items()
        return {("allow", frozenset({l7})): once}
    kinds = list(counts)
    everything = 0
    for once, _ in counts.values():
        everything |= once
    blocks = split(
        everything, [(counts[l7][0], 1 << place) for place, l7 in enumerate(kinds)]
    )
    return {
        (
            "allow",
            frozenset(l7 for place, l7 in enumerate(kinds) if tags >> place & 1),
        ): bits
        for bits, tags in blocks
    }
