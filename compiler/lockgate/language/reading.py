"""The text of a file to its blocks: what everyone calls who reads the language."""

from __future__ import annotations

import re
from enum import Enum
from typing import TYPE_CHECKING

from lockgate.language.ast_file import File
from lockgate.language.blocks import split_blocks
from lockgate.language.build import build
from lockgate.language.explain_faults import report_faults
from lockgate.language.grammar import load_grammar
from lockgate.language.hidden import refuse_hidden
from lockgate.source import Span

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lockgate.diagnostics import Diagnostics
    from lockgate.language.ast_file import Block
    from lockgate.language.build import Rules
    from lockgate.language.grammar import Grammar
    from lockgate.source import Source


MOST_FAULTS = 200
"""After so many places of a file that cannot be read, the rest is left."""

_TEST = re.compile(r"test(?![-\w.=/:])")


class Language(Enum):
    """Which language a file is in; the name of its grammar and of its files' ending.

    A file of policies may hold tests, too; a file of tests holds nothing else.
    """

    GATE = "gate"
    TESTS = "gatetest"


def language_of(name: str) -> Language:
    """Return the language of a file: by its name, else that which has every block."""
    return Language.TESTS if name.endswith(".gatetest") else Language.GATE


def read_file(source: Source, language: Language, diagnostics: Diagnostics) -> File:
    """Return what a file says; every mistake in it is told of.

    Where there are errors, what could be understood is returned.
    """
    before = len(diagnostics.found)
    refuse_hidden(source, diagnostics)
    blocks = tuple(_read_blocks(source, language, diagnostics))
    # What the parser finds and what the builder finds, in the order of the text.
    found = diagnostics.found[before:]
    diagnostics.found[before:] = sorted(
        found, key=lambda d: d.span.start if d.span else 0
    )
    return File(blocks)


def _read_blocks(
    source: Source, language: Language, diagnostics: Diagnostics
) -> Iterator[Block]:
    text = source.text
    chunks = split_blocks(text)
    if not chunks:
        return
    rules = _rules(language)
    faults = 0
    for chunk in chunks:
        if faults >= MOST_FAULTS:
            message = f"{faults} mistakes: the rest of the file is not read"
            span = Span(source, chunk.start, chunk.start + 1)
            diagnostics.error("E1800", message, span, help="mend those above first")
            return
        block = text[chunk.start : chunk.end]
        grammar = grammar_of(block, language)
        parsed = grammar.parse(block)
        faults += len(parsed.faults)
        report_faults(grammar, parsed, source, chunk, diagnostics)
        if parsed.tree is None:
            continue
        built = build(parsed.tree, rules, source, chunk.start, diagnostics)
        if built is not None:
            yield built


def grammar_of(block: str, language: Language) -> Grammar:
    """Return the grammar of a block: tests have their own, beside policies, too."""
    is_test = _TEST.match(block) is not None
    return load_grammar((Language.TESTS if is_test else language).value)


def _rules(language: Language) -> Rules:
    if language is Language.TESTS:
        from lockgate.language.build_tests import RULES

        return RULES
    from lockgate.language.build_policies import RULES as POLICIES

    return POLICIES
