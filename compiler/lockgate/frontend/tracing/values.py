"""``matchArgs`` and its like: an operator, and values that it can compare.

Which operators go with which type is one table here.  Where the type is AUTO, only the
target can tell it: then values keep every reading that they have.
"""

from __future__ import annotations

from enum import Enum
from ipaddress import IPv4Network, IPv6Network, ip_interface, ip_network
from typing import TYPE_CHECKING, NamedTuple

from lockgate.diagnostics import Diagnostics, did_you_mean, quote
from lockgate.frontend.schema import Fields, read_integer
from lockgate.frontend.tracing.names import (
    CAPABILITIES,
    CAPABILITY_ALIASES,
    FAMILIES,
    FILE_TYPES,
    PROTOCOLS,
    TCP_STATES,
)
from lockgate.ir.expression import ARGUMENT
from lockgate.ir.tracing_arguments import ArgumentType
from lockgate.ir.tracing_selectors import Comparison, ListReference, Range, ValueMatch

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lockgate.frontend.schema import Node
    from lockgate.ir.tracing_arguments import Argument
    from lockgate.source import Span

TEXT_TYPES = frozenset(
    {
        ArgumentType.CHAR_BUF,
        ArgumentType.CHAR_IOVEC,
        ArgumentType.CONST_BUF,
        ArgumentType.DATA_LOC,
        ArgumentType.DENTRY,
        ArgumentType.FD,
        ArgumentType.FILE,
        ArgumentType.FILENAME,
        ArgumentType.IOV_ITER,
        ArgumentType.KIOCB,
        ArgumentType.LINUX_BINPRM,
        ArgumentType.LOAD_INFO,
        ArgumentType.MODULE,
        ArgumentType.NET_DEVICE,
        ArgumentType.PATH,
        ArgumentType.SOCKADDR_UN,
        ArgumentType.STRING,
    }
)
"""What is compared as text: paths, names, bytes."""

SIGNED_TYPES = {
    ArgumentType.INT8: 8,
    ArgumentType.INT16: 16,
    ArgumentType.INT: 32,
    ArgumentType.LONG: 64,
    ArgumentType.SIZE_T: 64,
    ArgumentType.SYSCALL64: 64,
    ArgumentType.BPF_CMD: 32,
    ArgumentType.CAPABILITY: 32,
}
UNSIGNED_TYPES = {
    ArgumentType.UINT8: 8,
    ArgumentType.UINT16: 16,
    ArgumentType.UINT32: 32,
    ArgumentType.UINT64: 64,
    ArgumentType.ULONG: 64,
}
NUMBER_TYPES = {**SIGNED_TYPES, **UNSIGNED_TYPES}
"""What is compared as a number, with its bits."""

CAPABILITY_TYPES = frozenset(
    {
        ArgumentType.KERNEL_CAP_T,
        ArgumentType.CAP_EFFECTIVE,
        ArgumentType.CAP_INHERITABLE,
        ArgumentType.CAP_PERMITTED,
    }
)
SOCKET_TYPES = frozenset({ArgumentType.SOCK, ArgumentType.SOCKET, ArgumentType.SKB})
_FILE_TYPES = frozenset(
    {
        ArgumentType.DENTRY,
        ArgumentType.FD,
        ArgumentType.FILE,
        ArgumentType.KIOCB,
        ArgumentType.LINUX_BINPRM,
        ArgumentType.PATH,
    }
)
_MASKED = CAPABILITY_TYPES | frozenset(NUMBER_TYPES)
_FROM_ADDRESS = SOCKET_TYPES | {ArgumentType.SOCKADDR}

APPLIES = {
    Comparison.EQUAL: TEXT_TYPES | _MASKED,
    Comparison.PREFIX: TEXT_TYPES,
    Comparison.POSTFIX: TEXT_TYPES,
    Comparison.SUBSTRING: TEXT_TYPES,
    Comparison.SUBSTRING_IGNORE_CASE: TEXT_TYPES,
    Comparison.GREATER: frozenset(NUMBER_TYPES),
    Comparison.LESS: frozenset(NUMBER_TYPES),
    Comparison.IN_RANGE: frozenset(NUMBER_TYPES),
    Comparison.MASK: _MASKED,
    Comparison.IN_MAP: frozenset(NUMBER_TYPES),
    Comparison.SOURCE_PORT: _FROM_ADDRESS,
    Comparison.SOURCE_PORT_PRIVILEGED: _FROM_ADDRESS,
    Comparison.SOURCE_ADDRESS: _FROM_ADDRESS,
    Comparison.DESTINATION_PORT: SOCKET_TYPES,
    Comparison.DESTINATION_PORT_PRIVILEGED: SOCKET_TYPES,
    Comparison.DESTINATION_ADDRESS: SOCKET_TYPES,
    Comparison.PROTOCOL: SOCKET_TYPES,
    Comparison.STATE: SOCKET_TYPES,
    Comparison.FAMILY: _FROM_ADDRESS | {ArgumentType.SOCKADDR_UN},
    Comparison.CAPABILITIES_GAINED: CAPABILITY_TYPES,
    Comparison.FILE_TYPE: _FILE_TYPES,
}
"""For each comparison the types that it can judge; CelExpr judges any."""

