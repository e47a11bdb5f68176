"""Random clusters, policies and flows, from a seed.

Vocabularies are small, so that selectors often match and prefixes often overlap.  Flows
lie at boundaries: ports one below, on, and one above those that rules name; the first and
last address of prefixes, and their neighbours.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING

from tests.properties.clusters import SERVICES
from tests.properties.policies import PolicyDraw

if TYPE_CHECKING:
    from tests.properties.draw import Object

WORLD = (
    "8.8.8.8",
    "192.0.2.0",
    "192.0.2.7",
    "192.0.2.127",
    "192.0.2.128",
    "198.51.100.1",
    "255.255.255.255",
    "2001:db8::",
    "2001:db8::1",
    "2001:db8:1::5",
)

DNS_PORT = 53
L7_PORTS = (53, 80, 8080)
"""Ports that L7 rules are drawn for: asked for more often than others."""
SERVED = (
    *[("TCP", 80)] * 3,
    *[("TCP", 79), ("TCP", 81)],
    *[("UDP", 53), ("UDP", 80), ("ICMP", 8)],
)
"""What services are asked for: what they serve, and what they do not."""
QUERIES = ("a.example", "A.Example.", "x.b.example", "x.y.b.example", "evil.test")
REQUESTS = (
    {"method": "GET", "path": "/", "host": "x.example", "headers": {"X-Key": "1"}},
    {
        "method": "HEAD",
        "path": "/a?q=1",
        "host": "xyexample",
        "headers": {"x-key": "2"},
    },
    {"method": "POST", "path": "/ab", "host": "x.example", "headers": {}},
)


@dataclass
class Example:
    """One random cluster with its policies, flows and options."""

    seed: int
    objects: list[Object]
    flows: list[Object]
    semantics: str
    enforcement_mode: str
    audit: tuple[str, ...] = ()


def generate(seed: int, flows: int = 80) -> Example:
    """Draw an example; the same seed gives the same."""
    draw = FlowDraw(random.Random(seed))  # noqa: S311  # a test, no secret
    draw.cluster()
    draw.policies()
    return Example(
        seed,
        draw.objects,
        draw.flows(flows),
        semantics=draw.random.choice(["kubernetes", "kubernetes", "cilium"]),
        enforcement_mode=draw.random.choice(
            ["default"] * 6 + ["always"] * 3 + ["never"]
        ),
        audit=tuple(draw.audited),
    )


class FlowDraw(PolicyDraw):
    """Draws flows at the boundaries of what was drawn before."""

    def flows(self, count: int) -> list[Object]:
        """Draw flows at the boundaries of what the policies name."""
        pods = [
            f"{p['metadata']['namespace']}/{p['metadata']['name']}" for p in self.pods
        ]
        enforced = [
            name
            for name, pod in zip(pods, self.pods, strict=True)
            if "hostNetwork" not in pod["spec"]
        ]
        others = [*pods, *pods, *self.boundaries(), "@host", "@remote-node"]
        ports = sorted(
            {p + d for p in self.ports for d in (-1, 0, 1)} & set(range(65536))
        )
        flows = []
        for _ in range(count):
            ends = [self.random.choice(enforced), self.random.choice(others)]
            if ends[0] == ends[1]:
                continue
            self.random.shuffle(ends)
            if self.random.random() < 0.1:
                ends = [self.random.choice(enforced), self.random.choice(SERVICES)]
            protocol = self.random.choice(
                ["TCP", "TCP", "UDP", "SCTP", "ICMP", "ICMPv6"]
            )
            if protocol.startswith("ICMP"):
                port = self.random.choice([0, 1, 3, 8, 128, 129, 255])
            elif self.random.random() < 0.4:
                port = self.random.choice(L7_PORTS)
            else:
                port = self.random.choice(ports)
            if ends[1] in SERVICES:
                protocol, port = self.random.choice(SERVED)
            flow: Object = {
                "src": ends[0],
                "dst": ends[1],
                "protocol": protocol,
                "port": port,
            }
            if port == DNS_PORT and protocol != "SCTP":
                flow["dns"] = {"query": self.random.choice(QUERIES)}
            elif protocol == "TCP":
                flow["http"] = self.random.choice(REQUESTS)
            flows.append(flow)
        return flows

    def boundaries(self) -> list[str]:
        """Return addresses at the edges of the prefixes that were drawn."""
        found = set(WORLD)
        for text in self.prefixes:
            network = ip_network(text)
            for edge, step in ((network[0], -1), (network[-1], 1)):
                found.add(str(edge))
                number = int(edge) + step
                if 0 < number < 2**network.max_prefixlen:
                    found.add(str(type(network[0])(number)))
        mine = {*SERVICES, "192.168.0.10", "192.168.0.11"}
        return sorted(text for text in found - mine if not _is_of_cluster(text))


def _is_of_cluster(text: str) -> bool:
    """Tell addresses of pods and nodes, which flows name otherwise."""
    address = ip_address(text)
    pods = (ip_network("10.244.0.0/23"), ip_network("fd00:244::/47"))
    nodes = (ip_network("192.168.0.10/31"), ip_network("fd00::10/127"))
    return any(address in network for network in (*pods, *nodes))
