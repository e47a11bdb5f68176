"""lockgate.language.cel: the part of CEL that compares numbers."""

from __future__ import annotations

import pytest

from lockgate.ir.expression import NumberType
from lockgate.ir.tracing_arguments import ArgumentType
from lockgate.language.cel import ExpressionError, parse_expression

TYPES = [ArgumentType.INT, ArgumentType.UINT32, ArgumentType.STRING]


def test_a_literal_takes_the_type_of_the_other_side() -> None:
    """``arg0 == -5`` needs no cast; the same as with one."""
    plain = parse_expression("arg0 == -5", TYPES)
    assert plain.parts[1].type is NumberType.SIGNED_32
    assert plain.parts[1].number == -5
    assert parse_expression("arg1 >= 5", TYPES).parts[1].type is NumberType.UNSIGNED_32


def test_operators_bind_as_in_cel() -> None:
    """``!`` and signs before sums, sums before comparisons, ``&&`` before ``||``."""
    found = parse_expression("arg0 + 1 == 2 || !(arg0 < 3) && arg1 == 4u", TYPES)
    assert found.operator == "||"
    assert [part.operator for part in found.parts] == ["==", "&&"]
    assert [part.operator for part in found.parts[1].parts] == ["!", "=="]


@pytest.mark.parametrize(
    ("text", "offset", "words"),
    [
        ("arg0", 0, "neither true nor false"),
        ("arg0 == arg1", 5, "int32 and uint32 are different types"),
        ("arg1 == 5u && size(1) == 2", 14, "the function 'size' is not known"),
        ("arg2 == 1", 0, "arg2 is of type string"),
        ("arg0 == arg3", 8, "there is no 'arg3'"),
        ("arg0 ==", 7, "no expression goes on like this"),
        ("arg0 == 5000000000", 5, "different types"),
        ("arg0 == 'text'", 8, "no expression goes on like this"),
        ("and(arg0, 1, 2) == 1", 0, "and takes 2 arguments"),
        ("arg0 == -arg0", 8, "'-' stands before a number"),
        ("true < false", 5, "does not compare"),
        ("int32(arg1) == 1", 0, "int32 takes int, not uint32"),
        ("(" * 300, 99, "nested too deeply"),
    ],
)
def test_what_is_refused_says_where(text: str, offset: int, words: str) -> None:
    """With the place in its text."""
    with pytest.raises(ExpressionError) as caught:
        parse_expression(text, TYPES)
    assert words in caught.value.reason
    assert caught.value.offset == offset
