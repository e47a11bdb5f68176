"""Traces to the IR, by way of the object of the API that says the same.

The object is made of located nodes and read by the front end of TracingPolicy: so both languages
mean the same, and every mistake that YAML can have is reported here at its place in the trace.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from lockgate.diagnostics import Diagnostics, did_you_mean, quote
from lockgate.frontend.metadata import Context
from lockgate.frontend.tracing.policy import parse
from lockgate.ir.labels import NAMESPACE, Operator
from lockgate.language.ast import Everything, Subject
from lockgate.language.ast_traces import TracedHost, TracedPods
from lockgate.language.trace_actions import read_action
from lockgate.language.trace_filters import Filter, Place
from lockgate.language.trace_nodes import Plain, make_node
from lockgate.language.trace_predicates import PredicateReader

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from lockgate.frontend.nodes import Node
    from lockgate.ir.tracing import TracingPolicy
    from lockgate.language.ast import Selection, Term
    from lockgate.language.ast_traces import Arm, Parameter, Probe, Trace
    from lockgate.options import Options
    from lockgate.source import Span

API_VERSION = "cilium.io/v1alpha1"
KINDS = {
    "kprobe": "kprobes",
    "syscall": "kprobes",
    "fentry": "fentries",
    "tracepoint": "tracepoints",
    "raw_tracepoint": "tracepoints",
    "lsm": "lsmhooks",
    "uprobe": "uprobes",
    "usdt": "usdts",
    "loader": "loader",
}
"""Kinds of probes, and where the API lists each."""

_TARGETS = {
    "uprobe": 'a binary and a function of it: uprobe "/bin/bash" readline',
    "usdt": 'a binary, and provider/name: usdt "/usr/sbin/mysqld" mysql/query__start',
    "tracepoint": "subsystem/event: tracepoint sched/sched_process_exec",
    "raw_tracepoint": "subsystem/event: raw_tracepoint sched/sched_process_exec",
    "loader": "nothing: on loader => event",
}
_UNLABELLED = re.compile(r"_|arg[0-9]+(_[0-9]+)?|data[0-9]+|returned")
_ARGUMENT = re.compile(r"arg([0-9]{1,2})")
_SOURCES = {"task": "current_task", "regs": "pt_regs"}


def lower_trace(
    trace: Trace, options: Options, diagnostics: Diagnostics
) -> TracingPolicy | None:
    """Return the policy; None where the trace has mistakes, which are reported."""
    before = len(diagnostics.found)
    node = _Lowering(diagnostics).policy(trace)
    if any(d.severity.name == "ERROR" for d in diagnostics.found[before:]):
        return None
    return parse(node, Context(options, API_VERSION, kind_of(trace)), diagnostics)


def kind_of(trace: Trace) -> str:
    """Return the kind of object that a trace stands for."""
    return "TracingPolicyNamespaced" if trace.namespace else "TracingPolicy"


class _Reading(NamedTuple):
    """What a probe reads: ``names`` are sections and places, ``numbers`` those of arguments."""

    names: dict[str, tuple[str, int]]
    arguments: list[Plain]
    numbers: list[int]
    data: list[Plain]

    def places(self) -> dict[str, Place]:
        """Return where filters find each value."""
        found = {}
        for name, (section, place) in self.names.items():
            number = place if section == "matchData" else self.numbers[place]
            about: dict[str, object] = {"index": number}
            if section == "matchArgs" and self.numbers.count(number) > 1:
                about = {"args": [place]}
            about |= {"place": place, "number": number}
            found[name] = Place(section, about)
        return found


class _Lowering:
    """One trace."""

    def __init__(self, diagnostics: Diagnostics) -> None:
        self._diagnostics = diagnostics

    def policy(self, trace: Trace) -> Node:
        metadata: dict[str, Plain] = {
            "name": make_node(trace.name.text, trace.name.span)
        }
        if trace.namespace:
            metadata["namespace"] = make_node(
                trace.namespace.text, trace.namespace.span
            )
        spec: dict[str, Plain] = dict(self._subjects(trace))
        listed: dict[str, list[Plain]] = {}
        for probe in trace.probes:
            name, item = self._probe(probe)
            if name == "loader":
                spec["loader"] = make_node(True, probe.span)
            elif item is not None:
                listed.setdefault(name, []).append(make_node(item, probe.span))
        spec |= {name: make_node(items, trace.span) for name, items in listed.items()}
        if trace.is_monitored:
            spec["options"] = [{"name": "policy-mode", "value": "monitor"}]
        whole: dict[str, Plain] = {
            "apiVersion": API_VERSION,
            "kind": kind_of(trace),
            "metadata": make_node(metadata, trace.name.span),
            "spec": make_node(spec, trace.name.span),
        }
        return make_node(whole, trace.span)

    def _refuse(self, code: str, message: str, span: Span, cure: str | None) -> None:
        self._diagnostics.error(code, message, span, help=cure)

    # ------------------------------------------------------------ whom

    def _subjects(self, trace: Trace) -> Iterable[tuple[str, Plain]]:
        hosts = [s for s in trace.subjects if isinstance(s, TracedHost)]
        pods = [s for s in trace.subjects if isinstance(s, TracedPods)]
        everything = [s for s in trace.subjects if isinstance(s, Everything)]
        if everything and len(trace.subjects) > 1:
            message = "everything leaves nothing to add"
            self._refuse("E1824", message, trace.subjects[1].span, "take the rest away")
        extras: list[TracedHost | TracedPods] = [*hosts[1:], *pods[1:]]
        for extra in extras:
            message = "a trace is for the host, for pods by one selection, or for both"
            cure = "write app in {a, b}, or a trace of its own"
            self._refuse("E1824", message, extra.span, cure)
        if hosts:
            yield "hostSelector", make_node({}, hosts[0].span)
        if pods:
            selector = self._selector(pods[0].pods, trace)
            yield "podSelector", make_node(selector, pods[0].pods.span)
            if pods[0].containers:
                terms = self._terms(pods[0].containers)
                yield "containerSelector", make_node(terms, pods[0].span)

    def _selector(self, selection: Selection, trace: Trace) -> Plain:
        found = self._terms(selection.terms)
        own, named = trace.namespace, selection.namespace
        if named is None or (own is not None and own.text == named.text):
            return found
        if own is not None:
            message = f"a trace in {own.text} concerns pods of {own.text} only"
            cure = f"take '{named.text}:' away, or 'in {own.text}'"
            self._refuse("E1824", message, named.span, cure)
        found["matchExpressions"].append(
            {
                "key": NAMESPACE,
                "operator": "In",
                "values": [make_node(named.text, named.span)],
            }
        )
        return found

    def _terms(self, terms: Sequence[Term]) -> dict[str, Any]:
        found: list[Plain] = []
        for term in terms:
            key = term.key
            if term.subject is Subject.NAMESPACE:
                key = NAMESPACE
            elif term.subject is Subject.NAMESPACE_LABEL:
                message = "a node does not know the labels of namespaces"
                cure = "name the namespaces: ns in {a, b}"
                self._refuse("E1824", message, term.span, cure)
            item: dict[str, Plain] = {"key": key, "operator": term.operator.value}
            if term.operator in (Operator.IN, Operator.NOT_IN):
                item["values"] = list(term.values)
            found.append(make_node(item, term.span))
        return {"matchExpressions": found}

    # ------------------------------------------------------------ probes

    def _probe(self, probe: Probe) -> tuple[str, dict[str, Plain] | None]:
        kind = probe.kind.text
        if kind not in KINDS:
            hint = did_you_mean(kind, KINDS)
            message = f"there is no kind of probe {quote(kind)}"
            cure = hint or f"kinds: {', '.join(KINDS)}"
            self._refuse("E1823", message, probe.kind.span, cure)
            return "", None
        item = self._target(probe)
        if item is None:
            return KINDS[kind], None
        places = self._arguments(probe, item)
        reader = PredicateReader(places, self._diagnostics)
        indexes = {
            name: place.about["place"]
            for name, place in places.items()
            if place.section == "matchArgs"
        }
        selectors: list[Plain] = []
        for arm in probe.arms:
            # One selector for each alternative; all do the same.
            conjunctions = reader.read(arm.where)
            rest = self._actions(arm, item, indexes)
            for conjunction in conjunctions:
                said: dict[str, Plain] = {**_filters(conjunction), **rest}
                selectors.append(make_node(said, arm.span))
        item["selectors"] = selectors
        if KINDS[kind] == "loader" and (
            len(probe.arms) != 1
            or probe.arms[0].where is not None
            or [a.word.text for a in probe.arms[0].actions] != ["event"]
            or probe.arms[0].actions[0].arguments
        ):
            message = "a loader only tells of binaries and libraries"
            self._refuse("E1824", message, probe.span, "write: on loader => event")
        return KINDS[kind], item

    def _target(self, probe: Probe) -> dict[str, Plain] | None:
        kind = probe.kind.text
        targets = [make_node(t.text, t.span) for t in probe.targets]
        wanted = {"uprobe": 2, "usdt": 2, "loader": 0}.get(kind, 1)
        pieces = probe.targets[-1].text.split("/") if probe.targets else []
        is_pair = kind in ("tracepoint", "raw_tracepoint", "usdt")
        if len(targets) != wanted or (is_pair and len(pieces) != 2):
            span = probe.targets[0].span if probe.targets else probe.kind.span
            what = _TARGETS.get(kind, f"one function: {kind} NAME")
            self._refuse("E1823", f"a {kind} stands at {what}", span, None)
            return None
        last = probe.targets[-1].span if probe.targets else probe.span
        pair: list[Plain] = [make_node(piece, last) for piece in pieces]
        match kind:
            case "kprobe" | "fentry" | "syscall":
                return {"call": targets[0], "syscall": kind == "syscall"}
            case "lsm":
                return {"hook": targets[0]}
            case "uprobe":
                return {"path": targets[0], "symbols": [targets[1]]}
            case "usdt":
                return {"path": targets[0], "provider": pair[0], "name": pair[1]}
            case "loader":
                return {}
        raw: dict[str, Plain] = {"raw": True} if kind == "raw_tracepoint" else {}
        return {"subsystem": pair[0], "event": pair[1], **raw}

    def _arguments(self, probe: Probe, item: dict[str, Plain]) -> dict[str, Place]:
        """Add what the probe reads; return where filters find each by its name."""
        read = _Reading({}, [], [], [])
        position = 0
        for parameter in probe.parameters:
            name = parameter.name.text
            if name in read.names or name == "process":
                message = f"{quote(name)} cannot be a parameter: the name is taken"
                self._refuse("E1823", message, parameter.name.span, None)
            if parameter.type is None:
                self._check_skipped(parameter)
                position += 1
            elif self._read(parameter, read, position):
                index = parameter.index
                position = (position if index is None else index) + 1
        if read.arguments:
            item["args"] = make_node(read.arguments, probe.span)
        if read.data:
            item["data"] = make_node(read.data, probe.span)
        places = read.places()
        if probe.returned is not None:
            said = self._parameter(probe.returned)
            item |= {"return": True, "returnArg": make_node(said, probe.returned.span)}
            about = {"index": 0, "place": 0, "number": 0}
            places[probe.returned.name.text] = Place("matchReturnArgs", about)
        return places

    def _check_skipped(self, parameter: Parameter) -> None:
        name = parameter.name.text
        if name != "_":
            cure = f"write '{name}: int', or '_' for an argument that is not read"
            message = f"of which type is {quote(name)}?"
            self._refuse("E1823", message, parameter.span, cure)

    def _read(self, parameter: Parameter, read: _Reading, position: int) -> bool:
        """Take one value to read; return whether it is an argument of its own."""
        said = self._parameter(parameter)
        name, way = parameter.name.text, parameter.way
        if way is not None and way.path[0] in _SOURCES:
            said["source"] = _SOURCES[way.path[0]]
            read.names[name] = ("matchData", len(read.data))
            read.data.append(make_node(said, parameter.span))
            return False
        index = position if parameter.index is None else parameter.index
        if way is not None:
            match = _ARGUMENT.fullmatch(way.path[0])
            if match is None or parameter.index is not None:
                message = f"{quote('.'.join(way.path))} begins with no argument"
                cure = "begin with arg0, arg1, ..., task (the process) or regs"
                self._refuse("E1823", message, way.span, cure)
            index = int(match[1]) if match else 0
        said["index"] = index
        read.names[name] = ("matchArgs", len(read.arguments))
        read.numbers.append(index)
        read.arguments.append(make_node(said, parameter.span))
        return way is None

    def _parameter(self, parameter: Parameter) -> dict[str, Plain]:
        assert parameter.type is not None  # noqa: S101  # those without are passed over
        said: dict[str, Plain] = {
            "type": make_node(parameter.type.text, parameter.type.span)
        }
        if not _UNLABELLED.fullmatch(parameter.name.text):
            said["label"] = make_node(parameter.name.text, parameter.name.span)
        if parameter.size is not None:
            said["sizeArgIndex"] = parameter.size + 1  # the API counts from 1 here
        if parameter.way is not None:
            path = ".".join(parameter.way.path[1:])
            said["resolve"] = make_node(path, parameter.way.span)
        return said

    def _actions(
        self, arm: Arm, item: dict[str, Plain], indexes: dict[str, Any]
    ) -> dict[str, Plain]:
        """Return the actions of an arm; what they say of the hook is added to it."""
        found: list[Plain] = []
        rest: dict[str, Plain] = {}
        for action in arm.actions:
            word, words = action.word.text, action.arguments
            if word in ("message", "label") and len(words) == 1:
                (item if word == "message" else rest)[word] = make_node(
                    words[0].text, words[0].span
                )
            elif word == "tags" and words:
                item["tags"] = [make_node(w.text, w.span) for w in words]
            else:
                said = read_action(action, indexes, self._diagnostics)
                if said is not None:
                    found.append(make_node(said, action.span))
        if found:
            rest["matchActions"] = make_node(found, arm.span)
        return rest


def _filters(conjunction: Iterable[Filter]) -> dict[str, Plain]:
    """Return the sections of a selector."""
    found: dict[str, Any] = {}
    for one in conjunction:
        about = {k: v for k, v in one.fields if k not in ("place", "number")}
        values: list[Plain] = [
            # A pid is a number, everything else a text.
            make_node(int(text) if _is_pid(one, text) else text, span)
            for text, span in one.values
        ]
        said: dict[str, Any] = {**about, "operator": one.operator}
        if values:
            said["values"] = values
        found.setdefault(one.section, []).append(make_node(said, one.span))
    return found


def _is_pid(one: Filter, text: str) -> bool:
    return one.section == "matchPIDs" and text.isascii() and text.isdigit()
