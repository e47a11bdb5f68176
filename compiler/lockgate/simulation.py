"""Judge flows from packed tables: the datapath's walk, without a packet.

A flow becomes questions, one for each end that is enforced and each address family that
both ends have.  A question is what a hook knows of a packet: whose hook, which direction,
both addresses, protocol and port.  :class:`TableJudge` answers it from the tables as the
kernel program does: address → peer → class, port → atom → interval, cell → decision.
Another judge may send a real frame instead.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import TYPE_CHECKING, Any, Protocol

from lockgate.flows import ICMP_FAMILY, Flow, FlowError
from lockgate_runtime.tables import Endpoint, Host

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lockgate.ir.policy import Protocol as IpProtocol
    from lockgate_runtime.tables import PackedTables

Address = IPv4Address | IPv6Address

NO_ENDPOINT = "none"
"""The outcome at an end that is not enforced by us: outside, or a node without policy."""

REDIRECT = "redirect"
"""The outcome where somebody else judges on; ``authenticate`` counts as this too."""

_IDENTITY_HOST = 1
_IDENTITY_REMOTE_NODE = 6


class FamilyError(FlowError):
    """A flow between two dual-stack ends that comes out differently for each family."""


class UnaskedError(Exception):
    """A judge has no way to ask this question; says why.  The flow is skipped."""


@dataclass(frozen=True, slots=True)
class Question:
    """What a hook knows: ``remote`` is the other end, ``peer`` what its address leads to.

    ``local`` or ``remote`` is None where the snapshot knows no address of a node; then
    there is no packet to send, but ``peer`` still stands for that node.
    """

    direction: str
    subject: Endpoint | Host
    local: Address | None
    remote: Address | None
    peer: int
    protocol: IpProtocol
    port: int

    @property
    def policy(self) -> int:
        """The verdict table of the subject in this direction."""
        if self.direction == "ingress":
            return self.subject.ingress_policy
        return self.subject.egress_policy

    @property
    def is_foreign_icmp(self) -> bool:
        """Whether ICMP is asked for that does not belong to the addresses' family."""
        family = ICMP_FAMILY.get(self.protocol)
        return (
            family is not None
            and self.remote is not None
            and (family != self.remote.version)
        )


class Judge(Protocol):
    """Answers questions with an index of ``PackedTables`` decisions."""

    def decide(self, question: Question) -> int:
        """Return the number of the decision, or raise :class:`UnaskedError`."""


class TableJudge:
    """Answers from the tables."""

    def __init__(self, tables: PackedTables) -> None:
        self._tables = tables

    def decide(self, question: Question) -> int:
        """Walk from peer and port to the cell."""
        identity_class = self._tables.peer(question.peer).identity_class
        return self._tables.judge(
            question.policy, identity_class, question.protocol, question.port
        )


@dataclass(frozen=True, slots=True)
class Side:
    """One end of a flow: its outcome, and the decision behind it."""

    direction: str
    outcome: str
    decision: int | None = None
    question: Question | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What a flow comes to: both sides, and the whole."""

    flow: Flow
    ingress: Side
    egress: Side
    verdict: str

    @property
    def sides(self) -> tuple[Side, Side]:
        """Egress first: a packet meets it first."""
        return self.egress, self.ingress

    def differences(self, *, of_cilium: bool = False) -> dict[str, tuple[str, str]]:
        """Return what came out otherwise than the flow expects: name → (is, should be)."""
        got = {
            "ingress": self.ingress.outcome,
            "egress": self.egress.outcome,
            "verdict": self.verdict,
        }
        expected = self.flow.expectation(of_cilium=of_cilium)
        return {
            name: (got[name], value)
            for name, value in expected.items()
            if name in got and got[name] != value
        }


class RequestJudge(Protocol):
    """Judges the request of a flow where a decision redirects it."""

    def admits(self, decision: int, flow: Flow) -> bool:
        """Whether the L7 rules behind a decision admit the flow's request."""


