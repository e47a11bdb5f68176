"""What the filters of flows and of events have in common: predicates, and how they join."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lockgate.language.blocks import Chunk
from lockgate.language.build import Children, Place, build, first, of_type
from lockgate.language.explain_faults import report_faults
from lockgate.language.grammar import load_grammar

if TYPE_CHECKING:
    from lockgate.diagnostics import Diagnostics
    from lockgate.language.build import Rules
    from lockgate.source import Source

Predicate = dict[str, Any]


def compile_predicate(
    grammar_name: str, rules: Rules, source: Source, diagnostics: Diagnostics
) -> Predicate | None:
    """Return the predicate of a filter; None where it is mistaken, which is told."""
    text = source.text
    grammar = load_grammar(grammar_name)
    parsed = grammar.parse(text)
    report_faults(grammar, parsed, source, Chunk(0, len(text)), diagnostics)
    if parsed.tree is None or parsed.faults:
        return None
    before = len(diagnostics.found)
    predicate: Predicate | None = build(parsed.tree, rules, source, 0, diagnostics)
    return None if len(diagnostics.found) > before else predicate


def joined(word: str) -> Any:  # noqa: ANN401  # a rule
    """Return the rule of several conditions that ``word`` joins ("all", "any")."""

    def join(children: Children, place: Place) -> Predicate | None:
        parts = of_type(children, dict)
        if not parts:
            return None
        return parts[0] if len(parts) == 1 else {word: parts}

    return join


def negation(children: Children, place: Place) -> Predicate | None:
    """Return what does not hold where the condition does."""
    inner = first(children, dict)
    return None if inner is None else {"not": inner}