OPERATORS: dict[str, tuple[Comparison, bool]] = {
    **{comparison.value: (comparison, False) for comparison in Comparison},
    "GT": (Comparison.GREATER, False),
    "LT": (Comparison.LESS, False),
    "NotEqual": (Comparison.EQUAL, True),
    "NotPrefix": (Comparison.PREFIX, True),
    "NotPostfix": (Comparison.POSTFIX, True),
    "NotSPort": (Comparison.SOURCE_PORT, True),
    "NotSportPriv": (Comparison.SOURCE_PORT_PRIVILEGED, True),
    "NotDPort": (Comparison.DESTINATION_PORT, True),
    "NotDPortPriv": (Comparison.DESTINATION_PORT_PRIVILEGED, True),
    "NotSAddr": (Comparison.SOURCE_ADDRESS, True),
    "NotDAddr": (Comparison.DESTINATION_ADDRESS, True),
    "NotInMap": (Comparison.IN_MAP, True),
    "NotInRange": (Comparison.IN_RANGE, True),
    "NotFileType": (Comparison.FILE_TYPE, True),
}
"""Operators as the API spells them, and whether they turn the answer round."""

_PORTS = frozenset({Comparison.SOURCE_PORT, Comparison.DESTINATION_PORT})
_ADDRESSES = frozenset({Comparison.SOURCE_ADDRESS, Comparison.DESTINATION_ADDRESS})
_WITHOUT_VALUES = frozenset(
    {
        Comparison.SOURCE_PORT_PRIVILEGED,
        Comparison.DESTINATION_PORT_PRIVILEGED,
        Comparison.CAPABILITIES_GAINED,
    }
)
_NAMED: Mapping[Comparison, Mapping[str, int]] = {
    Comparison.PROTOCOL: PROTOCOLS,
    Comparison.FAMILY: FAMILIES,
    Comparison.STATE: TCP_STATES,
}
_FIELDS = ("args", "index", "operator", "values")
_MOST_NUMBER = (1 << 64) - 1


class _Values(NamedTuple):
    """Values by what they are."""

    texts: tuple[str, ...] = ()
    ranges: tuple[Range, ...] = ()
    networks: tuple[IPv4Network | IPv6Network, ...] = ()
    lists: tuple[ListReference, ...] = ()


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
) -> _Values | None:
    written = fields.strings("values")
    if comparison in _WITHOUT_VALUES:
        if written:
            message = f"{word} takes no values"
            diagnostics.error("E1102", message, fields.span("values"))
            return None
        return _Values()
    if not written:
        if not fields.items("values"):
            message = f"{word} needs values: without them it matches nothing"
            diagnostics.error("E1102", message, fields.node.span)
        return None
    return _Reader(word, comparison, kind, diagnostics).read(written)


