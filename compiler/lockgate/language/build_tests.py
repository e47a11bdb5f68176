"""Tests: expectations and invariants about flows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockgate.language.ast import Header, Name, Text, Traffic
from lockgate.language.ast_tests import (
    DnsQuery,
    Expectation,
    HttpRequest,
    Invariant,
    Outcome,
    Quantity,
    Test,
    Trial,
    Verdict,
    WorkloadName,
)
from lockgate.language.build import Children, Place, first, of_type, only, token
from lockgate.language.build_ends import RULES as ENDS
from lockgate.language.build_ends import as_text
from lockgate.language.build_http import RULES as HTTP
from lockgate.language.build_http import Host
from lockgate.language.build_labels import RULES as LABELS
from lockgate.language.grammar import Token

if TYPE_CHECKING:
    from lockgate.language.ast import End
    from lockgate.language.build import Rules


class _By(Name):
    """Who must have decided."""

    __slots__ = ()


class _Of(Name):
    """Which policy must have acted."""

    __slots__ = ()


class _User(Name):
    """Whose process it is."""

    __slots__ = ()


class _Operand(Name):
    """What an operation is about."""

    __slots__ = ()


class _TestTraffic(tuple[Traffic, ...]):
    __slots__ = ()


def _test(children: Children, place: Place) -> Test:
    name = as_text(children[1], place)
    statements = tuple(of_type(children, Expectation, Invariant, Trial))
    if not statements and not place.is_refused:
        message = f'the test "{name.value}" expects nothing'
        cure = "write 'expect allow app=web -> app=db tcp/5432', or take it away"
        place.refuse("E1809", message, name.span, cure)
    return Test(name, statements, place.span)


def _expectation(children: Children, place: Place) -> Expectation | None:
    ends = _ends(children)
    word = token(children, "VERDICT")
    if len(ends) != 2 or word is None:
        return None  # one of them was refused
    by = first(children, _By)
    return Expectation(
        Verdict(str(word)),
        ends[0],
        ends[1],
        _traffic(children, place),
        first(children, HttpRequest, DnsQuery),
        by and Name(by.text, by.span),
        place.span,
    )


def _invariant(children: Children, place: Place) -> Invariant | None:
    ends = _ends(children)
    word = token(children, "QUANTITY")
    if len(ends) != 2 or word is None:
        return None
    quantity = Quantity(str(word))
    return Invariant(quantity, ends[0], ends[1], _traffic(children, place), place.span)


def _trial(children: Children, place: Place) -> Trial | None:
    word, operation = (
        token(children, "VERDICT", "OUTCOME"),
        token(children, "OPERATION"),
    )
    if word is None or operation is None:
        return None  # it was refused
    try:
        outcome = Outcome(str(word))
    except ValueError:
        message = f"an operation is not '{word}'"
        cure = "expect allow, deny, kill, event or nothing"
        place.refuse("E1809", message, place.span_of(word), cure)
        return None
    policy, program, user = (first(children, kind) for kind in (_Of, _By, _User))
    return Trial(
        outcome,
        policy and Name(policy.text, policy.span),
        place.name(operation),
        tuple(Name(one.text, one.span) for one in of_type(children, _Operand)),
        program and Name(program.text, program.span),
        user and Name(user.text, user.span),
        first(children, WorkloadName),
        place.span,
    )


def _of(children: Children, place: Place) -> _Of | None:
    for name in of_type(children, Name):
        return _Of(name.text, name.span)
    return None


def _user(children: Children, place: Place) -> _User:
    name = place.name(children[-1])
    return _User(name.text, name.span)


def _workload(children: Children, place: Place) -> WorkloadName | None:
    pod = token(children, "SERVICE_NAME")
    if pod is None:
        return None  # it was refused
    return WorkloadName(place.name(pod), first(children, Name))


def _trial_operand(children: Children, place: Place) -> _Operand:
    name = place.name(children[0])
    return _Operand(name.text, name.span)


def _ends(children: Children) -> list[End]:
    others = (Token, _TestTraffic, HttpRequest, DnsQuery, _By)
    return [child for child in children if not isinstance(child, others)]


def _traffic(children: Children, place: Place) -> tuple[Traffic, ...]:
    for child in of_type(children, _TestTraffic):
        return tuple(child)
    return (Traffic(None, place.span),)


def _http_request(children: Children, place: Place) -> HttpRequest:
    method, path = children[0], children[1]
    hosts = of_type(children, Host)
    return HttpRequest(
        place.name(method),
        as_text(path, place),
        hosts[0].text if hosts else None,
        tuple(of_type(children, Header)),
        place.span,
    )


def _dns_query(children: Children, place: Place) -> DnsQuery:
    return DnsQuery(as_text(children[-1], place), place.span)


def _by(children: Children, place: Place) -> _By:
    name = place.name(children[-1])
    return _By(name.text, name.span)


def _test_traffic(children: Children, place: Place) -> _TestTraffic:
    return _TestTraffic(t for listed in of_type(children, tuple) for t in listed)


def _text(children: Children, place: Place) -> Text:
    return as_text(children[0], place)


RULES: Rules = {
    **LABELS,
    **ENDS,
    **HTTP,
    "test": _test,
    "test_end": only,
    "expectation": _expectation,
    "invariant": _invariant,
    "trial": _trial,
    "of": _of,
    "user": _user,
    "workload": _workload,
    "trial_operand": _trial_operand,
    "http_request": _http_request,
    "dns_query": _dns_query,
    "by": _by,
    "test_traffic": _test_traffic,
    "text": _text,
    "start": only,
}
