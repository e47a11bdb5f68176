"""YAML text to located nodes: PyYAML's C parser, and a constructor of our own.

Kubernetes reads YAML as go-yaml v2 does (YAML 1.1 with exceptions), and turns it into
JSON.  Where readers of YAML differ we are strict: a duplicate key, an unknown tag, an
alias of itself, an ambiguous number are diagnostics.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import yaml
from yaml._yaml import CParser

from lockgate.diagnostics import Diagnostics, quote
from lockgate.frontend.nodes import Entry, Mapping, Node, Scalar, Sequence
from lockgate.source import Source, Span

if TYPE_CHECKING:
    from collections.abc import Iterable

DEEPEST = 100
"""Deepest nesting that is read; Kubernetes objects need less than thirty levels."""

MOST_ALIASED = 10_000
"""Most nodes that aliases of one document may repeat (a guard against alias bombs)."""

MOST_NODES = 3_000_000
"""Most nodes of one document; each costs some 600 bytes while it is read."""

_ALWAYS_SHALLOW = 10_000
"""A text of fewer characters cannot nest so deep that the C composer's stack overflows."""

_UNPRINTABLE = re.compile(
    "[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"
)
"""What YAML 1.1 (5.1) allows nowhere; a byte order mark may only begin a file."""

_COMMENT = re.compile("#[^\n\r\x85\u2028\u2029]*")
"""Where no token is, this is a comment; the line ends are those of YAML 1.1."""

_CORE = "tag:yaml.org,2002:"
_PLAIN_TAGS = frozenset({f"{_CORE}{tag}" for tag in ("bool", "float", "int", "null")})


class _Composer(CParser):
    """The C composer without PyYAML's own idea of which scalar has which type."""

    def descend_resolver(self, parent: object, index: object) -> None:
        pass

    def ascend_resolver(self) -> None:
        pass

    def resolve(
        self, kind: object, value: object, implicit: tuple[bool, bool] | bool
    ) -> str:
        """Give every node a tag: "plain" or "quoted" where the document gave none."""
        return "plain" if implicit is True or implicit[0] else "quoted"  # type: ignore[index]  # a pair for scalars


class _TooMuchError(Exception):
    """A document nests deeper than ``DEEPEST``, or has more than ``MOST_NODES``."""

    def __init__(self, message: str, offset: int) -> None:
        super().__init__(message)
        self.offset = offset


def _too_deep(offset: int) -> _TooMuchError:
    return _TooMuchError(f"nested deeper than {DEEPEST} levels", offset)


def read_yaml(source: Source, diagnostics: Diagnostics) -> list[Node]:
    """Return the documents of a text; those up to the first syntax error.

    An empty document (only comments, or nothing) gives no node.
    """
    text = source.text
    unprintable = _UNPRINTABLE.search(text)
    if unprintable is not None:
        at = Span(source, *unprintable.span())
        message = f"character U+{ord(unprintable[0]):04X} is not allowed in YAML"
        diagnostics.error("E1003", message, at)
        return []
    nodes: list[Node] = []
    try:
        if len(text) >= _ALWAYS_SHALLOW:
            _check_size(text)
        composer = _Composer(text)
        while composer.check_node():
            root = composer.get_node()
            if root is not None:
                node = _Constructor(source, diagnostics).construct(root)
                if node is not None and not node.is_null:
                    nodes.append(node)
    except yaml.MarkedYAMLError as error:
        _report(error, source, diagnostics)
    except _TooMuchError as error:
        at = Span(source, error.offset, error.offset + 1)
        diagnostics.error("E1016", str(error), at)
    return nodes


def find_yaml_comments(text: str) -> list[tuple[int, int]]:
    """Return where comments begin and end; those before the first syntax error.

    The parser keeps none: they are what begins with ``#`` between the tokens, and behind
    the header of a block of text (``|  # here``).
    """
    found: list[tuple[int, int]] = []
    position = 0
    try:
        scanner = _Composer(text)
        while (token := scanner.get_token()) is not None:
            start, end = token.start_mark.index, token.end_mark.index
            found += _comments_between(text, position, start)
            if isinstance(token, yaml.ScalarToken) and token.style in ("|", ">"):
                found += _comments_between(text, start, text.find("\n", start, end))
            position = max(position, end)
    except yaml.YAMLError:
        return found
    return found + _comments_between(text, position, len(text))


def _comments_between(text: str, start: int, end: int) -> list[tuple[int, int]]:
    return [match.span() for match in _COMMENT.finditer(text, start, max(start, end))]


def _report(
    error: yaml.MarkedYAMLError, source: Source, diagnostics: Diagnostics
) -> None:
    mark = error.problem_mark or error.context_mark
    offset = min(mark.index if mark else 0, len(source.text))
    message = f"YAML syntax: {error.problem or error.context}"
    related = []
    began = error.context_mark
    if began and began.index != offset:
        begin = began.index
        sentence = error.context or "it began here"
        related.append((Span(source, begin, begin + 1), sentence))
    cure = None
    if "\t" in source.line(source.position(offset)[0])[: offset + 1]:
        cure = "YAML is indented with spaces; a tab may not stand before a key"
    span = Span(source, offset, offset + 1)
    diagnostics.error("E1003", message, span, help=cure, related=related)


