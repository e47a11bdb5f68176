"""What traces and services say, as it is written."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from lockgate.language.ast import (
        End,
        Everything,
        Name,
        Network,
        Selection,
        Term,
        Text,
        Traffic,
    )
    from lockgate.source import Span

Value: TypeAlias = "Field | Number | Text | Call"
"""What is compared."""

Predicate: TypeAlias = "Comparison | Not | And | Or | Call | Field"
"""What is true or false."""


@dataclass(frozen=True, slots=True)
class Field:
    """``process.binary``: a name, and fields of it."""

    path: tuple[str, ...]
    span: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class Number:
    """A whole number, decimal, ``0x`` or ``0o``."""

    value: int
    span: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class Call:
    """``path(f)``: a function of values."""

    function: Name
    arguments: tuple[Value, ...]
    span: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class Comparison:
    """``path(f) == "/etc/shadow"``, ``x in {1, 2}``, ``x not in {...}``.

    ``operator`` is one of ``== != < <= > >=``, ``in`` and ``not in``; the last two have any
    number of values, the others one.
    """

    left: Value
    operator: str
    right: tuple[Value, ...]
    span: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class Not:
    """``not PREDICATE``."""

    predicate: Predicate
    span: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class And:
    """``A and B``."""

    predicates: tuple[Predicate, ...]
    span: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class Or:
    """``A or B``."""

    predicates: tuple[Predicate, ...]
    span: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class TraceAction:
    """``deny EPERM``, ``event every 1s``: a word, its arguments as written."""

    word: Name
    arguments: tuple[Name, ...]
    span: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class Parameter:
    """``f: file``, ``ret: int64 at 5``, ``buf: char_buf size 3``, ``uid: uint32 = task.cred.uid``.

    ``_`` alone stands for an argument that is not read; then ``type`` is None.
    """

    name: Name
    type: Name | None
    index: int | None
    size: int | None
    way: Field | None
    span: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class Arm:
    """``where PREDICATE => ACTIONS``: of a probe's arms the first that holds acts."""

    where: Predicate | None
    actions: tuple[TraceAction, ...]
    span: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class Probe:
    """``on lsm file_open(f: file) returns r: int where PREDICATE => ACTIONS``.

    ``targets`` are the words after the kind: a function, or a binary and a symbol.
    """

    kind: Name
    targets: tuple[Name, ...]
    parameters: tuple[Parameter, ...]
    returned: Parameter | None
    arms: tuple[Arm, ...]
    span: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class TracedHost:
    """``host``: the host's own processes, in no container."""

    span: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class TracedPods:
    """``app=web containers name=main``: pods, and which of their containers."""

    pods: Selection
    containers: tuple[Term, ...]
    span: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class Trace:
    """``trace NAME for SUBJECTS { monitor  probes }``."""

    name: Name
    namespace: Name | None
    subjects: tuple[Everything | TracedHost | TracedPods, ...]
    is_monitored: bool
    probes: tuple[Probe, ...]
    span: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class Listen:
    """``listen 10.96.0.10 on tcp/80, tcp/443``: an address that a service answers at."""

    network: Network
    traffic: tuple[Traffic, ...]
    span: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class Backends:
    """``backends app=web on tcp/8080``: who answers, and at which port of theirs."""

    end: End
    traffic: Traffic
    span: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class Service:
    """``service NAME in NAMESPACE { listen ...  backends ... }``."""

    name: Name
    namespace: Name
    listens: tuple[Listen, ...]
    backends: tuple[Backends, ...]
    span: Span = field(compare=False)
