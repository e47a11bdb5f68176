"""Pods that may talk to others, and may not ask the name service who they are.

The most frequent mistake of all: egress is isolated, some peers are allowed, and UDP 53 to
kube-dns is not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from lockgate.findings import Finding, Level
from lockgate.ir.labels import NAMESPACE, NAMESPACE_LABELS, Operator
from lockgate.ir.policy import (
    Action,
    Direction,
    LabelPeer,
    NamedPortMatch,
    PortMatch,
    Protocol,
    SubjectKind,
)
from lockgate.lint.neighbours import may_select_same, names_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from ipaddress import IPv4Address, IPv6Address

    from lockgate.ir.cluster import Cluster, Endpoint
    from lockgate.ir.labels import Selector
    from lockgate.ir.policy import Rule, TrafficMatch
    from lockgate.ir.resolution import SubjectRules
    from lockgate.lint.scene import Scene
    from lockgate.source import Span

_SYSTEM = "kube-system"
_DNS = 53
_NODE_LOCAL = "node-local-dns"


class _Target(NamedTuple):
    """One address and port at which names are answered."""

    address: IPv4Address | IPv6Address
    port: int


def find_of_names(scene: Scene) -> Iterator[Finding]:
    """Yield one finding for each policy that isolates pods from the name service."""
    service, targets = _name_service(scene.cluster)
    if not targets:
        return
    found: dict[tuple[str, bool], list[Endpoint]] = {}
    isolating: dict[tuple[str, bool], tuple[tuple[str, Span], ...]] = {}
    cut_off: list[Endpoint] = []
    servers = {scene.reach.endpoint_at(target.address) for target in targets}
    for number, subject in enumerate(scene.passed.rules):
        if subject.subject.direction is not Direction.EGRESS or subject.subject.is_host:
            continue
        if not subject.isolating or _reaches(scene, number, targets):
            continue
        some = [
            endpoint
            for endpoint in scene.endpoints_of.get(number, ())
            if not _is_server(scene, endpoint, servers)
        ]
        if some:
            key = subject.isolating[0][0], _talks(subject)
            found.setdefault(key, []).extend(some)
            isolating.setdefault(key, subject.isolating)
            cut_off += some
    for (policy, talks), endpoints in sorted(found.items()):
        door = _door(service, targets)
        yield _finding(policy, talks, isolating[policy, talks], endpoints, door)
    yield from _denied_there(scene, service, targets, cut_off)


def _finding(
    policy: str,
    talks: bool,
    isolating: tuple[tuple[str, Span], ...],
    endpoints: list[Endpoint],
    door: str,
) -> Finding:
    what = (
        "may talk to others, and cannot look up their names"
        if talks
        else ("can look up no names")
    )
    kind = policy.partition("/")[0]
    return Finding(
        "W6012" if talks else "N6012",
        Level.WARNING if talks else Level.NOTE,
        f"{names_of(endpoints)} {what}: egress is isolated, and nothing allows {door}",
        isolating[0][1],
        _CURES.get(kind, _CURES["NetworkPolicy"]),
        tuple((span, f"{key} isolates, too") for key, span in isolating[1:3]),
        key=f"{policy} names {'talks' if talks else 'silent'}",
    )


def _door(service: str, targets: list[_Target]) -> str:
    """Say what would have to be allowed: traffic is judged behind the service."""
    port = targets[0].port
    behind = "" if port == _DNS else f", the port behind {_DNS} of the service"
    return f"UDP {port} to {service}{behind}"


_CURES = {
    "NetworkPolicy": (
        "egress: [{to: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: "
        "kube-system}}, podSelector: {matchLabels: {k8s-app: kube-dns}}}], "
        "ports: [{port: 53, protocol: UDP}, {port: 53, protocol: TCP}]}]"
    ),
    "CiliumNetworkPolicy": (
        "egress: [{toEndpoints: [{matchLabels: {k8s:io.kubernetes.pod.namespace: "
        'kube-system, k8s-app: kube-dns}}], toPorts: [{ports: [{port: "53"}]}]}]'
    ),
}
_CURES["CiliumClusterwideNetworkPolicy"] = _CURES["CiliumNetworkPolicy"]


def _name_service(cluster: Cluster) -> tuple[str, list[_Target]]:
    """Return the name of the name service, and where it answers; nothing if unknown."""
    if any(pod.name.startswith(_NODE_LOCAL) for pod in cluster.host_pods):
        return "", []  # a cache on the node answers, which no policy of pods cuts
    for service in cluster.services:
        if service.namespace != _SYSTEM or "dns" not in service.name:
            continue
        targets = [
            _Target(backend.address, backend.port)
            for port in service.ports
            if port.port == _DNS and port.protocol is Protocol.UDP
            for backend in port.backends
        ]
        if targets:
            return service.key, targets
    targets = [
        _Target(address, _DNS)
        for endpoint in cluster.endpoints
        if endpoint.namespace == _SYSTEM
        and any(x.key == "k8s-app" and x.value == "kube-dns" for x in endpoint.labels)
        for address in endpoint.addresses
    ]
    return "kube-dns", targets


def _is_server(scene: Scene, endpoint: Endpoint, servers: set[int | None]) -> bool:
    return any(scene.reach.endpoint_at(a) in servers for a in endpoint.addresses)


def _reaches(scene: Scene, number: int, targets: list[_Target]) -> bool:
    from lockgate.passes.pipeline import FIRST_TABLE

    reach = scene.reach
    return any(
        reach.passes(number + FIRST_TABLE, identity_class, atom)
        for target in targets
        for atom in (reach.atom(Protocol.UDP, target.port),)
        for identity_class in reach.of_address(target.address)
    )


def _talks(subject: SubjectRules) -> bool:
    """Whether anything is allowed at all; a pod that may ask nobody needs no names."""
    return any(
        owner is not None and owner.rule.action is Action.ALLOW
        for owner in subject.owners
    )


def _denied_there(
    scene: Scene, service: str, targets: list[_Target], known: list[Endpoint]
) -> Iterator[Finding]:
    """Yield a finding where the name service's own ingress keeps pods away."""
    reach, cluster = scene.reach, scene.cluster
    subjects = scene.passed.subjects.endpoints
    doors = []
    for target in targets:
        number = reach.endpoint_at(target.address)
        if number is None or subjects[number][0] < 0:
            return  # one server takes everybody
        table = scene.passed.tables.endpoints[number].ingress_table
        doors.append((table, reach.atom(Protocol.UDP, target.port), number))
    told = {id(endpoint) for endpoint in known}
    verdicts: dict[tuple[int, ...], bool] = {}
    kept_out = []
    for number, endpoint in enumerate(cluster.endpoints):
        if id(endpoint) in told or any(number == door for _, _, door in doors):
            continue
        classes = reach.of_endpoint(number)
        if classes not in verdicts:
            verdicts[classes] = any(
                reach.passes(table, c, atom)
                for table, atom, _ in doors
                for c in classes
            )
        if not verdicts[classes]:
            kept_out.append(endpoint)
    if not kept_out:
        return
    server = doors[0][2]
    isolating = scene.passed.rules[subjects[server][0]].isolating
    if isolating:
        policies = scene.passed.resolution.policies
        kinds = {p.key for p in policies if p.subject_kind is SubjectKind.ENDPOINT}
        keys = [(key, span) for key, span in isolating if key in kinds]
        yield Finding(
            "W6012",
            Level.WARNING,
            f"{names_of(kept_out)} can look up no names: their egress allows it, and "
            f"ingress of the name service does not ({_door(service, targets)})",
            keys[0][1],
            "allow ingress on that port from every endpoint of the cluster",
            key=f"{keys[0][0]} name service",
        )


