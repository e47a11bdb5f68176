"""IR values as plain tuples, and back: what the cache of documents stores.

A value becomes ``(number of its class, field, field, ...)`` of strings, numbers, None and
such tuples; spans become offsets, so a record is the same wherever its document stands.
Equal values without a span (selectors, ports, peers) are built once and shared.
"""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from enum import Enum
from ipaddress import IPv4Network, IPv6Network
from typing import TYPE_CHECKING, Any

from lockgate.diagnostics import Diagnostic, Severity
from lockgate.frontend.facts import FACTS
from lockgate.ir import cluster, l7, labels, policy
from lockgate.source import Source, Span

if TYPE_CHECKING:
    from collections.abc import Callable

Record = Any
"""None, bool, int, str, or a tuple of records that begins with a number."""

_TUPLE, _SPAN, _NETWORK_4, _NETWORK_6 = range(4)

_ENUMS: tuple[type[Enum], ...] = (
    Severity,
    labels.Operator,
    policy.Direction,
    policy.Tier,
    policy.Action,
    policy.Protocol,
    policy.Entity,
    policy.Scope,
    policy.SubjectKind,
    l7.Parser,
)
_SHARED: tuple[type, ...] = (
    labels.Label,
    labels.Requirement,
    labels.Selector,
    policy.PortRange,
    policy.PortMatch,
    policy.NamedPortMatch,
    policy.IcmpMatch,
    policy.ProtocolMatch,
    policy.AnyPeer,
    policy.LabelPeer,
    policy.EntityPeer,
    policy.NetworkPeer,
    policy.CidrGroupPeer,
    policy.ServicePeer,
    l7.HeaderMatch,
)
_LOCATED: tuple[type, ...] = (
    Diagnostic,
    cluster.CidrGroup,
    l7.HttpRule,
    l7.DnsRule,
    l7.CustomRule,
    l7.L7Rules,
    policy.NamePeer,
    policy.Rule,
    policy.Section,
    policy.Policy,
)
_CLASSES: tuple[type, ...] = (*_ENUMS, *_SHARED, *_LOCATED, *FACTS)
_FIRST = 4
_NUMBERS = {cls: number for number, cls in enumerate(_CLASSES, _FIRST)}
_MEMBERS: dict[int, list[Enum]] = {_NUMBERS[cls]: list(cls) for cls in _ENUMS}
_INDEXES = {
    member: (number, index)
    for number, members in _MEMBERS.items()
    for index, member in enumerate(members)
}


def encode(value: object) -> Record:
    """Return the record of a value of the IR, of facts or a diagnostic."""
    kind = type(value)
    if value is None or kind in (str, int, bool):
        return value
    if kind is tuple:
        return (_TUPLE, *map(encode, value))  # type: ignore[call-overload]  # a tuple
    if isinstance(value, Enum):
        return _INDEXES[value]
    if isinstance(value, Span):
        return _SPAN, value.start, value.end
    if isinstance(value, FACTS):
        return _NUMBERS[kind], tuple(value)
    if isinstance(value, IPv4Network | IPv6Network):
        number = _NETWORK_4 if value.version == 4 else _NETWORK_6
        return number, int(value.network_address).to_bytes(16, "big"), value.prefixlen
    return _NUMBERS[kind], *map(encode, _parts(value))


def _parts(value: object) -> tuple[object, ...]:
    if isinstance(value, tuple):
        return tuple(value)
    if is_dataclass(value):
        return tuple(getattr(value, field.name) for field in fields(value))
    raise TypeError(f"no record for {type(value).__name__}")


class Decoder:
    """Records back to values; keeps what can be shared between documents."""

    def __init__(self) -> None:
        self._source = Source("", "")
        self._shared: dict[Record, Any] = {}
        build: list[Callable[[Record], Any]] = [
            self._tuple,
            self._span,
            lambda r: IPv4Network((int.from_bytes(r[1], "big"), r[2])),
            lambda r: IPv6Network((int.from_bytes(r[1], "big"), r[2])),
        ]
        build += [self._member_of(list(cls)) for cls in _ENUMS]
        build += [self._sharing(cls) for cls in _SHARED]
        build += [self._building(cls) for cls in _LOCATED]
        build += [self._facts_of(cls) for cls in FACTS]
        self._build = build

    def decode(self, record: Record, source: Source) -> Any:  # noqa: ANN401  # any value
        """Return the value of a record, with its spans in ``source``."""
        self._source = source
        return self._value(record)

    def _value(self, record: Record) -> Any:  # noqa: ANN401  # any value
        if type(record) is tuple:
            return self._build[record[0]](record)
        return record

    def _tuple(self, record: Record) -> Any:  # noqa: ANN401  # any value
        return tuple(map(self._value, record[1:]))

    def _span(self, record: Record) -> Span:
        return Span(self._source, record[1], record[2])

    def _member_of(self, members: list[Enum]) -> Callable[[Record], Any]:
        return lambda record: members[record[1]]

    def _building(self, cls: type) -> Callable[[Record], Any]:
        value = self._value
        return lambda record: cls(*map(value, record[1:]))

    def _sharing(self, cls: type) -> Callable[[Record], Any]:
        value, shared = self._value, self._shared

        def build(record: Record) -> Any:  # noqa: ANN401  # any value
            found = shared.get(record)
            if found is None:
                found = shared[record] = cls(*map(value, record[1:]))
            return found

        return build

    def _facts_of(self, cls: type) -> Callable[[Record], Any]:
        return lambda record: cls(*record[1])
