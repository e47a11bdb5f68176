"""Hooks and selectors of the IR in the words of the language, as reviews quote them.

Whatever a policy says has a phrase here.  Where the language itself has no words for it, the
phrase is noted as ``unsayable`` with its place, for ``convert`` to refuse.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from lockgate.frontend.tracing.names import (
    FAMILIES,
    FILE_TYPES,
    PROTOCOLS,
    TCP_STATES,
)
from lockgate.ir.tracing import (
    Attachment,
    KernelFunction,
    KernelFunctions,
    Loader,
    LsmHook,
    Tracepoint,
    UserFunction,
    UserProbe,
)
from lockgate.ir.tracing_actions import Action, ActionKind
from lockgate.ir.tracing_arguments import ArgumentType, Source
from lockgate.ir.tracing_selectors import Comparison, HookSelector
from lockgate.language.texts import write_text
from lockgate.language.trace_value_words import (
    among,
    bare,
    capability_names,
    one_line,
    say_error,
    say_post,
    say_range,
    say_signal,
    say_subjects,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lockgate.ir.tracing import Hook
    from lockgate.ir.tracing_arguments import Argument
    from lockgate.ir.tracing_selectors import BinaryMatch, ValueMatch, WorkloadMatch
    from lockgate.source import Span

_WORD = re.compile(r"[A-Za-z_]\w*", re.ASCII)
_OWN_NAMES = re.compile(r"_|arg[0-9]+(_[0-9]+)?|data[0-9]+|returned|process")
_PATHS = frozenset(
    {
        ArgumentType.FILE,
        ArgumentType.PATH,
        ArgumentType.DENTRY,
        ArgumentType.FD,
        ArgumentType.FILENAME,
        ArgumentType.LINUX_BINPRM,
    }
)
_READINGS = {
    Comparison.SOURCE_PORT: ("sport", {}),
    Comparison.DESTINATION_PORT: ("dport", {}),
    Comparison.PROTOCOL: ("protocol", {n: name for name, n in PROTOCOLS.items()}),
    Comparison.FAMILY: ("family", {n: name for name, n in reversed(FAMILIES.items())}),
    Comparison.STATE: ("state", {n: name for name, n in TCP_STATES.items()}),
    Comparison.FILE_TYPE: ("type", {n: name for name, n in FILE_TYPES.items()}),
}
_CALLS = {
    Comparison.SUBSTRING: "contains",
    Comparison.SUBSTRING_IGNORE_CASE: "contains_ignoring_case",
    Comparison.MASK: "mask",
    Comparison.SOURCE_PORT_PRIVILEGED: "sport_privileged",
    Comparison.DESTINATION_PORT_PRIVILEGED: "dport_privileged",
    Comparison.CAPABILITIES_GAINED: "capabilities_gained",
}


class Phrases:
    """What one hook says, by the names of what it reads."""

    def __init__(
        self, hook: Hook, unsayable: list[tuple[Span, str]] | None = None
    ) -> None:
        self._hook = hook
        self._unsayable = [] if unsayable is None else unsayable
        self._names: list[str] = []
        taken: set[str] = set()
        for argument in hook.arguments:
            self._names.append(self._name(argument, f"arg{argument.index}", taken))
        self._data = [
            self._name(argument, f"data{i}", taken)
            for i, argument in enumerate(hook.data)
        ]
        self._returned = ""
        if hook.returned is not None:
            self._returned = self._name(hook.returned, "returned", taken)

    def _cannot(self, span: Span, what: str) -> None:
        self._unsayable.append((span, what))

    def _name(self, argument: Argument, other: str, taken: set[str]) -> str:
        name = argument.label
        is_word = _WORD.fullmatch(name) and not _OWN_NAMES.fullmatch(name)
        if name and (not is_word or name in taken):
            self._cannot(argument.span, f"the label '{name}'")
        if not is_word or name in taken:
            name, number = other, 1
            while name in taken:
                number += 1
                name = f"{other}_{number}"
        taken.add(name)
        return name

    # ------------------------------------------------------------ where

    def head(self) -> str:
        """Return ``on KIND TARGET(PARAMETERS) returns ...``."""
        hook = self._hook
        parameters = []
        position = 0
        for name, argument in zip(self._names, hook.arguments, strict=True):
            said = self._parameter(name, argument, is_data=False)
            if not argument.resolve:
                # An argument in its turn needs no number.
                if argument.index == position:
                    said = said.replace(f" at {position}", "")
                position = argument.index + 1
            parameters.append(said)
        parameters += [
            self._parameter(name, argument, is_data=True)
            for name, argument in zip(self._data, hook.data, strict=True)
        ]
        said = f"({', '.join(parameters)})" if parameters else "()"
        if isinstance(hook.place, Loader):
            said = ""
        returned = ""
        if hook.returned is not None:
            returned = f" returns {self._returned}: {hook.returned.type.value}"
            if hook.returned.resolve or hook.returned.cast:
                self._cannot(hook.returned.span, "'resolve' of what is returned")
        if hook.return_action is not None:
            self._cannot(hook.span, "returnArgAction")
            returned += f" and {hook.return_action.value}"
        if hook.is_optional:
            self._cannot(hook.span, "ignore.callNotFound")
            returned += " if it is there"
        return f"on {self._target()}{said}{returned}"

    def _target(self) -> str:  # noqa: C901  # one case each
        hook = self._hook
        kind = hook.attachment.value
        match hook.place:
            case KernelFunction(name, is_syscall):
                if is_syscall and hook.attachment is Attachment.FENTRY:
                    self._cannot(hook.span, "a system call as fentry")
                    return f"fentry syscall {name}"
                return f"{'syscall' if is_syscall else kind} {bare(name)}"
            case KernelFunctions(name):
                self._cannot(hook.span, "functions of a list")
                return f"{kind} list:{name}"
            case Tracepoint(subsystem, event, is_raw):
                word = "raw_tracepoint" if is_raw else "tracepoint"
                return f"{word} {bare(f'{subsystem}/{event}')}"
            case LsmHook(name):
                return f"lsm {bare(name)}"
            case UserFunction() as place:
                listed = (*place.symbols, *map(hex, place.offsets + place.addresses))
                others = place.reference_counters or place.digests or place.types
                if len(place.symbols) != 1 or others or place.is_skipped_on_digest:
                    self._cannot(
                        hook.span, "several places of a binary, or not symbols"
                    )
                names = ", ".join(map(bare, listed))
                digests = "".join(f" {digest}" for digest in place.digests)
                return f"uprobe {write_text(place.path)} {names}{digests}"
            case UserProbe(path, provider, name, types):
                if types:
                    self._cannot(hook.span, "btfPath")
                return f"usdt {write_text(path)} {bare(f'{provider}/{name}')}"
            case Loader():
                return "loader"

    def _parameter(self, name: str, argument: Argument, *, is_data: bool) -> str:
        said = f"{name}: {argument.type.value}"
        for is_there, what in (
            (argument.cast, f"btfType {argument.cast}"),
            (argument.is_copied_at_return, "returnCopy"),
            (argument.is_long, "maxData"),
        ):
            if is_there:
                self._cannot(argument.span, what)
                said += f" ({what})"
        way = ".".join(argument.resolve)
        if way and not re.fullmatch(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*", way, re.ASCII):
            self._cannot(argument.span, f"the way '{way}'")
        size = "" if argument.size_index is None else f" size {argument.size_index}"
        if is_data or argument.source is not Source.ARGUMENT:
            words = {Source.CURRENT_TASK: "task", Source.PT_REGS: "regs"}
            source = words.get(argument.source, f"arg{argument.index}")
            if argument.index or not is_data:
                self._cannot(argument.span, "a source with an index")
            return f"{said}{size} = {source}.{way}"
        if way:
            return f"{said}{size} = arg{argument.index}.{way}"
        return f"{said} at {argument.index}{size}"

    def sayings(self) -> list[str]:
        """Return message and tags."""
        found = []
        if self._hook.message:
            found.append(f"message {one_line(self._hook.message)}")
        if self._hook.tags:
            found.append(f"tags {' '.join(map(write_text, self._hook.tags))}")
        return found

    # ------------------------------------------------------------ when

    def conditions(self, selector: HookSelector) -> Iterator[str]:  # noqa: C901  # one section each
        """Yield the conditions of a selector."""
        for match in selector.arguments:
            yield self._value(match, self._names)
        for match in selector.data:
            yield self._value(match, self._data)
        for match in selector.returns:
            yield self._value(match, [self._returned])
        for binaries, name in (
            (selector.binaries, "process"),
            (selector.parent_binaries, "process.parent"),
        ):
            for binary in binaries:
                yield self._binary(binary, name)
        for pid in selector.pids:
            name = "namespace_pid" if pid.is_namespaced else "pid"
            way = "process.lineage." if pid.follows_forks else "process."
            yield among(f"{way}{name}", map(str, pid.pids), pid.is_negated)
        for one in selector.namespaces:
            values = [*(['"host"'] if one.is_host else []), *map(str, one.inodes)]
            name = f"process.ns.{one.namespace.name.lower()}"
            yield among(name, values, one.is_negated)
        for change in selector.namespace_changes:
            names = [write_text(n.name.lower()) for n in change.namespaces]
            yield among("process.changed_ns", names, change.is_negated)
        for some, word in (
            (selector.capabilities, "caps"),
            (selector.capability_changes, "changed_caps"),
        ):
            for caps in some:
                prefix = word
                if caps.is_namespaced:
                    prefix = f"namespace_{word}"
                    if word != "caps":
                        self._cannot(caps.span, "isNamespaceCapability of a change")
                names = [write_text(n) for n in capability_names(caps.capabilities)]
                name = f"process.{prefix}.{caps.set.value.lower()}"
                yield among(name, names, caps.is_negated)
        if not selector.workloads.is_everything:
            self._cannot(selector.span, "matchWorkloads")
            yield f"for {phrase_workloads(selector.workloads)}"

    def _value(self, match: ValueMatch, names: Sequence[str]) -> str:  # noqa: C901  # one case each
        subjects = [names[place] for place in match.arguments]
        name = ", ".join(subjects)
        kind = self._kind(match, names)
        comparison = match.comparison
        if match.lists:
            self._cannot(match.span, "values of a list")
            listed = [f"list:{one.name}" for one in match.lists]
            listed += [f"{r.first}:{r.last}" for r in match.ranges]
            return among(name, listed, match.is_negated)
        if comparison is Comparison.EXPRESSION:
            self._cannot(match.span, "CelExpr")
            return f"cel({name}: {'; '.join(match.texts)})"
        if comparison in _CALLS:
            texts = [self._text(t, match.span) for t in match.texts]
            numbers = [str(r.first) for r in match.ranges]
            call = f"{_CALLS[comparison]}({', '.join([*subjects, *texts, *numbers])})"
            return f"not {call}" if match.is_negated else call
        if comparison in (Comparison.GREATER, Comparison.LESS):
            if len(match.ranges) != 1:
                self._cannot(match.span, "several limits")
            sign = ">" if comparison is Comparison.GREATER else "<"
            return f"{name} {sign} {', '.join(str(r.first) for r in match.ranges)}"
        if comparison is Comparison.IN_RANGE:
            if len(match.ranges) != 1:
                self._cannot(match.span, "several ranges of one filter")
            some = ", ".join(f"{r.first}, {r.last}" for r in match.ranges)
            return f"{'not ' * match.is_negated}between({name}, {some})"
        if match.networks:
            word = "saddr" if comparison is Comparison.SOURCE_ADDRESS else "daddr"
            texts = [write_text(str(n)) for n in match.networks]
            return among(f"{word}({name})", texts, match.is_negated)
        if comparison in _READINGS:
            word, by_number = _READINGS[comparison]
            texts = [say_range(r.first, r.last, by_number) for r in match.ranges]
            return among(f"{word}({name})", texts, match.is_negated)
        if match.texts:
            glob = {Comparison.PREFIX: "{}*", Comparison.POSTFIX: "*{}"}
            form = glob.get(comparison, "{}")
            texts = [self._text(text, match.span, form) for text in match.texts]
            name = f"path({name})" if kind in _PATHS else name
            return among(name, texts, match.is_negated)
        if any(r.first != r.last for r in match.ranges):
            self._cannot(match.span, "ranges of InMap")
        numbers = [say_range(r.first, r.last, {}) for r in match.ranges]
        return among(name, numbers, match.is_negated)

    def _kind(self, match: ValueMatch, names: Sequence[str]) -> ArgumentType | None:
        some = self._hook.arguments if names is self._names else ()
        place = match.arguments[0] if match.arguments else 0
        return some[place].type if place < len(some) else None

    def _text(self, text: str, span: Span, form: str = "{}") -> str:
        if "*" in text or "\n" in text or not text:
            self._cannot(span, f"the text {write_text(text)}")
        return one_line(form.format(text))

    def _binary(self, binary: BinaryMatch, name: str) -> str:
        glob = {Comparison.PREFIX: "{}*", Comparison.POSTFIX: "*{}"}
        form = glob.get(binary.comparison, "{}")
        texts = [self._text(value, binary.span, form) for value in binary.values]
        way = ".lineage" if binary.follows_children else ""
        return among(f"{name}{way}.binary", texts, binary.is_negated)

    # ------------------------------------------------------------ what then

    def actions(self, selector: HookSelector) -> str:
        """Return the actions of a selector."""
        default = (Action(ActionKind.POST, selector.span),)
        found = [self._action(one) for one in selector.actions or default]
        if selector.return_actions:
            self._cannot(selector.span, "matchReturnActions")
            said = ", ".join(self._action(one) for one in selector.return_actions)
            found.append(f"at return {said}")
        if selector.label:
            found.append(f"label {one_line(selector.label)}")
        return ", ".join(found)

    def _action(self, action: Action) -> str:  # one case each
        match action.kind:
            case ActionKind.POST:
                return say_post(action)
            case ActionKind.NO_POST:
                return "silent"
            case ActionKind.SIGNAL:
                return (
                    "kill"
                    if action.signal == 9
                    else f"signal {say_signal(action.signal)}"
                )
            case ActionKind.OVERRIDE:
                return f"deny {say_error(action.error)}"
            case ActionKind.GET_URL:
                return f"get {one_line(action.text)}"
            case ActionKind.DNS_LOOKUP:
                return f"lookup {one_line(action.text)}"
            case ActionKind.TRACK_SOCK | ActionKind.UNTRACK_SOCK:
                word = "track" if action.kind is ActionKind.TRACK_SOCK else "untrack"
                return f"{word} {self._argument(action)}"
            case ActionKind.SET:
                return f"set {self._argument(action)} {action.value}"
            case ActionKind.NOTIFY_ENFORCER:
                some = f" {say_signal(action.signal)}" if action.signal else ""
                return f"notify {say_error(action.error)}{some}"
        self._cannot(action.span, f"the action {action.kind.value}")
        return f"{action.kind.value} {action.text}".strip()

    def _argument(self, action: Action) -> str:
        return "_" if action.argument is None else self._names[action.argument]


def phrase_selector(hook: Hook, selector: HookSelector) -> str:
    """Return when a selector of a hook matches, as a predicate; empty for always."""
    return " and ".join(Phrases(hook).conditions(selector))


def phrase_actions(hook: Hook, selector: HookSelector) -> str:
    """Return what a selector does."""
    return Phrases(hook).actions(selector)


def phrase_hook(hook: Hook) -> str:
    """Return where a hook stands, and what it reads."""
    return Phrases(hook).head()


def phrase_workloads(workloads: WorkloadMatch) -> str:
    """Return whom a policy or a selector concerns."""
    return ", ".join(say_subjects(workloads, [], None))