# ---------------------------------------------------------------- without a snapshot


def find_without_snapshot(scene: Scene) -> Iterator[Finding]:
    """Yield a note for each policy beside which nothing could allow a look-up."""
    for policy in scene.policies:
        is_plain = (
            policy.subject_kind is SubjectKind.ENDPOINT and policy.egress.isolates
        )
        if not is_plain or not any(_allows(rule) for rule in policy.egress.rules):
            continue
        if any(
            _could_ask(rule)
            for other in may_select_same(scene, policy)
            for rule in other.egress.rules
        ):
            continue
        yield Finding(
            "N6012",
            Level.NOTE,
            "those whom this policy selects may talk to others, and none of these policies "
            f"lets them look up names (UDP {_DNS} in {_SYSTEM})",
            policy.span,
            _CURES.get(policy.kind, _CURES["NetworkPolicy"]),
            key=f"{policy.key} {policy.part} names",
        )


def _allows(rule: Rule) -> bool:
    return rule.action is Action.ALLOW and bool(rule.peers) and rule.traffic != ()


def _could_ask(rule: Rule) -> bool:
    """Whether a rule could let a look-up pass; yes where that is not clear."""
    if not _allows(rule) or not any(map(_is_dns, rule.traffic or (None,))):
        return False
    return any(
        not isinstance(peer, LabelPeer) or _in_system(peer.selector)
        for peer in rule.peers
    )


def _is_dns(match: TrafficMatch | None) -> bool:
    if isinstance(match, PortMatch):
        is_within = match.ports.first <= _DNS <= match.ports.last
        return Protocol.UDP in match.protocols and is_within
    return match is None or isinstance(match, NamedPortMatch)


def _in_system(selector: Selector) -> bool:
    """Whether a selector could match pods of the namespace of the name service."""
    for requirement in selector.requirements:
        name = requirement.key
        if name in (NAMESPACE, f"{NAMESPACE_LABELS}kubernetes.io/metadata.name") and (
            requirement.operator is Operator.IN
        ):
            return _SYSTEM in requirement.values
    return True
