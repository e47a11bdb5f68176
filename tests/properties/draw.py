"""Small random draws that clusters, policies and flows are made of."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

Object = dict[str, Any]
T = TypeVar("T")

NAMESPACES = ("a", "b", "kube-system")
APPS = ("web", "api", "db")
PREFIXES_V4 = (
    "0.0.0.0/0",
    "0.0.0.0/1",
    "10.0.0.0/8",
    "10.244.0.0/16",
    "10.244.1.0/24",
    "10.244.0.11/32",
    "192.0.2.0/24",
    "192.0.2.0/25",
    "192.0.2.7/32",
    "192.168.0.10/32",
    "198.51.100.0/31",
)
PREFIXES_V6 = (
    "::/0",
    "2001:db8::/32",
    "2001:db8::/64",
    "2001:db8::1/128",
    "fd00:244::/32",
    "fd00::10/128",
)
PORT_NAMES = (
    ("http", "TCP", (80, 8080)),
    ("dns", "UDP", (53,)),
    ("metrics", "TCP", (9100, 9090)),
    ("sig", "SCTP", (3868,)),
)
PORTS = (1, 53, 79, 80, 81, 443, 1023, 1024, 8080, 9100, 65534, 65535)


class Draw:
    """A source of randomness, what was drawn so far, and small draws."""

    def __init__(self, random: random.Random) -> None:
        self.random = random
        self.dual = random.random() < 0.5
        self.ports: set[int] = set(PORTS)
        self.prefixes: set[str] = set()
        self.objects: list[Object] = []
        self.pods: list[Object] = []
        self.audited: list[str] = []

    def add(
        self,
        api: str,
        kind: str,
        name: str,
        namespace: str | None,
        *,
        labels: dict[str, str] | None = None,
        **rest: Any,  # noqa: ANN401  # whatever the kind has besides
    ) -> None:
        """Add an object."""
        metadata: Object = {"name": name}
        if namespace:
            metadata["namespace"] = namespace
        if labels:
            metadata["labels"] = labels
        self.objects.append(
            {"apiVersion": api, "kind": kind, "metadata": metadata, **rest}
        )

    def many(self, least: int, most: int, draw: Callable[[], T]) -> list[T]:
        """Draw a list."""
        return [draw() for _ in range(self.random.randint(least, most))]

    def some(self, labels: dict[str, list[str]]) -> dict[str, str]:
        """Draw a subset of labels with values."""
        return {
            key: self.random.choice(values)
            for key, values in labels.items()
            if self.random.random() < 0.6
        }

    def selector(self, *, of_namespace: bool = False, sources: bool = False) -> Object:
        """Draw a label selector, half of them empty or of one label."""
        keys = {"app": list(APPS), "tier": ["x", "y"], "version": ["v1", ""]}
        if of_namespace:
            keys = {"team": ["red", "blue"], "kubernetes.io/metadata.name": ["a", "b"]}
        prefix = self.random.choice(["", "", "k8s:", "any:"]) if sources else ""
        selector: Object = {}
        if self.random.random() < 0.6:
            key = self.random.choice(list(keys))
            selector["matchLabels"] = {prefix + key: self.random.choice(keys[key])}
        if self.random.random() < 0.25:
            key = self.random.choice(list(keys))
            operator = self.random.choice(["In", "NotIn", "Exists", "DoesNotExist"])
            expression: Object = {"key": prefix + key, "operator": operator}
            if operator in ("In", "NotIn"):
                expression["values"] = self.random.sample(keys[key], 1)
            selector["matchExpressions"] = [expression]
        return selector

    def port(self) -> int:
        """Draw a port number from 1."""
        port = self.random.choice(PORTS)
        self.ports.add(port)
        return port

    def range(self) -> tuple[int, int]:
        """Draw a port range."""
        first, last = sorted((self.random.randint(1, 65535), self.port()))
        self.ports |= {first, last}
        return first, last

    def network(self) -> str:
        """Draw a prefix."""
        text = self.random.choice(
            PREFIXES_V4 + PREFIXES_V6 if self.dual else PREFIXES_V4
        )
        self.prefixes.add(text)
        return text

    def networks(self, count: int) -> list[str]:
        """Draw distinct prefixes."""
        return sorted({self.network() for _ in range(count)})

    def inside(self, text: str) -> list[str]:
        """Draw exceptions: prefixes strictly inside another, perhaps none."""
        outer = ip_network(text)
        candidates = [
            inner
            for inner in PREFIXES_V4 + PREFIXES_V6
            if inner != text and _contains(outer, ip_network(inner))
        ]
        chosen = [c for c in candidates if self.random.random() < 0.3]
        self.prefixes.update(chosen)
        return chosen


def _contains(
    outer: IPv4Network | IPv6Network, inner: IPv4Network | IPv6Network
) -> bool:
    if isinstance(outer, IPv4Network):
        return isinstance(inner, IPv4Network) and inner.subnet_of(outer)
    return isinstance(inner, IPv6Network) and inner.subnet_of(outer)
