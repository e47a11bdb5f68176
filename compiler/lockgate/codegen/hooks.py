"""The hooks: where in the kernel a program meets a packet, and what differs there."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Hook:
    """One hook.

    ``name`` is the program's, and a value of ``enum hook``; ``direction`` is the judged
    endpoint's; ``function`` is the wrapper in ``templates/lib``; ``place`` says where it is.
    """

    name: str
    direction: str
    function: str
    place: str


FROM_ENDPOINT = Hook(
    "from_endpoint", "egress", "endpoint_hook", "Host's end of a veth, ingress."
)
TO_ENDPOINT = Hook(
    "to_endpoint", "ingress", "endpoint_hook", "Host's end of a veth, egress."
)
FROM_NETWORK = Hook(
    "from_network", "ingress", "network_hook", "A device of the host, ingress."
)
TO_NETWORK = Hook(
    "to_network", "egress", "network_hook", "A device of the host, egress."
)
CGROUP_INGRESS = Hook(
    "cgroup_ingress", "ingress", "cgroup_hook", "A cgroup, packets to its sockets."
)
CGROUP_EGRESS = Hook(
    "cgroup_egress", "egress", "cgroup_hook", "A cgroup, packets of its sockets."
)

ENDPOINT_HOOKS = (FROM_ENDPOINT, TO_ENDPOINT)
NETWORK_HOOKS = (FROM_NETWORK, TO_NETWORK)
TC_HOOKS = ENDPOINT_HOOKS + NETWORK_HOOKS
CGROUP_HOOKS = (CGROUP_INGRESS, CGROUP_EGRESS)
LINKS = {"": "LINK_ETHERNET", "_l3": "LINK_NONE"}
"""Stubs by what is before the IP header on a device: suffix of the stub, value in C."""

HOOKS = TC_HOOKS + CGROUP_HOOKS
"""In the order of ``enum hook``."""
