"""Bytes of a file to documents, without reading them: where each begins and ends.

A YAML file is split where it must be, at its ``---`` lines.  The items of a ``List`` are
found by the way kubectl indents: that is a guess, and whoever reads the parts must find
each of them whole, or ask for :func:`split_surely`.  Why guess: equal items are known by
the hash of their text, and a snapshot is never in memory as a whole.
"""

from __future__ import annotations

import json
import re
from enum import Enum
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import mmap

    Data = bytes | mmap.mmap

BYTE_ORDER_MARK = b"\xef\xbb\xbf"

_DOCUMENT = re.compile(rb"^---(?=[ \t\r\n]|\Z)", re.MULTILINE)
_DIRECTIVES = re.compile(rb"(?:%[^\n]*\n|[ \t]*(?:#[^\n]*)?\r?\n)*")
_FIRST = re.compile(rb"\s*(.?)", re.DOTALL)
_HEAD = 4096
"""Within how many bytes the items of a List must begin for the guess."""

_JSON_ITEMS = re.compile(rb'\n( *)"items": \[\n( *)\{(?=\n)')
_YAML_ITEMS = re.compile(rb"^items:\n(?=- )", re.MULTILINE)
_YAML_ITEM = re.compile(rb"^- ", re.MULTILINE)
_YAML_TAIL = re.compile(rb'kind: List\nmetadata:(?: \{\}|(?:\n  \w+: "")*)\n?')
_YAML_REST = re.compile(rb"^[^\s#-]", re.MULTILINE)


class Form(Enum):
    """How the text of a part is to be read; YAML_ITEM is a list of one item."""

    YAML = "yaml"
    YAML_ITEM = "yaml item"
    JSON = "json"


class Part(NamedTuple):
    """A range of bytes that holds one document (JSON: perhaps several in a row).

    ``implied`` are apiVersion and kind of an item that does not say so itself, because its
    list does (``PodList``).
    """

    start: int
    end: int
    form: Form
    implied: tuple[str, str] | None = None


def split_surely(data: Data) -> list[Part]:
    """Split at ``---`` lines, which end a document wherever they stand; JSON is one part."""
    start = len(BYTE_ORDER_MARK) if data[:3] == BYTE_ORDER_MARK else 0
    if is_json(data, start):
        return [Part(start, len(data), Form.JSON)]
    edges = [match.start() for match in _DOCUMENT.finditer(data, start)]
    if edges and _DIRECTIVES.fullmatch(data, start, edges[0]):
        del edges[0]  # the first marker belongs to the directives before it
    edges = [start, *(edge for edge in edges if edge > start), len(data)]
    return [Part(a, b, Form.YAML) for a, b in pairwise(edges) if a < b]


def split_list(data: Data) -> list[Part] | None:
    """Guess the items of a List that kubectl printed; None where it is none."""
    if is_json(data, 0):
        return _split_json_list(data)
    return _split_yaml_list(data)


def is_json(data: Data, start: int) -> bool:
    """Whether the first character says so, as it does for kubectl."""
    match = _FIRST.match(data, start)
    return match is not None and match[1] in (b"{", b"[")


def _split_json_list(data: Data) -> list[Part] | None:
    first = _JSON_ITEMS.search(data[:_HEAD])
    if first is None:
        return None
    outer, inner = first[1], first[2]
    begin, end = b"\n" + inner + b"{\n", b"\n" + inner + b"}"
    edge = re.compile(re.escape(end + b"," + begin))
    starts = [first.end() - 1]
    ends = []
    for match in edge.finditer(data, first.end()):
        ends.append(match.start() + len(end))
        starts.append(match.end() - 2)
    closing = re.compile(re.escape(end + b"\n" + outer + b"]"))
    last = closing.search(data, starts[-1])
    if last is None:
        return None
    ends.append(last.start() + len(end))
    implied = _implied_json(data[: starts[0]], data[ends[-1] :])
    if implied is None:
        return None
    return [Part(a, b, Form.JSON, *implied) for a, b in zip(starts, ends, strict=True)]


def _implied_json(head: bytes, tail: bytes) -> tuple[tuple[str, str] | None] | None:
    """Check that what stands around the items is one List; return what they inherit."""
    marker = b'"\\u0000lockgate"'
    try:
        around = json.loads(head + marker + tail)
    except ValueError:
        return None
    if not isinstance(around, dict) or around.get("items") != ["\0lockgate"]:
        return None
    api_version, kind = around.get("apiVersion"), around.get("kind")
    if not isinstance(kind, str) or not kind.endswith("List"):
        return None
    return (implied_kind(api_version, kind),)


def implied_kind(api_version: object, kind: object) -> tuple[str, str] | None:
    """Return apiVersion and kind of the items of a ``PodList`` and the like."""
    if isinstance(api_version, str) and isinstance(kind, str) and kind != "List":
        return api_version, kind.removesuffix("List")
    return None


def _split_yaml_list(data: Data) -> list[Part] | None:
    first = _YAML_ITEMS.search(data[:_HEAD])
    if first is None or _DOCUMENT.search(data):
        return None
    rest = _YAML_REST.search(data, first.end())
    end = rest.start() if rest else len(data)
    if data[: first.start()].strip() not in (b"", b"apiVersion: v1"):
        return None
    if not _YAML_TAIL.fullmatch(data, end):
        return None
    items = _YAML_ITEM.finditer(data, first.end(), end)
    edges = [*(match.start() for match in items), end]
    return [Part(a, b, Form.YAML_ITEM) for a, b in pairwise(edges)]
