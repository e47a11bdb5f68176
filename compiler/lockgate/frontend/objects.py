"""The text of one document to what it says: policies, facts of the snapshot, mistakes.

This is what the cache of documents holds: a function of the text and the options alone.
"""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any, NoReturn

from lockgate.diagnostics import Diagnostics
from lockgate.frontend.json_reader import (
    SURROGATE,
    read_json,
    report_syntax,
    skip_space,
)
from lockgate.frontend.kinds import (
    CLUSTER_WIDE,
    LOCATED,
    SNAPSHOT,
    describe_unknown,
    is_passed_over,
)
from lockgate.frontend.metadata import Context
from lockgate.frontend.nodes import Mapping, Node, Scalar, Sequence, plain_value
from lockgate.frontend.outcome import Found, Outcome
from lockgate.frontend.schema import wrong_type
from lockgate.frontend.snapshot import MistakeError
from lockgate.frontend.splitting import Form, implied_kind
from lockgate.frontend.yaml_reader import read_yaml
from lockgate.source import Source, Span

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from lockgate.options import Options


def read_document(
    source: Source, form: Form, implied: tuple[str, str] | None, options: Options
) -> Outcome:
    """Read the text of a source, which is a document or an item of a list."""
    diagnostics = Diagnostics()
    reader = _Reader(options, diagnostics)
    if form is Form.JSON:
        objects: Iterable[_Object] = _json_objects(source, diagnostics)
    else:
        objects = _yaml_objects(source, form, diagnostics)
    for item in objects:
        reader.read(item, implied)
    is_whole = all(d.code not in _SYNTAX for d in diagnostics.found)
    passed_over = tuple((*key, n) for key, n in sorted(reader.passed_over.items()))
    found = tuple(diagnostics.found)
    return Outcome(is_whole, tuple(reader.found), passed_over, found)


_SYNTAX = frozenset({"E1003", "E1016"})


# ---------------------------------------------------------------- two forms, one face


class _YamlObject:
    """An object that was read with its positions."""

    def __init__(self, node: Node) -> None:
        self._node = node

    def get(self, *path: str) -> object:
        """Return the plain scalar at a path; another object's worth for collections."""
        node = _descend(self._node, path)
        if isinstance(node, Scalar):
            return None if node.is_null else node.text
        return node

    def items(self) -> list[_YamlObject] | None:
        """Return the objects of a list; None where there is no list."""
        node = _descend(self._node, ("items",))
        if isinstance(node, Sequence):
            return [_YamlObject(item) for item in node.items]
        return None

    def node(self, diagnostics: Diagnostics) -> Node:
        return self._node

    def value(self) -> Any:  # noqa: ANN401  # any JSON
        return plain_value(self._node)

    def span(self, path: tuple[str | int, ...]) -> Span:
        return _nearest(self._node, path).span

    def begin(self) -> Span:
        return self.span(("metadata", "name"))


class _JsonObject:
    """An object that was read as plain values; its positions are found when wanted."""

    def __init__(
        self, tree: _JsonTree, value: object, path: tuple[str | int, ...] = ()
    ) -> None:
        self._tree = tree
        self._value = value
        self._path = path

    def get(self, *path: str) -> object:
        value = self._value
        for key in path:
            value = value.get(key) if isinstance(value, dict) else None
        return value

    def items(self) -> list[_JsonObject] | None:
        found = self.get("items")
        if not isinstance(found, list):
            return None
        return [
            _JsonObject(self._tree, item, (*self._path, "items", i))
            for i, item in enumerate(found)
        ]

    def node(self, diagnostics: Diagnostics) -> Node:
        return _nearest(self._tree.node(diagnostics), self._path)

    def value(self) -> Any:  # noqa: ANN401  # any JSON
        return self._value

    def span(self, path: tuple[str | int, ...]) -> Span:
        return _nearest(self._tree.node(Diagnostics()), (*self._path, *path)).span

    def begin(self) -> Span:
        """Where the value begins: what is known without reading positions."""
        return self._tree.begin


_Object = _YamlObject | _JsonObject


class _JsonTree:
    """One value of a JSON text, whose positions are read at most once."""

    def __init__(self, source: Source, offset: int) -> None:
        self._source = source
        self._offset = offset
        self._node: Node | None = None
        self.begin = Span(source, offset, offset + 1)

    def node(self, diagnostics: Diagnostics) -> Node:
        if self._node is None:
            read = read_json(self._source, diagnostics, self._offset)
            place = Node(self._source, self._offset, self._offset + 1)
            self._node = place if read is None else read[0]
        return self._node


def _descend(node: Node | None, path: tuple[str, ...]) -> Node | None:
    for key in path:
        node = node.get(key) if isinstance(node, Mapping) else None
    return node


def _nearest(node: Node, path: tuple[str | int, ...]) -> Node:
    """Return the node at a path, or the last one on the way that exists."""
    for key in path:
        if isinstance(node, Mapping) and key in node.entries:
            node = node.entries[str(key)].value
        elif isinstance(node, Sequence) and isinstance(key, int):
            node = node.items[key]
        else:
            return node
    return node


