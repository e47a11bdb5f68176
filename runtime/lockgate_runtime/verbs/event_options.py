"""The options of ``events`` as what does them: filters, masks and the form of lines."""

from __future__ import annotations

import argparse
import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lockgate_runtime.errors import NodeError
from lockgate_runtime.verbs import count

if TYPE_CHECKING:
    from collections.abc import Callable

    from lockgate_runtime.tracing.compact import Style
    from lockgate_runtime.tracing.pipeline import Pipeline

_CURE = "see `lockgate events --help`"


def read_pipeline(
    arguments: argparse.Namespace, kinds: frozenset[str]
) -> tuple[Pipeline, frozenset[str]]:
    """Return the stages, and the kinds of events that need ancestors for them; E5102."""
    from lockgate_runtime.tracing.export_filters import FilterError
    from lockgate_runtime.tracing.field_filters import read_field_filter
    from lockgate_runtime.tracing.pipeline import Pipeline
    from lockgate_runtime.tracing.redaction import read_redaction
    from lockgate_runtime.tracing.render import ANCESTRY

    try:
        conditions = _read_conditions(arguments)
        fields = tuple(map(read_field_filter, _lines(arguments.fields)))
        redactions = tuple(map(read_redaction, _lines(arguments.redact)))
    except FilterError as error:
        raise NodeError("E5102", f"a filter: {error}", _CURE) from None
    except (ValueError, TypeError) as error:
        raise NodeError("E5102", f"a filter is no JSON: {error}", _CURE) from None
    except OSError as error:
        raise NodeError(
            "E5102", f"--predicate: {error.strerror}: {error.filename}", _CURE
        ) from None
    asked = " ".join([*arguments.allow, *arguments.deny, arguments.predicate or ""])
    needed = frozenset(ANCESTRY) if _needs_ancestors(asked) else frozenset()
    pipeline = Pipeline(
        redactions,
        conditions,
        fields,
        needed - kinds,
        arguments.strict,
        arguments.output == "compact",
        _style(arguments),
    )
    return pipeline, needed


def _read_conditions(
    arguments: argparse.Namespace,
) -> tuple[Callable[[dict[str, Any]], bool], ...]:
    from lockgate_runtime.tracing.event_predicates import read_predicate
    from lockgate_runtime.tracing.export_filters import read_filters

    conditions: list[Callable[[dict[str, Any]], bool]] = []
    if arguments.allow:
        conditions.append(read_filters(arguments.allow))
    if arguments.deny:
        denied = read_filters(arguments.deny)
        conditions.append(lambda event: not denied(event))
    if arguments.predicate:
        text = arguments.predicate
        if not text.lstrip().startswith("{"):
            text = Path(text).read_text()
        conditions.append(read_predicate(json.loads(text)))
    return tuple(conditions)


def _needs_ancestors(asked: str) -> bool:
    from lockgate_runtime.tracing.export_filters import NEED_ANCESTORS

    return any(name in asked for name in (*NEED_ANCESTORS, "ancestor", "pidSet"))


def _style(arguments: argparse.Namespace) -> Style:
    from lockgate_runtime.terminal import has_colour, has_utf8
    from lockgate_runtime.tracing.compact import Style

    return Style(
        pictures=arguments.out is not None or has_utf8(),
        colour=not arguments.out and has_colour(sys.stdout),
        times=arguments.timestamps,
        stacks=arguments.stack_traces,
        hashes=arguments.ima_hash,
    )


def read_kinds(text: str) -> frozenset[str]:
    """Read which events show ancestors; E5102 where there are no such events."""
    from lockgate_runtime.tracing.render import ANCESTRY

    words = [word.strip() for word in text.split(",") if word.strip()]
    kinds = {kind for word in words for kind in _GROUPS.get(word, (word,))}
    if "all" in kinds:
        return frozenset(ANCESTRY)
    if unknown := kinds - set(ANCESTRY):
        raise NodeError(
            "E5102",
            f"--ancestors: no such events: {', '.join(sorted(unknown))}",
            f"one or several of {', '.join(ANCESTRY)}, base (exec and exit), or all",
        )
    return frozenset(kinds)


_GROUPS = {"base": ("exec", "exit")}


def text_or_file(text: str) -> str:
    """Return an option's text, that of a file for ``@FILE``."""
    if not text.startswith("@"):
        return text
    try:
        return Path(text[1:]).read_text()
    except (OSError, ValueError) as error:
        raise argparse.ArgumentTypeError(f"{text[1:]}: {error}") from None


def host(text: str) -> str:
    """Read a host, an address, or *.DOMAIN: what is none would allow nothing, silently."""
    if re.fullmatch(r"(\*\.)?[\w-]+(\.[\w-]+)*\.?|[0-9a-fA-F:]+", text):
        return text
    raise argparse.ArgumentTypeError(
        f"{text!r} is no host: write ebpf.io, *.example.org or an address, without http:// and port"
    )


def rate(text: str) -> tuple[int, int]:
    """Read ``1000,1s``: how many, and in how many nanoseconds."""
    many, _, interval = text.partition(",")
    number = interval.rstrip("ms")
    units = {"": 10**9, "s": 10**9, "ms": 10**6, "m": 60 * 10**9}
    unit = units.get(interval[len(number) :], 0)
    if not unit or int(number) < 1:
        raise argparse.ArgumentTypeError("an interval is like 1s, 500ms or 1m")
    return count(many), int(number) * unit


def seconds(text: str) -> float:
    """Read a time longer than none; argparse tells of another."""
    number = float(text)
    if not 0 < number < 1e6:
        raise argparse.ArgumentTypeError("must be more than 0 seconds")
    return number


def node_name(arguments: argparse.Namespace) -> str:
    """Return what events say of where they are."""
    import socket

    name: str = arguments.node_name or socket.gethostname()
    return name


def _lines(texts: list[str]) -> list[str]:
    """Return the objects of an option, of which a file has one in each line."""
    found = []
    for text in texts:
        try:
            json.loads(text)
        except ValueError:
            found += [line for line in text.splitlines() if line.strip()]
        else:
            found.append(text)
    return found