class _Reader:
    """Reads the values of one filter."""

    def __init__(
        self,
        word: str,
        comparison: Comparison,
        kind: ArgumentType,
        diagnostics: Diagnostics,
    ) -> None:
        self._word = word
        self._comparison = comparison
        self._kind = kind
        self._diagnostics = diagnostics

    def read(self, written: Sequence[tuple[str, Span]]) -> _Values | None:
        """Return the values; None if one of them is mistaken."""
        texts = tuple(text for text, _ in written)
        if self._comparison in _ADDRESSES:
            networks = [self._network(*item) for item in written]
            if None in networks:
                return None
            return _Values(networks=tuple(n for n in networks if n is not None))
        if self._is_text:
            return _Values(texts=texts)
        lists = tuple(
            ListReference(text.removeprefix("list:"))
            for text in texts
            if text.startswith("list:")
        )
        if lists and self._comparison is not Comparison.IN_MAP:
            self._refuse(texts[0], written[0][1], "only InMap and NotInMap take lists")
            return None
        numbers = [item for item in written if not item[0].startswith("list:")]
        if self._kind is ArgumentType.AUTO and self._comparison is Comparison.EQUAL:
            silent = _Reader(self._word, self._comparison, self._kind, Diagnostics())
            ranges = [silent.range(*item) for item in numbers]
            if None in ranges:
                return _Values(texts=texts)
        else:
            ranges = [self.range(*item) for item in numbers]
            if None in ranges:
                return None
        kept = texts if self._kind is ArgumentType.AUTO else ()
        return _Values(kept, tuple(r for r in ranges if r is not None), (), lists)

    @property
    def _is_text(self) -> bool:
        if self._comparison in (
            Comparison.PREFIX,
            Comparison.POSTFIX,
            Comparison.SUBSTRING,
            Comparison.SUBSTRING_IGNORE_CASE,
        ):
            return True
        return self._comparison is Comparison.EQUAL and self._kind in TEXT_TYPES

    def range(self, text: str, span: Span) -> Range | None:
        """Return the numbers that a value stands for."""
        if self._comparison is Comparison.FILE_TYPE:
            return self._named(text, span, FILE_TYPES, is_number=False)
        names = _NAMED.get(self._comparison)
        if names is not None and not text[:1].isdigit():
            return self._named(text, span, names, is_number=True)
        if self._kind in CAPABILITY_TYPES and not text[:1].isdigit():
            return self._capabilities(text, span)
        if self._kind is ArgumentType.CAPABILITY and text[:1].isalpha():
            return self._named(text, span, CAPABILITIES, is_number=True)
        pieces = self._split(text)
        numbers = [_number(piece) for piece in pieces]
        if len(numbers) > 2 or None in numbers:
            self._refuse(text, span, self._wanted)
            return None
        first, last = (number or 0 for number in (numbers[0], numbers[-1]))
        if first > last:
            cure = f"write {pieces[-1]}:{pieces[0]}"
            self._refuse(text, span, cure)
            return None
        low, high = self._limits
        if first < low or last > high:
            self._refuse(text, span, f"a number from {low} to {high}")
            return None
        return Range(first, last)

    def _split(self, text: str) -> list[str]:
        """Split a range where this comparison has ranges; a port range must be one."""
        takes_ranges = self._comparison in _PORTS | {
            Comparison.IN_MAP,
            Comparison.IN_RANGE,
            *_NAMED,
        }
        pieces = text.split(":") if takes_ranges else [text]
        if self._comparison is Comparison.IN_RANGE and len(pieces) != 2:
            return []
        return pieces

    @property
    def _wanted(self) -> str:
        if self._comparison is Comparison.IN_RANGE:
            return "two numbers with ':' between them, such as 1:1023"
        if self._comparison in _PORTS or self._comparison is Comparison.IN_MAP:
            return "a number, or two with ':' between them"
        if self._comparison is Comparison.EQUAL:
            return "one number; InRange takes ranges, InMap many numbers"
        return "a number (decimal, or hexadecimal with 0x)"

    @property
    def _limits(self) -> tuple[int, int]:
        if self._comparison in _PORTS:
            return 0, 65535
        if self._comparison in _NAMED:
            return 0, 65535
        if self._comparison is Comparison.MASK or self._kind not in NUMBER_TYPES:
            return 0 if self._comparison is Comparison.MASK else -(
                1 << 63
            ), _MOST_NUMBER
        bits = NUMBER_TYPES[self._kind]
        if self._kind in UNSIGNED_TYPES:
            return 0, (1 << bits) - 1
        return -(1 << bits - 1), (1 << bits - 1) - 1

    def _named(
        self, text: str, span: Span, names: Mapping[str, int], *, is_number: bool
    ) -> Range | None:
        number = names.get(text)
        if number is None:
            other = " or a number" if is_number else ""
            some = ", ".join(sorted(names)[:6])
            cure = did_you_mean(text, names) or f"one of {some}, ...{other}"
            self._refuse(text, span, cure)
            return None
        return Range(number, number)

    def _capabilities(self, text: str, span: Span) -> Range | None:
        mask = 0
        for piece in text.split(","):
            number = capability(piece.strip())
            if number is None:
                cure = did_you_mean(piece.strip().upper(), CAPABILITIES)
                self._refuse(piece.strip(), span, cure or "names such as CAP_SYS_ADMIN")
                return None
            mask |= 1 << number
        return Range(mask, mask)

    def _network(self, text: str, span: Span) -> IPv4Network | IPv6Network | None:
        try:
            if "/" in text:
                # The bits after the prefix do not matter to the reference.
                return ip_interface(text).network
            return ip_network(text)
        except ValueError:
            self._refuse(text, span, "an address, or a prefix such as 10.0.0.0/8")
            return None

    def _refuse(self, text: str, span: Span, cure: str) -> None:
        message = f"{quote(text)} is no value for {self._word}"
        self._diagnostics.error("E1102", message, span, help=cure)


def capability(name: str) -> int | None:
    """Return the number of a capability by its name, in any case."""
    upper = name.upper()
    return CAPABILITIES.get(CAPABILITY_ALIASES.get(upper, upper))


def _number(text: str) -> int | None:
    """Read a whole number as Go's ParseInt does with base 0; None where it is none."""
    sign, digits = (-1, text[1:]) if text[:1] in "-+" and text else (1, text)
    if text[:1] == "+":
        sign = 1
    base = 10
    if digits[:2].lower() in ("0x", "0b", "0o"):
        base, digits = {"x": 16, "b": 2, "o": 8}[digits[1].lower()], digits[2:]
    elif len(digits) > 1 and digits[0] == "0":
        base, digits = 8, digits[1:]
    if not digits.isascii() or not digits.isalnum() or len(digits) > 64:
        return None
    try:
        return sign * int(digits, base)
    except ValueError:
        return None