def _yaml_objects(
    source: Source, form: Form, diagnostics: Diagnostics
) -> list[_YamlObject]:
    nodes = read_yaml(source, diagnostics)
    if form is Form.YAML_ITEM:
        if len(nodes) == 1 and isinstance(nodes[0], Sequence):
            nodes = list(nodes[0].items)
        if len(nodes) != 1:
            span = Span(source, 0, 1)
            diagnostics.error("E1003", "this is not one item of a list", span)
            return []
    return [_YamlObject(node) for node in nodes]


def _refuse_constant(word: str) -> NoReturn:
    raise ValueError(f"{word} is not JSON")


_DECODER = json.JSONDecoder(parse_constant=_refuse_constant)


def _json_objects(source: Source, diagnostics: Diagnostics) -> Iterator[_JsonObject]:
    """Read the values of a text one after the other, as ``jq`` prints them."""
    text = source.text
    offset = skip_space(text, 0)
    while offset < len(text):
        tree = _JsonTree(source, offset)
        try:
            value, end = _DECODER.raw_decode(text, offset)
        except (ValueError, RecursionError):
            _explain_syntax(source, offset, diagnostics)
            return
        # The fast reader takes half a character for one; the slow one does not.
        if SURROGATE.search(text, offset, end) and not read_json(
            source, diagnostics, offset
        ):
            return
        offset = end
        yield _JsonObject(tree, value)
        offset = skip_space(text, offset)


def _explain_syntax(source: Source, offset: int, diagnostics: Diagnostics) -> None:
    """Let the slow reader say what is wrong; it refuses whatever the fast one does."""
    before = len(diagnostics.found)
    read_json(source, diagnostics, offset)
    if len(diagnostics.found) == before:
        report_syntax(source, "this cannot be read", offset, diagnostics)


# ---------------------------------------------------------------- objects


class _Reader:
    """Reads the objects of one document, those inside lists too."""

    def __init__(self, options: Options, diagnostics: Diagnostics) -> None:
        self.options = options
        self.diagnostics = diagnostics
        self.found: list[Found] = []
        self.passed_over: Counter[tuple[str, str]] = Counter()

    def read(self, item: _Object, implied: tuple[str, str] | None) -> None:
        """Read one object; ``implied`` is what a typed list says of its items."""
        api_version, kind = item.get("apiVersion"), item.get("kind")
        if implied is not None and api_version is None and kind is None:
            api_version, kind = implied
        if not isinstance(api_version, str) or not isinstance(kind, str):
            self._refuse(item)
        elif kind.endswith("List") and (items := item.items()) is not None:
            inherited = implied_kind(api_version, kind)
            for inner in items:
                self.read(inner, inherited)
        elif (api_version, kind) in SNAPSHOT:
            self._read_snapshot(item, api_version, kind)
        elif (api_version, kind) in LOCATED:
            self._read_located(item, api_version, kind)
        elif is_passed_over(api_version, kind):
            self.passed_over[api_version, kind] += 1
        elif kind.endswith("List") and item.get("items") is None:
            pass  # an empty list, printed by a server that knows no other
        else:
            message, cure = describe_unknown(api_version, kind)
            span = item.span(("apiVersion" if "version" in message else "kind",))
            self.diagnostics.error("E1010", message, span, help=cure)

    def _refuse(self, item: _Object) -> None:
        node = item.node(Diagnostics())
        if not isinstance(node, Mapping):
            wrong_type(node, "an object", "a mapping", self.diagnostics)
            return
        message = "an object needs the fields 'apiVersion' and 'kind'"
        self.diagnostics.error("E1011", message, node.span)

    def _read_snapshot(self, item: _Object, api_version: str, kind: str) -> None:
        try:
            facts = SNAPSHOT[api_version, kind](item.value())
        except MistakeError as mistake:
            span = item.span(mistake.path)
            self.diagnostics.error(mistake.code, f"{kind}: {mistake}", span)
            return
        self._add(item, kind, item.begin(), (facts,))

    def _read_located(self, item: _Object, api_version: str, kind: str) -> None:
        context = Context(self.options, api_version, kind)
        node = item.node(self.diagnostics)
        values = LOCATED[api_version, kind](node, context, self.diagnostics)
        if values is None:
            values = ()
        elif type(values) is not tuple:
            values = (values,)
        self._add(item, kind, item.span(("metadata", "name")), values)

    def _add(
        self, item: _Object, kind: str, span: Span, values: tuple[Any, ...]
    ) -> None:
        name = item.get("metadata", "name")
        namespace = item.get("metadata", "namespace")
        if not isinstance(name, str):
            return
        if kind in CLUSTER_WIDE:
            namespace = ""
        elif not isinstance(namespace, str):
            namespace = "default"
        self.found.append(Found(kind, namespace, name, span.start, span.end, values))
