"""The objects of the sources, as plain values that still know where they stand.

Text is read by the YAML (or JSON) reader; nothing of what the compiler's parsers make of it
is used.  A mapping or list remembers its node, so that a rule can be named by its place.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lockgate.frontend.json_reader import read_json
from lockgate.frontend.nodes import Mapping, Scalar, Sequence, plain_value
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


def read_objects(sources: Iterable[Source], diagnostics: Diagnostics) -> list[Object]:
    """Read every object that decides verdicts, in the order of the sources."""
    return [
        found
        for source in sources
        for root in _roots(source, diagnostics)
        for found in _objects(root, None)
    ]


def _roots(source: Source, diagnostics: Diagnostics) -> Iterator[Node]:
    """Yield the documents: JSON begins with a brace or bracket, as for kubectl."""
    if not source.text.lstrip("\ufeff \t\r\n").startswith(("{", "[")):
        yield from read_yaml(source, diagnostics)
        return
    offset = len(source.text) - len(source.text.lstrip("\ufeff"))
    while (read := read_json(source, diagnostics, offset)) is not None:
        root, offset = read
        yield root


def _objects(node: Node, implied: tuple[str, str] | None) -> Iterator[Object]:
    """Yield an object, or those of a List; a ``PodList`` says what its items are."""
    if not isinstance(node, Mapping):
        return
    version, kind = _text(node, "apiVersion"), _text(node, "kind")
    items = node.get("items")
    if kind and kind.endswith("List") and isinstance(items, Sequence):
        own = None if kind == "List" else (version or "", kind.removesuffix("List"))
        for item in items.items:
            yield from _objects(item, own)
        return
    if version is None and kind is None and implied is not None:
        version, kind = implied
    if (version, kind) in KINDS:
        found = LocatedMapping(node)
        found["kind"] = kind
        yield found


def _text(node: Mapping, name: str) -> str | None:
    value = node.get(name)
    return value.text if isinstance(value, Scalar) else None
