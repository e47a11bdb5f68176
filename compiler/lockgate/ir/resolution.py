"""What stands between policies and verdict tables: peers as bits, rules as sets of them.

A *point* is something that an address can lead to, as fine as any rule can see; every
peer set is a set of points (:data:`lockgate.bitset.Bits`).  Points ``0`` to
``len(points)`` are hosts, nodes and endpoints; after them comes one point for each prefix
of the tree: the addresses for which that prefix is the longest.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, NamedTuple

from lockgate.ir.labels import Label
from lockgate.ir.policy import Action, Direction, Policy, Rule

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lockgate.bitset import Bits
    from lockgate.ir.cluster import NamedPort
    from lockgate.ir.labels import Labels
    from lockgate.ir.policy import NamedPortMatch
    from lockgate.ir.prefixes import Prefix, PrefixTree
    from lockgate.ir.tables import AddressEntry, Identity, PeerEntry, PortAtoms
    from lockgate.source import Span

HOST = 1
WORLD = 2
INIT = 5
REMOTE_NODE = 6
KUBE_API_SERVER = 7
WORLD_IPV4 = 9
WORLD_IPV6 = 10

RESERVED: Mapping[str, int] = {
    "host": HOST,
    "world": WORLD,
    "unmanaged": 3,
    "health": 4,
    "init": INIT,
    "remote-node": REMOTE_NODE,
    "kube-apiserver": KUBE_API_SERVER,
    "ingress": 8,
    "world-ipv4": WORLD_IPV4,
    "world-ipv6": WORLD_IPV6,
}
"""Cilium's reserved identities by name (``pkg/identity/reserved_*.go``)."""

ENDPOINTS_FROM = 256
ENDPOINTS_TO = 1 << 16
MORE_ENDPOINTS_TO = 1 << 24
PREFIXES_FROM = 0x0100_0000
PREFIXES_TO = 0x0200_0000
"""Ranges of identity numbers; Cilium's for pods and for local prefixes."""


def reserved(name: str) -> Label:
    """Return the label ``reserved:NAME``."""
    return Label("reserved", name)


