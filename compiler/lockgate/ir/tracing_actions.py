"""What a tracing policy does on a match."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lockgate.source import Span


class RateLimitScope(Enum):
    """Whose repetitions a rate limit holds back."""

    THREAD = "thread"
    PROCESS = "process"
    GLOBAL = "global"


class ActionKind(Enum):
    """What is done on a match; an Override without a register or symbol denies."""

    POST = "Post"
    NO_POST = "NoPost"
    SIGNAL = "Signal"
    OVERRIDE = "Override"
    OVERRIDE_REGISTERS = "Override(argRegs)"
    OVERRIDE_CALL = "Override(argNewSymbol)"
    GET_URL = "GetUrl"
    DNS_LOOKUP = "DnsLookup"
    TRACK_SOCK = "TrackSock"
    UNTRACK_SOCK = "UntrackSock"
    NOTIFY_ENFORCER = "NotifyEnforcer"
    CLEANUP_ENFORCER = "CleanupEnforcerNotification"
    SET = "Set"


REQUESTS = frozenset({ActionKind.GET_URL, ActionKind.DNS_LOOKUP})
"""What the kernel cannot do: an event asks whoever reads it."""

TRACKING = frozenset({ActionKind.TRACK_SOCK, ActionKind.UNTRACK_SOCK})
"""Actions that say whose a socket is."""

NOTIFYING = frozenset({ActionKind.NOTIFY_ENFORCER, ActionKind.CLEANUP_ENFORCER})
"""Actions that are about the policy's enforcer."""


@dataclass(frozen=True, slots=True)
class Action:
    """One action of 'matchActions' or 'matchReturnActions'.

    ``signal`` is 9 for Sigkill; ``error`` a negative errno; ``argument`` the place in
    ``Hook.arguments`` of the socket or of the operand that is set to ``value``; ``rate_limit`` in
    seconds; ``text`` the URL, the name, the register assignment or the symbol.
    """

    kind: ActionKind
    span: Span
    signal: int = 0
    error: int = 0
    argument: int | None = None
    value: int = 0
    text: str = ""
    rate_limit: int = 0
    rate_limit_scope: RateLimitScope = RateLimitScope.THREAD
    has_kernel_stack: bool = False
    has_user_stack: bool = False
    has_hash: bool = False
