"""Judge a flow: both directions, all tiers.

The order of the tiers, and what each may decide:

1. Admin: the first matching rule by priority and order; Pass goes on.
2. Normal (NetworkPolicy and Cilium kinds): a deny wins; else an allow; else, if some policy
   isolates the subject, the packet is denied.
3. Baseline: as Admin, but only where Normal did not decide.
4. Otherwise allow.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from lockgate.proof.reference import cilium_policy, cluster_policy, network_policy
from lockgate.proof.reference.application import RANK
from lockgate.proof.reference.cluster import Object, Service, read_cluster
from lockgate.proof.reference.ends import Ends, Who
from lockgate.proof.reference.flow import End, Kind, Packet
from lockgate.proof.reference.opinion import Opinion, Redirect, Setting, name_of

KINDS = {
    "NetworkPolicy": network_policy.opinion,
    "ClusterNetworkPolicy": cluster_policy.opinion,
    "CiliumNetworkPolicy": cilium_policy.opinion,
    "CiliumClusterwideNetworkPolicy": cilium_policy.opinion,
}


class FamilyDisagreementError(Exception):
    """A flow between two dual-stack ends comes out differently for IPv4 and IPv6."""


@dataclass
class Answer:
    """``ingress`` and ``egress``: allow, deny, redirect, audit or none."""

    ingress: str
    egress: str
    verdict: str


@dataclass(frozen=True)
class Judged:
    """What one end says to one packet; ``by``: the rules that a redirect leaves it to."""

    outcome: str
    passes: bool = True
    by: frozenset[str] = frozenset()


@dataclass
class Evaluator:
    """All objects of a case, and the options that change their meaning."""

    objects: list[Object]
    semantics: str = "kubernetes"
    enforcement_mode: str = "default"
    audit: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        self.cluster = read_cluster(self.objects)
        self.policies = [o for o in self.objects if o["kind"] in KINDS]
        self.ends = Ends(self.cluster)
        self.setting = Setting(self.cluster, cilium=self.semantics == "cilium")

    # ------------------------------------------------------------- a flow

    def judge(self, flow: dict[str, Any]) -> Answer:
        """Judge one flow; it must come out the same for every family."""
        packet = Packet(
            flow["protocol"], flow["port"], flow.get("http"), flow.get("dns")
        )
        source, destination = self.ends.who(flow["src"]), self.ends.who(flow["dst"])
        answers = {
            family: self._judge_family(source, destination, packet, family)
            for family in self.ends.families(source, destination, packet.protocol)
        }
        first, *rest = answers.values()
        if any(answer != first for answer in rest):
            raise FamilyDisagreementError(answers)
        return first

    def _judge_family(
        self, source: Who, destination: Who, packet: Packet, family: int
    ) -> Answer:
        ingress = self._side("ingress", destination, source, packet, family)
        egress = self._side("egress", source, destination, packet, family)
        outcomes = (ingress.outcome, egress.outcome)
        if "deny" in outcomes:
            verdict = "deny"
        elif "redirect" in outcomes:
            verdict = "l7-allow" if ingress.passes and egress.passes else "l7-deny"
        else:
            verdict = "allow"
        return Answer(*outcomes, verdict)

    def _side(
        self, direction: str, subject: Who, other: Who, packet: Packet, family: int
    ) -> Judged:
        """Judge at one end."""
        me = self.ends.subject(subject, other, family)
        if me is None or (me.kind is Kind.HOST and not self._is_selected(me)):
            return Judged("none")
        if direction == "egress" and other.services:
            return self._service(me, subject, other.services, packet, family)
        return self._judge(
            direction, me, self.ends.other(other, subject, family), packet
        )

    def _service(
        self,
        me: End,
        subject: Who,
        services: tuple[Service, ...],
        packet: Packet,
        family: int,
    ) -> Judged:
        """Judge a service's address as its ready backends, all of them.

        Where different L7 rules judge them, nobody knows by which to judge a request: it
        is denied as where nobody serves.
        """
        backends = [
            (address, port)
            for service in services
            for address, port in service.ports.get((packet.protocol, packet.port), [])
            if address.version == family
        ]
        if not backends:
            return Judged(self._not_served(me))
        judged = [
            self._judge(
                "egress",
                me,
                end,
                Packet(packet.protocol, port, packet.http, packet.dns),
            )
            for address, port in backends
            for end in self.ends.views(self.ends.who(str(address)), subject, family)
        ]
        # What is redirected may yet be denied, what is audited passes.
        worst_first = ("deny", "redirect", "audit", "allow")
        worst = min((one.outcome for one in judged), key=worst_first.index)
        redirects = {one.by for one in judged if one.outcome == "redirect"}
        if worst == "redirect" and len(redirects) > 1:
            return Judged(self._not_served(me))
        return Judged(worst, all(one.passes for one in judged))

    # --------------------------------------------------------- a verdict

    def _judge(self, direction: str, me: End, other: End, packet: Packet) -> Judged:
        if self.enforcement_mode == "never":
            return Judged("allow")
        opinions = self._opinions(direction, me, other, packet)
        strict = self._decide(direction, me, other, opinions)
        if strict == "redirect":
            return self._redirected(direction, me, other, opinions, packet)
        if strict != "deny":
            return Judged(strict)
        lenient = [_without_denial(o) if o.audited else o for o in opinions]
        without = self._decide(direction, me, other, lenient)
        if without == "deny":
            return Judged("deny", passes=False)
        if without == "redirect":
            # The policies in force leave it to a parser, and so it stays.
            return self._redirected(direction, me, other, lenient, packet)
        return Judged("audit")

    def _redirected(
        self,
        direction: str,
        me: End,
        other: End,
        opinions: list[Opinion],
        packet: Packet,
    ) -> Judged:
        normal = [o for o in opinions if o.tier == "normal"]
        by = {rule for o in normal for rule in o.allowing}
        if not self._is_isolated(me, normal):
            by.add("nothing isolates")
        passes = self._passes(direction, me, other, opinions, packet)
        return Judged("redirect", passes, frozenset(by))

    def _opinions(
        self, direction: str, me: End, other: End, packet: Packet
    ) -> list[Opinion]:
        found: list[Opinion] = []
        for policy in self.policies:
            judge = KINDS[policy["kind"]]
            said = judge(policy, direction, me, other, packet, self.setting)
            annotations = policy["metadata"].get("annotations") or {}
            audited = annotations.get("lockgate.dev/audit") == "true"
            for opinion in said:
                opinion.audited = audited or name_of(policy) in self.audit
            found += said
        return found

    def _decide(
        self, direction: str, me: End, other: End, opinions: list[Opinion]
    ) -> str:
        decided = _first("admin", opinions)
        if decided:
            return decided
        normal = [o for o in opinions if o.tier == "normal"]
        effects = [effect for o in normal for effect in o.effects]
        if "deny" in effects:
            return "deny"
        if any(isinstance(effect, Redirect) for effect in effects):
            return "redirect"
        if "accept" in effects:
            return "allow"
        is_isolated = self._is_isolated(me, normal)
        if is_isolated and _is_own_host(direction, me, other):
            return "allow"  # unless something denies it by name, above
        if is_isolated and not self.setting.cilium:
            return "deny"
        # Deviation 3 of Cilium: the isolation comes after the Baseline tier.
        return _first("baseline", opinions) or ("deny" if is_isolated else "allow")

    def _is_isolated(self, me: End, normal: list[Opinion]) -> bool:
        return any(o.isolates for o in normal) or (
            self.enforcement_mode == "always" and me.kind is Kind.POD
        )

    def _passes(
        self,
        direction: str,
        me: End,
        other: End,
        opinions: list[Opinion],
        packet: Packet,
    ) -> bool:
        """Judge the request by the rules of the strongest parser.

        All requests pass where the same packet is also allowed without L7 rules: by a
        plain rule, as the node's own traffic, or because nothing isolates the subject.
        """
        normal = [o for o in opinions if o.tier == "normal"]
        effects = [effect for o in normal for effect in o.effects]
        if "accept" in effects or _is_own_host(direction, me, other):
            return True
        if not self._is_isolated(me, normal):
            return True
        redirects = [e for e in effects if isinstance(e, Redirect)]
        parser = min((r.parser for r in redirects), key=RANK.index)
        return any(r.admits(packet) for r in redirects if r.parser == parser)

    def _not_served(self, me: End) -> str:
        """Judge where nobody serves: whoever is enforced at all may not send there."""
        if self.enforcement_mode == "never":
            return "allow"
        nobody = End(Kind.WORLD, None)
        opinions = self._opinions("egress", me, nobody, Packet("TCP", 1))
        speaking = [o for o in opinions if o.speaks]
        if self.enforcement_mode == "always" and me.kind is Kind.POD:
            return "deny"
        if not speaking:
            return "allow"
        isolating = [o for o in speaking if o.isolates]
        return "audit" if all(o.audited for o in isolating or speaking) else "deny"

    def _is_selected(self, host: End) -> bool:
        """Tell whether a host policy selects a node, and has something to say."""
        if self.enforcement_mode == "never":
            return False
        nobody = End(Kind.WORLD, None)
        return any(
            opinion.speaks
            for direction in ("ingress", "egress")
            for opinion in self._opinions(direction, host, nobody, Packet("TCP", 1))
        )


def _is_own_host(direction: str, me: End, other: End) -> bool:
    """Tell whether a node sends to a pod of its own (kubelet probes and the like)."""
    return direction == "ingress" and me.kind is Kind.POD and other.kind is Kind.HOST


def _first(tier: str, opinions: list[Opinion]) -> str | None:
    """Return what the first matching rule of an ordered tier decides; Pass is None."""
    # Which of two policies with one priority is first, is left open: here, by name.
    ordered = sorted(
        (o for o in opinions if o.tier == tier), key=lambda o: (o.order, o.policy)
    )
    for opinion in ordered:
        for effect in opinion.effects:
            if effect == "pass":
                return None
            return "allow" if effect == "accept" else "deny"
    return None


def _without_denial(opinion: Opinion) -> Opinion:
    effects = [effect for effect in opinion.effects if effect != "deny"]
    return replace(opinion, isolates=False, effects=effects)
