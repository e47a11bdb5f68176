"""What policies of the native language say, as it is written: frozen values with spans.

Services, traces and tests are made of the same names, ends and traffic (``ast_traces.py``,
``ast_tests.py``); a file is all of them (``ast_file.py``).  Values are checked where their form
allows it (prefixes, ports, entities, label values); what a selector leaves unsaid (the
namespace of a policy) is filled in by ``to_ir.py``, and in tests by whoever runs them.  Spans
do not count in comparisons.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from ipaddress import IPv4Network, IPv6Network
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lockgate.ir.labels import Operator, Requirement
    from lockgate.ir.policy import Action, Direction, Entity, Scope, TrafficMatch
    from lockgate.source import Span

Network = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True)
class Name:
    """A name: of a policy, a namespace, a pod, a function."""

    text: str
    span: Span = field(compare=False)


class Form(Enum):
    """How a quoted text is compared: as it stands, with ``*``, or by RE2 (in full)."""

    PLAIN = "plain"
    GLOB = "glob"
    REGEX = "regex"


@dataclass(frozen=True, slots=True)
class Text:
    """A quoted text, without its quotes: ``"plain"``, ``"glob*"`` or ``~"regex"``."""

    value: str
    form: Form
    span: Span = field(compare=False)


# ---------------------------------------------------------------- ends of a flow


class Subject(Enum):
    """What a term of a selector speaks of."""

    LABEL = "label"
    NAMESPACE = "namespace"
    NAMESPACE_LABEL = "namespace label"


@dataclass(frozen=True, slots=True)
class Term:
    """One condition: ``app=web``, ``tier not in {a, b}``, ``has app``, ``ns.env=prod``.

    ``key`` is empty where the subject is the namespace itself (``ns in {a, b}``).  ``values``
    are sorted and without duplicates; none with EXISTS and DOES_NOT_EXIST.
    """

    subject: Subject
    key: str
    operator: Operator
    values: tuple[str, ...]
    span: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class Selection:
    """Pods by namespace and labels: ``shop:app=web & has tier``, ``ns shop``, ``pods``.

    ``namespace`` is the one before the colon (or after ``ns``); None where nothing is said,
    which means the policy's own, and in cluster policies and tests any.
    """

    namespace: Name | None
    terms: tuple[Term, ...]
    span: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class ExactSelection:
    """Labels with their sources, to which nothing is added: ``labels "reserved:host"``."""

    requirements: tuple[Requirement, ...]
    span: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class Everything:
    """``everything``: pods, nodes, the world."""

    span: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class Endpoints:
    """``endpoints``, only as the subject of a cluster policy: whoever can have a policy."""

    span: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class EntityName:
    """``@world``, ``@host``, ..."""

    entity: Entity
    span: Span = field(compare=False)


class Which(Enum):
    """Which nodes are meant, as seen from the one that judges."""

    EVERY = "every"
    REMOTE = "remote"


@dataclass(frozen=True, slots=True)
class Nodes:
    """``nodes``, ``nodes role=worker``, ``remote nodes``; labels are those of the node."""

    which: Which
    terms: tuple[Term, ...]
    span: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class Node:
    """``node NAME``: one node, only in tests."""

    name: Name
    span: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class Pod:
    """``pod NAMESPACE/NAME``: one endpoint (of our kind Endpoint, too), only in tests."""

    namespace: Name
    name: Name
    span: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class Addresses:
    """A prefix without its exceptions.

    ``cidr 10.0.0.0/8 except 10.1.0.0/16``: WORLD, only what is no pod and no node;
    ``address 10.0.0.0/8``: EVERY, whoever has such an address.
    """

    network: Network
    excepts: tuple[Network, ...]
    scope: Scope
    span: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class Groups:
    """``group NAME`` or ``groups team=x``: the prefixes of CIDR groups; one of both."""

    name: Name | None
    terms: tuple[Term, ...]
    excepts: tuple[Network, ...]
    span: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class Services:
    """The ready backends of ``service shop/db``, or of ``services shop:tier=db`` by labels.

    Without ``namespace`` the policy's own is meant, or with ``is_anywhere`` (``any service``)
    every one.
    """

    namespace: Name | None
    name: Name | None
    terms: tuple[Term, ...]
    is_anywhere: bool
    span: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class DomainName:
    """``fqdn "*.example.com"``: what a DNS answer gave for such a name."""

    pattern: Text
    span: Span = field(compare=False)


End = (
    Everything
    | Selection
    | ExactSelection
    | EntityName
    | Nodes
    | Node
    | Pod
    | Addresses
    | Groups
    | Services
    | DomainName
)
"""Who can stand at one end of a flow; :class:`Pod` and :class:`Node` only in tests."""

PolicySubject = Selection | ExactSelection | Endpoints | Nodes


# ---------------------------------------------------------------- traffic and requests


@dataclass(frozen=True, slots=True)
class Traffic:
    """``tcp/8080``, ``udp/8000-8010``, ``tcp/http``, ``any/53``, ``icmp/8``, ``proto/gre``.

    ``match`` is None for ``any``: all traffic, ICMP and protocols without ports included.
    ``tcp`` alone is every port; ``any/53`` is TCP, UDP and SCTP.
    """

    match: TrafficMatch | None
    span: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class Header:
    """``header "Name: value"``: a header that must be there with this value."""

    line: Text
    span: Span = field(compare=False)


class Otherwise(Enum):
    """What happens to a header that differs; None refuses the request."""

    LOG = "log"
    ADD = "add"
    DELETE = "delete"
    REPLACE = "replace"


@dataclass(frozen=True, slots=True)
class HeaderMatch:
    """``require "Name" = "value" else replace``: Cilium's ``headerMatches``."""

    name: Text
    value: Text | None
    otherwise: Otherwise | None
    span: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class HttpRule:
    """``GET "/v1/*" host "shop" header "X-Key: 1"``; ``method`` is None for ``any``."""

    method: Text | None
    path: Text | None
    host: Text | None
    headers: tuple[Header, ...]
    matches: tuple[HeaderMatch, ...]
    span: Span = field(compare=False)


