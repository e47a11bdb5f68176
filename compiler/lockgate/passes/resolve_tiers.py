"""Decide what the rules that match a packet come to: tiers, denials, isolation, audit.

Before: what one subject is judged by.
After:  a judge, which turns a set of matching terms into a decision.

ADMIN: the first match decides, Pass goes on.  NORMAL: a denial wins, else an allowance,
else an isolated subject is denied by default.  BASELINE: the first match decides; it is
asked only where NORMAL did not decide.  After it everything is allowed.

The node's own traffic to its endpoints passes the isolation (kubelet's probes; Cilium's
``allow-localhost``), unless a rule denies it.

Audit takes away the power to deny, and nothing else: a packet that is denied by all
policies, and not by those that are enforced (with the allowances of the audited), passes
and is reported.  So does one that only audited rules would leave to an L7 parser, which
may deny; where rules in force leave it to one, so does the verdict.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from lockgate.bitset import lowest, members
from lockgate.ir.l7 import Parser
from lockgate.ir.policy import Action, Tier
from lockgate.ir.tables import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from lockgate.decision_book import DecisionBook
    from lockgate.diagnostics import Diagnostics
    from lockgate.ir.l7 import L7Rules
    from lockgate.ir.resolution import ResolvedRule, SubjectRules
    from lockgate.source import Span

HOST_TO_ENDPOINT = "lockgate/host-to-endpoint"
NO_POLICY = "lockgate/no-policy"
NOT_SERVED = "lockgate/service-port-not-served"

MOST_BECAUSE = 8
"""So many rules that agreed are kept in an allowance or a denial; ``explain`` has all."""

_PARSERS = {parser: number for number, parser in enumerate(Parser, 1)}

# Names of enumeration members that are asked for often: a look-up in the class is slow.
_ADMIN, _BASELINE, _DENY = Tier.ADMIN, Tier.BASELINE, Action.DENY

Tags = int
"""A set of terms of one subject (bit by index): those that match a packet."""


def no_policy(book: DecisionBook) -> int:
    """Return the decision where nothing has a say."""
    rule = book.rule(NO_POLICY, "no-policy")
    return book.decide(Outcome.ALLOW, rule, 0, (rule,), ((Tier.BASELINE, rule),))


class _Verdict(NamedTuple):
    outcome: Outcome
    rule: int
    argument: int
    because: tuple[int, ...]
    chain: tuple[tuple[Tier, int], ...]


class _Known(dict[Tags, int]):
    """Decisions so far; one that is known is found without a call of ours."""

    def __init__(self, decide: Callable[[Tags], int]) -> None:
        super().__init__()
        self._decide = decide

    def __missing__(self, tags: Tags) -> int:
        decision = self[tags] = self._decide(tags)
        return decision


class TierJudge:
    """Judges for one subject."""

    def __init__(
        self,
        rules: SubjectRules,
        baseline_overrides: bool,
        book: DecisionBook,
        conflicts: ParserConflicts,
    ) -> None:
        self._rules = rules
        self._owners = rules.owners
        self._book = book
        self._conflicts = conflicts
        self._baseline_overrides = baseline_overrides
        self._admin = self._deny = self._allow = self._baseline = self._host = 0
        self._audited_denials = self._audited_parsers = 0
        self._sort_terms()
        self._isolation = self._default_deny(rules.isolating)
        self._enforced_isolation = self._isolation
        self._is_audited = len(rules.enforced) < len(rules.isolating)
        if self._is_audited:
            self._enforced_isolation = self._default_deny(rules.enforced)
        powerless = self._audited_denials | self._audited_parsers
        self._is_audited = self._is_audited or powerless != 0

        self.decide: Callable[[Tags], int] = _Known(self._decide).__getitem__
        """Returns the decision where these terms match, and no others."""

    def _decide(self, tags: Tags) -> int:
        verdict = self._verdict(tags, self._isolation)
        if self._is_audited and verdict.outcome is not Outcome.ALLOW:
            verdict = self._audit(tags, verdict)
        return self._book.decide(*verdict)

    def not_served(self) -> int:
        """Return the decision for a port of a service that nobody serves."""
        if self._isolation is not None:
            rule, tier = self._isolation, Tier.NORMAL
        else:
            rule, tier = self._book.rule(NOT_SERVED, "deny"), Tier.BASELINE
        reports_only = self._rules.is_audited or (
            self._isolation is not None and self._enforced_isolation is None
        )
        outcome = Outcome.AUDIT if reports_only else Outcome.DENY
        return self._book.decide(outcome, rule, 0, (rule,), ((tier, rule),))

    def _sort_terms(self) -> None:
        tag = 1
        for owner in self._owners:
            if owner is None:
                self._host |= tag
            else:
                tier, action = owner.policy.tier, owner.rule.action
                if tier is _ADMIN:
                    self._admin |= tag
                elif tier is _BASELINE:
                    self._baseline |= tag
                elif action is _DENY:
                    self._deny |= tag
                else:
                    self._allow |= tag
                if owner.is_audited:
                    if action is _DENY:
                        self._audited_denials |= tag
                    elif _of_allowance(owner.rule.l7)[1]:
                        self._audited_parsers |= tag
            tag <<= 1

    def _default_deny(self, policies: tuple[tuple[str, Span], ...]) -> int | None:
        subject = self._rules.subject
        if policies:
            return self._book.default_deny(subject.direction.value, policies)
        if subject.forced_by is not None:
            return self._book.rule(subject.forced_by, "default-deny")
        return None

    def _audit(self, tags: Tags, strict: _Verdict) -> _Verdict:
        tags &= ~self._audited_denials
        enforced = self._verdict(tags, self._enforced_isolation)
        if enforced.argument and tags & self._audited_parsers:
            plain = self._verdict(
                tags & ~self._audited_parsers, self._enforced_isolation
            )
            if plain.outcome is Outcome.ALLOW:
                enforced = plain
        if enforced.outcome is Outcome.ALLOW:
            return strict._replace(outcome=Outcome.AUDIT, argument=0)
        return enforced

    def _verdict(self, tags: Tags, isolation: int | None) -> _Verdict:
        passed: tuple[tuple[Tier, int], ...] = ()
        if tags & self._admin:
            verdict = self._first(Tier.ADMIN, tags & self._admin, ())
            if isinstance(verdict, _Verdict):
                return verdict
            passed = verdict
        if tags & self._deny:
            return self._agreed(Outcome.DENY, tags & self._deny, passed)
        if tags & self._allow:
            return self._allowance(tags, isolation, passed)
        if isolation is not None and tags & self._host:
            rule = self._book.rule(HOST_TO_ENDPOINT, "allow")
            return self._plain(Outcome.ALLOW, Tier.NORMAL, rule, passed)
        if isolation is None or self._baseline_overrides:
            return self._last(tags, isolation, passed)
        return self._plain(Outcome.DENY, Tier.NORMAL, isolation, passed)

    def _last(
        self, tags: Tags, isolation: int | None, passed: tuple[tuple[Tier, int], ...]
    ) -> _Verdict:
        """Ask BASELINE; what it leaves open is denied to the isolated, else allowed."""
        if tags & self._baseline:
            verdict = self._first(Tier.BASELINE, tags & self._baseline, passed)
            if isinstance(verdict, _Verdict):
                return verdict
            passed = verdict
        if isolation is not None:
            return self._plain(Outcome.DENY, Tier.NORMAL, isolation, passed)
        rule = self._book.rule(NO_POLICY, "no-policy")
        return self._plain(Outcome.ALLOW, Tier.BASELINE, rule, passed)

    def _first(
        self, tier: Tier, tags: Tags, passed: tuple[tuple[Tier, int], ...]
    ) -> _Verdict | tuple[tuple[Tier, int], ...]:
        """Let the first match decide; return the longer chain where it is a Pass."""
        owner = self._owners[lowest(tags)]
        assert owner is not None  # noqa: S101  # only the host's own term has no rule
        rule = self._book.rule_of(owner)
        if owner.rule.action is Action.PASS:
            return (*passed, (tier, rule))
        if owner.rule.action is Action.DENY:
            return self._plain(Outcome.DENY, tier, rule, passed)
        outcome, argument = _of_allowance(owner.rule.l7)
        return _Verdict(outcome, rule, argument, (rule,), (*passed, (tier, rule)))

    def _plain(
        self,
        outcome: Outcome,
        tier: Tier,
        rule: int,
        passed: tuple[tuple[Tier, int], ...],
    ) -> _Verdict:
        return _Verdict(outcome, rule, 0, (rule,), (*passed, (tier, rule)))

    def _agreed(
        self, outcome: Outcome, tags: Tags, passed: tuple[tuple[Tier, int], ...]
    ) -> _Verdict:
        because = self._entries(tags, MOST_BECAUSE)
        chain = (*passed, (Tier.NORMAL, because[0]))
        return _Verdict(outcome, because[0], 0, because, chain)

    def _allowance(
        self, tags: Tags, isolation: int | None, passed: tuple[tuple[Tier, int], ...]
    ) -> _Verdict:
        """Allow, or leave it to a parser: the first allowance in order has the say.

        What is left to a parser names all that allow it, so that whoever judges further
        sees which of them ask for nothing at L7.
        """
        allowing = tags & self._allow
        first = self._owners[lowest(allowing)]
        assert first is not None  # noqa: S101  # only the host's own term has no rule
        outcome, argument = _of_allowance(first.rule.l7)
        if outcome is Outcome.ALLOW:
            return self._agreed(outcome, allowing, passed)
        owners = [self._owners[index] for index in members(allowing)]
        self._conflicts.check([owner for owner in owners if owner is not None])
        because = self._entries(allowing, allowing.bit_count())
        chain = (*passed, (Tier.NORMAL, because[0]))
        if isolation is None:
            because += (self._book.rule(NO_POLICY, "no-policy"),)
        elif tags & self._host:
            because += (self._book.rule(HOST_TO_ENDPOINT, "allow"),)
        return _Verdict(outcome, because[0], argument, because, chain)

    def _entries(self, tags: Tags, most: int) -> tuple[int, ...]:
        """Return the rules of some terms, in order, each once, at most so many."""
        found: dict[int, None] = {}
        while tags and len(found) < most:
            index = lowest(tags)
            tags &= tags - 1
            owner = self._owners[index]
            if owner is not None:
                found[self._book.rule_of(owner)] = None
        return tuple(found)


def _of_allowance(l7: L7Rules | None) -> tuple[Outcome, int]:
    if l7 is None or l7.is_plain:
        return Outcome.ALLOW, 0
    if l7.needs_authentication:
        return Outcome.AUTHENTICATE, _PARSERS[l7.parser]
    return Outcome.REDIRECT, _PARSERS[l7.parser]


# ---------------------------------------------------------------- conflicting parsers

_EXCLUSIVE = frozenset({Parser.HTTP, Parser.KAFKA, Parser.CUSTOM, Parser.DNS})


class ParserConflicts:
    """Complains once about each two rules that give the same traffic to two parsers.

    Rules whose peers merely overlap are in order: the stronger parser judges.  Rules that name
    the very same peer contradict each other (Cilium drops the whole policy then).
    """

    def __init__(self, diagnostics: Diagnostics) -> None:
        self._diagnostics = diagnostics
        self._seen: set[tuple[int, ...]] = set()

    def check(self, rules: Iterable[ResolvedRule]) -> None:
        """Check rules that allow the same traffic."""
        judged = [rule for rule in rules if rule.rule.l7 is not None]
        places = tuple(rule.place for rule in judged)
        if len(judged) < 2 or places in self._seen:  # a pair
            return
        self._seen.add(places)
        for index, one in enumerate(judged):
            for other in judged[index + 1 :]:
                pair = (one.place, other.place)
                if (pair == places or pair not in self._seen) and _conflict(one, other):
                    self._seen.add(pair)
                    self._report(one, other)

    def _report(self, one: ResolvedRule, other: ResolvedRule) -> None:
        first, second = one.rule.l7, other.rule.l7
        assert first is not None and second is not None  # noqa: S101, PT018  # see check
        self._diagnostics.error(
            "E2053",
            f"the same traffic of the same peer goes to two parsers: "
            f"{first.parser.value} and {second.parser.value}",
            second.span,
            help="give each parser its own port, or its own peers",
            related=[(first.span, "the other parser")],
        )


def _conflict(one: ResolvedRule, other: ResolvedRule) -> bool:
    first, second = one.rule.l7, other.rule.l7
    if first is None or second is None:
        return False
    parsers = {first.parser, second.parser}
    if parsers == {Parser.LISTENER}:
        differ = first.listener != second.listener and first.rank == second.rank
    else:
        differ = len(parsers) > 1 and (
            parsers <= _EXCLUSIVE or parsers == {Parser.TLS, Parser.DNS}
        )
    return differ and not set(one.rule.peers).isdisjoint(other.rule.peers)
