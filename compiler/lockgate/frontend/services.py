"""Services and the ready backends behind each of their ports."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lockgate.frontend.facts import unpack_address
from lockgate.ir.cluster import Backend, Service, ServicePort
from lockgate.ir.labels import Label
from lockgate.ir.policy import Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from ipaddress import IPv4Address, IPv6Address

    from lockgate.diagnostics import Diagnostics
    from lockgate.frontend.facts import PodFacts, ServiceFacts, SliceFacts
    from lockgate.source import Span


@dataclass(slots=True)
class _Behind:
    """Who is ready behind a service: by port, and at all.

    ``ports`` go by protocol number and name.  A headless service may have no ports, and has
    backends still.
    """

    ports: dict[tuple[int, str], set[Backend]] = field(
        default_factory=lambda: defaultdict(set)
    )
    addresses: set[IPv4Address | IPv6Address] = field(default_factory=set)


def build_services(
    given: Sequence[tuple[ServiceFacts, Span]],
    slices: Sequence[SliceFacts],
    pods: Sequence[PodFacts],
    diagnostics: Diagnostics,
) -> tuple[Service, ...]:
    """Join services with their slices.

    A snapshot without any EndpointSlice (``kubectl get pods,services``) has its backends
    from the pods that the services select, and says so.
    """
    behind = _join_slices(slices)
    derived: list[str] = []
    services = []
    candidates: dict[str, list[PodFacts]] = defaultdict(list)
    for pod in pods:
        if pod.is_ready and not pod.is_terminating:
            candidates[pod.namespace].append(pod)
    for facts, span in given:
        backends = behind.get((facts.namespace, facts.name), _Behind())
        if not slices and facts.selector:
            backends = _select_pods(facts, candidates[facts.namespace])
            derived.append(f"{facts.namespace}/{facts.name}")
        services.append(_build(facts, span, backends))
    if derived:
        message = (
            f"no EndpointSlice in the input: the backends of {len(derived)} services are "
            f"the ready pods that they select"
        )
        cure = "add the output of 'kubectl get endpointslices -A -o yaml'"
        diagnostics.note("N1033", message, help=cure)
    return tuple(sorted(services, key=lambda s: (s.namespace, s.name)))


def _build(facts: ServiceFacts, span: Span, behind: _Behind) -> Service:
    ports = tuple(
        ServicePort(
            Protocol(protocol),
            port,
            name,
            tuple(sorted(behind.ports.get((protocol, name), ()), key=_order)),
        )
        for protocol, port, name, _ in facts.ports
    )
    labels = tuple(sorted(Label("k8s", *pair) for pair in facts.labels))
    addresses = tuple(unpack_address(packed) for packed in facts.addresses)
    return Service(
        facts.namespace,
        facts.name,
        labels,
        addresses,
        ports,
        tuple(sorted(behind.addresses, key=lambda a: (a.version, int(a)))),
        has_selector=bool(facts.selector),
        span=span,
    )


def _order(backend: Backend) -> tuple[int, int, int]:
    return backend.address.version, int(backend.address), backend.port


def _join_slices(
    slices: Iterable[SliceFacts],
) -> dict[tuple[str, str], _Behind]:
    joined: dict[tuple[str, str], _Behind] = defaultdict(_Behind)
    for facts in slices:
        addresses = [unpack_address(packed) for packed in facts.addresses]
        behind = joined[facts.namespace, facts.service]
        behind.addresses.update(addresses)
        for protocol, port, name in facts.ports:
            behind.ports[protocol, name].update(Backend(a, port) for a in addresses)
    return joined


def _select_pods(service: ServiceFacts, pods: Iterable[PodFacts]) -> _Behind:
    behind = _Behind()
    for pod in pods:
        if not set(service.selector) <= set(pod.labels):
            continue
        addresses = [unpack_address(packed) for packed in pod.addresses]
        behind.addresses.update(addresses)
        for protocol, _, name, target in service.ports:
            port = _target_port(pod, protocol, target)
            if port is not None:
                behind.ports[protocol, name].update(Backend(a, port) for a in addresses)
    return behind


def _target_port(pod: PodFacts, protocol: int, target: int | str) -> int | None:
    if isinstance(target, int):
        return target
    for name, number, port in pod.ports:
        if name == target and number == protocol:
            return port
    return None