class LayerSevenKind(Enum):
    """Which protocol is judged beyond ports."""

    HTTP = "http"
    DNS = "dns"
    TLS = "tls"


@dataclass(frozen=True, slots=True)
class LayerSeven:
    """``http { ... }``, ``dns { "name" ... }`` or ``tls { "server name" ... }``."""

    kind: LayerSevenKind
    http: tuple[HttpRule, ...]
    names: tuple[Text, ...]
    span: Span = field(compare=False)


# ---------------------------------------------------------------- policies


@dataclass(frozen=True, slots=True)
class Rule:
    """``allow in from A, B on tcp/80 http { ... } authenticate log "why"``.

    ``traffic`` is None where nothing is said, which is all traffic.
    ``authentication`` is the mode after ``authenticate`` (``required`` where none is given).
    """

    action: Action
    direction: Direction
    peers: tuple[End, ...]
    traffic: tuple[Traffic, ...] | None
    layer_seven: LayerSeven | None
    authentication: Name | None
    log: Text | None
    span: Span = field(compare=False)


class PolicyKind(Enum):
    """Whose policy it is: the words before ``policy``, none for one of a namespace."""

    NAMESPACED = ""
    CLUSTER = "cluster"
    HOST = "host"
    ADMIN = "admin"
    BASELINE = "baseline"


@dataclass(frozen=True, slots=True)
class Isolation:
    """One direction of ``isolate in, out``."""

    direction: Direction
    span: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class Policy:
    """``policy NAME in NAMESPACE for SUBJECT { isolate in, out  audit  rules... }``.

    ``priority`` is that of admin and baseline policies.  ``isolates`` holds each direction of
    ``isolate`` once.
    """

    kind: PolicyKind
    name: Name
    namespace: Name | None
    priority: int | None
    subject: PolicySubject
    isolates: tuple[Isolation, ...]
    is_audited: bool
    rules: tuple[Rule, ...]
    span: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class CidrGroup:
    """``group NAME with team=x { 10.0.0.0/8, fd00::/8 }``: prefixes with name and labels."""

    name: Name
    labels: tuple[tuple[str, str], ...]
    networks: tuple[Network, ...]
    span: Span = field(compare=False)
