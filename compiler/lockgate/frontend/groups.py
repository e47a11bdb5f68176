"""What a group of parts says, packed: what the cache keeps, and a process hands to another.

Whatever is read is packed and unpacked, whether it was remembered or not: so a cache cannot
change what comes of it.

Most groups are objects of a snapshot, one a part and without fault: of those there are tens of
thousands, so they are kept in columns, one for each kind, which are unpacked at once.
"""

from __future__ import annotations

import marshal
from array import array
from typing import TYPE_CHECKING, Any, NamedTuple

from lockgate.frontend.facts import FACTS
from lockgate.frontend.outcome import TRACING, Found, Outcome
from lockgate.frontend.records import Decoder, encode
from lockgate.frontend.sources import FileView
from lockgate.frontend.splitting import Form
from lockgate.source import Source, Span

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from lockgate.frontend.facts import Facts
    from lockgate.frontend.inputs import InputFile
    from lockgate.frontend.records import Record
    from lockgate.options import Options

Reading = tuple[str, tuple[str, str] | None, bytes, tuple[int, ...], tuple[bytes, ...]]
"""A file as it was read: the form of its parts and what is implied for them, begin and end
of each (u64), how many of them each group has, and the groups, packed.  All of it is
something that :mod:`marshal` writes."""

_WHOLE, _BROKEN = b"\1", b"\0"


class Column(NamedTuple):
    """Objects of one kind in a group: of each which part it is, its name, place and facts."""

    kind: str
    parts: Sequence[int]
    names: Sequence[tuple[str, str]]
    spans: Sequence[Span]
    facts: Sequence[Facts]


class Group(NamedTuple):
    """What a group says: columns, or where that is too little, outcomes part by part."""

    columns: Sequence[Column]
    outcomes: Sequence[tuple[Source, Outcome]]


def pack_group(outcomes: Sequence[Outcome]) -> bytes:
    """Pack what the parts of a group say."""
    mark = _WHOLE if all(outcome.is_whole for outcome in outcomes) else _BROKEN
    columns = _columns(outcomes)
    record = columns, () if columns else tuple(map(_encode, outcomes))
    return mark + marshal.dumps(record)


def is_whole(packed: bytes) -> bool:
    """Whether the syntax of every part of a packed group is right."""
    return packed[:1] == _WHOLE


class Unpacker:
    """Unpacks groups; equal values of all files are shared."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._decoder = Decoder()

    def unpack(self, file: InputFile, reading: Reading) -> list[Group]:
        """Return the groups of a file, in order."""
        form, implied, edges, sizes, packed = reading
        places = array("Q", edges)
        groups = []
        sources = FileView(file).sources(places[0::2], places[1::2])
        first = 0
        for size, group in zip(sizes, packed, strict=True):
            own = sources[first : first + size]
            columns, outcomes = marshal.loads(memoryview(group)[1:])  # noqa: S302  # ours, and whole
            if columns:
                unpacked = [_unpack_column(column, own) for column in columns]
                groups.append(Group(unpacked, ()))
            else:
                read = [
                    self._outcome(record, source, Form(form), implied)
                    for record, source in zip(outcomes, own, strict=True)
                ]
                groups.append(Group((), list(zip(own, read, strict=True))))
            first += size
        return groups

    def _outcome(
        self,
        record: Record,
        source: Source,
        form: Form,
        implied: tuple[str, str] | None,
    ) -> Outcome:
        if record is None:
            from lockgate.frontend.objects import read_document

            return read_document(source, form, implied, self._options)
        is_whole, objects, passed_over, diagnostics = record
        decode = self._decoder.decode
        found = tuple(
            [
                Found._make((*head, tuple([decode(value, source) for value in values])))
                for head, values in objects
            ]
        )
        messages = tuple([decode(message, source) for message in diagnostics])
        return Outcome(is_whole, found, passed_over, messages)


def _encode(outcome: Outcome) -> Record:
    """Return the record of an outcome; None where it must be read again."""
    if any(found.kind in TRACING for found in outcome.found):
        return None
    objects = tuple(
        (tuple(found[:-1]), tuple(map(encode, found.values))) for found in outcome.found
    )
    diagnostics = tuple(map(encode, outcome.diagnostics))
    return outcome.is_whole, objects, outcome.passed_over, diagnostics


# ---------------------------------------------------------------- columns


def _columns(outcomes: Iterable[Outcome]) -> tuple[Record, ...]:
    """Return the columns of a group; none where some part is more than one plain object."""
    shared: dict[Any, Any] = {}
    columns: dict[tuple[str, int], tuple[list[Any], ...]] = {}
    for part, outcome in enumerate(outcomes):
        facts = _only_facts(outcome)
        if facts is None:
            return ()
        found = outcome.found[0]
        key = found.kind, FACTS.index(type(facts))
        parts, starts, ends, names, rows = columns.setdefault(key, ([], [], [], [], []))
        parts.append(part)
        starts.append(found.start)
        ends.append(found.end)
        names.append(_share((found.namespace, found.name), shared))
        rows.append(tuple([_share(value, shared) for value in facts]))
    return tuple((*key, *map(tuple, column)) for key, column in columns.items())


def _only_facts(outcome: Outcome) -> Facts | None:
    if outcome.passed_over or outcome.diagnostics or len(outcome.found) != 1:
        return None
    values = outcome.found[0].values
    if len(values) != 1 or type(values[0]) not in FACTS:
        return None
    facts: Facts = values[0]
    return facts


def _share(value: Any, shared: dict[Any, Any]) -> Any:  # noqa: ANN401  # any value
    """Return an equal value that is one object in the whole group: it is written once.

    Tuples within facts hold strings and numbers, and no truth values, which equal numbers.
    """
    kind = type(value)
    if kind is str:
        return shared.setdefault(value, value)
    if kind is tuple:
        value = tuple([_share(part, shared) for part in value])
        return shared.setdefault(value, value)
    return value


def _unpack_column(record: Record, sources: Sequence[Source]) -> Column:
    kind, number, parts, starts, ends, names, rows = record
    make = FACTS[number]._make
    spans = map(Span, map(sources.__getitem__, parts), starts, ends)
    return Column(kind, parts, names, list(spans), list(map(make, rows)))
