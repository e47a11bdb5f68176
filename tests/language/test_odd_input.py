"""Odd input: what is legal keeps its meaning, what is not is told of with place and cure."""

from __future__ import annotations

import random
import re

import pytest

from lockgate.diagnostics import Diagnostics
from lockgate.frontend.documents import documents_from_text, parse_documents
from lockgate.language.conversion import Target
from lockgate.language.equivalence import normal_form
from lockgate.language.formatting import format_text
from lockgate.language.reading import Language
from lockgate.options import Options
from lockgate.source import Source
from tests.language.convert import convert_texts
from tests.language.read import diagnose, read_policies
from tests.language.samples import GATE, TESTS

FOR = "policy a in b for {} {{ isolate in }}"
IN = "policy a in b for pods {{ isolate in allow in from {} }}"
OUT = "policy a in b for pods {{ isolate out allow out to {} }}"

LEGAL = {
    "dots, slashes, dashes": FOR.format(
        "app.kubernetes.io/name=web & x.y/z-w in {a.b, c-d, e_f}"
    ),
    "values like numbers": FOR.format(
        "version=1.0 & n=123 & x in {0x1, 1e5, 007, 0o17, 1_0} & z!=0 & 1=2"
    ),
    "values like words of YAML": FOR.format("a=on & b=yes & c in {null, true, NaN}"),
    "keywords as keys": FOR.format(
        "in=x & on=y & to=z & from=a & not=b & has=c & ns.in=d & test=f & policy=g & "
        "deny=h & for=i & cidr=j & isolate in {a}"
    ),
    "keywords as values": IN.format(
        "a=on & b=not & c in {in, has, for, deny, to} on tcp/1 allow in from a=from, b=to "
        'on udp/2 log "x"'
    ),
    "a key that is quoted": FOR.format('"ns"=x & has "in" & not "app"'),
    "namespaces like keywords": IN.format(
        "ns ns, ns on, ns to, on:app=web, to:app=x, in:has y, test:has y, policy:z=1, "
        "log:a=b, not:app=web, has:app=x, ns in {on, to} on tcp/1"
    ),
    "policies like keywords": "\n".join(
        f"policy {word} in {word} for {word}={word} {{ isolate in }}"
        for word in ("on", "in", "test", "policy", "trace", "service", "group", "host")
    ),
    "alone behind has and not": IN.format(
        "has ns & not ns.x/y, has on, not to, has in, has not on tcp/1"
    ),
    "IPv6": OUT.format(
        "cidr ::/0, cidr ::1/128, cidr fe80::/10, cidr 2001:db8::192.0.2.1/128"
    ),
    "names of DNS": OUT.format(
        'fqdn "*", fqdn "**.example.com", fqdn "_srv._tcp.example.com", '
        'fqdn "example.com." on tcp/1'
    ),
    "services like keywords": OUT.format(
        "service service/service, any service any, services service=any"
    ),
    "no blanks": "policy a in b for pods{isolate in,out allow in from pods on tcp/1,udp/2 "
    "deny out to@host}",
    "carriage returns": "policy a in b for pods {\r\n  isolate in # c\r\n  allow in from pods,"
    "\r\n    ns x on tcp/1\r\n}\r\n",
    "tabs": "policy\ta\tin\tb\tfor\tpods\t{\n\tisolate\tin\n}",
    "braces and # in quotes": IN.format(
        'pods on tcp/1 http { GET "/{x}" GET ~"a{1,2}}" } log "}{ # no" # yes\n'
    ),
    "escapes": IN.format(r'pods log "a\"b\\c"'),
    "letters of others": "# größe ☃\n" + IN.format('pods log "日本語 ☃"') + " # ü",
    "the longest value": FOR.format("a=" + "x" * 63),
    "no value": FOR.format('a=""'),
    "commas at ends": OUT.format(
        "cidr 10.0.0.0/8 except {10.1.0.0/16,} log 'x'"
    ).replace(" log 'x'", ""),
    "the same twice": FOR.format("x=1 & x=2 & x=1").replace(
        "in }", "in, in isolate in }"
    ),
    "a file without an end of line": "group g { 10.0.0.0/8 fd00::/8\n 192.0.2.1/32, }",
    "blocks on one line": FOR.format("pods")
    + ' group g { 10.0.0.0/8 } test "x" { never '
    "a=in -> b=on tcp/1 expect deny ns on -> ns by udp/1 by by always pod on/to -> node test }",
    "comments between all words": re.sub(
        r"(?<=\S) (?=\S)",
        " # c\n",
        OUT.format("cidr 10.0.0.0/8 except { 10.1.0.0/16 } on tcp/1").replace(
            "pods", "app = web & x not in { a , b } & ns.y in { c }"
        ),
    ),
    "nothing": "",
    "blanks": " \n\t\n",
    "only comments": "# a\n\n\n# b\n#",
}


