"""What one policy says about one packet in one direction."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from lockgate.proof.reference.cluster import Cluster
    from lockgate.proof.reference.flow import Packet


@dataclass
class Redirect:
    """An allow with L7 rules: who judges on, and whether the request would pass."""

    parser: str
    admits: Callable[[Packet], bool]


@dataclass
class Opinion:
    """What a policy that selects the subject says.

    ``speaks``: it has rules in this direction, or isolates.  ``effects`` are those of the
    matching rules, in their order: ``accept``, ``deny``, ``pass``, or a :class:`Redirect`.
    ``allowing``: names of the matching rules that allow.
    """

    policy: str
    tier: str = "normal"
    order: int = 0
    isolates: bool = False
    speaks: bool = True
    effects: list[str | Redirect] = field(default_factory=list)
    audited: bool = False
    allowing: list[str] = field(default_factory=list)


@dataclass
class Setting:
    """The surroundings of a judgement."""

    cluster: Cluster
    cilium: bool
    """Follow Cilium where it leaves the specification of a Kubernetes kind."""


def name_of(policy: dict[str, Any]) -> str:
    """Return ``Kind/namespace/name``, as answers print it."""
    meta = policy["metadata"]
    namespaced = policy["kind"] in ("NetworkPolicy", "CiliumNetworkPolicy")
    namespace = (meta.get("namespace") or "default") if namespaced else None
    return "/".join(filter(None, (policy["kind"], namespace, meta["name"])))
