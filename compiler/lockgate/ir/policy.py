"""Network policy after the front end: one form for every kind.

A front end module turns one object into :class:`Policy` values.  What differs between
kinds is already decided here: which directions a policy isolates, in which tier it
stands, what its peers and ports mean.  Passes never ask for the kind.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ipaddress import IPv4Network, IPv6Network

    from lockgate.ir.l7 import L7Rules
    from lockgate.ir.labels import Selector
    from lockgate.source import Span


class Direction(Enum):
    """As seen from the subject of a policy."""

    INGRESS = "ingress"
    EGRESS = "egress"


class Tier(IntEnum):
    """Where a policy stands; lower tiers are asked first.

    In ADMIN and BASELINE the first matching rule wins (priority, then order) and PASS
    goes to the next tier.  In NORMAL deny wins over allow, and an endpoint that some
    policy isolates is denied what no rule allows.  See policy.networking.k8s.io/v1alpha2.
    """

    ADMIN = 100
    NORMAL = 200
    BASELINE = 250


class Action(Enum):
    """What a rule does with what it matches; PASS only in ADMIN and BASELINE."""

    ALLOW = "allow"
    DENY = "deny"
    PASS = "pass"  # noqa: S105  # not a password


class Protocol(IntEnum):
    """IP protocol numbers (IANA) that policies name."""

    ICMP = 1
    IGMP = 2
    IPIP = 4
    TCP = 6
    UDP = 17
    IPV6 = 41
    GRE = 47
    ESP = 50
    AH = 51
    ICMPV6 = 58
    VRRP = 112
    SCTP = 132


@dataclass(frozen=True, slots=True, order=True)
class PortRange:
    """Ports ``first`` to ``last``, both included; 0 to 65535 is every port."""

    first: int
    last: int

    def __str__(self) -> str:
        one = self.first == self.last
        return str(self.first) if one else f"{self.first}-{self.last}"


ALL_PORTS = PortRange(0, 65535)


# ---------------------------------------------------------------- traffic


@dataclass(frozen=True, slots=True)
class PortMatch:
    """Some protocols (TCP, UDP, SCTP), and a range of destination ports."""

    protocols: tuple[Protocol, ...]
    ports: PortRange = ALL_PORTS


@dataclass(frozen=True, slots=True)
class NamedPortMatch:
    """A named port: of the subject on ingress, of each peer on egress.

    The name is resolved among ports of the same protocol; an unknown name matches nothing.
    """

    protocols: tuple[Protocol, ...]
    name: str


@dataclass(frozen=True, slots=True)
class IcmpMatch:
    """One ICMP or ICMPv6 type (RFC 792, RFC 4443); ``None`` is every type."""

    protocol: Protocol
    type: int | None


@dataclass(frozen=True, slots=True)
class ProtocolMatch:
    """Every packet of one IP protocol, for protocols without ports (GRE, ESP, ...)."""

    protocol: Protocol


TrafficMatch = PortMatch | NamedPortMatch | IcmpMatch | ProtocolMatch


# ---------------------------------------------------------------- peers


@dataclass(frozen=True, slots=True)
class AnyPeer:
    """Everything: endpoints, nodes, the world."""


@dataclass(frozen=True, slots=True)
class LabelPeer:
    """Every identity whose labels match (pods, nodes, reserved ones, CIDR labels)."""

    selector: Selector


class Entity(Enum):
    """Cilium's entities; what each holds is in ``passes/resolve_selectors.py``."""

    ALL = "all"
    WORLD = "world"
    WORLD_IPV4 = "world-ipv4"
    WORLD_IPV6 = "world-ipv6"
    HOST = "host"
    REMOTE_NODE = "remote-node"
    KUBE_APISERVER = "kube-apiserver"
    CLUSTER = "cluster"
    CLUSTER_MESH = "cluster-mesh"
    HEALTH = "health"
    INIT = "init"
    INGRESS = "ingress"
    UNMANAGED = "unmanaged"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class EntityPeer:
    """One entity."""

    entity: Entity