@dataclass
class Simulation:
    """Judges flows over one set of tables.

    ``host_pods``: ``namespace/name`` of pods on the host network → their node.
    ``node``: the node that ``@host`` means beside an end that is on none.
    """

    tables: PackedTables
    judge: Judge
    host_pods: Mapping[str, str | None] = field(default_factory=dict)
    requests: RequestJudge | None = None
    node: str | None = None

    def __post_init__(self) -> None:
        self._endpoints = {e.key: e for e in self.tables.endpoints}
        self._hosts = {h.node: h for h in self.tables.hosts}
        self._owners: dict[Address, Endpoint | Host] = {}
        for host in self.tables.hosts:
            self._owners |= dict.fromkeys(host.addresses, host)
        for endpoint in self.tables.endpoints:
            self._owners |= dict.fromkeys(endpoint.addresses, endpoint)

    def answer(self, flow: Flow) -> Answer:
        """Judge a flow; raise :class:`FlowError` where that is not possible."""
        questions = self.questions(flow)
        sides = {
            direction: self._side(direction, asked)
            for direction, asked in questions.items()
        }
        return Answer(
            flow, sides["ingress"], sides["egress"], self._verdict(flow, sides)
        )

    def questions(self, flow: Flow) -> dict[str, list[Question]]:
        """Return for each direction a question per family; none where nobody judges."""
        source, destination = self._end(flow.source), self._end(flow.destination)
        source = source.beside(destination, self)
        destination = destination.beside(source, self)
        families = _families(source, destination, flow.protocol)
        asked: dict[str, list[Question]] = {"ingress": [], "egress": []}
        for direction, subject, other in (
            ("ingress", destination, source),
            ("egress", source, destination),
        ):
            judging = subject.judging
            if judging is None:
                continue
            asked[direction] = [
                Question(
                    direction,
                    judging,
                    subject.address(family),
                    other.address(family),
                    self._peer(judging, other, family),
                    flow.protocol,
                    flow.port,
                )
                for family in families
            ]
        return asked

    def is_host_unclear(self, flow: Flow) -> bool:
        """Whether ``@host`` is no node in a flow, though host policies select some."""
        if self.node is not None or not any(h.is_enforced for h in self.tables.hosts):
            return False
        source, destination = self._end(flow.source), self._end(flow.destination)
        return any(
            one.role == "@host" and other.node is None and not other.role
            for one, other in ((source, destination), (destination, source))
        )

    def because(self, side: Side) -> list[dict[str, Any]]:
        """Return the rules behind one side, as answers print them."""
        if side.decision is None:
            return []
        reason = self.tables.reasons[side.decision]
        found = []
        for index in reason.because or (reason.rule,):
            rule = self.tables.rules[index]
            for policy, place in zip(rule.policies, rule.places, strict=False):
                file, line, _column = place.rsplit(":", 2)
                found.append(
                    {
                        "direction": side.direction,
                        "policy": policy,
                        "file": file,
                        "line": int(line),
                        "effect": rule.effect,
                    }
                )
        return found

    def row(self, answer: Answer) -> dict[str, Any]:
        """Return an answer as one line of JSON holds it."""
        return {
            **answer.flow.question,
            "ingress": answer.ingress.outcome,
            "egress": answer.egress.outcome,
            "verdict": answer.verdict,
            "because": [item for side in answer.sides for item in self.because(side)],
        }

    # ------------------------------------------------------------ inside

    def _side(self, direction: str, questions: Sequence[Question]) -> Side:
        sides = []
        for question in questions:
            decision = self.judge.decide(question)
            outcome = self.tables.decision(decision).outcome
            if outcome == "authenticate":
                outcome = REDIRECT
            sides.append(Side(direction, outcome, decision, question))
        if not sides:
            return Side(direction, NO_ENDPOINT)
        if len({side.outcome for side in sides}) > 1:
            outcomes = ", ".join(
                f"{side.outcome} from {side.question.remote} to or from "
                f"{side.question.local}"
                for side in sides
                if side.question
            )
            raise FamilyError(f"{direction} differs between the families: {outcomes}")
        return sides[0]

    def _verdict(self, flow: Flow, sides: Mapping[str, Side]) -> str:
        outcomes = [side.outcome for side in sides.values()]
        if "deny" in outcomes:
            return "deny"
        redirects = [side for side in sides.values() if side.outcome == REDIRECT]
        if not redirects:
            return "allow"
        passes = all(
            self.requests is not None
            and side.decision is not None
            and self.requests.admits(side.decision, flow)
            for side in redirects
        )
        return "l7-allow" if passes else "l7-deny"

    def _end(self, text: str) -> _End:
        if text in ("@host", "@remote-node"):
            return _End(role=text)
        if text in self._endpoints:
            return _End(entry=self._endpoints[text])
        if text in self.host_pods:
            return self._host_end(self.host_pods[text], text)
        try:
            address = ip_address(text)
        except ValueError:
            raise FlowError(f"nobody is called '{text}' in the snapshot") from None
        owner = self._owners.get(address)
        return _End(entry=owner, only=address)

    def _host_end(self, node: str | None, text: str) -> _End:
        host = self._hosts.get(node or "")
        if host is None:
            raise FlowError(f"'{text}' runs on a node that the snapshot does not have")
        return _End(entry=host)

    def host_of(self, role: str, other: _End) -> _End:
        """Return the node that ``@host`` or ``@remote-node`` means beside ``other``."""
        if role == "@host":
            node = other.node or self.node
            return _End(entry=self._hosts.get(node or ""), role=role)
        others = (h for name, h in sorted(self._hosts.items()) if name != other.node)
        return _End(entry=next(others, None), role=role)

    def _peer(self, subject: Endpoint | Host, other: _End, family: int) -> int:
        address = other.address(family)
        is_node = bool(other.role) or isinstance(other.entry, Host)
        if address is None:
            return self._peer_by_role(other)
        number = self.tables.peer_of(address)
        node = subject.node
        if not is_node or not isinstance(other.entry, Host) or other.node != node:
            return number
        peer = self.tables.peer(number)
        return peer.api_server_host if other.entry.is_api_server else peer.host

    def _peer_by_role(self, other: _End) -> int:
        """Find a peer for a node without a known address, by its reserved identity."""
        wanted = _IDENTITY_HOST if other.role == "@host" else _IDENTITY_REMOTE_NODE
        count = len(self.tables.content("peers.bin")) // 16
        for number in range(count):
            if self.tables.peer(number).identity == wanted:
                return number
        raise FlowError(f"the snapshot has no address for {other.role or other.node}")


