"""What tests say, as it is written: of flows, and of operations under tracing policies."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lockgate.language.ast import End, Header, Name, Text, Traffic
    from lockgate.source import Span


class Verdict(Enum):
    """What a test expects of a flow.

    With a request, ALLOW and DENY are about that request; REDIRECT is left to L7 rules,
    AUDIT passes and is reported.
    """

    ALLOW = "allow"
    DENY = "deny"
    REDIRECT = "redirect"
    AUDIT = "audit"


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """``GET "/v1/items/7" host "shop" header "X-Key: 1"``: one request, no patterns."""

    method: Name
    path: Text
    host: Text | None
    headers: tuple[Header, ...]
    span: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class DnsQuery:
    """``dns "api.example.com"``: a question for one name."""

    name: Text
    span: Span = field(compare=False)


Request = HttpRequest | DnsQuery


@dataclass(frozen=True, slots=True)
class Expectation:
    """``expect allow|deny|redirect|audit SOURCE -> DESTINATION TRAFFIC [REQUEST] [by RULE]``.

    Holds where every flow from a member of ``source`` to a member of ``destination`` with any
    of ``traffic`` has this verdict.  ``by`` names who must have decided: a policy (``web``,
    ``shop/web``, ``NetworkPolicy/shop/web``), its place (``"web.yaml:12"``) or ``default``.
    """

    verdict: Verdict
    source: End
    destination: End
    traffic: tuple[Traffic, ...]
    request: Request | None
    by: Name | None
    span: Span = field(compare=False)


class Quantity(Enum):
    """``never``: no flow may be allowed; ``always``: each must be."""

    NEVER = "never"
    ALWAYS = "always"


@dataclass(frozen=True, slots=True)
class Invariant:
    """``never SOURCE -> DESTINATION [on TRAFFIC]``: about all flows between two sets.

    ``traffic`` without anything said is ``any``: one :class:`Traffic` with no match.
    """

    quantity: Quantity
    source: End
    destination: End
    traffic: tuple[Traffic, ...]
    span: Span = field(compare=False)


class Outcome(Enum):
    """What becomes of an operation under tracing policies."""

    ALLOW = "allow"
    DENY = "deny"
    KILL = "kill"
    EVENT = "event"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class WorkloadName:
    """``in pod NAMESPACE/NAME [container NAME]``."""

    pod: Name
    container: Name | None


@dataclass(frozen=True, slots=True)
class Trial:
    """``expect OUTCOME [of POLICY] when OPERATION OPERAND... [by PROGRAM] [as USER] [in pod POD]``.

    ``operands`` are paths, addresses, arguments, ports (``tcp/443``) or numbers; ``program``
    is the path of the program that does it, ``user`` the number of its user, ``workload`` the
    pod that it runs in (None: the host).
    """

    outcome: Outcome
    policy: Name | None
    operation: Name
    operands: tuple[Name, ...]
    program: Name | None
    user: Name | None
    workload: WorkloadName | None
    span: Span = field(compare=False)


FlowStatement = Expectation | Invariant
"""About flows: judged by the tables."""

Statement = FlowStatement | Trial


@dataclass(frozen=True, slots=True)
class Test:
    """``test "NAME" { statements }``."""

    name: Text
    statements: tuple[Statement, ...]
    span: Span = field(compare=False)

    @property
    def flow_statements(self) -> tuple[FlowStatement, ...]:
        """Those that are about flows."""
        return tuple(s for s in self.statements if not isinstance(s, Trial))