@pytest.mark.parametrize("name", LEGAL)
def test_legal(name: str) -> None:
    """It is read; formatting and conversion keep what it means, and are done once."""
    text = LEGAL[name]
    diagnostics = Diagnostics()
    documents = documents_from_text({"p.gate": text})
    policies = parse_documents(documents, Options(), diagnostics).policies
    assert diagnostics.ok, diagnostics.found
    formatted = format_text(Source("p.gate", text), Language.GATE, diagnostics)
    assert formatted is not None
    again = format_text(Source("p.gate", formatted), Language.GATE, diagnostics)
    assert again == formatted
    wanted = normal_form(policies, "default")
    assert normal_form(read_policies(formatted), "default") == wanted
    for target in Target:
        converted, said = convert_texts({"p.gate": text}, target)
        assert said.ok, said.found
        there = documents_from_text({f"p.{target.value}": converted})
        back = parse_documents(there, Options(), diagnostics).policies
        assert diagnostics.ok, diagnostics.found
        assert normal_form(back, "default") == wanted


ILLEGAL = [
    ("policy a in b { isolate in }", "E1800", "1:15", "for pods"),
    ("policy a for pods { isolate in }", "E1808", "1:8", "NAMESPACE"),
    ("Policy a in b for pods { isolate in }", "E1800", "1:1", "'policy'"),
    ("policy a in b for pods isolate in }", "E1800", "1:24", "'{'"),
    ("tets 'x' { }", "E1800", "1:1", "'test'"),
    (FOR.format("pods").replace("in }", "in; }"), "E1800", "1:36", "';' away"),
    (FOR.format("a=web-"), "E1817", "1:24", "letter or digit"),
    (FOR.format("a=b/c"), "E1817", "1:22", "only keys"),
    (FOR.format("-a=b"), "E1817", "1:19", "letter or digit"),
    (FOR.format("a/b/c=d"), "E1817", "1:19", "[prefix/]name"),
    (FOR.format("a=b & größe=1"), "E1817", "1:25", "letters"),
    (FOR.format("pods").replace(" b ", " bü "), "E1817", "1:14", "a to z"),
    (FOR.format("a=*"), "E1805", "1:21", "has app"),
    (FOR.format("all"), "E1800", "1:19", "pods"),
    (FOR.format("x={a,b}"), "E1800", "1:21", "in {a, b}"),
    (FOR.format("x in {}"), "E1800", "1:25", "value"),
    (FOR.format("a=b && c=d"), "E1800", "1:24", "one"),
    (FOR.format("a=b and c=d"), "E1800", "1:23", "'&'"),
    (FOR.format("a=b, c=d"), "E1800", "1:22", "'&'"),
    (FOR.format("a=" + "x" * 64), "E1817", "1:21", "63"),
    (IN.format("a:b:c=d"), "E1800", "1:53", "KEY=VALUE"),
    (IN.format("pods on 80"), "E1806", "1:59", "tcp/80"),
    (IN.format("pods port 80"), "E1800", "1:56", "'on'"),
    (IN.format("pods on tcp/99999"), "E1806", "1:59", "65535"),
    (IN.format("pods log \u201cx\u201d"), "E1805", "1:60", '"..."'),
    (IN.format('pods log "x\n'), "E1805", "1:60", "one line"),
    (IN.format('pods log "a\u200bb"'), "E1807", "1:60", "nobody sees"),
    (IN.format("\u200bpods"), "E1800", "1:51", "who"),
    (OUT.format("cidr 10.0.0.1"), "E1040", "1:56", "10.0.0.1/32"),
    (OUT.format("cidr ::ffff:10.0.0.1"), "E1040", "1:56", "10.0.0.1/32"),
    (OUT.format("10.0.0.0/8"), "E1802", "1:51", "cidr 10.0.0.0/8"),
    ("policy a in b for pods { isolate }", "E1800", "1:34", "'in' or 'out'"),
    ("policy a in b for pods { deny pods -> pods }", "E1800", "1:31", "'in' or 'out'"),
    ('test "x" { expect allow pods tcp/1 }', "E1800", "1:30", "'->'"),
    ("test x { never pods -> pods }", "E1805", "1:6", '"x"'),
    ("policy a in b for pods { isolate in } }", "E1800", "1:39", "policy"),
    ("kind: Pod", "E1800", "1:1", "*.yaml"),
]


