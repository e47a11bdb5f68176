"""The regular expressions of HTTP rules."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lockgate.lint.scene import Scene
    from lockgate.source import Span


class Expression(NamedTuple):
    """An expression, the field that it stands in, and its rule's place."""

    field: str
    pattern: str
    span: Span


def expressions(scene: Scene) -> Iterator[Expression]:
    """Yield each expression of each HTTP rule once."""
    seen = set()
    for _, _, rule in scene.rules():
        for http in rule.l7.http if rule.l7 else ():
            if http.span in seen:
                continue
            seen.add(http.span)
            for field in ("method", "path", "host"):
                pattern = getattr(http, field)
                if pattern:
                    yield Expression(field, pattern, http.span)
