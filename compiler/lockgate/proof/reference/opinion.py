"""What policies say, taken to pieces: statements, their rules, and the reasons they give.

A statement is one spec.  A rule says of a peer and of traffic whether it speaks of them, and
nothing else: what the rules that match come to is the business of ``tribunal.py``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from lockgate.proof.reference.cluster import Cluster
    from lockgate.proof.reference.flow import End, Packet

DIRECTIONS = ("ingress", "egress")


class Reason(NamedTuple):
    """What a verdict is put down to: a rule, a default deny, or a fixed rule of ours.

    ``places`` are ``file:line:column``, one for each of ``policies`` (``Kind/namespace/name``).
    """

    name: str
    effect: str
    policies: tuple[str, ...] = ()
    places: tuple[str, ...] = ()


@dataclass(frozen=True)
class Redirect:
    """An allow with conditions that somebody else judges.

    ``rank``: of several that match, the smallest has the say.  ``admits`` judges a request
    (see ``application.py``).
    """

    parser: str
    rank: int
    admits: Callable[[Packet], bool]
    needs_authentication: bool = False


class PeerTest(NamedTuple):
    """One item of a rule's peers.

    ``key``: tests with equal keys give equal answers.  ``within``: prefixes (or addresses)
    outside of which it matches nobody; without them the answer depends on labels, pod and
    node alone, and on no address.
    """

    key: str
    matches: Callable[[End], bool]
    within: tuple[str, ...] | None = None


class TrafficTest(NamedTuple):
    """One item of a rule's ports; ``is_named``: it depends on who listens.

    ``protocols``: it matches no packet of any other.
    """

    key: str
    matches: Callable[[End, Packet], bool]
    protocols: tuple[str, ...]
    is_named: bool = False


@dataclass(frozen=True)
class Rule:
    """One rule in one direction.

    It speaks of a packet where some test of ``peers`` and some of ``traffic`` (None: all
    traffic) matches.  ``effect``: ``accept``, ``deny``, ``pass``, or a :class:`Redirect`.
    """

    reason: Reason
    effect: str | Redirect
    peers: tuple[PeerTest, ...]
    traffic: tuple[TrafficTest, ...] | None

    def matches(self, other: End, listener: End, packet: Packet) -> bool:
        """Judge one packet."""
        return any(test.matches(other) for test in self.peers) and (
            self.traffic is None
            or any(test.matches(listener, packet) for test in self.traffic)
        )


@dataclass(frozen=True)
class Statement:
    """One spec of one policy.

    ``order`` counts within the tiers that have an order.  ``namespace``: it selects nobody
    outside of it; None where it is of the whole cluster.
    """

    policy: str
    part: str
    place: str
    selects: Callable[[End], bool]
    isolates: Mapping[str, bool]
    rules: Mapping[str, tuple[Rule, ...]]
    namespace: str | None = None
    tier: str = "normal"
    order: int = 0
    audited: bool = False

    def speaks(self, direction: str) -> bool:
        """Tell whether it has anything to say in a direction."""
        return self.isolates[direction] or bool(self.rules[direction])


@dataclass
class Setting:
    """The surroundings of a judgement."""

    cluster: Cluster
    cilium: bool
    """Follow Cilium where it leaves the specification of a Kubernetes kind."""
    audit: frozenset[str] = frozenset()

    def is_audited(self, policy: dict[str, Any]) -> bool:
        """Tell whether what a policy denies is only reported."""
        annotations = policy["metadata"].get("annotations") or {}
        return (
            annotations.get("lockgate.dev/audit") == "true"
            or name_of(policy) in self.audit
        )


def name_of(policy: dict[str, Any]) -> str:
    """Return ``Kind/namespace/name``, as answers print it."""
    meta = policy["metadata"]
    namespaced = policy["kind"] in ("NetworkPolicy", "CiliumNetworkPolicy")
    namespace = (meta.get("namespace") or "default") if namespaced else None
    return "/".join(filter(None, (policy["kind"], namespace, meta["name"])))
