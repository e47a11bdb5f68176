"""Lines of JSON from records: field-compatible with the reference's export.

A line is put together from texts: a process is spelled once and then copied, because with its
capabilities and namespaces it is most of the line.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lockgate_runtime.tracing import layout, words
from lockgate_runtime.tracing.process_cache import unknown_process
from lockgate_runtime.tracing.show_process import show_process
from lockgate_runtime.tracing.times import timestamp
from lockgate_runtime.tracing.values import show_value

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from lockgate_runtime.tracing.process_cache import Process, ProcessCache
    from lockgate_runtime.tracing.records import Record

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
ANCESTRY = ("exec", "exit", "kprobe", "tracepoint", "lsm", "uprobe", "usdt", "loader")
"""Kinds of events that can show ancestors."""
_CORE_DUMP = 0x80


@dataclass(frozen=True, slots=True)
class Hooks:
    """What a generation says of its hooks and sites (``sites.json``), by number."""

    hooks: Mapping[int, Mapping[str, Any]] = field(default_factory=dict)
    sites: Mapping[int, Mapping[str, Any]] = field(default_factory=dict)
    """By the number of a hook: the site that it stands at."""

    @classmethod
    def of(cls, value: Mapping[str, Any]) -> Hooks:
        """Take them from the content of ``sites.json``."""
        return cls(
            {hook["number"]: hook for hook in value["hooks"]},
            {
                number: site
                for site in value["sites"]
                for number in site.get("hooks", ())
            },
        )

    def matched(
        self, record: Record
    ) -> list[tuple[Mapping[str, Any], Mapping[str, Any]]]:
        """Return (hook, selector) of what matched at the record's site."""
        site = self.sites.get(record.hook)
        if site is None:
            return []
        return [
            (self.hooks[number], selector)
            for number in site.get("hooks", ())
            if number in self.hooks
            for selector in self.hooks[number].get("selectors", ())
            if record.selectors >> selector["number"] & 1
        ]


