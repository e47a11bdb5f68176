"""Judge single flows: both directions, the ends as a flow names them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lockgate.proof.reference import (
    cilium_policy,
    cluster_policy,
    native_policy,
    network_policy,
)
from lockgate.proof.reference.cluster import Object, Service, read_cluster
from lockgate.proof.reference.ends import Ends, Who
from lockgate.proof.reference.flow import End, Kind, Packet
from lockgate.proof.reference.opinion import DIRECTIONS, Redirect, Setting
from lockgate.proof.reference.tribunal import NO_POLICY, OWN_HOST, Tribunal

if TYPE_CHECKING:
    from lockgate.proof.reference.opinion import Statement
    from lockgate.proof.reference.tribunal import Verdict

KINDS = {
    "NetworkPolicy": network_policy.read,
    "ClusterNetworkPolicy": cluster_policy.read,
    "CiliumNetworkPolicy": cilium_policy.read,
    "CiliumClusterwideNetworkPolicy": cilium_policy.read,
    **dict.fromkeys(native_policy.KINDS, native_policy.read),
}


class FamilyDisagreementError(Exception):
    """A flow between two dual-stack ends comes out differently for IPv4 and IPv6."""


@dataclass
class Answer:
    """``ingress`` and ``egress``: allow, deny, redirect, audit or none."""

    ingress: str
    egress: str
    verdict: str


@dataclass
class Evaluator:
    """All objects of a case, and the options that change their meaning."""

    objects: list[Object]
    semantics: str = "kubernetes"
    enforcement_mode: str = "default"
    audit: frozenset[str] = frozenset()
    cluster_name: str = "default"

    def __post_init__(self) -> None:
        self.cluster = read_cluster(self.objects)
        is_cilium = self.semantics == "cilium"
        setting = Setting(self.cluster, cilium=is_cilium, audit=self.audit)
        self.statements: list[Statement] = [
            statement
            for o in self.objects
            if o["kind"] in KINDS
            for statement in KINDS[o["kind"]](o, setting)
        ]
        self.ends = Ends(self.cluster, self.cluster_name)

    def selecting(self, subject: End) -> list[Statement]:
        """Return the statements that select a subject."""
        namespace = subject.pod.namespace if subject.pod else None
        return [
            statement
            for statement in self.statements
            if statement.namespace in (None, namespace) and statement.selects(subject)
        ]

    def tribunal(
        self, direction: str, subject: End, selecting: list[Statement] | None = None
    ) -> Tribunal:
        """Return who judges a subject in one direction; ``selecting`` if that is known."""
        return Tribunal(
            self.selecting(subject) if selecting is None else selecting,
            direction,
            is_pod=subject.kind is Kind.POD,
            mode=self.enforcement_mode,
            is_cilium=self.semantics == "cilium",
        )

    def is_enforced(self, host: End) -> bool:
        """Tell whether a host policy selects a node, and has something to say."""
        return any(not self.tribunal(d, host).is_silent for d in DIRECTIONS)

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

    # ------------------------------------------------------------ inside

    def _judge_family(
        self, source: Who, destination: Who, packet: Packet, family: int
    ) -> Answer:
        ingress, passes_in = self._side("ingress", destination, source, packet, family)
        egress, passes_out = self._side("egress", source, destination, packet, family)
        if "deny" in (ingress, egress):
            verdict = "deny"
        elif "redirect" in (ingress, egress):
            verdict = "l7-allow" if passes_in and passes_out else "l7-deny"
        else:
            verdict = "allow"
        return Answer(ingress, egress, verdict)

    def _side(
        self, direction: str, subject: Who, other: Who, packet: Packet, family: int
    ) -> tuple[str, bool]:
        """Return the outcome at one end, and whether the request passes there."""
        me = self.ends.subject(subject, other, family)
        if me is None or (me.kind is Kind.HOST and not self.is_enforced(me)):
            return "none", True
        tribunal = self.tribunal(direction, me)
        if direction == "egress" and other.services:
            judged = self._service(tribunal, me, other.services, packet, family)
        else:
            end = self.ends.other(other, subject, family)
            judged = {_decide(tribunal, direction, me, end, packet): packet}
        # A service has one answer, or several that differ in their reasons only.
        outcomes = {verdict.outcome for verdict in judged}
        outcome = "redirect" if outcomes == {"authenticate"} else min(outcomes)
        passes = all(_passes(tribunal, *pair) for pair in judged.items())
        return outcome, passes

    def _service(
        self,
        tribunal: Tribunal,
        me: End,
        services: tuple[Service, ...],
        packet: Packet,
        family: int,
    ) -> dict[Verdict, Packet]:
        """Judge a service's address as its ready backends, all of them."""
        judged = {}
        for service in services:
            for address, port in service.ports.get((packet.protocol, packet.port), []):
                if address.version == family:
                    there = Packet(packet.protocol, port, packet.http, packet.dns)
                    for end in self.ends.views(address):
                        verdict = _decide(tribunal, "egress", me, end, there)
                        judged[verdict] = there
        return {v: judged.get(v, packet) for v in tribunal.worst(judged)}


def _decide(
    tribunal: Tribunal, direction: str, me: End, other: End, packet: Packet
) -> Verdict:
    listener = me if direction == "ingress" else other
    matching = [
        index
        for index, rule in enumerate(tribunal.rules)
        if rule.matches(other, listener, packet)
    ]
    return tribunal.decide(matching, is_own_host=other.kind is Kind.HOST)


def _passes(tribunal: Tribunal, verdict: Verdict, packet: Packet) -> bool:
    """Judge the request by the rules of the strongest parser.

    All requests pass where the same packet is also allowed without L7 rules: by a plain
    rule, as the node's own traffic, or because nothing isolates the subject.
    """
    if not verdict.parser:
        return verdict.outcome != "deny"
    if NO_POLICY in verdict.because or OWN_HOST in verdict.because:
        return True
    agreed = [r.effect for r in tribunal.rules if r.reason in verdict.because]
    return "accept" in agreed or any(
        effect.admits(packet)
        for effect in agreed
        if isinstance(effect, Redirect) and effect.parser == verdict.parser
    )