# ---------------------------------------------------------------- what rules can see


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What the rules of all policies can tell apart.

    ``keys`` are the label keys that some selector names, of any source; ``every`` and
    ``world`` the prefixes of the two scopes, exceptions included; the named ports are
    those asked of the subject (``subject_ports``) and of peers (``peer_ports``).
    ``sees_groups``: some selector asks for labels of CIDR groups by their source.
    """

    keys: frozenset[str]
    every: frozenset[Prefix]
    world: frozenset[Prefix]
    subject_ports: frozenset[str]
    peer_ports: frozenset[str]
    sees_groups: bool = False


@dataclass(frozen=True, slots=True)
class Census:
    """The identities of a snapshot: which label set has which number.

    ``numbers`` are parallel to ``Cluster.endpoints``.  Identities depend on the snapshot and
    the lock alone, never on policies.
    """

    identities: tuple[Identity, ...]
    numbers: tuple[int, ...]


# ---------------------------------------------------------------- peers


class PointKind(IntEnum):
    """What a point is, apart from its labels."""

    HOST = 0
    NODE = 1
    ENDPOINT = 2


class Point(NamedTuple):
    """One bit of every peer set.

    ``labels`` are those that some selector can see, ``cover`` the number of the longest prefix
    of scope EVERY that holds the address (-1: none), ``named_ports`` those that some egress
    rule names.
    """

    kind: PointKind
    identity: int
    labels: Labels
    cover: int
    named_ports: tuple[NamedPort, ...]


@dataclass(frozen=True, slots=True)
class PeerSpace:
    """All points, and how addresses come to them.

    ``endpoints[i]`` has a point for each address of ``Cluster.endpoints[i]``, or one in all
    where it has none; ``nodes[i]`` likewise, each with the points of the same address as
    the judging host's own, without and with the API server.  ``hosts`` are these two by
    cover, for addresses that belong to no node of the snapshot.  ``every_of[i]`` is the longest
    prefix of scope EVERY that covers prefix ``i``.  ``external_api_servers`` are prefixes.
    """

    points: tuple[Point, ...]
    tree: PrefixTree
    every_of: tuple[int, ...]
    endpoints: tuple[tuple[int, ...], ...]
    nodes: tuple[tuple[NodePoints, ...], ...]
    hosts: Mapping[int, tuple[int, int]]
    external_api_servers: frozenset[int]

    @property
    def first_prefix(self) -> int:
        """The point of prefix 0 of the tree."""
        return len(self.points)

    @property
    def size(self) -> int:
        """How many points there are."""
        return len(self.points) + len(self.tree.prefixes)

    @property
    def everything(self) -> Bits:
        """The set of all points."""
        return (1 << self.size) - 1


class NodePoints(NamedTuple):
    """The points of one address of a node: seen from elsewhere, and as its own host."""

    node: int
    host: int
    api_server_host: int


@dataclass(frozen=True, slots=True)
class IdentityClasses:
    """Points by what rules can tell apart.

    ``of_point[p]`` is the class of a point; ``representatives[c]`` one point of a class.
    """

    of_point: tuple[int, ...]
    representatives: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class AddressMap:
    """How addresses lead to classes: parts of :class:`lockgate.ir.tables.Tables`."""

    peers: tuple[PeerEntry, ...]
    addresses: tuple[AddressEntry, ...]
    identities: tuple[Identity, ...]


# ---------------------------------------------------------------- rules


class Term(NamedTuple):
    """A part of a rule: some peers (number of a peer set), some traffic (set of atoms)."""

    peers: int
    traffic: Bits


class ResolvedRule(NamedTuple):
    """A rule with its peers and traffic as sets.

    ``name`` is stable: the policy's key and the rule's path.  ``place`` orders all rules of
    all policies: by tier, in ADMIN and BASELINE by priority and order, in NORMAL denials
    before allowances.  ``terms`` is a union.  ``named_ports`` are those that only the subject
    can resolve (ingress), for the peers ``named_peers``.
    """

    policy: Policy
    rule: Rule
    direction: Direction
    place: int
    name: str
    is_audited: bool
    terms: tuple[Term, ...]
    named_ports: tuple[NamedPortMatch, ...] = ()
    named_peers: int = 0

    @property
    def effect(self) -> str:
        """What it does, as answers print it."""
        l7 = self.rule.l7
        if self.rule.action is Action.ALLOW and l7 is not None and not l7.is_plain:
            return "redirect"
        return self.rule.action.value


HOST_SET = 0
"""The number of the peer set of all hosts as their own."""


@dataclass(frozen=True, slots=True)
class Resolution:
    """All rules resolved, with what their sets are about.

    ``rules[policy, direction]`` are those of ``policies[policy]``; ``peer_sets`` are
    distinct, and the first is HOST_SET.  ``keys`` are those of the policies.
    """

    policies: tuple[Policy, ...]
    space: PeerSpace
    atoms: PortAtoms
    peer_sets: tuple[Bits, ...]
    rules: Mapping[tuple[int, Direction], tuple[ResolvedRule, ...]]
    keys: tuple[str, ...]


# ---------------------------------------------------------------- subjects


class Subject(NamedTuple):
    """What decides a verdict table: who is judged, in one direction.

    ``policies`` are numbers of policies with a say in this direction, rising.
    ``named_ports`` are the subject's, as far as these policies name them.  ``is_host`` is a
    node under host policies.  ``forced_by`` names the built-in rule for which it is denied
    by default whatever policies say.
    """

    direction: Direction
    policies: tuple[int, ...]
    named_ports: tuple[NamedPort, ...] = ()
    is_host: bool = False
    forced_by: str | None = None


@dataclass(frozen=True, slots=True)
class Subjects:
    """Who is judged by what: indexes of ``subjects`` (-1: no policy), ingress and egress."""

    subjects: tuple[Subject, ...]
    endpoints: Sequence[tuple[int, int]]
    hosts: Sequence[tuple[int, int]]


class SubjectRules(NamedTuple):
    """What one subject is judged by.

    ``terms`` are those of all rules in order, each with its owner: a rule, or None for the
    host's own traffic to its endpoints.  ``isolating`` are the specs (name and place) that
    deny by default, ``enforced`` those of them that are not audited; ``is_audited`` when
    every policy is.
    """

    subject: Subject
    terms: tuple[Term, ...]
    owners: tuple[ResolvedRule | None, ...]
    isolating: tuple[tuple[str, Span], ...]
    enforced: tuple[tuple[str, Span], ...]
    is_audited: bool

    @property
    def is_isolated(self) -> bool:
        """Whether it is denied by default when every policy is enforced."""
        return bool(self.isolating) or self.subject.forced_by is not None


# ---------------------------------------------------------------- services


class ServicePortTarget(NamedTuple):
    """Where packets to one port of a service may go: (class, atom) of every backend."""

    atom: int
    targets: tuple[tuple[int, int], ...]


class ServiceClass(NamedTuple):
    """Service addresses that no rule can tell apart.

    ``cover`` is the class of the prefix that holds the address: what it is as a source.
    """

    cover: int
    ports: tuple[ServicePortTarget, ...]


@dataclass(frozen=True, slots=True)
class Services:
    """Service classes, numbered after identity classes; ``names`` are the services of each."""

    classes: tuple[ServiceClass, ...]
    addresses: Mapping[Prefix, int]
    names: Mapping[int, tuple[str, ...]]


class PartlyAllowed(NamedTuple):
    """A port of some services whose backends are not all treated alike.

    ``subject`` is one endpoint to which that happens, ``tables`` in how many tables it
    does, ``decisions`` those of the backends there.
    """

    services: tuple[str, ...]
    atom: int
    subject: str
    tables: int
    decisions: tuple[int, ...]
