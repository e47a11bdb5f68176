"""A recorded flow, whoever recorded it: one packet or request that somebody judged.

A line of a recording becomes a :class:`Record`, or :class:`SetAside` with the reason why it
says nothing about policy (a reply, the end of a connection, a packet that was malformed).
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lockgate.ir.policy import Protocol


class Recorded(Enum):
    """What happened to it then: AUDITED passed, and would not have without audit mode."""

    PASSED = "passed"
    AUDITED = "audited"
    DENIED = "denied"


class RecordedEnd(NamedTuple):
    """What a line says of one end; any of it may be missing.

    ``pod`` is ``namespace/name``; ``node`` the name of a node that this end is; ``labels`` are
    written ``source:key=value``; ``names`` are DNS names that led to the address.
    """

    pod: str | None
    node: str | None
    address: str | None
    labels: tuple[str, ...]
    names: tuple[str, ...] = ()


class Record(NamedTuple):
    """One line about one packet or request, in the direction in which it was opened.

    ``time`` is UTC, ISO 8601 without its Z (so that text sorts as time does), empty where it
    is not known; ``direction`` that of the hook that judged, None where it is not told; ``port``
    the destination port, for ICMP the type; ``node`` and ``cluster`` where it was recorded;
    ``request`` the fields ``http`` or ``dns`` as ``simulate`` takes them.
    """

    time: str
    recorded: Recorded
    direction: str | None
    protocol: Protocol
    port: int
    source: RecordedEnd
    destination: RecordedEnd
    node: str | None = None
    cluster: str | None = None
    request: Mapping[str, Any] | None = None


class SetAside(NamedTuple):
    """A line that is understood and says nothing about policy; ``events`` of them."""

    reason: str
    events: int = 1
    is_loss: bool = False


class MalformedError(ValueError):
    """A line that is no record of a known kind; says what is wrong with it."""


REPLY = SetAside("replies (policy judges who opens a connection)")
UNSAID = SetAside(
    "packets of which the recording does not say whether they are replies"
)
NEIGHBOURS = SetAside("neighbour discovery (no matter of policy)")

NEIGHBOUR_DISCOVERY = range(133, 138)
"""ICMPv6 types of RFC 4861: solicitations, advertisements, redirects."""
