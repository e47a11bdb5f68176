"""What events of one hook have in common: names of place, policy and action, spelled once.

Names come from a generation's ``sites.json``.  The texts are parts of a line of JSON, each field
after a comma.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from lockgate_runtime.tracing import layout, words
from lockgate_runtime.tracing.json_text import dumps, read_text
from lockgate_runtime.tracing.records import Value
from lockgate_runtime.tracing.values import cuts_of, show_cut_bytes, show_value

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from lockgate_runtime.tracing.records import Record

    Row = Mapping[str, Any]

_ACTIONS = layout.TRACING_ENUMERATIONS["tracing_action"]
_KINDS = {
    "kprobe": "process_kprobe",
    "fentry": "process_kprobe",
    "tracepoint": "process_tracepoint",
    "lsm": "process_lsm",
    "uprobe": "process_uprobe",
    "usdt": "process_usdt",
    "loader": "process_loader",
}
_IN_PROGRAMS = frozenset({"uprobe", "usdt"})
"""Kinds of hooks in programs, whose events say which place of which site they are of."""
_REMEMBERED = 256
"""Bytes of the longest value whose text is kept."""


@dataclass(frozen=True, slots=True)
class Hooks:
    """What a generation says of its hooks and sites, by number."""

    hooks: Mapping[int, Row] = field(default_factory=dict)
    sites: Sequence[Row] = ()

    @classmethod
    def of(cls, value: Mapping[str, Any]) -> Hooks:
        """Take them from the content of ``sites.json``."""
        return cls({hook["number"]: hook for hook in value["hooks"]}, value["sites"])

    def site(self, hook: int, function: str) -> tuple[int, Row]:
        """Return number and row of the site that a hook's event is from.

        A hook with many functions may stand at several sites; then the function tells.
        """
        found = [(n, s) for n, s in enumerate(self.sites) if hook in s.get("hooks", ())]
        for number, site in found:
            if function in site["functions"]:
                return number, site
        return found[0] if found else (-1, {})

    def matched(self, site: int, row: Row, selectors: int) -> Iterator[tuple[Row, Row]]:
        """Yield (hook, selector) of what matched at a site."""
        for number in row.get("hooks", ()):
            hook = self.hooks.get(number, {})
            for selector in hook.get("selectors", ()):
                here = selector.get("site", site) == site
                if here and selectors >> selector["number"] & 1:
                    yield hook, selector


@dataclass(frozen=True, slots=True)
class Frame:
    """The texts before and behind the values, and what the values are."""

    name: str
    before: str
    after: str
    hook: Row
    kind: tuple[str, str, str] = ("process_kprobe", "", "")
    """Event, policy and action, by which it is counted."""

    def values(self, record: Record) -> str:
        """Return the texts of a record's values."""
        arguments, data, rest = [], [], ""
        cuts = cuts_of(record)
        for value in record.values:
            place = value.place
            if value.type in layout.SUPPLEMENTS:
                continue
            if place >= layout.VALUE_RETURN:
                returned = _text(value, self.hook.get("returned"), cuts.get(place))
                if self.name == "process_kprobe":
                    rest += f',"return":{returned}'
                else:  # as the reference does, whose interface has no other place
                    arguments.append(returned)
            elif place >= layout.VALUE_DATA:
                row = _nth(self.hook["data"], place - layout.VALUE_DATA)
                data.append(_text(value, row, cuts.get(place)))
            else:
                row = _nth(self.hook["arguments"], place)
                arguments.append(_text(value, row, cuts.get(place)))
        if self.name == "process_loader":
            paths = [value.data[8:] for value in record.values if value.type == "path"]
            return f',"path":{dumps(read_text(paths[0]))}' if paths else ""
        text = f',"args":[{",".join(arguments)}]' if arguments else ""
        if data:
            rest += f',"data":[{",".join(data)}]'
        return text + rest