class Scope(Enum):
    """Which addresses a prefix can select.

    WORLD: only what is no pod and no node (Cilium kinds, and every kind under
    ``--semantics cilium``).  EVERY: any address (NetworkPolicy ``ipBlock`` and
    ClusterNetworkPolicy ``networks`` by their own specification).
    """

    WORLD = "world"
    EVERY = "every"


@dataclass(frozen=True, slots=True)
class NetworkPeer:
    """The addresses in ``network`` without those in ``excepts``.

    An exception only narrows this peer; it denies nothing.
    """

    network: IPv4Network | IPv6Network
    excepts: tuple[IPv4Network | IPv6Network, ...] = ()
    scope: Scope = Scope.WORLD


@dataclass(frozen=True, slots=True)
class CidrGroupPeer:
    """The prefixes of one CiliumCIDRGroup by name, or of all that a selector matches.

    Group labels are matched as source ``any``.  Exactly one of ``name`` and ``selector``.
    ``passes/resolve_groups.py`` turns this into :class:`NetworkPeer` values.
    """

    name: str | None
    selector: Selector | None
    excepts: tuple[IPv4Network | IPv6Network, ...] = ()


@dataclass(frozen=True, slots=True)
class ServicePeer:
    """The ready backends of a service (or of all that a selector matches).

    Without ``namespace``, services of every namespace are meant, by name or by labels.
    ``passes/resolve_groups.py`` turns this into address peers through the snapshot.
    """

    namespace: str | None
    name: str | None
    selector: Selector | None


@dataclass(frozen=True, slots=True)
class NamePeer:
    """``toFQDNs``: addresses that a DNS answer for a matching name gave.  Not enforced yet."""

    match_name: str | None
    match_pattern: str | None
    span: Span | None = field(default=None, compare=False)


Peer = (
    AnyPeer
    | LabelPeer
    | EntityPeer
    | NetworkPeer
    | CidrGroupPeer
    | ServicePeer
    | NamePeer
)


# ---------------------------------------------------------------- rules


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule, in one direction.

    ``path`` is its place within the object, such as ``spec.ingress[0].toPorts[1]``; with
    the policy's key it is the rule's stable name.  ``peers`` is a union: an empty tuple
    selects nothing.  ``traffic`` is a union too; ``None`` is all traffic, ICMP and
    protocols without ports included.  ``l7`` makes an ALLOW a redirect.
    """

    path: str
    span: Span
    action: Action
    peers: tuple[Peer, ...]
    traffic: tuple[TrafficMatch, ...] | None = None
    l7: L7Rules | None = None
    log: str | None = None


@dataclass(frozen=True, slots=True)
class Section:
    """One direction of one policy.

    ``isolates``: the subject is denied by default in this direction (the NORMAL tier).
    """

    isolates: bool = False
    rules: tuple[Rule, ...] = ()


class SubjectKind(Enum):
    """Whether a policy's subject selector is matched against endpoints or nodes."""

    ENDPOINT = "endpoint"
    HOST = "host"


@dataclass(frozen=True, slots=True)
class Policy:
    """One policy, of any kind.

    ``kind``, ``namespace`` (empty for cluster-wide kinds) and ``name`` identify the object;
    ``part`` is ``spec`` or ``specs[i]``.  ``order`` sorts policies within the ADMIN and
    BASELINE tiers (priority; smaller first), and is 0 elsewhere.  The subject selector is
    matched against the labels of endpoints (with namespace labels, see ``ir/labels.py``) or,
    for ``SubjectKind.HOST``, those of nodes.
    """

    kind: str
    namespace: str
    name: str
    span: Span
    subject: Selector
    subject_kind: SubjectKind = SubjectKind.ENDPOINT
    tier: Tier = Tier.NORMAL
    order: int = 0
    part: str = "spec"
    ingress: Section = field(default_factory=Section)
    egress: Section = field(default_factory=Section)
    is_audited: bool = False

    @property
    def key(self) -> str:
        """``Kind/namespace/name``, as answers and events print it; ``Kind/name`` without."""
        if self.namespace:
            return f"{self.kind}/{self.namespace}/{self.name}"
        return f"{self.kind}/{self.name}"

    def section(self, direction: Direction) -> Section:
        """Return the section of one direction."""
        return self.ingress if direction is Direction.INGRESS else self.egress
