"""The tables by which programs judge paths by their names (templates/lib/tracing/name_tree.h)."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from lockgate.codegen.tracing.masks import pack
from lockgate.codegen.tracing.name_tree import (
    build_tails,
    build_tree,
    child_bit,
    has_names,
    has_parts,
    has_tails,
    is_equal,
    last_names,
)
from lockgate.codegen.tracing.table import Table, spell_set

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lockgate.codegen.tracing.name_tree import Judgement, Node
    from lockgate.ir.site import Dimension, Site


def name_tables(number: int, dimension: Dimension, site: Site) -> Iterator[Table]:
    """Yield the tree of names and the ends of paths, for tests that they decide."""
    words, place = site.words, f"{site.number}_{number}"
    if has_names(dimension):
        tree = build_tree(dimension, site)
        edges = list(tree.edges())
        yield Table(
            site.name,
            f"nodes_{place}",
            len(tree.nodes),
            b"".join(_pack_node(node, words) for node in tree.nodes),
            text=tuple(
                f"{node.number} {node.path.decode(errors='replace')}: "
                f"{_told(node.ends)}; below it {_told(node.passes)}"
                for node in tree.nodes
            ),
            form="rows",
        )
        yield Table(
            site.name,
            f"edges_{place}",
            len(edges),
            b"".join(struct.pack("<I", child) for _, _, child in edges),
            b"".join(struct.pack("<QQ", key, node << 1) for key, node, _ in edges),
            form="keys",
        )
    if has_parts(dimension):
        parts = [
            (node, part, found)
            for node in tree.nodes
            for part, found in sorted(node.beginnings.items())
        ]
        yield Table(
            site.name,
            f"parts_{place}",
            len(parts),
            b"".join(_pack_judgement(found, words) for _, _, found in parts),
            b"".join(
                struct.pack("<II8s", 32 + 8 * len(part), node.number << 1, part)
                for node, part, _ in parts
            ),
            tuple(
                f"{node.path.rstrip(b'/').decode(errors='replace')}/"
                f"{part.decode(errors='replace')}*: {_told(found)}"
                for node, part, found in parts
            ),
            form="keys",
        )
    if is_equal(dimension):
        leaves = last_names(dimension)
        yield Table(
            site.name,
            f"leaves_{place}",
            len(leaves),
            bytes(4 * len(leaves)),
            b"".join(struct.pack("<QQ", leaf, 0) for leaf in leaves),
            form="keys",
        )
    if has_tails(dimension):
        rows = build_tails(dimension, site).rows
        yield Table(
            site.name,
            f"tails_{place}",
            len(rows),
            b"".join(_pack_judgement(row, words) for _, row in rows),
            b"".join(
                struct.pack("<II8s", 32 + 8 * len(end), 0, end) for end, _ in rows
            ),
            tuple(
                f"*{end[::-1].decode(errors='replace')}: {_told(row)}"
                for end, row in rows
            ),
            form="keys",
        )


def _pack_node(node: Node, words: int) -> bytes:
    """Pack a directory as ``struct name_node``."""
    children, first = 0, (0, 0)
    for key, child in sorted(node.children.items(), reverse=True):
        children |= child_bit(key)
        first = key, child.number
    packed = struct.pack("<QQQQ", children, *first, bool(node.parts))
    passes, ends = (_pack_judgement(j, words) for j in (node.passes, node.ends))
    return packed + passes + ends


def _pack_judgement(judgement: Judgement, words: int) -> bytes:
    """Pack who may go on as ``struct judgement``."""
    return pack(judgement.may, words) + pack(judgement.open, words)


def _told(judgement: Judgement) -> str:
    """Return a judgement for people."""
    asked = judgement.may & judgement.open
    return spell_set(judgement.may) + (
        f" (string: {spell_set(asked)})" if asked else ""
    )
