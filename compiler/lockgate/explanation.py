"""Say why a flow came out as it did: the way through the tiers, the rules, those that lost.

Everything but the losing rules is in the tables of a bundle.  A rule that lost matched the
packet and had no say, or nearly matched; to find those one needs the policies.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lockgate.excerpt import excerpt
from lockgate.ir.policy import Action, Tier
from lockgate.simulation import NO_ENDPOINT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lockgate.ir.resolution import ResolvedRule
    from lockgate.passes.pipeline import Middle
    from lockgate.simulation import Answer, Question, Side, Simulation
    from lockgate.source import Span
    from lockgate_runtime.tables import Rule

FIRST_TABLE = 2
"""Tables 0 and 1 are "no policy"."""

TIER_NAMES = {"ADMIN": "Admin", "NORMAL": "NetworkPolicy", "BASELINE": "Baseline"}

BUILT_IN = {
    "lockgate/no-policy": "no policy has a say",
    "lockgate/host-to-endpoint": "a node may reach its own endpoints",
    "lockgate/service-port-not-served": "the service has no ready backend on this port",
    "lockgate/enforcement-mode-always": "the enforcement mode is 'always'",
    "lockgate/identity-init": "the endpoint has no labels yet",
}
"""What rules of our own mean, for people."""

_VERBS = {
    "allow": "allowed",
    "deny": "denied",
    "audit": "denied, but only reported",
    "redirect": "left to L7 rules",
    "authenticate": "left to authentication",
}


@dataclass(frozen=True, slots=True)
class Loser:
    """A rule that did not decide, and why; ``has_matched`` tells losing from near misses."""

    name: str
    place: str
    why: str
    has_matched: bool


@dataclass(frozen=True, slots=True)
class Step:
    """One tier on the way: what it did, and the rule that did it."""

    tier: str
    verb: str
    rule: Rule


@dataclass(frozen=True, slots=True)
class SideExplanation:
    """One end: the outcome, the steps through the tiers, the rules behind it."""

    direction: str
    subject: str
    outcome: str
    chain: tuple[Step, ...]
    rules: tuple[Rule, ...]
    losers: tuple[Loser, ...] = ()


@dataclass
class Explainer:
    """Explains answers of a simulation.

    ``middle`` is None for a bundle: then no losers are known and no lines of the policies
    can be quoted.
    """

    simulation: Simulation
    middle: Middle | None = None
    _spans: Mapping[str, Span] = field(init=False)

    def __post_init__(self) -> None:
        self._spans = {}
        if self.middle is not None:
            rules = self.middle.tables.rules
            self._spans = {span.place: span for rule in rules for span in rule.spans}

    def explain(self, answer: Answer) -> tuple[SideExplanation, ...]:
        """Explain both sides, in the order in which a packet meets them."""
        return tuple(self._explain_side(side) for side in answer.sides)

    def quote(self, place: str) -> tuple[str, str] | None:
        """Return the line at ``file:line:column`` and its marks, if the text is here."""
        span = self._spans.get(place)
        return None if span is None else excerpt(span)

    # ------------------------------------------------------------ inside

    def _explain_side(self, side: Side) -> SideExplanation:
        if side.decision is None or side.question is None:
            return SideExplanation(side.direction, "", NO_ENDPOINT, (), ())
        tables = self.simulation.tables
        reason = tables.reasons[side.decision]
        rules = tuple(tables.rules[index] for index in reason.because)
        last = len(reason.chain) - 1
        chain = tuple(
            Step(
                TIER_NAMES[tier],
                _verb(tables.rules[index], side) if number == last else "Pass",
                tables.rules[index],
            )
            for number, (tier, index) in enumerate(reason.chain)
        )
        return SideExplanation(
            side.direction,
            _name(side.question),
            side.outcome,
            chain,
            rules,
            tuple(
                self._losers(
                    side,
                    {rule.name for rule in rules} | {step.rule.name for step in chain},
                    Tier[reason.chain[last][0]],
                )
            ),
        )

    def _losers(self, side: Side, winners: set[str], decided_in: Tier) -> list[Loser]:
        """Return rules of the subject that did not decide, those that matched first."""
        question = side.question
        if self.middle is None or question is None or question.policy < FIRST_TABLE:
            return []
        tables = self.simulation.tables
        identity_class = tables.peer(question.peer).identity_class
        representatives = self.middle.classes.representatives
        if identity_class >= len(representatives):
            return []  # a service: its backends are judged, none of them is the packet's
        subject = self.middle.rules[question.policy - FIRST_TABLE]
        sets = self.middle.resolution.peer_sets
        point = representatives[identity_class]
        atom = tables.atom(question.protocol, question.port)
        matches: dict[int, _Match] = {}
        for owner, term in zip(subject.owners, subject.terms, strict=True):
            if owner is not None and owner.name not in winners:
                match = matches.setdefault(owner.place, _Match(owner))
                match.add(
                    is_peer=bool(sets[term.peers] >> point & 1),
                    is_traffic=bool(term.traffic >> atom & 1),
                )
        losers = [
            loser for m in matches.values() if (loser := _lost(m, side, decided_in))
        ]
        return sorted(losers, key=lambda loser: not loser.has_matched)


@dataclass(slots=True)
class _Match:
    """How far a rule holds a packet: its peers, its traffic, both in one term."""

    owner: ResolvedRule
    is_peer: bool = False
    is_traffic: bool = False
    is_both: bool = False

    def add(self, *, is_peer: bool, is_traffic: bool) -> None:
        """Add one term of the rule."""
        self.is_peer |= is_peer
        self.is_traffic |= is_traffic
        self.is_both |= is_peer and is_traffic


def _lost(match: _Match, side: Side, decided_in: Tier) -> Loser | None:
    """Return a rule with the reason why it did not decide; None where it is far off."""
    rule = match.owner.rule
    why = None
    if match.is_both:
        why = _why_lost(match.owner, side, decided_in)
    elif match.is_peer:
        why = "the peer matches, the port does not"
    elif match.is_traffic:
        why = "the port matches, the peer does not"
    if why is None:
        return None
    return Loser(match.owner.name, rule.span.place, why, match.is_both)


def _why_lost(owner: ResolvedRule, side: Side, decided_in: Tier) -> str:
    """Say why a rule that matches has no say: something stands before it."""
    tier, action = owner.policy.tier, owner.rule.action
    if owner.is_audited and action is Action.DENY:
        return "its policy is audited: it only reports"
    if tier > decided_in:
        return f"the {TIER_NAMES[decided_in.name]} tier decided before"
    if tier < decided_in:
        return "an earlier rule of its tier passed the packet on"
    if tier is not Tier.NORMAL:
        return "an earlier rule of its tier decided"
    if action is Action.ALLOW and side.outcome in ("deny", "audit"):
        return "a deny rule stands before every allow rule"
    return "it agrees, and others are named already"


def _verb(rule: Rule, side: Side) -> str:
    if rule.name == "lockgate/no-policy":
        return "no policy: allowed"
    verb = _VERBS.get(side.outcome, side.outcome)
    return f"{verb} by default" if rule.effect == "default-deny" else verb


def _name(question: Question) -> str:
    subject = question.subject
    key = getattr(subject, "key", None)
    return str(key) if key else f"node {subject.node}"