def make_frame(record: Record, hooks: Hooks, symbol: str) -> Frame:
    """Return the frame of a record; ``symbol`` names the function that it says."""
    hook = hooks.hooks.get(record.hook)
    if hook is None:
        message = f"hook {record.hook} of generation {record.generation}, whose names are gone"
        unknown: Row = {"arguments": (), "data": ()}
        return Frame("process_kprobe", _fields({"message": message}), "", unknown)
    kind: str = hook["kind"]
    place = 0
    if kind in _IN_PROGRAMS:
        number, place = divmod(record.function, 1 << layout.SITE_SHIFT)
        site = hooks.sites[number] if number < len(hooks.sites) else {}
    else:
        number, site = hooks.site(record.hook, symbol)
    name = _KINDS.get(kind, "process_kprobe")
    action = words.ACTIONS[_ACTIONS[record.action]]
    return Frame(
        name,
        _fields(_place(kind, hook, site, symbol, place)),
        _fields(
            _policy(
                kind, record, hook, list(hooks.matched(number, site, record.selectors))
            )
        ),
        hook,
        (name, hook["name"], action),
    )


def _place(kind: str, hook: Row, site: Row, symbol: str, place: int) -> dict[str, Any]:
    """Return the fields that say where it was; ``place`` is that among a program's places."""
    name: str = hook["function"]
    if kind == "tracepoint":
        subsystem, _, event = name.rpartition("/")
        return {"subsys": subsystem, "event": event}
    if kind == "uprobe":
        return _filled(
            path=site.get("binary"),
            symbol=_nth(site.get("functions"), place),
            **_offsets(site, place),
        )
    if kind == "usdt":
        provider = next(iter(site.get("functions", ())), "").partition(":")[0]
        return _filled(path=site.get("binary"), provider=provider, name=name)
    return {} if kind == "loader" else {"function_name": symbol or name}


def _offsets(site: Row, place: int) -> dict[str, str]:
    """Return where in its binary a place of a site is; numbers of 64 bits are strings."""
    numbers = {
        "offset": _nth(site.get("offsets"), place),
        "ref_ctr_offset": _nth(site.get("semaphores"), place),
    }
    return {name: str(number) for name, number in numbers.items() if number}


def _nth(values: Sequence[Any] | None, place: int) -> Any:  # noqa: ANN401  # any value of JSON
    return values[place] if values and place < len(values) else None


def _policy(
    kind: str, record: Record, hook: Row, matched: Sequence[tuple[Row, Row]]
) -> dict[str, Any]:
    action = words.ACTIONS[_ACTIONS[record.action]]
    fields: dict[str, Any] = {} if kind == "loader" else {"action": action}
    fields["policy_name"] = hook["name"]
    if record.flags & layout.EVENT_IS_RETURN and kind in ("kprobe", "fentry"):
        fields["return_action"] = action
    for name in ("message", "tags"):
        if hook.get(name):
            fields[name] = hook[name]
    names = sorted({row["name"] for row, _ in matched})
    if len(names) > 1:
        fields["policy_names"] = names
    if matched:
        fields["because"] = [selector["span"] for _, selector in matched]
    if record.withheld:
        fields["withheld_action"] = words.ACTIONS[_ACTIONS[record.withheld]]
    if record.flags & layout.EVENT_HAS_LOST_VALUES:
        fields["lost_values"] = True
    if record.flags & layout.EVENT_WORKLOAD_IS_UNKNOWN:
        fields["workload_unknown"] = True
    return fields


def _filled(**fields: str | None) -> dict[str, Any]:
    return {name: text for name, text in fields.items() if text}


def _fields(fields: Mapping[str, Any]) -> str:
    return "," + dumps(fields)[1:-1] if fields else ""


def _text(value: Value, row: Row | None, cut: Row | None = None) -> str:
    declared, label = (row["type"], row.get("label") or "") if row else ("", "")
    if cut is not None:
        return dumps(show_cut_bytes(value, cut, label))
    if len(value.data) <= _REMEMBERED:
        return _remembered(value.type, value.flags, value.data, declared, label)
    return dumps(show_value(value, declared, label))


@lru_cache(maxsize=8192)
def _remembered(type_: str, flags: int, data: bytes, declared: str, label: str) -> str:
    return dumps(show_value(Value(type_, flags, 0, data), declared, label))
