"""Where a part of a policy stands, which its IR does not say: a peer, an empty list.

Most policies have nothing to tell, so positions are read again only where they are wanted.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from lockgate.diagnostics import Diagnostics
from lockgate.frontend.json_reader import read_json, skip_space
from lockgate.frontend.nodes import Mapping, Node, Sequence
from lockgate.frontend.yaml_reader import read_yaml

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lockgate.ir.policy import Direction, Policy, Rule
    from lockgate.source import Source, Span

_STEP = re.compile(r"(\w+)|\[(\d+)\]")
_ELEMENT = re.compile(r"\.(?:toPorts|icmps)\[\d+\]$")


class Places:
    """Finds nodes of policies; each document is read at most once."""

    def __init__(self) -> None:
        self._roots: dict[int, tuple[Source, list[Node]]] = {}

    def node(self, policy: Policy, path: str) -> Node | None:
        """Return the node at a path within a policy's object, such as ``spec.egress[0]``."""
        node: Node | None = self._object(policy)
        for name, index in _STEP.findall(path):
            if name and isinstance(node, Mapping):
                node = node.get(name)
            elif index and isinstance(node, Sequence) and int(index) < len(node.items):
                node = node.items[int(index)]
            else:
                return None
        return node

    def peer(
        self, policy: Policy, rule: Rule, number: int, direction: Direction
    ) -> Span:
        """Return where a peer of a rule stands; the rule's place where that is unclear."""
        element = self.node(policy, _ELEMENT.sub("", rule.path))
        if not isinstance(element, Mapping):
            return rule.span
        word = "from" if direction.value == "ingress" else "to"
        lists = [
            entry.value
            for key, entry in element.entries.items()
            if key.startswith(word) and key != "toPorts"
        ]
        if len(lists) != 1 or not isinstance(lists[0], Sequence):
            return rule.span
        items = lists[0].items
        # An item may stand for several peers, or for none.
        return items[number].span if len(items) == len(rule.peers) else rule.span

    def _object(self, policy: Policy) -> Node | None:
        source, offset = policy.span.source, policy.span.start
        known = self._roots.get(id(source))
        if known is None:
            known = self._roots[id(source)] = source, _read(source)
        for root in known[1]:
            for node in _objects(root):
                if node.start <= offset < max(node.end, node.start + 1):
                    return node
        return None


def _read(source: Source) -> list[Node]:
    """Read a text that was read without errors before: documents, or values in a row."""
    text, unheard = source.text, Diagnostics()
    at = skip_space(text, 0)
    if text[at : at + 1] not in ("{", "["):
        return read_yaml(source, unheard)
    found: list[Node] = []
    while at < len(text):
        read = read_json(source, unheard, at)
        if read is None:
            break
        found.append(read[0])
        at = skip_space(text, read[1])
    return found


def _objects(node: Node) -> Iterator[Mapping]:
    """Yield the objects of a document, those of lists first."""
    if isinstance(node, Sequence):
        for item in node.items:
            yield from _objects(item)
    elif isinstance(node, Mapping):
        items = node.get("items")
        if isinstance(items, Sequence):
            yield from _objects(items)
        yield node
