"""Lines of JSON from records: field-compatible with the reference's export.

A line is put together from texts: a process is spelled once and then copied, because with its
capabilities and namespaces it is most of the line.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lockgate_runtime.tracing import words
from lockgate_runtime.tracing.frames import Frame, Hooks, make_frame
from lockgate_runtime.tracing.json_text import dumps
from lockgate_runtime.tracing.layout import SUPPLEMENTS
from lockgate_runtime.tracing.process_cache import unknown_process
from lockgate_runtime.tracing.show_process import show_process
from lockgate_runtime.tracing.times import timestamp

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from lockgate_runtime.tracing.process_cache import Process, ProcessCache
    from lockgate_runtime.tracing.records import Record

ANCESTRY = ("exec", "exit", "kprobe", "tracepoint", "lsm", "uprobe", "usdt", "loader")
"""Kinds of events that can show ancestors."""
_CORE_DUMP = 0x80
_FRAMES = 4096
"""Kinds of events that are remembered at once: a bound for lists of functions."""


@dataclass(frozen=True, slots=True)
class Body:
    """What an event of a hook says of itself: all but its process and its time.

    ``kind`` is by what it is counted; ``cgroup`` is where its task was, 0 where that is unknown.
    """

    name: str
    text: str
    kind: tuple[str, str, str]
    cgroup: int


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
    supplements: Callable[[Record], str] = lambda _record: ""
    ancestry: frozenset[str] = frozenset()
    count: Callable[[tuple[str, str, str]], None] = lambda _kind: None
    cluster: str = ""
    frames: dict[tuple[int, ...], Frame] = field(default_factory=dict)
    node_text: str = field(init=False)
    end: str = field(init=False)
    last_unknown: Process = field(init=False)

    def __post_init__(self) -> None:
        self.node_text = dumps(self.node)
        self.last_unknown = unknown_process(0, 0)
        self.end = f',"cluster_name":{dumps(self.cluster)}' if self.cluster else ""

    def render(self, record: Record) -> str | None:
        """Return the line of a record; None where it only tells of a process.

        What is shown is counted by event, policy and action.
        """
        kind = record.kind
        if kind == "hook":
            return self._render_hook(record)
        if kind == "exec":
            return self._execute(record)
        if kind == "exit":
            ended = self.cache.end(record.tgid, record.start)
            process = ended or unknown_process(record.tgid, record.start)
            text = self._end(record)
            who = self.process_text(process)
            self.count(("process_exit", "", ""))
            return self._line("process_exit", who, process, record.time, text)
        if kind == "fork":
            self.cache.begin(record)
        if kind == "credentials":
            self.cache.change(record)
        return None

    def process_text(self, process: Process) -> str:
        """Return a process as JSON."""
        if not process.text:
            shown = show_process(process, self.node, self.clock, self.host)
            shown |= self.cgroup(process.cgroup)
            process.text = dumps(shown)
        return process.text

    def _acting_text(self, process: Process, thread: int) -> str:
        """Return a process as one of its threads acts, with the count of who needs it."""
        acted, needed, text = process.acting
        children = process.children
        if acted != thread or needed != children:
            # A key with its quotes is in no string: there they are escaped.
            text = self.process_text(process).replace(
                ',"cap":', f',"refcnt":{children + 1},"cap":', 1
            )
            if thread != process.tgid:
                text = text.replace(f'"tid":{process.tgid}', f'"tid":{thread}', 1)
            process.acting = thread, children, text
        return text

    def _execute(self, record: Record) -> str:
        process = self.cache.execute(record)
        self.count(("process_exec", "", ""))
        who = self.process_text(process)
        if process.properties:
            who = f'{who[:-1]},"binary_properties":{dumps(process.properties)}}}'
            process.properties = None  # told once, as the reference does
        return self._line("process_exec", who, process, record.time, "")

    def _line(self, name: str, who: str, process: Process, time: int, text: str) -> str:
        """Put a line together.

        ``who`` is the process, ``text`` the event's own fields, each after a comma; ``time`` is
        that of the record.
        """
        above = process.parent
        parent = f',"parent":{above.text or self.process_text(above)}' if above else ""
        if above and self.ancestry and name.removeprefix("process_") in self.ancestry:
            ancestors = ",".join(map(self.process_text, above.ancestors()))
            if ancestors:
                text += f',"ancestors":[{ancestors}]'
        moment = timestamp(self.clock + time)
        return (
            f'{{"{name}":{{"process":{who}{parent}{text}}},"node_name":{self.node_text},'
            f'"time":"{moment}"{self.end}}}'
        )

    def _end(self, record: Record) -> str:
        status = record.hook
        found: dict[str, Any] = {}
        if number := status & ~_CORE_DUMP & 0xFF:
            found["signal"] = words.signal_name(number)
        if code := status >> 8 & 0xFF:
            found["status"] = code
        found["time"] = timestamp(self.clock + record.time)
        return "," + dumps(found)[1:-1]

    def _render_hook(self, record: Record) -> str:
        return self.render_body(
            self._body(record), record.time, record.start, record.tgid, record.tid
        )

    def render_body(
        self, body: Body, time: int, start: int, tgid: int, tid: int
    ) -> str:
        """Return the line of a hook's event at some time, of a process and thread."""
        process = self.cache.find(tgid, start) or self._nobody(tgid, start)
        if body.cgroup and process.cgroup != body.cgroup:
            process.cgroup = body.cgroup  # it has moved
            process.forget_texts()
        self.count(body.kind)
        who = self._acting_text(process, tid or tgid)
        return self._line(body.name, who, process, time, body.text)

    def _nobody(self, tgid: int, start: int) -> Process:
        """Return what can be said of a process that nobody knows; of the last one again."""
        if (self.last_unknown.tgid, self.last_unknown.start) != (tgid, start):
            self.last_unknown = unknown_process(tgid, start)
        return self.last_unknown

    def _body(self, record: Record) -> Body:
        frame = self._frame(record)
        text = frame.before + frame.values(record) + frame.after
        text += self.supplements(record)
        return Body(frame.name, text, frame.kind, record.cgroup)

    def lasting_body(self, record: Record) -> tuple[Body, bool]:
        """Return the body of a hook's record, and whether all that are alike have the same."""
        body = self._body(record)
        is_lasting = (
            bool(self.hooks_of(record.generation).hooks)
            and body.name != "process_loader"
            and not any(value.type in SUPPLEMENTS for value in record.values)
        )
        return body, is_lasting

    def _frame(self, record: Record) -> Frame:
        """Return what all events of the kind have in common, spelled once."""
        key = (
            record.generation,
            record.hook,
            record.selectors,
            record.action,
            record.withheld,
            record.flags,
            record.function,
        )
        frame = self.frames.get(key)
        if frame is None:
            hooks = self.hooks_of(record.generation)
            # Addresses of the kernel are in its half; other numbers are places in programs.
            is_kernel = record.function >> 63
            symbol = self.symbol(record.function) if is_kernel else ""
            frame = make_frame(record, hooks, symbol)
            if hooks.hooks:  # else the names may still come
                if len(self.frames) >= _FRAMES:
                    self.frames.clear()
                self.frames[key] = frame
        return frame


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
