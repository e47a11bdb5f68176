"""A tree of the parser to values of ``ast.py``: the walk, and what every rule needs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lockgate.language.ast import Name, Text
from lockgate.language.grammar import Token, Tree
from lockgate.language.texts import read_text, unquote
from lockgate.source import Span

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from lockgate.diagnostics import Diagnostics
    from lockgate.source import Source

Children = list[Any]
"""What the parts of a rule became: values of ``ast.py``, tokens of words; None is left out."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a rule stands, and where to complain about it.

    ``offset`` is where its block begins in the source; ``span`` is the rule's own.
    """

    source: Source
    offset: int
    diagnostics: Diagnostics
    span: Span

    def span_of(self, token: Token) -> Span:
        """Return where a token stands."""
        start = self.offset + (token.start_pos or 0)
        return Span(self.source, start, start + len(token))

    def name(self, token: Token) -> Name:
        """Return a name."""
        return Name(unquote(token), self.span_of(token))

    def text(self, token: Token) -> Text:
        """Return a quoted text."""
        return read_text(token, self.span_of(token))

    @property
    def is_refused(self) -> bool:
        """Whether something in this rule was found to be wrong already."""
        begin, end = self.span.start, self.span.end
        return any(
            d.span is not None
            and d.span.source is self.source
            and begin <= d.span.start < end
            for d in self.diagnostics.found
        )

    def refuse(self, code: str, message: str, span: Span, cure: str | None) -> None:
        """Record a mistake."""
        self.diagnostics.error(code, message, span, help=cure)


if TYPE_CHECKING:
    Rule = Callable[[Children, Place], Any]
    Rules = Mapping[str, Rule]
    """What becomes of each rule, by the rule's name."""


def build(
    tree: Tree[Token],
    rules: Rules,
    source: Source,
    offset: int,
    diagnostics: Diagnostics,
) -> Any:  # noqa: ANN401  # any value
    """Return what a tree says; the parts of a rule are built before it."""
    children: Children = []
    for child in tree.children:
        if isinstance(child, Tree):
            value = build(child, rules, source, offset, diagnostics)
            if value is not None:
                children.append(value)
        elif child is not None:
            children.append(child)
    meta = tree.meta
    start, end = (0, 0) if meta.empty else (meta.start_pos, meta.end_pos)
    span = Span(source, offset + start, offset + end)
    place = Place(source, offset, diagnostics, span)
    return rules[tree.data.rpartition("__")[2]](children, place)


def of_type(children: Children, *kinds: type[Any]) -> list[Any]:
    """Return the children of some types."""
    return [child for child in children if isinstance(child, kinds)]


def first(children: Children, *kinds: type[Any]) -> Any:  # noqa: ANN401  # any value
    """Return the first child of some types, or None."""
    found = of_type(children, *kinds)
    return found[0] if found else None


def token(children: Children, *types: str) -> Token | None:
    """Return the first token of one of these types."""
    for child in children:
        if isinstance(child, Token) and child.type in types:
            return child
    return None


def only(children: Children, place: Place) -> Any:  # noqa: ANN401  # any value
    """Return the one thing that a rule holds."""
    return children[0] if children else None
