"""The sketch of the language: policies, a trace and tests in one file, told the truth."""

from __future__ import annotations

from ipaddress import IPv4Network
from pathlib import Path

from lark import Lark

from lockgate.diagnostics import Severity
from lockgate.driver import compile_tables
from lockgate.ir.policy import Action, NetworkPeer
from lockgate.language import ast_tests
from lockgate.language.ast import Policy
from lockgate.language.ast_tests import Verdict
from lockgate.language.ast_traces import Trace
from lockgate.language.reading import Language, read_file
from lockgate.options import Options
from lockgate.source import Source
from tests.language.read import diagnose

ROOT = Path(__file__).parents[2]
SKETCH = ROOT / "golden/language/sketch/policy.gate"
GRAMMAR = ROOT / "grammar"


def test_one_grammar_reads_it_as_lalr() -> None:
    """The whole text is one sentence of the grammar, without a conflict."""
    parser = Lark(
        (GRAMMAR / "gate.lark").read_text(),
        parser="lalr",
        lexer="contextual",
        start="file",
        import_paths=[str(GRAMMAR)],
    )
    tree = parser.parse(SKETCH.read_text())
    names = [str(getattr(child, "data", "")) for child in tree.children]
    assert [name.rpartition("__")[2] for name in names] == [
        *("policy", "policy", "trace", "test")
    ]


def test_every_block_is_read() -> None:
    """Block by block, as the compiler reads it: nothing is left out."""
    source = Source("p.gate", SKETCH.read_text())
    diagnostics = diagnose(SKETCH.read_text())
    file = read_file(source, Language.GATE, diagnostics)
    assert [type(block) for block in file.blocks] == [
        *(Policy, Policy, Trace, ast_tests.Test)
    ]
    assert [rule.action for rule in file.policies[0].rules] == [
        *(Action.ALLOW, Action.ALLOW, Action.ALLOW, Action.DENY)
    ]
    statements = file.tests[0].statements
    assert [getattr(s, "verdict", None) for s in statements] == [
        *(Verdict.ALLOW, Verdict.DENY, None)
    ]


def test_what_is_not_enforced_says_so() -> None:
    """HTTP and names are errors at their places; with leave, warnings there."""
    expected = {("3001", 9), ("3008", 5)}
    for leave, letter in ((False, "E"), (True, "W")):
        options = Options(allow_unenforced=leave)
        found = compile_tables([SKETCH], options).diagnostics.found
        told = {
            (d.code[1:], d.span.line)
            for d in found
            if d.span and d.code.startswith(letter)
        }
        assert told >= expected
        assert any(d.severity is Severity.ERROR for d in found) != leave


def test_a_mapped_prefix_is_that_of_ipv4() -> None:
    """A deny of ::ffff:a.b.c.d denies a.b.c.d, and a note says so."""
    compilation = compile_tables([SKETCH], Options(allow_unenforced=True))
    (policy,) = [p for p in compilation.policies if p.name == "web"]
    (deny,) = [rule for rule in policy.egress.rules if rule.action is Action.DENY]
    (peer,) = deny.peers
    assert isinstance(peer, NetworkPeer)
    assert peer.network == IPv4Network("169.254.169.254/32")
    assert deny.log == "imds"
    notes = [d for d in compilation.diagnostics.found if d.code == "N1836"]
    assert [d.span and d.span.line for d in notes] == [6]
