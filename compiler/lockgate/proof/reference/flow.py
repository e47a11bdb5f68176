"""What is judged: a packet, and the two ends as each side's policies see them."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lockgate.proof.reference.addresses import Address
    from lockgate.proof.reference.cluster import Node, Pod
    from lockgate.proof.reference.selectors import Label


class Kind(Enum):
    """What an end is, as seen from the other end."""

    POD = "pod"
    HOST = "host"
    REMOTE_NODE = "remote-node"
    WORLD = "world"


@dataclass
class End:
    """One end of a flow.

    ``labels`` have sources, as Cilium kinds see them; ``pod`` and ``node`` are what
    Kubernetes kinds look at.  ``address`` is that of the family under judgement.
    """

    kind: Kind
    address: Address | None
    labels: list[Label] = field(default_factory=list)
    pod: Pod | None = None
    node: Node | None = None

    @cached_property
    def position(self) -> tuple[int, int]:
        """IP version and address as numbers; (0, 0) where no address is known."""
        if self.address is None:
            return 0, 0
        return self.address.version, int(self.address)


@dataclass
class Packet:
    """The rest of a flow: protocol, port (or ICMP type), and the request, if any."""

    protocol: str
    port: int
    http: dict[str, Any] | None = None
    dns: dict[str, Any] | None = None
