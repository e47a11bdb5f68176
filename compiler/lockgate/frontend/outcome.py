"""What one document says: the outcome of reading it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from lockgate.diagnostics import Diagnostic
    from lockgate.language.ast_tests import Test


TRACING = frozenset({"TracingPolicy", "TracingPolicyNamespaced"})
"""Kinds that a target decides about: they are read anew each time, not remembered."""


class Found(NamedTuple):
    """One object: who it is, where its name stands (offsets), and what it says."""

    kind: str
    namespace: str
    name: str
    start: int
    end: int
    values: tuple[Any, ...]


class Outcome(NamedTuple):
    """All of a document; ``is_whole`` unless its syntax is wrong.

    ``passed_over``: apiVersion, kind and number of objects that decide no verdict.
    ``tests`` stand beside policies of the native language, and decide none either.
    """

    is_whole: bool
    found: tuple[Found, ...]
    passed_over: tuple[tuple[str, str, int], ...]
    diagnostics: tuple[Diagnostic, ...]
    tests: tuple[Test, ...] = ()
