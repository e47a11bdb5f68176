"""Choose flows: every given condition must hold; several values of one are a choice."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from ipaddress import IPv4Network, IPv6Network

    from lockgate_runtime.observe.flows import End, Flow

_Wanted = TypeVar("_Wanted")


@dataclass(frozen=True, slots=True)
class Filter:
    """What flows to show.

    Names match whole names, or a whole namespace when they end with ``/``.  Ports match
    either end.
    """

    endpoints: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    destinations: tuple[str, ...] = ()
    verdicts: tuple[str, ...] = ()
    directions: tuple[str, ...] = ()
    protocols: tuple[str, ...] = ()
    ports: tuple[int, ...] = ()
    networks: tuple[IPv4Network | IPv6Network, ...] = ()
    policies: tuple[str, ...] = ()

    def matches(self, flow: Flow) -> bool:
        """Whether to show a flow; what was lost is always shown."""
        if flow.event == "lost":
            return True
        ends = (flow.source, flow.destination)
        protocol = (flow.protocol or "").lower()
        return (
            _any(self.endpoints, lambda name: any(_is(end, name) for end in ends))
            and _any(self.sources, lambda name: _is(flow.source, name))
            and _any(self.destinations, lambda name: _is(flow.destination, name))
            and _any(self.verdicts, lambda verdict: verdict == flow.verdict)
            and _any(self.directions, lambda direction: direction == flow.direction)
            and _any(self.protocols, lambda word: word.lower() == protocol)
            and _any(self.ports, lambda port: any(end.port == port for end in ends))
            and _any(self.networks, lambda network: any(_in(e, network) for e in ends))
            and _any(self.policies, lambda policy: policy in flow.policies)
        )


def _any(wanted: Iterable[_Wanted], holds: Callable[[_Wanted], bool]) -> bool:
    wanted = tuple(wanted)
    return not wanted or any(map(holds, wanted))


def _is(end: End, name: str) -> bool:
    if end.name is None:
        return False
    return end.name.startswith(name) if name.endswith("/") else end.name == name


def _in(end: End, network: IPv4Network | IPv6Network) -> bool:
    return end.address is not None and ip_address(end.address) in network
