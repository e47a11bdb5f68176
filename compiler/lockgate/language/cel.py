"""Read ``CelExpr``: the part of CEL that compares numbers, checked as it is read.

What it takes is what the reference takes: ``== != < <= > >= + - && || !``, ``and or xor not`` on
bits, the casts ``int32`` and ``uint32``, arguments ``arg0``, ``arg1``...  Both sides of an operator
have one type; a literal takes that of the other side, where it fits.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from lockgate.diagnostics import did_you_mean
from lockgate.ir.expression import ARGUMENT, CAST, LITERAL, Expression, NumberType
from lockgate.ir.tracing_arguments import ArgumentType
from lockgate.language.grammar import Token, Tree, load_grammar

if TYPE_CHECKING:
    from collections.abc import Sequence

_SIGNED = (NumberType.SIGNED_64, NumberType.SIGNED_32)
_TYPES = {
    **dict.fromkeys(
        (ArgumentType.INT8, ArgumentType.INT16, ArgumentType.INT), NumberType.SIGNED_32
    ),
    **dict.fromkeys(
        (ArgumentType.UINT8, ArgumentType.UINT16, ArgumentType.UINT32),
        NumberType.UNSIGNED_32,
    ),
    ArgumentType.LONG: NumberType.SIGNED_64,
    **dict.fromkeys(
        (ArgumentType.ULONG, ArgumentType.UINT64, ArgumentType.SIZE_T),
        NumberType.UNSIGNED_64,
    ),
}
_CASTS = {
    "int32": (NumberType.SIGNED_64, NumberType.SIGNED_32),
    "uint32": (NumberType.UNSIGNED_64, NumberType.UNSIGNED_32),
}
_BITWISE = {"and": "&", "or": "|", "xor": "^"}
_FUNCTIONS = (*_CASTS, *_BITWISE, "not")
_LIMITS = {
    NumberType.SIGNED_64: (-(1 << 63), (1 << 63) - 1),
    NumberType.UNSIGNED_64: (0, (1 << 64) - 1),
    NumberType.SIGNED_32: (-(1 << 31), (1 << 31) - 1),
    NumberType.UNSIGNED_32: (0, (1 << 32) - 1),
}
_WORDS = {
    NumberType.TRUTH: "bool",
    NumberType.SIGNED_64: "int",
    NumberType.UNSIGNED_64: "uint",
    NumberType.SIGNED_32: "int32",
    NumberType.UNSIGNED_32: "uint32",
}


@dataclass(frozen=True)
class ExpressionError(Exception):
    """Why an expression cannot be taken: where in its text, and what helps."""

    offset: int
    reason: str
    cure: str = ""


def parse_expression(text: str, arguments: Sequence[ArgumentType]) -> Expression:
    """Return an expression over arguments of these types; :class:`ExpressionError` if it is none.

    >>> parse_expression("arg0 == 5", [ArgumentType.INT]).operator
    '=='
    """
    parsed = load_grammar("cel").parse(text)
    if parsed.faults or parsed.tree is None:
        fault = parsed.faults[0]
        too_deep = "it is nested too deeply"
        reason = too_deep if fault.is_too_deep else "no expression goes on like this"
        raise ExpressionError(fault.offset, reason)
    (whole,) = parsed.tree.children
    found = _Reader(arguments).read(whole)
    if found.type is not NumberType.TRUTH:
        reason = f"it is {_WORDS[found.type]}, and neither true nor false"
        raise ExpressionError(0, reason, "compare it with something")
    return found


class _Reader:
    """Reads a tree from its leaves on."""

    def __init__(self, arguments: Sequence[ArgumentType]) -> None:
        self._arguments = arguments

    def read(self, tree: Tree[Token] | Token) -> Expression:
        assert isinstance(tree, Tree)  # noqa: S101  # tokens stand in trees of their own
        found: Expression = getattr(self, f"_{tree.data}")(tree)
        return found

    def _any_of(self, tree: Tree[Token]) -> Expression:
        return self._joined("||", tree)

    def _all_of(self, tree: Tree[Token]) -> Expression:
        return self._joined("&&", tree)

    def _joined(self, operator: str, tree: Tree[Token]) -> Expression:
        parts = tuple(self._truth(child) for child in tree.children)
        return Expression(operator, NumberType.TRUTH, parts)

    def _truth(self, child: Tree[Token] | Token) -> Expression:
        found = self.read(child)
        if found.type is not NumberType.TRUTH:
            reason = f"{_WORDS[found.type]} is neither true nor false"
            raise ExpressionError(_start(child), reason, "compare it with something")
        return found

    def _negation(self, tree: Tree[Token]) -> Expression:
        return Expression("!", NumberType.TRUTH, (self._truth(tree.children[0]),))

    def _comparison(self, tree: Tree[Token]) -> Expression:
        left, sign, right = tree.children
        one, other = self._alike(self.read(left), self.read(right), _start(sign))
        if one.type is NumberType.TRUTH and sign not in ("==", "!="):
            reason = f"'{sign}' does not compare what is true or false"
            raise ExpressionError(_start(sign), reason)
        return Expression(str(sign), NumberType.TRUTH, (one, other))

    def _total(self, tree: Tree[Token]) -> Expression:
        first, *rest = tree.children
        found = self.read(first)
        for sign, child in zip(rest[::2], rest[1::2], strict=True):
            found = self._number_of(str(sign), found, self.read(child), _start(sign))
        return found

    def _number_of(
        self, operator: str, left: Expression, right: Expression, offset: int
    ) -> Expression:
        one, other = self._alike(left, right, offset)
        if one.type is NumberType.TRUTH:
            raise ExpressionError(offset, "there is no calculating with bool")
        return Expression(operator, one.type, (one, other))

    def _alike(
        self, one: Expression, other: Expression, offset: int
    ) -> tuple[Expression, Expression]:
        """Return both with one type."""
        one, other = _adapted(one, other.type), _adapted(other, one.type)
        if one.type is not other.type:
            reason = f"{_WORDS[one.type]} and {_WORDS[other.type]} are different types"
            cure = "int32(...) and uint32(...) make a smaller one; 5u has no sign"
            raise ExpressionError(offset, reason, cure)
        return one, other

    def _minus(self, tree: Tree[Token]) -> Expression:
        found = self.read(tree.children[0])
        if found.operator != LITERAL or found.type is not NumberType.SIGNED_64:
            cure = "subtract from something: int32(0) - arg0"
            raise ExpressionError(_start(tree), "'-' stands before a number", cure)
        return replace(found, number=-found.number)

    def _number(self, tree: Tree[Token]) -> Expression:
        text = str(tree.children[0])
        digits = text.rstrip("uU")
        kind = NumberType.SIGNED_64 if digits == text else NumberType.UNSIGNED_64
        number = int(digits, 16 if digits[:2].lower() == "0x" else 10)
        if number > _LIMITS[kind][1]:
            reason = f"{text} has more than 64 bits"
            raise ExpressionError(_start(tree), reason)
        return Expression(LITERAL, kind, number=number)

    def _boolean(self, tree: Tree[Token]) -> Expression:
        return Expression(LITERAL, NumberType.TRUTH, number=tree.children[0] == "true")

    def _name(self, tree: Tree[Token]) -> Expression:
        name = str(tree.children[0])
        known = [f"arg{place}" for place in range(len(self._arguments))]
        if name not in known:
            cure = did_you_mean(name, known) or f"arguments are {', '.join(known)}"
            raise ExpressionError(_start(tree), f"there is no '{name}'", cure)
        place = known.index(name)
        kind = _TYPES.get(self._arguments[place])
        if kind is None:
            word = self._arguments[place].value
            reason = f"{name} is of type {word}, and no number"
            raise ExpressionError(_start(tree), reason, "write its type, such as int")
        return Expression(ARGUMENT, kind, number=place)

    def _call(self, tree: Tree[Token]) -> Expression:
        word, *children = tree.children
        name = str(word)
        if name not in _FUNCTIONS:
            cure = f"functions are {', '.join(_FUNCTIONS)}"
            reason = f"the function '{name}' is not known here"
            raise ExpressionError(_start(tree), reason, cure)
        wanted = 2 if name in _BITWISE else 1
        if len(children) != wanted:
            reason = f"{name} takes {wanted} argument{'s' if wanted > 1 else ''}"
            raise ExpressionError(_start(tree), reason)
        parts = [self.read(child) for child in children]
        if name in _BITWISE:
            one, other = parts
            return self._number_of(_BITWISE[name], one, other, _start(tree))
        (part,) = parts
        if name in _CASTS:
            taken, given = _CASTS[name]
            part = _adapted(part, taken)
            if part.type is not taken:
                reason = f"{name} takes {_WORDS[taken]}, not {_WORDS[part.type]}"
                raise ExpressionError(_start(tree), reason)
            return Expression(CAST, given, (part,))
        if part.type is NumberType.TRUTH:
            raise ExpressionError(_start(tree), "not(...) is for bits", "write '!'")
        return Expression("~", part.type, (part,))


def _adapted(part: Expression, kind: NumberType) -> Expression:
    """Return a literal as the type that is wanted, if it is one and fits."""
    is_literal = part.operator == LITERAL and NumberType.TRUTH not in (part.type, kind)
    if not is_literal or (part.type not in _SIGNED and kind in _SIGNED):
        return part
    least, most = _LIMITS[kind]
    return replace(part, type=kind) if least <= part.number <= most else part


def _start(child: Tree[Token] | Token) -> int:
    """Return where a part begins in the text."""
    if isinstance(child, Tree):
        return child.meta.start_pos
    return child.start_pos or 0
