"""What the parser could not read, told in words: what was found, what could stand there."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from lockgate.diagnostics import did_you_mean, quote
from lockgate.language.cures import find_cure
from lockgate.language.grammar import MOST_NESTED
from lockgate.source import Span

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lockgate.diagnostics import Diagnostics
    from lockgate.language.blocks import Chunk
    from lockgate.language.grammar import Fault, Grammar, Parsed
    from lockgate.source import Source

_FOUND = re.compile(
    r'~?"(?:[^"\\\n]|\\[^\n])*"?|->|=>|[-=!<>]=?|@?[\w./:*-]*\w\*?|\S', re.ASCII
)

_WORDS = {
    "CALL": "a function",
    "CIDR": "'cidr'",
    "ENTITY": "an entity, such as @world",
    "FIELD": "a field",
    "KEY_ALONE": "the key of a label",
    "METHOD": "a method, such as GET",
    "METHOD_WORD": "'method'",
    "MODE": "'required' or 'test-always-fail'",
    "NAME": "a name",
    "NUMBER": "a number",
    "OPERATOR": "a comparison, such as ==",
    "OPERATION": "an operation, such as exec or read",
    "OTHERWISE": "'log', 'add', 'delete' or 'replace'",
    "OUTCOME": "'kill', 'event' or 'nothing'",
    "PREFIX": "a prefix, such as 10.0.0.0/8",
    "QUANTITY": "'never' or 'always'",
    "REGEX": 'a regular expression, such as ~"a+"',
    "RULE": "the name of a policy",
    "SERVICE_NAME": "a name, such as shop/db",
    "STRING": "a text in quotes",
    "TRAFFIC": "traffic, such as tcp/8080 or any",
    "VALUE": "the value of a label",
    "VERDICT": "'allow', 'deny', 'redirect' or 'audit'",
    "WORD": "a word",
    "ACTION": "'allow', 'deny' or 'pass'",
    "$END": "the end of the block",
}
_TERM = frozenset({"KEY", "NS_KEY", "HAS", "NOT", "NS", "STRING"})
_TERM_ALONE = frozenset({"KEY_ALONE", "NS_KEY_ALONE", "NS", "STRING"})
_SELECTION = _TERM | {"PODS", "NS_PREFIX"}
_END = _SELECTION | {
    *("ADDRESS", "ANY", "CIDR", "ENTITY", "EVERYTHING", "FQDN", "GROUP", "GROUPS"),
    *("LABELS", "NODES", "REMOTE", "SERVICE", "SERVICES"),
}
_TEXT = frozenset({"STRING", "REGEX"})
_NAMED = frozenset({"NAME", "STRING"})
_CLAUSES = frozenset({"AUTHENTICATE", "DNS", "HTTP", "LOG", "TLS"})
_GROUPS = (
    (_END, "who, such as app=web, shop:app=web, ns shop, @world or cidr 10.0.0.0/8"),
    (_SELECTION, "pods, such as app=web, shop:app=web, ns shop or pods"),
    (_SELECTION - {"NS_PREFIX"}, "a label, such as app=web"),
    (_TERM, "a label, such as app=web or has app"),
    (_TERM_ALONE, "the key of a label"),
    (_TEXT, 'a text in quotes, or a regular expression ~"..."'),
    (_NAMED, "a name"),
    (frozenset({"COMMA"}), "','"),
    (frozenset({"AMPERSAND"}), "'&'"),
    (_CLAUSES, "a clause (on, http, dns, tls, authenticate, log)"),
    (frozenset({"ACTION", "ISOLATE", "AUDIT"}), "the next rule"),
    (frozenset({"EXPECT", "QUANTITY"}), "the next expectation"),
)
"""Terminals that together are one thing to say."""

_MOST_EXPECTED = 8
_SEEN = 200
"""Characters around a fault that tell what was meant."""


def report_faults(
    grammar: Grammar,
    parsed: Parsed,
    source: Source,
    chunk: Chunk,
    diagnostics: Diagnostics,
) -> None:
    """Tell of each place of a block that could not be read."""
    for fault in parsed.faults:
        _report(grammar, fault, source, chunk, diagnostics)


def _report(
    grammar: Grammar,
    fault: Fault,
    source: Source,
    chunk: Chunk,
    diagnostics: Diagnostics,
) -> None:
    text = source.text
    offset = chunk.start + fault.offset
    if offset >= chunk.end:
        _report_end(fault, grammar, source, chunk, diagnostics)
        return
    match = _FOUND.match(text, offset)
    found = match[0] if match else text[offset : offset + 1]
    span = Span(source, offset, offset + len(found))
    if fault.is_too_deep:
        message = f"this is nested more than {MOST_NESTED} deep"
        cure = "write several conditions, or several blocks"
        diagnostics.error("E1800", message, span, help=cure)
        return
    before = _shorten(text[chunk.start : offset])
    after = text[offset : min(chunk.end, offset + _SEEN)]
    possible = fault.expected
    if fault.before is None and "POLICY" in possible:
        possible |= {"TEST"}  # a block of its own grammar
    known = find_cure(before, found, after, possible)
    if known is not None:
        code, message, cure = known
        diagnostics.error(code, message, span, help=cure)
        return
    message = f"{_name(found)} cannot stand here"
    expected = _join(describe_expected(grammar, possible))
    near = did_you_mean(found.lower(), _keywords(grammar, possible))
    diagnostics.error("E1800", message, span, help=near or f"expected {expected}")


def _name(found: str) -> str:
    """Name what was found, also where nothing of it is seen."""
    if len(found) == 1 and not found.isprintable():
        return f"the invisible character U+{ord(found):04X}"
    return quote(found)


def _shorten(before: str) -> str:
    """Return the beginning and the end of what stands before a fault."""
    if len(before) <= 2 * _SEEN:
        return before
    return f"{before[:_SEEN]}\n{before[-_SEEN:]}"


def _report_end(
    fault: Fault,
    grammar: Grammar,
    source: Source,
    chunk: Chunk,
    diagnostics: Diagnostics,
) -> None:
    head = source.text[chunk.start : chunk.end].split("\n", 1)[0].rstrip()
    begin = Span(source, chunk.start, chunk.start + len(head))
    end = chunk.end
    place = Span(source, max(end - 1, chunk.start), end)
    if "RBRACE" in fault.expected:
        message = "the block ends without '}'"
        related = ((begin, "it begins here"),)
        cure = "close it before the next block begins"
        diagnostics.error("E1803", message, place, help=cure, related=related)
        return
    expected = _join(describe_expected(grammar, fault.expected))
    message = "the block is not finished"
    diagnostics.error("E1800", message, place, help=f"expected {expected}")


def describe_expected(grammar: Grammar, expected: frozenset[str]) -> list[str]:
    """Return what could stand somewhere, in words."""
    rest = set(expected)
    words = []
    for group, word in _GROUPS:
        if group <= rest:
            rest -= group
            words.append(word)
    words += sorted({_word(grammar, name) for name in rest})
    return words


def _word(grammar: Grammar, terminal: str) -> str:
    literal = grammar.literal(terminal)
    if literal is not None:
        return f"'{literal}'"
    return _WORDS.get(terminal) or f"'{terminal.lower()}'"


def _keywords(grammar: Grammar, expected: frozenset[str]) -> Iterator[str]:
    for terminal in expected:
        said = _word(grammar, terminal)
        yield from re.findall(r"'([a-z-]+)'", said)


def _join(words: list[str]) -> str:
    if len(words) > _MOST_EXPECTED:
        words = [*words[:_MOST_EXPECTED], "..."]
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} or {words[-1]}"
