"""``matchArgs`` and its like: an operator, and values that it can compare.

Which operators go with which type is one table here.  Where the type is AUTO, only the
target can tell it: then values keep every reading that they have.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

from lockgate.diagnostics import Diagnostics, quote
from lockgate.frontend.schema import Fields, read_integer
from lockgate.frontend.tracing.operators import (
    APPLIES,
    OPERATORS,
    WITHOUT_VALUES,
)
from lockgate.frontend.tracing.value_reader import ValueReader, Values
from lockgate.ir.expression import ARGUMENT
from lockgate.ir.tracing_arguments import ArgumentType
from lockgate.ir.tracing_selectors import Comparison, ValueMatch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lockgate.frontend.schema import Node
    from lockgate.ir.tracing_arguments import Argument

_FIELDS = ("args", "index", "operator", "values")


class Numbering(Enum):
    """What ``index`` of a filter counts.

    POSITION is that in the function's signature, PLACE that in the list; for a tracepoint
    it is the field's number, and the place where no argument has that number.
    """

    POSITION = "position"
    PLACE = "place"
    FIELD_OR_PLACE = "field or place"


def parse_match(
    node: Node,
    arguments: Sequence[Argument],
    diagnostics: Diagnostics,
    numbering: Numbering,
) -> ValueMatch | None:
    """Return one filter over ``arguments``; None where it is mistaken.

    ``args`` of the filter are places, whatever ``index`` counts.
    """
    fields = Fields(node, "ArgSelector", diagnostics, known=_FIELDS)
    word = fields.string("operator", enum=OPERATORS, required=True)
    if word is not None and OPERATORS[word][0] is Comparison.EXPRESSION:
        return _parse_expression(fields, arguments, diagnostics)
    places = _parse_places(fields, arguments, diagnostics, numbering)
    if word is None or places is None:
        return None
    comparison, is_negated = OPERATORS[word]
    if not _applies(fields, word, comparison, places, arguments, diagnostics):
        return None
    kind = arguments[places[0]].type if places else ArgumentType.AUTO
    values = _parse_values(fields, word, comparison, kind, diagnostics)
    if values is None:
        return None
    return ValueMatch(places, comparison, fields.node.span, is_negated, *values)


def _parse_expression(
    fields: Fields, arguments: Sequence[Argument], diagnostics: Diagnostics
) -> ValueMatch | None:
    """Return the filter of an expression, which itself names its arguments (arg0, ...)."""
    from lockgate.language.cel import ExpressionError, parse_expression

    written = fields.strings("values")
    if len(written) != 1:
        message = f"CelExpr takes one expression, not {len(written)}"
        cure = "join them with && or ||"
        diagnostics.error("E1102", message, fields.node.span, help=cure)
        return None
    ((text, span),) = written
    try:
        found = parse_expression(text, [argument.type for argument in arguments])
    except ExpressionError as error:
        place = f"at character {error.offset + 1}"
        message = f"{quote(text)} is no value for CelExpr: {place}: {error.reason}"
        diagnostics.error("E1102", message, span, help=error.cure or None)
        return None
    places = tuple(dict.fromkeys(leaf.number for leaf in found.leaves(ARGUMENT)))
    return ValueMatch(
        places, Comparison.EXPRESSION, fields.node.span, texts=(text,), expression=found
    )


def _parse_places(
    fields: Fields,
    arguments: Sequence[Argument],
    diagnostics: Diagnostics,
    numbering: Numbering,
) -> tuple[int, ...] | None:
    if fields.has("args"):
        return _parse_several(fields, arguments, diagnostics)
    index = fields.integer("index", minimum=0) if fields.has("index") else 0
    if index is None:
        return None
    known = [argument.index for argument in arguments]
    places = list(range(len(arguments)))
    if numbering is not Numbering.PLACE and index in known:
        return (known.index(index),)
    if numbering is not Numbering.POSITION and index in places:
        return (index,)
    what = "data" if numbering is Numbering.PLACE else "args"
    message = f"this filter is about argument {index}, which '{what}' does not name"
    numbers = places if numbering is Numbering.PLACE else known
    names = ", ".join(map(str, numbers)) or "none"
    cure = f"add the argument to '{what}' with its type (it names: {names})"
    span = fields.span("index")
    diagnostics.error("E1100", message, span, help=cure)
    return None


def _parse_several(
    fields: Fields, arguments: Sequence[Argument], diagnostics: Diagnostics
) -> tuple[int, ...] | None:
    found = []
    for item in fields.items("args"):
        place = read_integer(item, "an item of 'args'", diagnostics, minimum=0)
        if place is None:
            return None
        if place >= len(arguments):
            message = f"'args' has no item {place}: it counts from 0 to "
            message += f"{len(arguments) - 1}" if arguments else "nothing"
            diagnostics.error("E1100", message, item.span)
            return None
        found.append(place)
    return tuple(found)


def _applies(
    fields: Fields,
    word: str,
    comparison: Comparison,
    places: tuple[int, ...],
    arguments: Sequence[Argument],
    diagnostics: Diagnostics,
) -> bool:
    """Refuse an operator that cannot judge the types of its arguments."""
    wanted = 2 if comparison is Comparison.CAPABILITIES_GAINED else 1
    if len(places) != wanted:
        message = f"{word} takes {'two arguments' if wanted == 2 else 'one argument'}"
        cure = "'args: [0, 1]' names the old and the new capabilities"
        diagnostics.error(
            "E1101", message, fields.node.span, help=cure if wanted == 2 else None
        )
        return False
    for place in places:
        kind = arguments[place].type
        if kind is ArgumentType.AUTO or kind in APPLIES[comparison]:
            continue
        others = sorted(
            name
            for name, (other, _) in OPERATORS.items()
            if kind in APPLIES.get(other, ())
        )
        message = f"{word} cannot judge an argument of type {kind.value}"
        cure = (
            f"operators for it: {', '.join(others)}"
            if others
            else (
                f"no operator judges {kind.value}: read a member of it with 'resolve'"
            )
        )
        diagnostics.error("E1101", message, fields.span("operator"), help=cure)
        return False
    return True


# ---------------------------------------------------------------- values


def _parse_values(
    fields: Fields,
    word: str,
    comparison: Comparison,
    kind: ArgumentType,
    diagnostics: Diagnostics,
) -> Values | None:
    written = fields.strings("values")
    if comparison in WITHOUT_VALUES:
        if written:
            message = f"{word} takes no values"
            diagnostics.error("E1102", message, fields.span("values"))
            return None
        return Values()
    if not written:
        if fields.is_empty("values"):
            message = f"{word} needs values: without them it matches nothing"
            diagnostics.error("E1102", message, fields.node.span)
        return None
    return ValueReader(word, comparison, kind, diagnostics).read(written)