def _check_size(text: str) -> None:
    """Look at the events alone: they need no stack, however deep the text nests."""
    parser = _Composer(text)
    depth = nodes = 0
    while parser.check_event():
        event = parser.get_event()
        if not isinstance(event, yaml.NodeEvent):
            depth -= isinstance(event, yaml.CollectionEndEvent)
            nodes *= not isinstance(event, yaml.DocumentEndEvent)
            continue
        nodes += 1
        if nodes > MOST_NODES and event.start_mark is not None:
            message = f"a document with more than {MOST_NODES:,} values"
            raise _TooMuchError(message, event.start_mark.index)
        depth += isinstance(event, yaml.CollectionStartEvent)
        if depth > DEEPEST and event.start_mark is not None:
            raise _too_deep(event.start_mark.index)


class _Constructor:
    """Turns the composer's graph of one document into a tree of located nodes."""

    def __init__(self, source: Source, diagnostics: Diagnostics) -> None:
        self.source = source
        self.diagnostics = diagnostics
        self.path: list[int] = []
        self.seen: set[int] = set()
        self.aliased = 0
        self.is_flooded = False

    def construct(self, node: yaml.Node) -> Node | None:
        """Return a located node; None where it cannot be understood."""
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node)
        assert isinstance(node, yaml.CollectionNode)  # noqa: S101  # two kinds of node
        identity = id(node)
        if identity in self.path:
            self._error(node, "E1016", "an alias may not stand inside its own anchor")
            return None
        if len(self.path) >= DEEPEST:
            raise _too_deep(node.start_mark.index)
        if identity in self.seen:
            self.aliased += _size(node, MOST_ALIASED - self.aliased)
            if self.aliased >= MOST_ALIASED:
                if not self.is_flooded:
                    message = "aliases repeat too much of this document"
                    self._error(node, "E1016", message)
                self.is_flooded = True
                return None
        self.path.append(identity)
        self.seen.add(identity)
        built = (
            self._mapping(node)
            if isinstance(node, yaml.MappingNode)
            else self._sequence(node)
        )
        self.path.pop()
        return built

    def _scalar(self, node: yaml.ScalarNode) -> Scalar | None:
        start = node.start_mark.index
        tag = node.tag
        if tag not in ("plain", "quoted") and tag not in _PLAIN_TAGS:
            if tag != _CORE + "str":
                self._refuse_tag(node)
                return None
            tag = "quoted"
        end = node.end_mark.index
        return Scalar(self.source, start, end, node.value, tag != "quoted")

    def _sequence(self, node: yaml.CollectionNode) -> Sequence | None:
        if node.tag not in ("plain", _CORE + "seq"):
            self._refuse_tag(node)
            return None
        built = [self.construct(child) for child in node.value]
        items = tuple(item for item in built if item is not None)
        start = node.start_mark.index
        is_here = bool(items) and node.flow_style is False
        end = max(start + 1, items[-1].end) if is_here else node.end_mark.index
        return Sequence(self.source, start, end, items)

    def _mapping(self, node: yaml.MappingNode) -> Mapping | None:
        if node.tag not in ("plain", _CORE + "map"):
            self._refuse_tag(node)
            return None
        entries: dict[str, Entry] = {}
        merged: list[Mapping] = []
        end = node.start_mark.index + 1
        for key_node, value_node in node.value:
            key = self._key(key_node)
            value = self.construct(value_node)
            if key is None or value is None:
                continue
            end = max(end, key.end, value.end)
            if key.text == "<<" and key.is_plain:
                merged += self._merged(key, value)
                continue
            first = entries.setdefault(key.text, Entry(key, value))
            if first.key is not key:
                message = f"key {quote(key.text)} stands twice in one mapping"
                related = ((first.key.span, "first here"),)
                diagnostics = self.diagnostics
                diagnostics.error("E1008", message, key.span, related=related)
        for other in merged:
            for name, entry in other.entries.items():
                entries.setdefault(name, entry)
        if node.flow_style:
            end = node.end_mark.index
        return Mapping(self.source, node.start_mark.index, end, entries)

    def _key(self, node: yaml.Node) -> Scalar | None:
        if type(node) is yaml.ScalarNode:
            return self._scalar(node)
        self._error(node, "E1003", "a key must be a string, not a list or mapping")
        return None

    def _merged(self, key: Scalar, value: Node) -> Iterable[Mapping]:
        """Return what ``<<`` merges: one mapping or a list of them, the first wins."""
        items = value.items if isinstance(value, Sequence) else (value,)
        for item in items:
            if isinstance(item, Mapping):
                yield item
            else:
                message = f"'<<' merges mappings, not {item.type_name}"
                cure = 'put the key in quotes if it is meant literally: "<<"'
                self.diagnostics.error("E1005", message, key.span, help=cure)

    def _refuse_tag(self, node: yaml.Node) -> None:
        tag = node.tag.replace(_CORE, "!!")
        cure = "Kubernetes objects need no tags: take it away"
        self._error(node, "E1015", f"tag {quote(tag)} is not understood", cure)

    def _error(
        self, node: yaml.Node, code: str, message: str, cure: str | None = None
    ) -> None:
        span = Span(self.source, node.start_mark.index, node.end_mark.index)
        self.diagnostics.error(code, message, span, help=cure)


def _size(node: yaml.Node, limit: int) -> int:
    """Count the nodes below one, aliases again and again, until there are too many."""
    count = 0
    left = [node]
    while left and count < limit:
        node = left.pop()
        count += 1
        if type(node) is yaml.MappingNode:
            left += [part for pair in node.value for part in pair]
        elif type(node) is yaml.SequenceNode:
            left += node.value
    return count