@dataclass(frozen=True, slots=True)
class _End:
    """One end: an endpoint, a node, or an address outside.

    ``only`` is the one address that the flow named; ``role`` is ``@host`` and the like.
    """

    entry: Endpoint | Host | None = None
    only: Address | None = None
    role: str = ""

    @property
    def node(self) -> str | None:
        """The node that this end is, or runs on."""
        return self.entry.node if self.entry else None

    @property
    def judging(self) -> Endpoint | Host | None:
        """Who judges at this end: an endpoint, or a node that a host policy selects."""
        if isinstance(self.entry, Host) and not self.entry.is_enforced:
            return None
        return self.entry

    @property
    def families(self) -> set[int]:
        """The address families of this end; empty where no address is known."""
        if self.only is not None:
            return {self.only.version}
        return {a.version for a in self.entry.addresses} if self.entry else set()

    def address(self, family: int) -> Address | None:
        """Return the address of one family."""
        if self.only is not None:
            return self.only
        addresses = self.entry.addresses if self.entry else ()
        return next((a for a in addresses if a.version == family), None)

    def beside(self, other: _End, simulation: Simulation) -> _End:
        """Return this end with its role resolved by who the other is."""
        return simulation.host_of(self.role, other) if self.role else self


def _families(one: _End, two: _End, protocol: IpProtocol) -> list[int]:
    """Return the families to judge: those that both ends have, and ICMP's own of them."""
    both = one.families & two.families or one.families | two.families or {4}
    icmp = ICMP_FAMILY.get(protocol)
    return [icmp] if icmp in both else sorted(both)
