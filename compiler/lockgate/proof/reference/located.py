"""The objects of the sources, as plain values that still know where they stand.

Text is read by the YAML (or JSON) reader; nothing of what the compiler's parsers make of it
is used.  A mapping or list remembers its node, so that a rule can be named by its place.
"""

from __future__ import annotations

from json import JSONDecoder
from typing import TYPE_CHECKING, Any

from lockgate.frontend.json_reader import read_json
from lockgate.frontend.nodes import Mapping, Sequence, plain_value
from lockgate.frontend.yaml_reader import read_yaml

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from lockgate.diagnostics import Diagnostics
    from lockgate.frontend.nodes import Node
    from lockgate.source import Source

Object = dict[str, Any]

KINDS = frozenset(
    {
        ("v1", "Namespace"),
        ("v1", "Node"),
        ("v1", "Pod"),
        ("v1", "Service"),
        ("discovery.k8s.io/v1", "EndpointSlice"),
        ("networking.k8s.io/v1", "NetworkPolicy"),
        ("policy.networking.k8s.io/v1alpha2", "ClusterNetworkPolicy"),
        ("cilium.io/v2", "CiliumNetworkPolicy"),
        ("cilium.io/v2", "CiliumClusterwideNetworkPolicy"),
        ("cilium.io/v2", "CiliumCIDRGroup"),
        ("cilium.io/v2alpha1", "CiliumCIDRGroup"),
        ("lockgate.dev/v1", "Endpoint"),
    }
)
"""What decides verdicts; every other kind is passed over."""


class LocatedMapping(dict[str, Any]):
    """A mapping and its node."""

    def __init__(self, node: Mapping) -> None:
        super().__init__(
            (name, _value(entry.value)) for name, entry in node.entries.items()
        )
        self.node = node


class LocatedList(list[Any]):
    """A list and its node."""

    def __init__(self, node: Sequence) -> None:
        super().__init__(map(_value, node.items))
        self.node = node


def _value(node: Node) -> object:
    if isinstance(node, Mapping):
        return LocatedMapping(node)
    if isinstance(node, Sequence):
        return LocatedList(node)
    return plain_value(node)


def place(value: object, key: str | None = None) -> str:
    """Return ``file:line:column`` of a mapping, or of a key in it where it has that key.

    What was not read from text (the objects of a test) stands nowhere: "".
    """
    if not isinstance(value, LocatedMapping):
        return ""
    entry = None if key is None else value.node.entries.get(key)
    return (value.node if entry is None else entry.key).span.place


POLICY_KINDS = frozenset(
    {kind for _, kind in KINDS if "Policy" in kind} | {"CiliumCIDRGroup"}
)
"""Whose places matter; of the rest of a cluster only the values do."""


def read_objects(sources: Iterable[Source], diagnostics: Diagnostics) -> list[Object]:
    """Read every object that decides verdicts, in the order of the sources."""
    return [found for source in sources for found in _read(source, diagnostics)]


def _read(source: Source, diagnostics: Diagnostics) -> Iterator[Object]:
    """Read one text: JSON begins with a brace or bracket, as for kubectl."""
    text = source.text
    if not text.lstrip("\ufeff \t\r\n").startswith(("{", "[")):
        for root in read_yaml(source, diagnostics):
            yield from _objects(_value(root), None)
        return
    if not any(kind in text for kind in POLICY_KINDS):
        yield from _read_snapshot(text)
        return
    offset = 0
    while (read := read_json(source, diagnostics, offset)) is not None:
        root, offset = read
        yield from _objects(_value(root), None)


def _read_snapshot(text: str) -> Iterator[Object]:
    """Read JSON in which no policy stands: large, and nobody asks for places."""
    decoder, offset = JSONDecoder(), 0
    while offset < len(text.rstrip()):
        offset = len(text) - len(text[offset:].lstrip())
        value, offset = decoder.raw_decode(text, offset)
        yield from _objects(value, None)


def _objects(value: object, implied: tuple[str, str] | None) -> Iterator[Object]:
    """Yield an object, or those of a List; a ``PodList`` says what its items are."""
    if not isinstance(value, dict):
        return
    version, kind = value.get("apiVersion"), value.get("kind")
    items = value.get("items")
    if isinstance(kind, str) and kind.endswith("List") and isinstance(items, list):
        own = None if kind == "List" else (str(version), kind.removesuffix("List"))
        for item in items:
            yield from _objects(item, own)
        return
    if version is None and kind is None and implied is not None:
        version, kind = implied
    if (version, kind) in KINDS:
        value["kind"] = kind
        yield value
