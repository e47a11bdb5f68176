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

    @property
    def rank(self) -> int:
        """How early this rule is asked among allowances that match; smaller is first.

        Authentication comes before every parser: nothing may pass without it.  Among
        parsers the order is Cilium's (``pkg/policy/api``, listener priorities).
        """
        if self.needs_authentication:
            return 0
        if self.parser is Parser.LISTENER and self.listener_priority is not None:
            return self.listener_priority
        return _RANKS[self.parser]

    @property
    def needs_authentication(self) -> bool:
        """Whether somebody must authenticate the peer first."""
        return self.authentication not in (None, "disabled")

    @property
    def is_plain(self) -> bool:
        """Whether it only says that no authentication is asked: then nothing is judged."""
        return self.parser is Parser.AUTHENTICATION and not self.needs_authentication


_RANKS = {
    Parser.HTTP: 101,
    Parser.KAFKA: 106,
    Parser.CUSTOM: 111,
    Parser.TLS: 116,
    Parser.DNS: 121,
    Parser.LISTENER: 126,
    Parser.AUTHENTICATION: 1000,
}
