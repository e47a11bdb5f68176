"""L7 parts of a rule: read, checked and kept with their spans; not enforced yet."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lockgate.source import Span


class Parser(Enum):
    """Who judges what the verdict tables redirect; ordered as Cilium ranks them."""

    LISTENER = "listener"
    HTTP = "http"
    TLS = "tls"
    DNS = "dns"
    KAFKA = "kafka"
    CUSTOM = "custom"
    AUTHENTICATION = "authentication"


@dataclass(frozen=True, slots=True)
class HeaderMatch:
    """One ``headerMatches`` item; ``mismatch`` is LOG, ADD, DELETE, REPLACE or None."""

    name: str
    value: str | None
    mismatch: str | None
    has_secret: bool = False


@dataclass(frozen=True, slots=True)
class HttpRule:
    """One HTTP rule: every given field must match; regular expressions match in full (RE2)."""

    method: str | None
    path: str | None
    host: str | None
    headers: tuple[str, ...]
    header_matches: tuple[HeaderMatch, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class DnsRule:
    """One DNS rule on the query name."""

    match_name: str | None
    match_pattern: str | None
    span: Span


@dataclass(frozen=True, slots=True)
class CustomRule:
    """A Kafka or ``l7`` rule: key and value as written."""

    fields: tuple[tuple[str, str], ...]
    span: Span


@dataclass(frozen=True, slots=True)
class L7Rules:
    """What a rule asks beyond addresses and ports; ``span`` is the first such field.

    ``allows_all``: everything at L7 passes and the redirect stays (a policy with
    ``enableDefaultDeny: false``, or an empty list of rules).
    """

    parser: Parser
    span: Span
    http: tuple[HttpRule, ...] = ()
    dns: tuple[DnsRule, ...] = ()
    custom: tuple[CustomRule, ...] = ()
    server_names: tuple[str, ...] = ()
    listener: str | None = None
    listener_priority: int | None = None
    terminates_tls: bool = False
    originates_tls: bool = False
    authentication: str | None = None
    allows_all: bool = False
