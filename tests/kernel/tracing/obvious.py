"""What random tracing policies mean, written as slowly and plainly as possible.

It shares no code with the compiler: a policy here is what was drawn, not what was parsed.
"""

from __future__ import annotations

from dataclasses import dataclass

WIDTHS = {
    "int": (32, True),
    "sint32": (32, True),
    "uint32": (32, False),
    "int64": (64, True),
    "uint64": (64, False),
    "int16": (16, True),
    "uint8": (8, False),
}
"""Bits and sign of the types that numbers are read as."""


@dataclass(frozen=True)
class Operation:
    """Something that is done: its arguments, by what program, with what ancestors."""

    arguments: tuple[str | int, ...]
    binary: str = ""
    parent: str = ""
    ancestors: tuple[str, ...] = ()


@dataclass(frozen=True)
class Match:
    """One row of matchArgs."""

    index: int
    operator: str
    values: tuple[str, ...]

    def holds(self, operation: Operation, types: tuple[str, ...]) -> bool:
        """Whether the argument is as the row wants it."""
        argument = operation.arguments[self.index]
        if isinstance(argument, str):
            return text_holds(self.operator, argument, self.values)
        number = read_as(types[self.index], argument)
        return number_holds(self.operator, number, self.values)


@dataclass(frozen=True)
class Binaries:
    """A row of matchBinaries or matchParentBinaries."""

    operator: str
    values: tuple[str, ...]
    is_parent: bool = False
    follows: bool = False

    def holds(self, operation: Operation) -> bool:
        """Whether the program, its parent, or any ancestor is as the row wants it."""
        programs = [operation.parent if self.is_parent else operation.binary]
        if self.follows:
            programs += operation.ancestors
        operator = {"In": "Equal", "NotIn": "NotEqual"}.get(
            self.operator, self.operator
        )
        if operator.startswith("Not"):
            return all(text_holds(operator, each, self.values) for each in programs)
        return any(text_holds(operator, each, self.values) for each in programs)


@dataclass(frozen=True)
class Selector:
    """Rows that must all hold; ``is_silent`` is NoPost."""

    matches: tuple[Match, ...]
    binaries: tuple[Binaries, ...] = ()
    is_silent: bool = False


@dataclass(frozen=True)
class Policy:
    """One hook with arguments of some types, and selectors of which the first decides."""

    name: str
    types: tuple[str, ...]
    selectors: tuple[Selector, ...]

    def deciding(self, operation: Operation) -> int | None:
        """Return the place of the selector that decides, None where none holds."""
        for place, selector in enumerate(self.selectors):
            rows = [match.holds(operation, self.types) for match in selector.matches]
            rows += [row.holds(operation) for row in selector.binaries]
            if all(rows):
                return place
        return None


def expected(
    policies: list[Policy], operation: Operation
) -> frozenset[tuple[str, int]]:
    """Return who is told of an operation: (policy, place of the selector)."""
    found = set()
    for policy in policies:
        place = policy.deciding(operation)
        if place is not None and not policy.selectors[place].is_silent:
            found.add((policy.name, place))
    return frozenset(found)


def text_holds(operator: str, text: str, values: tuple[str, ...]) -> bool:
    """Whether a text is as the values want it."""
    match operator:
        case "Equal":
            return any(text == value for value in values)
        case "Prefix":
            return any(text.startswith(value) for value in values)
        case "Postfix":
            return any(text.endswith(value) for value in values)
        case "SubString":
            return any(value in text for value in values)
        case "SubStringIgnCase":
            return any(value.lower() in text.lower() for value in values)
    assert operator.startswith("Not"), operator
    return not text_holds(operator.removeprefix("Not"), text, values)


def number_holds(operator: str, number: int, values: tuple[str, ...]) -> bool:
    """Whether a number is as the values want it."""
    ranges = []
    for value in values:
        first, _, last = value.partition(":")
        ranges.append((int(first, 0), int(last or first, 0)))
    match operator:
        case "Equal" | "InRange" | "InMap":
            return any(first <= number <= last for first, last in ranges)
        case "NotEqual" | "NotInRange" | "NotInMap":
            return not any(first <= number <= last for first, last in ranges)
        case "GreaterThan":
            return any(number > first for first, _ in ranges)
        case "LessThan":
            return any(number < first for first, _ in ranges)
        case "Mask":
            return any(number & first for first, _ in ranges)
    raise AssertionError(operator)


def read_as(kind: str, register: int) -> int:
    """Return what a register of 64 bits is as a number of a type."""
    bits, is_signed = WIDTHS[kind]
    number = register & ((1 << bits) - 1)
    return number - (1 << bits) if is_signed and number >> (bits - 1) else number
