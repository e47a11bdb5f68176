"""The values of one filter: texts, numbers, names of numbers, prefixes, lists."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network, ip_interface, ip_network
from typing import TYPE_CHECKING, NamedTuple

from lockgate.diagnostics import Diagnostics, did_you_mean, quote
from lockgate.frontend.tracing.names import (
    CAPABILITIES,
    CAPABILITY_ALIASES,
    FAMILIES,
    FILE_TYPES,
    PROTOCOLS,
    TCP_STATES,
)
from lockgate.frontend.tracing.operators import (
    ADDRESSES,
    BYTE_TYPES,
    CAPABILITY_TYPES,
    NUMBER_TYPES,
    PORTS,
    TEXT_TYPES,
    UNSIGNED_TYPES,
)
from lockgate.ir.tracing_arguments import ArgumentType
from lockgate.ir.tracing_selectors import Comparison, ListReference, Range

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lockgate.source import Span

_NAMED: Mapping[Comparison, Mapping[str, int]] = {
    Comparison.PROTOCOL: PROTOCOLS,
    Comparison.FAMILY: FAMILIES,
    Comparison.STATE: TCP_STATES,
}
_MOST_NUMBER = (1 << 64) - 1


class Values(NamedTuple):
    """Values by what they are."""

    texts: tuple[str, ...] = ()
    ranges: tuple[Range, ...] = ()
    networks: tuple[IPv4Network | IPv6Network, ...] = ()
    lists: tuple[ListReference, ...] = ()


class ValueReader:
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

    def read(self, written: Sequence[tuple[str, Span]]) -> Values | None:
        """Return the values; None if one of them is mistaken."""
        texts = tuple(text for text, _ in written)
        if self._comparison in ADDRESSES:
            networks = [self._network(*item) for item in written]
            if None in networks:
                return None
            return Values(networks=tuple(n for n in networks if n is not None))
        if self._is_text:
            return self._texts(written)
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
            silent = ValueReader(
                self._word, self._comparison, self._kind, Diagnostics()
            )
            ranges = [silent.range(*item) for item in numbers]
            if None in ranges:
                return self._texts(written)
        else:
            ranges = [self.range(*item) for item in numbers]
            if None in ranges:
                return None
        kept = texts if self._kind is ArgumentType.AUTO else ()
        return Values(kept, tuple(r for r in ranges if r is not None), (), lists)

    def _texts(self, written: Sequence[tuple[str, Span]]) -> Values | None:
        """Return texts; of a string in C the byte 0 is no part, and it may be written behind it."""
        if self._kind in BYTE_TYPES:
            return Values(texts=tuple(text for text, _ in written))
        if self._kind is ArgumentType.SOCKADDR_UN:
            found = (name for text, _ in written for name in self._unix_names(text))
            return Values(texts=tuple(dict.fromkeys(found)))
        texts = []
        for text, span in written:
            texts.append(text if self._is_inferred else text.rstrip("\0"))
            if "\0" in texts[-1]:
                cure = f"no {self._kind.value} goes on behind a byte 0"
                if self._is_inferred:
                    cure = "name the argument's 'type': strings end at a byte 0, buffers do not"
                self._refuse(text, span, cure)
                return None
        return Values(texts=tuple(texts))

    def _unix_names(self, text: str) -> tuple[str, ...]:
        """Return how a unix socket may be called: abstract names stand behind a '@'.

        The reference compares them without it, and with all the zeros behind them.
        """
        name = text.rstrip("\0")
        if name.startswith("\0"):
            return ("@" + name[1:],)
        is_start = self._comparison in (Comparison.EQUAL, Comparison.PREFIX)
        return (name, "@" + name) if is_start and name[:1] not in "/@" else (name,)

    @property
    def _is_inferred(self) -> bool:
        return self._kind is ArgumentType.AUTO

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
        numbers = [_number(piece, self._is_decimal) for piece in pieces]
        if len(numbers) > 2 or None in numbers:
            self._refuse(text, span, self._wanted)
            return None
        first, last = (number or 0 for number in (numbers[0], numbers[-1]))
        if first > last:
            cure = f"write {pieces[-1]}:{pieces[0]}"
            self._refuse(text, span, cure)
            return None
        low, high = self._limits
        if len(pieces) == 2 and self._kind in NUMBER_TYPES:
            # No value is beyond what the type holds: a range may go on there.
            is_outside = last < low or first > high
            first, last = max(first, low), min(last, high)
        else:
            is_outside = first < low or last > high
        if is_outside:
            self._refuse(text, span, f"a number from {low} to {high}")
            return None
        return Range(first, last)

    @property
    def _is_decimal(self) -> bool:
        """Whether a number that begins with 0 is decimal all the same, as in the reference."""
        return self._comparison in PORTS | {Comparison.IN_MAP, *_NAMED}

    def _split(self, text: str) -> list[str]:
        """Split a range where this comparison has ranges; a port range must be one."""
        takes_ranges = self._comparison in PORTS | {
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
        if self._comparison in PORTS or self._comparison is Comparison.IN_MAP:
            return "a number, or two with ':' between them"
        if self._comparison is Comparison.EQUAL:
            return "one number; InRange takes ranges, InMap many numbers"
        return "a number (decimal, or hexadecimal with 0x)"

    @property
    def _limits(self) -> tuple[int, int]:
        if self._comparison in PORTS:
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


def _number(text: str, is_decimal: bool) -> int | None:
    """Read a whole number as Go's ParseInt does with base 0; None where it is none.

    ``is_decimal``: a 0 at its beginning does not make it octal.
    """
    sign, digits = (-1, text[1:]) if text[:1] in "-+" and text else (1, text)
    if text[:1] == "+":
        sign = 1
    base = 10
    if digits[:2].lower() in ("0x", "0b", "0o"):
        base, digits = {"x": 16, "b": 2, "o": 8}[digits[1].lower()], digits[2:]
    elif len(digits) > 1 and digits[0] == "0" and not is_decimal:
        base, digits = 8, digits[1:]
    if not digits.isascii() or not digits.isalnum() or len(digits) > 64:
        return None
    try:
        return sign * int(digits, base)
    except ValueError:
        return None