@dataclass
class Renderer:
    """Everything that a line needs besides its record.

    ``clock`` is the time of boot, nanoseconds since 1970; ``host`` the namespaces of the host's
    first process; ``ancestry`` the kinds of events that show all ancestors.
    """

    cache: ProcessCache
    node: str
    clock: int
    host: tuple[int, ...]
    hooks_of: Callable[[int], Hooks] = lambda _generation: Hooks()
    cgroup: Callable[[int], dict[str, Any]] = lambda _number: {}
    symbol: Callable[[int], str] = lambda _address: ""
    stack: Callable[[int], list[dict[str, Any]]] = lambda _number: []
    ancestry: frozenset[str] = frozenset()

    def render(self, record: Record) -> str | None:
        """Return the line of a record; None where it only tells of a process."""
        kind = record.kind
        if kind == "hook":
            return self._render_hook(record)
        if kind == "exec":
            process = self.cache.execute(record)
            return self._line("process_exec", "exec", process, record, {})
        if kind == "exit":
            ended = self.cache.end(record.tgid, record.start)
            process = ended or unknown_process(record.tgid, record.start)
            return self._line(
                "process_exit", "exit", process, record, self._end(record)
            )
        if kind == "fork":
            self.cache.begin(record)
        return None

    def process_text(self, process: Process) -> str:
        """Return a process as JSON."""
        if not process.text:
            shown = show_process(process, self.node, self.clock, self.host)
            shown |= self.cgroup(process.cgroup)
            process.text = dumps(shown)
        return process.text

    def _line(
        self,
        name: str,
        kind: str,
        process: Process,
        record: Record,
        fields: Mapping[str, Any],
    ) -> str:
        parts = [f'{{"{name}":{{"process":{self.process_text(process)}']
        if process.parent:
            parts.append(f',"parent":{self.process_text(process.parent)}')
        if fields:
            parts.append("," + dumps(fields)[1:-1])
        if kind in self.ancestry and process.parent:
            above = ",".join(map(self.process_text, process.parent.ancestors()))
            if above:
                parts.append(f',"ancestors":[{above}]')
        time = timestamp(self.clock + record.time)
        parts.append(f'}},"node_name":{dumps(self.node)},"time":"{time}"}}')
        return "".join(parts)

    def _end(self, record: Record) -> dict[str, Any]:
        status = record.hook
        found: dict[str, Any] = {}
        if number := status & ~_CORE_DUMP & 0xFF:
            found["signal"] = words.signal_name(number)
        if code := status >> 8 & 0xFF:
            found["status"] = code
        found["time"] = timestamp(self.clock + record.time)
        return found

    def _render_hook(self, record: Record) -> str:
        process = self.cache.find(record.tgid, record.start)
        if process is None:
            process = unknown_process(record.tgid, record.start)
        hooks = self.hooks_of(record.generation)
        hook = hooks.hooks.get(record.hook)
        if hook is None:
            number = {
                "policy_name": "",
                "message": f"hook {record.hook} of generation ",
            }
            number["message"] += f"{record.generation}, whose names are gone"
            return self._line("process_kprobe", "kprobe", process, record, number)
        kind: str = hook["kind"]
        fields = self._place(kind, record, hook, hooks.sites.get(record.hook, {}))
        self._add_values(fields, record, hook)
        self._add_policy(fields, record, hook, hooks)
        if record.kernel_stack:
            fields["kernel_stack_trace"] = self.stack(record.kernel_stack - 1)
        name = _KINDS.get(kind, "process_kprobe")
        return self._line(name, name.removeprefix("process_"), process, record, fields)

    def _place(
        self,
        kind: str,
        record: Record,
        hook: Mapping[str, Any],
        site: Mapping[str, Any],
    ) -> dict[str, Any]:
        name = hook["function"]
        if kind == "tracepoint":
            subsystem, _, event = name.rpartition("/")
            return {"subsys": subsystem, "event": event}
        if kind in ("uprobe", "usdt"):
            found = {"path": site.get("binary") or ""}
            if kind == "uprobe":
                return found | {"symbol": name}
            provider = site.get("functions", [""])[0].partition(":")[0]
            return found | {"provider": provider, "name": name}
        if kind == "loader":
            paths = [v.data[8:] for v in record.values if v.type == "path"]
            return {"path": paths[0].decode(errors="replace")} if paths else {}
        if record.function:
            name = self.symbol(record.function) or name
        return {"function_name": name}

    def _add_values(
        self, fields: dict[str, Any], record: Record, hook: Mapping[str, Any]
    ) -> None:
        arguments: list[dict[str, Any]] = []
        data: list[dict[str, Any]] = []
        for value in record.values:
            place = value.place
            if place >= layout.VALUE_RETURN:
                row = hook.get("returned") or {}
                fields["return"] = show_value(value, row.get("type", ""))
                continue
            rows = hook["data" if place >= layout.VALUE_DATA else "arguments"]
            place -= layout.VALUE_DATA if place >= layout.VALUE_DATA else 0
            row = rows[place] if place < len(rows) else {}
            if value.type == "hash":
                fields["ima_hash"] = value.data.hex()
                continue
            shown = show_value(value, row.get("type", ""), row.get("label") or "")
            (data if value.place >= layout.VALUE_DATA else arguments).append(shown)
        if arguments and hook["kind"] != "loader":
            fields["args"] = arguments
        if data:
            fields["data"] = data

    def _add_policy(
        self,
        fields: dict[str, Any],
        record: Record,
        hook: Mapping[str, Any],
        hooks: Hooks,
    ) -> None:
        action = words.ACTIONS[_ACTIONS[record.action]]
        if hook["kind"] != "loader":
            fields["action"] = action
        fields["policy_name"] = hook["name"]
        if record.flags & layout.EVENT_IS_RETURN:
            fields["return_action"] = action
        if hook.get("message"):
            fields["message"] = hook["message"]
        if hook.get("tags"):
            fields["tags"] = hook["tags"]
        matched = hooks.matched(record)
        names = sorted({row["name"] for row, _ in matched})
        if len(names) > 1:
            fields["policy_names"] = names
        if matched:
            fields["because"] = [selector["span"] for _, selector in matched]
        if record.withheld:
            fields["withheld_action"] = words.ACTIONS[_ACTIONS[record.withheld]]
        if record.flags & layout.EVENT_HAS_LOST_VALUES:
            fields["lost_values"] = True


def losses_line(node: str, now: int, lost: Mapping[str, int]) -> str:
    """Return the line that says what nobody saw.  ``now``: nanoseconds since 1970."""
    line = {
        "rate_limit_info": {
            "number_of_dropped_process_events": str(sum(lost.values()))
        },
        "losses": {name: count for name, count in lost.items() if count},
        "node_name": node,
        "time": timestamp(now),
    }
    return dumps(line)


def dumps(value: object) -> str:
    """Spell a value in one line."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
