"""Test blocks: what a file of tests says."""

from __future__ import annotations

import pytest

from lockgate.ir.labels import Operator
from lockgate.ir.policy import Entity, IcmpMatch, PortMatch, PortRange, Protocol
from lockgate.language.ast import EntityName, Pod, Selection
from lockgate.language.ast_tests import (
    Expectation,
    HttpRequest,
    Invariant,
    Quantity,
    Verdict,
)
from tests.language.read import diagnose, read_tests

EXAMPLE = """
test "web" {
  expect allow shop:app=web -> shop:app=api tcp/9000 GET "/v1/items/7"
  expect deny  @world -> pod shop/web-0 icmpv6/128 by web
  never  env=dev -> ns payments on any
}
"""


def test_example() -> None:
    """The sketch of the language is read as it reads."""
    (block,) = read_tests(EXAMPLE).tests
    first, second, third = block.statements
    assert block.name.value == "web"
    assert isinstance(first, Expectation)
    assert isinstance(first.source, Selection)
    assert first.source.namespace is not None
    assert first.source.namespace.text == "shop"
    (term,) = first.source.terms
    assert (term.key, term.operator, term.values) == ("app", Operator.IN, ("web",))
    assert [t.match for t in first.traffic] == [
        PortMatch((Protocol.TCP,), PortRange(9000, 9000))
    ]
    assert isinstance(first.request, HttpRequest)
    assert (first.request.method.text, first.request.path.value) == (
        "GET",
        "/v1/items/7",
    )
    assert isinstance(second, Expectation)
    assert second.verdict is Verdict.DENY
    assert isinstance(second.source, EntityName)
    assert second.source.entity is Entity.WORLD
    assert isinstance(second.destination, Pod)
    assert second.destination.name.text == "web-0"
    assert second.traffic[0].match == IcmpMatch(Protocol.ICMPV6, 128)
    assert second.by is not None
    assert second.by.text == "web"
    assert isinstance(third, Invariant)
    assert third.quantity is Quantity.NEVER
    assert third.traffic[0].match is None, "any traffic"


@pytest.mark.parametrize(
    "statement",
    [
        "expect redirect app=web -> app=api tcp/80",
        "expect audit app=web -> app=api tcp/80",
        "expect allow pods -> service shop/db tcp/5432, tcp/5433",
        'expect allow node n1 -> pod shop/web-0 tcp/22 by "web.yaml:12"',
        'expect allow pods -> fqdn "example.com" tcp/443 by shop/web',
        'expect allow pods -> pods udp/53 dns "example.com"',
        "expect deny address 10.0.0.7/32 -> nodes by default",
        "always app=web -> cidr 10.0.0.0/8 except 10.1.0.0/16 on tcp/1-1024",
        "never @world -> service=web & ns.env=prod",
        'never app in {a, b} & has tier & not legacy & x != "" -> everything on proto/gre',
    ],
)
def test_forms(statement: str) -> None:
    """Every form of a statement is read, and alone in its block."""
    (block,) = read_tests(f'test "t" {{ {statement} }}').tests
    assert len(block.statements) == 1


def test_all_mistakes_are_told() -> None:
    """One mistake does not hide the next, nor the statements between them."""
    found = diagnose(
        'test "a" {\n  expect allow app=web => app=db tcp/1\n'
        "  expect deny @wrld -> pods\n  expect alow pods -> pods\n}\n"
        'policy web in shop for pods { isolate in }\ntest "b" {}\n',
        "t.gatetest",
    ).found
    assert [(d.code, d.span and d.span.line) for d in found] == [
        ("E1800", 2),
        ("E1804", 3),
        ("E1800", 4),
        ("E1808", 6),
        ("E1809", 7),
    ]