@pytest.mark.parametrize(("text", "code", "place", "cure"), ILLEGAL)
def test_illegal(text: str, code: str, place: str, cure: str) -> None:
    """The first mistake has its line and column, and the help line says what to write."""
    found = diagnose(text).found[0]
    assert found.span is not None
    assert (found.code, found.span.place) == (code, f"p.gate:{place}")
    assert cure in (found.help or "")


HIDDEN = {
    "\r": "# nobody else\r  deny in from @host",
    "\u2028": "# nobody else\u2028  deny in from @host",
    "\x85": "# nobody else\x85  deny in from @host",
    "\u202e": "deny in from @host # \u202e}",
    "\x00": "deny in from @host\x00",
    "\x1b": "# \x1b[2Kdeny in from @host",
}


@pytest.mark.parametrize("character", HIDDEN)
def test_what_hides_text_is_refused(character: str) -> None:
    """A rule that an editor shows and nobody reads is an error, for fmt as well."""
    text = f"policy a in b for pods {{\n  isolate in\n  {HIDDEN[character]}\n}}\n"
    found = [d for d in diagnose(text).found if d.code == "E1810"]
    assert [d.span and d.span.line for d in found] == [3]
    diagnostics = Diagnostics()
    assert format_text(Source("p.gate", text), Language.GATE, diagnostics) is None
    assert not diagnostics.ok


@pytest.mark.parametrize("seed", range(12))
def test_formatting_keeps_every_comment(seed: int) -> None:
    """Comments between any words stay, in their order, and what is said stays as it was."""
    chance = random.Random(seed)  # noqa: S311  # a test, no secret
    name, text = chance.choice((("p.gate", GATE), ("p.gatetest", TESTS)))
    language = Language(name.rpartition(".")[2])
    pieces = re.findall(r'~?"(?:[^"\\\n]|\\[^\n])*"|#[^\n]*\n|\s+|[^\s"#~]+|~', text)
    blanks = [i for i, piece in enumerate(pieces) if piece.isspace()]
    for number, at in enumerate(chance.sample(blanks, min(len(blanks), 25))):
        mark = f"# comment {number}\n"
        pieces[at] = chance.choice((f" {mark}", f"\n{mark}", f"\n\n{mark}\n"))
    changed = "".join(pieces)
    diagnostics = Diagnostics()
    formatted = format_text(Source(name, changed), language, diagnostics)
    assert formatted is not None, diagnostics.found
    comments = re.compile(r"# comment \d+")
    assert comments.findall(formatted) == comments.findall(changed)
    assert len(comments.findall(formatted)) >= 10
    again = format_text(Source(name, formatted), language, diagnostics)
    assert again == formatted
