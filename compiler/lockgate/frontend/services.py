"""Services and the ready backends behind each of their ports."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lockgate.ir.cluster import Backend, Service, ServicePort
from lockgate.ir.labels import Label
from lockgate.ir.policy import Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from lockgate.diagnostics import Diagnostics
    from lockgate.frontend.facts import Addresses, PodFacts, ServiceFacts, SliceFacts
    from lockgate.source import Span


Packed = bytes
"""An address as facts hold it; shorter ones, which are IPv4, come first."""


@dataclass(slots=True)
class _Behind:
    """Who is ready behind a service: by port, and at all.

    ``ports`` go by protocol number and name, and hold addresses with ports.  A headless
    service may have no ports, and has backends still.
    """

    ports: dict[tuple[int, str], set[tuple[Packed, int]]] = field(
        default_factory=lambda: defaultdict(set)
    )
    addresses: set[Packed] = field(default_factory=set)


def build_services(
    given: Sequence[tuple[ServiceFacts, Span]],
    slices: Sequence[SliceFacts],
    pods: Sequence[PodFacts],
    addresses: Addresses,
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
    for pod in pods if not slices else ():
        if pod.is_ready and not pod.is_terminating:
            candidates[pod.namespace].append(pod)
    for facts, span in given:
        backends = behind.get((facts.namespace, facts.name), _Behind())
        if not slices and facts.selector:
            backends = _select_pods(facts, candidates[facts.namespace])
            derived.append(f"{facts.namespace}/{facts.name}")
        services.append(_build(facts, span, backends, addresses))
    if derived:
        message = (
            f"no EndpointSlice in the input: the backends of {len(derived)} services are "
            f"the ready pods that they select"
        )
        cure = "add the output of 'kubectl get endpointslices -A -o yaml'"
        diagnostics.note("N1033", message, help=cure)
    return tuple(sorted(services, key=lambda s: (s.namespace, s.name)))


def _build(
    facts: ServiceFacts, span: Span, behind: _Behind, addresses: Addresses
) -> Service:
    ports = tuple(
        ServicePort(
            Protocol(protocol),
            port,
            name,
            tuple(
                [
                    Backend(addresses[packed], number)
                    for packed, number in sorted(
                        behind.ports.get((protocol, name), ()), key=_order_of_backend
                    )
                ]
            ),
        )
        for protocol, port, name, _ in facts.ports
    )
    labels = tuple(sorted(Label("k8s", *pair) for pair in facts.labels))
    return Service(
        facts.namespace,
        facts.name,
        labels,
        tuple([addresses[packed] for packed in facts.addresses]),
        ports,
        tuple([addresses[packed] for packed in sorted(behind.addresses, key=_order)]),
        has_selector=bool(facts.selector),
        span=span,
    )


def _order(packed: Packed) -> tuple[int, bytes]:
    return len(packed), packed


def _order_of_backend(backend: tuple[Packed, int]) -> tuple[int, tuple[bytes, int]]:
    return len(backend[0]), backend


def _join_slices(
    slices: Iterable[SliceFacts],
) -> dict[tuple[str, str], _Behind]:
    joined: dict[tuple[str, str], _Behind] = defaultdict(_Behind)
    for facts in slices:
        behind = joined[facts.namespace, facts.service]
        behind.addresses.update(facts.addresses)
        for protocol, port, name in facts.ports:
            behind.ports[protocol, name].update([(a, port) for a in facts.addresses])
    return joined


def _select_pods(service: ServiceFacts, pods: Iterable[PodFacts]) -> _Behind:
    behind = _Behind()
    for pod in pods:
        if not set(service.selector) <= set(pod.labels):
            continue
        behind.addresses.update(pod.addresses)
        for protocol, _, name, target in service.ports:
            port = _target_port(pod, protocol, target)
            if port is not None:
                behind.ports[protocol, name].update((a, port) for a in pod.addresses)
    return behind


def _target_port(pod: PodFacts, protocol: int, target: int | str) -> int | None:
    if isinstance(target, int):
        return target
    for name, number, port in pod.ports:
        if name == target and number == protocol:
            return port
    return None
