"""Located nodes to typed values: unknown fields, wrong types, missing fields, spelling.

Every function here answers a mistake with a diagnostic and ``None``; none raises.
``null`` is the same as an absent field, as for Kubernetes; a null *item* of a list is a
mistake (Kubernetes would read it as an empty object: as "everything").
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockgate.diagnostics import Diagnostics, did_you_mean, quote
from lockgate.frontend.nodes import (
    FALSES,
    INTEGER,
    NO,
    NUMBER,
    NUMBER_ELSEWHERE,
    TRUES,
    YES,
    Entry,
    Mapping,
    Node,
    Scalar,
    Sequence,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from collections.abc import Mapping as MappingType

    from lockgate.source import Span

__all__ = [
    "Entry",
    "Fields",
    "Mapping",
    "Node",
    "Scalar",
    "Sequence",
    "read_boolean",
    "read_integer",
    "read_integer_or_string",
    "read_mapping",
    "read_sequence",
    "read_string",
    "wrong_type",
]


def wrong_type(
    node: Node,
    what: str,
    wanted: str,
    diagnostics: Diagnostics,
    help: str | None = None,  # noqa: A002  # the word the user sees
) -> None:
    """Say that ``what`` is wanted to be ``wanted`` (such as "a list") and is not."""
    message = f"{what} must be {wanted}, not {node.type_name}"
    diagnostics.error("E1005", message, node.span, help=help)


def read_mapping(node: Node, what: str, diagnostics: Diagnostics) -> Mapping | None:
    """Return the node if it is a mapping."""
    if isinstance(node, Mapping):
        return node
    wrong_type(node, what, "a mapping", diagnostics)
    return None


def read_sequence(node: Node, what: str, diagnostics: Diagnostics) -> Sequence | None:
    """Return the node if it is a list."""
    if isinstance(node, Sequence):
        return node
    cure = "an empty list is []"
    if isinstance(node, Mapping) and node.entries:
        cure = "write '- ' before its first key to make it a list of one"
    elif isinstance(node, Scalar) and node.text and not node.is_null:
        cure = "write it in brackets to make it a list of one: [...]"
    wrong_type(node, what, "a list", diagnostics, cure)
    return None


def read_string(
    node: Node,
    what: str,
    diagnostics: Diagnostics,
    *,
    enum: Collection[str] | None = None,
) -> str | None:
    """Return the string that a scalar is; ``on``, ``yes`` and the like are strings.

    A plain number, ``true`` or null is not: Kubernetes would refuse it.  With ``enum``
    the string must be one of those, in the same case.
    """
    if not isinstance(node, Scalar) or node.is_null:
        wrong_type(node, what, "a string", diagnostics)
        return None
    text = node.text
    if node.is_plain:
        if text in TRUES or text in FALSES or NUMBER.fullmatch(text):
            cure = f'put it in quotes: "{text}"' if len(text) < 40 else None
            wrong_type(node, what, "a string", diagnostics, cure)
            return None
        if NUMBER_ELSEWHERE.fullmatch(text):
            _ambiguous(node, what, f'put it in quotes: "{text}"', diagnostics)
            return None
    if enum is not None and text not in enum:
        known = ", ".join(sorted(enum))
        cure = did_you_mean(text, enum) or f"one of: {known}"
        message = f"{what} cannot be {quote(text)}"
        diagnostics.error("E1007", message, node.span, help=cure)
        return None
    return text


def read_integer(
    node: Node,
    what: str,
    diagnostics: Diagnostics,
    *,
    minimum: int | None = None,
    maximum: int | None = None,
) -> int | None:
    """Return the integer that a plain scalar is, if it is within the limits."""
    if not (isinstance(node, Scalar) and node.is_plain) or node.is_null:
        is_quoted = isinstance(node, Scalar) and INTEGER.fullmatch(node.text)
        cure = "take away the quotes" if is_quoted else None
        wrong_type(node, what, "a whole number", diagnostics, cure)
        return None
    text = node.text
    if not INTEGER.fullmatch(text):
        if NUMBER_ELSEWHERE.fullmatch(text) and not NUMBER.fullmatch(text):
            _ambiguous(node, what, _decimal(text), diagnostics)
        else:
            wrong_type(node, what, "a whole number", diagnostics)
        return None
    value = int(text) if len(text) < 20 else None
    if (
        value is None
        or (minimum is not None and value < minimum)
        or (maximum is not None and value > maximum)
    ):
        low = "" if minimum is None else f" from {minimum}"
        high = "" if maximum is None else f" to {maximum}"
        message = f"{what} must be a number{low}{high}, not {quote(text)}"
        diagnostics.error("E1013", message, node.span)
        return None
    return value


def read_integer_or_string(
    node: Node, what: str, diagnostics: Diagnostics
) -> int | str | None:
    """Return a whole number if it is plain, else a string (Kubernetes' IntOrString)."""
    if isinstance(node, Scalar) and node.is_plain:
        text = node.text
        if NUMBER.fullmatch(text) or NUMBER_ELSEWHERE.fullmatch(text):
            return read_integer(node, what, diagnostics)
    return read_string(node, what, diagnostics)


def read_boolean(node: Node, what: str, diagnostics: Diagnostics) -> bool | None:
    """Return the boolean that a plain scalar is; kubectl takes yes, no, on and off too."""
    if isinstance(node, Scalar) and node.is_plain:
        if node.text in TRUES or node.text in YES:
            return True
        if node.text in FALSES or node.text in NO:
            return False
    is_quoted = isinstance(node, Scalar) and node.text in ("true", "false")
    cure = "take away the quotes" if is_quoted else None
    wrong_type(node, what, "true or false", diagnostics, cure)
    return None


class Fields:
    """The fields of one mapping, each read once with its type.

    ``what`` names the mapping in messages ("NetworkPolicySpec").  A field that is not in
    ``known`` is an error: "misplaced" if ``elsewhere`` says where it belongs, else unknown.
    A node that is no mapping is an error and has no fields.
    """

    __slots__ = ("_diagnostics", "_entries", "node", "what")

    def __init__(
        self,
        node: Node,
        what: str,
        diagnostics: Diagnostics,
        *,
        known: Collection[str] | None = None,
        elsewhere: MappingType[str, str] | None = None,
    ) -> None:
        self.node = node
        self.what = what
        self._diagnostics = diagnostics
        mapping = read_mapping(node, what, diagnostics)
        self._entries: dict[str, Entry] = {} if mapping is None else mapping.entries
        if known is not None:
            for name, entry in self._entries.items():
                if name not in known:
                    self._refuse(name, entry.key, known, elsewhere or {})

    def _refuse(
        self,
        name: str,
        key: Scalar,
        known: Collection[str],
        elsewhere: MappingType[str, str],
    ) -> None:
        if name in elsewhere:
            message = f"field {quote(name)} does not belong in {self.what}"
            cure: str | None = f"it belongs in {elsewhere[name]}"
            self._diagnostics.error("E1009", message, key.span, help=cure)
            return
        message = f"unknown field {quote(name)} in {self.what}"
        cure = did_you_mean(name, known) or f"known fields: {', '.join(sorted(known))}"
        self._diagnostics.error("E1004", message, key.span, help=cure)

    # ---------------------------------------------------------------- what is there

    def has(self, name: str) -> bool:
        """Whether the field stands there with a value other than null."""
        return self.get(name) is not None

    def get(self, name: str) -> Node | None:
        """Return the field's node; None where it is absent or null."""
        entry = self._entries.get(name)
        return None if entry is None or entry.value.is_null else entry.value

    def is_empty(self, name: str) -> bool:
        """Whether a list is absent or empty; what is no list is told where it is read."""
        node = self.get(name)
        return node is None or (isinstance(node, Sequence) and not node.items)

    def key_span(self, name: str) -> Span:
        """Where the field's name stands; the mapping itself where it is absent."""
        entry = self._entries.get(name)
        return self.node.span if entry is None else entry.key.span

    def span(self, name: str) -> Span:
        """Where the field's value stands; the mapping itself where it is absent."""
        entry = self._entries.get(name)
        return self.node.span if entry is None else entry.value.span

    def entries(self) -> Iterator[tuple[str, Entry]]:
        """Every key with its node, in the order of the document."""
        return iter(self._entries.items())

    def require(self, name: str) -> Node | None:
        """Return the field's node; it is an error where it is absent."""
        node = self.get(name)
        if node is None and isinstance(self.node, Mapping):
            message = f"{self.what} needs the field '{name}'"
            self._diagnostics.error("E1006", message, self.node.span)
        return node

    # ---------------------------------------------------------------- typed

    def mapping(self, name: str, *, required: bool = False) -> Mapping | None:
        """Return a field that is a mapping."""
        node = self._node(name, required)
        if node is None:
            return None
        return read_mapping(node, self._name(name), self._diagnostics)

    def fields(
        self,
        name: str,
        what: str,
        *,
        known: Collection[str] | None = None,
        elsewhere: MappingType[str, str] | None = None,
        required: bool = False,
    ) -> Fields | None:
        """Return the fields of a field that is a mapping; ``what`` names it."""
        node = self.mapping(name, required=required)
        if node is None:
            return None
        diagnostics = self._diagnostics
        return Fields(node, what, diagnostics, known=known, elsewhere=elsewhere)

    def sequence(self, name: str, *, required: bool = False) -> Sequence | None:
        """Return a field that is a list."""
        node = self._node(name, required)
        if node is None:
            return None
        return read_sequence(node, self._name(name), self._diagnostics)

    def items(self, name: str) -> tuple[Node, ...]:
        """Return the items of a list; none where the field is absent."""
        sequence = self.sequence(name)
        return () if sequence is None else sequence.items

    def string(
        self,
        name: str,
        *,
        enum: Collection[str] | None = None,
        required: bool = False,
    ) -> str | None:
        """Return a field that is a string."""
        node = self._node(name, required)
        if node is None:
            return None
        return read_string(node, self._name(name), self._diagnostics, enum=enum)

    def strings(self, name: str) -> tuple[tuple[str, Span], ...]:
        """Return a list of strings, each with its span; mistaken items are left out."""
        what = f"an item of {self._name(name)}"
        found = []
        for node in self.items(name):
            text = read_string(node, what, self._diagnostics)
            if text is not None:
                found.append((text, node.span))
        return tuple(found)

    def integer(
        self,
        name: str,
        *,
        minimum: int | None = None,
        maximum: int | None = None,
        required: bool = False,
    ) -> int | None:
        """Return a field that is a whole number."""
        node = self._node(name, required)
        if node is None:
            return None
        what, diagnostics = self._name(name), self._diagnostics
        return read_integer(node, what, diagnostics, minimum=minimum, maximum=maximum)

    def integer_or_string(
        self, name: str, *, required: bool = False
    ) -> int | str | None:
        """Return a field that is a whole number or a string."""
        node = self._node(name, required)
        if node is None:
            return None
        return read_integer_or_string(node, self._name(name), self._diagnostics)

    def boolean(self, name: str) -> bool | None:
        """Return a field that is true or false."""
        node = self.get(name)
        if node is None:
            return None
        return read_boolean(node, self._name(name), self._diagnostics)

    def _node(self, name: str, required: bool) -> Node | None:
        return self.require(name) if required else self.get(name)

    def _name(self, name: str) -> str:
        return f"'{name}' of {self.what}"


def _ambiguous(node: Node, what: str, cure: str, diagnostics: Diagnostics) -> None:
    text = node.text if isinstance(node, Scalar) else ""
    message = f"{what}: readers of YAML disagree about {quote(text)}"
    diagnostics.error("E1014", message, node.span, help=cure)


def _decimal(text: str) -> str:
    """Say which decimal number was perhaps meant."""
    digits = text.replace("_", "").lower()
    if len(digits) < 20 and digits.isdecimal() and digits.startswith("0"):
        octal = set(digits) <= set("01234567")
        meant = [digits.lstrip("0") or "0"] + ([str(int(digits, 8))] if octal else [])
        return f"write {' or '.join(dict.fromkeys(meant))}"
    for prefix, base in (("0x", 16), ("0o", 8), ("0b", 2)):
        rest = digits.removeprefix(prefix)
        if rest != digits and 0 < len(rest) < 20:
            return f"write {int(rest, base)}"
    return f"write {digits}" if digits.isdecimal() else "write a decimal number"
