"""Render ``layout.h``: what the programs and Python share, in C.

Everything comes from :mod:`lockgate_runtime.layout`, where each structure is written once.
"""

from __future__ import annotations

from lockgate.codegen.render import render
from lockgate_runtime import layout

_CONSTANTS = (
    "ADDRESS_V4_PAGE",
    "ADDRESS_V4_IS_PAGE",
    "PEER_PAGE",
    "PORT_PAGE",
    "CHUNK",
    "IDENTITY_HOST",
    "IDENTITY_WORLD",
    "IDENTITY_WORLD_IPV6",
    "NO_POLICY_INGRESS",
    "NO_POLICY_EGRESS",
    "ENDPOINT_HAS_MORE_ADDRESSES",
    "ENDPOINT_ACCEPTS_ANY_SOURCE",
    "FLOW_IS_CUT",
    "FLOW_REMOTE_IS_HOST",
    "FLOW_IS_FORWARDED",
    "FLOW_INITIATOR_FIN",
    "FLOW_RESPONDER_FIN",
    "FLOW_IS_REPORTED",
    "EVENT_VERSION",
)


def render_layout() -> str:
    """Render the header: constants, enumerations, structures and asserts of their sizes."""
    return render(
        "layout.h.j2",
        schema=layout.SCHEMA,
        constants={name: getattr(layout, name) for name in _CONSTANTS},
        port_axes=layout.PORT_AXES,
        enumerations=layout.ENUMERATIONS,
        structures=layout.STRUCTURES,
    )
