"""Words of ``trace`` blocks that stand for one value: errors, signals, numbers, labels."""

from __future__ import annotations

import errno
import re
import signal
from typing import TYPE_CHECKING

from lockgate.frontend.tracing.names import CAPABILITIES
from lockgate.ir.labels import NAMESPACE, Operator
from lockgate.ir.tracing_actions import RateLimitScope
from lockgate.language.texts import write_name, write_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from lockgate.ir.labels import Requirement
    from lockgate.ir.tracing_actions import Action
    from lockgate.ir.tracing_selectors import WorkloadMatch
    from lockgate.source import Span

_FUNCTION = re.compile(r"[A-Za-z_][-\w./]*", re.ASCII)
_KEY = re.compile(r"(?!ns$|ns\.)[A-Za-z0-9](?:[-\w./]*[A-Za-z0-9])?", re.ASCII)
_SCOPES = {
    RateLimitScope.THREAD: "",
    RateLimitScope.PROCESS: " per process",
    RateLimitScope.GLOBAL: " per everyone",
}


def capability_names(mask: int) -> list[str]:
    """Return the names of the capabilities of a mask."""
    return [name for name, number in CAPABILITIES.items() if mask >> number & 1]


def say_post(action: Action) -> str:
    """Return how an event is asked for."""
    said = "event"
    if action.rate_limit:
        said += f" every {action.rate_limit}s{_SCOPES[action.rate_limit_scope]}"
    extras = [
        word
        for word, is_there in (
            ("kernel_stack", action.has_kernel_stack),
            ("user_stack", action.has_user_stack),
            ("hash", action.has_hash),
        )
        if is_there
    ]
    return said + (f" with {' '.join(extras)}" if extras else "")


def say_error(number: int) -> str:
    """Return an errno by its name."""
    return errno.errorcode.get(-number, str(-number))


def say_signal(number: int) -> str:
    """Return a signal by its name."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return str(number)


def bare(name: str) -> str:
    """Return the name of a function or place, in quotes where it needs them."""
    return name if _FUNCTION.fullmatch(name) else write_text(name)


def one_line(text: str) -> str:
    """Return a text in quotes, on one line."""
    return write_text(text.replace("\n", " "))


def say_range(first: int, last: int, names: Mapping[int, str]) -> str:
    """Return numbers, by their name where they have one."""
    if first != last:
        return write_text(f"{first}:{last}")
    return write_text(names[first]) if first in names else str(first)


def among(name: str, values: Iterable[str], is_negated: bool) -> str:
    """Return that something is, or is not, one of some values."""
    listed = list(values)
    if len(listed) == 1:
        return f"{name} {'!=' if is_negated else '=='} {listed[0]}"
    return f"{name} {'not in' if is_negated else 'in'} {{{', '.join(listed)}}}"


def say_subjects(
    workloads: WorkloadMatch,
    unsayable: list[tuple[Span, str]],
    span: Span | None,
) -> Iterator[str]:
    """Yield whom workloads name; what the language has no words for goes to ``unsayable``."""
    if workloads.is_everything:
        yield "everything"
        return
    if workloads.host:
        yield "host"
    if workloads.pods is None:
        return
    terms = [say_term(r, unsayable, span) for r in workloads.pods.requirements]
    said = " & ".join(terms) or "pods"
    if workloads.containers is not None and workloads.containers.requirements:
        some = [say_term(r, unsayable, span) for r in workloads.containers.requirements]
        said += f" containers {' & '.join(some)}"
    yield said


def say_term(
    r: Requirement, unsayable: list[tuple[Span, str]], span: Span | None
) -> str:
    """Return one requirement of a selector of labels."""
    if span is not None and r.source not in ("k8s", "any"):
        unsayable.append((span, f"a label of source {r.source}"))
    key = "ns" if r.key == NAMESPACE else r.key
    key = key if key == "ns" or _KEY.fullmatch(key) else write_text(key)
    values = ", ".join(map(write_name, r.values))
    match r.operator:
        case Operator.EXISTS:
            return f"has {key}"
        case Operator.DOES_NOT_EXIST:
            return f"not {key}"
        case Operator.IN:
            return f"{key}={values}" if len(r.values) == 1 else f"{key} in {{{values}}}"
        case Operator.NOT_IN:
            single = len(r.values) == 1
            return f"{key}!={values}" if single else f"{key} not in {{{values}}}"
