"""What the rules that match a packet come to, for one subject in one direction.

The order of the tiers, and what each may decide:

1. Admin: the first matching rule by priority, policy and place; Pass goes on.
2. Normal (NetworkPolicy and Cilium kinds): a deny wins; else an allow; else, if some policy
   isolates the subject, the packet is denied.
3. Baseline: as Admin, but only where Normal did not decide.
4. Otherwise allow.

Audit takes away the power to deny: what all policies together deny, and those that are
enforced do not, passes and is reported.  So does what only audited rules leave to a parser
of requests, for that may deny.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from lockgate.proof.reference.opinion import Reason, Redirect, Rule, Statement

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

NO_POLICY = Reason("lockgate/no-policy", "no-policy")
OWN_HOST = Reason("lockgate/host-to-endpoint", "allow")
NOT_SERVED = Reason("lockgate/service-port-not-served", "deny")
ALWAYS = Reason("lockgate/enforcement-mode-always", "default-deny")

MOST_BECAUSE = 8
"""So many rules that agree are named; all of them where somebody judges further."""

SPARED = "ingress"
"""The direction in which no isolation keeps a node from its own pods (kubelet's probes)."""

WORST_FIRST = ("deny", "authenticate", "redirect", "audit", "allow")
_DENY_RANK, _PLAIN_RANK = -1, 1000

Chain = tuple[tuple[str, Reason], ...]


@dataclass(frozen=True)
class Verdict:
    """An outcome and why: the deciding rule, all that agree with it, the way there.

    ``chain`` are (tier, rule): every Pass, and the rule that decided.  ``parser`` is who
    judges on after ``redirect`` or ``authenticate``.
    """

    outcome: str
    because: tuple[Reason, ...]
    chain: Chain
    parser: str = ""

    @property
    def reason(self) -> Reason:
        """The rule that decided."""
        return self.because[0]


@dataclass(frozen=True)
class _Owned:
    """A rule and the statement that it is from."""

    rule: Rule
    statement: Statement
    place: int


class Tribunal:
    """The statements that speak of one subject in one direction."""

    def __init__(
        self,
        statements: Iterable[Statement],
        direction: str,
        *,
        is_pod: bool,
        mode: str,
        is_cilium: bool,
    ) -> None:
        speaking = [s for s in statements if s.speaks(direction)]
        if mode == "never":
            speaking = []
        self.statements = tuple(sorted(speaking, key=lambda s: (s.policy, s.part)))
        self._is_cilium = is_cilium
        self._direction = direction
        self._forced = mode == "always" and is_pod
        owned = [
            _Owned(rule, statement, place)
            for statement in self.statements
            for place, rule in enumerate(statement.rules[direction])
        ]
        self._owned = sorted(owned, key=_order)
        self.rules: Sequence[Rule] = [one.rule for one in self._owned]
        self.spares_own_host = is_pod and direction == SPARED
        isolating = [s for s in self.statements if s.isolates[direction]]
        enforced = [s for s in isolating if not s.audited]
        self._isolation = self._default_deny(isolating)
        self._enforced_isolation = self._default_deny(enforced)

    @property
    def is_silent(self) -> bool:
        """Tell whether nobody has anything to say of this subject."""
        return not self.statements and not self._forced

    def decide(self, matching: Collection[int], *, is_own_host: bool) -> Verdict:
        """Decide where the rules with these indexes match, and no others.

        ``is_own_host``: the other end is the node that the subject runs on.
        """
        found = [self._owned[index] for index in sorted(matching)]
        host = is_own_host and self.spares_own_host
        verdict = self._decide(found, self._isolation, host)
        if verdict.outcome == "allow" or not any(s.audited for s in self.statements):
            return verdict
        powerless = [o for o in found if not _is_audited_denial(o)]
        enforced = self._decide(powerless, self._enforced_isolation, host)
        if enforced.parser:
            plain = [o for o in powerless if not _is_audited_redirect(o)]
            without = self._decide(plain, self._enforced_isolation, host)
            if without.outcome == "allow":
                enforced = without
        if enforced.outcome == "allow":
            return replace(verdict, outcome="audit", parser="")
        return enforced

    def not_served(self) -> Verdict:
        """Decide where nobody serves: who is enforced at all may not send there."""
        if self.is_silent:
            return _plain("allow", "baseline", NO_POLICY)
        reason, tier = NOT_SERVED, "baseline"
        if self._isolation is not None:
            reason, tier = self._isolation, "normal"
        isolating = [s for s in self.statements if s.isolates[self._direction]]
        is_reported = not self._forced and all(
            s.audited for s in isolating or self.statements
        )
        return _plain("audit" if is_reported else "deny", tier, reason)

    def worst(self, verdicts: Collection[Verdict]) -> set[Verdict]:
        """Return what a service's address may come to, given those of its backends.

        Nobody knows which backend a packet will reach.  Where different rules judge
        requests further, nobody knows by which: as good as not served.
        """
        if not verdicts:
            return {self.not_served()}
        worst = min((v.outcome for v in verdicts), key=WORST_FIRST.index)
        judged = {v.because for v in verdicts if v.parser}
        if worst in ("authenticate", "redirect") and len(judged) > 1:
            return {self.not_served()}
        return {v for v in verdicts if v.outcome == worst}

    # ------------------------------------------------------------ inside

    def _default_deny(self, isolating: Sequence[Statement]) -> Reason | None:
        if isolating:
            return Reason(
                f"default-deny/{self._direction}",
                "default-deny",
                tuple(s.policy for s in isolating),
                tuple(s.place for s in isolating),
            )
        return ALWAYS if self._forced else None

    def _decide(
        self, found: Sequence[_Owned], isolation: Reason | None, is_own_host: bool
    ) -> Verdict:
        passed, decided = _first("admin", found, ())
        if decided:
            return decided
        normal = [o for o in found if o.statement.tier == "normal"]
        denying = [o for o in normal if o.rule.effect == "deny"]
        if denying:
            return _agreed("deny", denying, passed)
        if normal:
            return _allowance(normal, isolation, is_own_host, passed)
        if isolation is not None and is_own_host:
            return _plain("allow", "normal", OWN_HOST, passed)
        if isolation is not None and not self._is_cilium:
            return _plain("deny", "normal", isolation, passed)
        # Deviation 3 of Cilium: the isolation comes after the Baseline tier.
        passed, decided = _first("baseline", found, passed)
        if decided:
            return decided
        if isolation is not None:
            return _plain("deny", "normal", isolation, passed)
        return _plain("allow", "baseline", NO_POLICY, passed)


def _order(owned: _Owned) -> tuple[str, int, str, str, int]:
    """Order rules: of several that match, the first is the one that decides.

    Which of two policies with one priority is first, is left open by the specification:
    here, by name.
    """
    statement, effect = owned.statement, owned.rule.effect
    rank = statement.order
    if statement.tier == "normal":
        rank = _DENY_RANK if effect == "deny" else _PLAIN_RANK
        if isinstance(effect, Redirect):
            rank = effect.rank
    return statement.tier, rank, statement.policy, statement.part, owned.place


def _first(
    tier: str, found: Iterable[_Owned], passed: Chain
) -> tuple[Chain, Verdict | None]:
    """Let the first rule of an ordered tier decide; a Pass lengthens the chain."""
    for owned in found:
        if owned.statement.tier != tier:
            continue
        reason = owned.rule.reason
        if owned.rule.effect == "pass":
            return (*passed, (tier, reason)), None
        outcome = "allow" if owned.rule.effect == "accept" else "deny"
        return passed, _plain(outcome, tier, reason, passed)
    return passed, None


def _plain(outcome: str, tier: str, reason: Reason, passed: Chain = ()) -> Verdict:
    return Verdict(outcome, (reason,), (*passed, (tier, reason)))


def _agreed(outcome: str, found: Iterable[_Owned], passed: Chain) -> Verdict:
    distinct: dict[Reason, None] = {}
    for owned in found:
        distinct[owned.rule.reason] = None
        if len(distinct) == MOST_BECAUSE:
            break
    reasons = tuple(distinct)
    return Verdict(outcome, reasons, (*passed, ("normal", reasons[0])))


def _allowance(
    found: Sequence[_Owned],
    isolation: Reason | None,
    is_own_host: bool,
    passed: Chain,
) -> Verdict:
    """Allow, or leave it to the parser of the strongest rule.

    The latter names all that allow, so that whoever judges on sees which ask for nothing.
    """
    first = found[0].rule.effect
    if not isinstance(first, Redirect):
        return _agreed("allow", found, passed)
    reasons = list(dict.fromkeys(o.rule.reason for o in found))
    chain = (*passed, ("normal", reasons[0]))
    if isolation is None:
        reasons.append(NO_POLICY)
    elif is_own_host:
        reasons.append(OWN_HOST)
    outcome = "authenticate" if first.needs_authentication else "redirect"
    return Verdict(outcome, tuple(reasons), chain, first.parser)


def _is_audited_denial(owned: _Owned) -> bool:
    return owned.statement.audited and owned.rule.effect == "deny"


def _is_audited_redirect(owned: _Owned) -> bool:
    return owned.statement.audited and isinstance(owned.rule.effect, Redirect)
