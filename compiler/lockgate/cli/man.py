"""``lockgate man``: the manual page, made of what ``--help`` says."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

EXAMPLES = """
  lockgate man | man -l -
  lockgate man > /usr/local/share/man/man1/lockgate.1
"""

_EXIT_CODES = (
    ("0", "done; judged, and all is well or the same"),
    (
        "1",
        "judged, and found something: an error, a difference, a failed expectation",
    ),
    (
        "2",
        "could not judge: wrong usage, input that is no text or cannot be read, environment; "
        "for verbs that judge something else than documents, mistakes in documents, too (a "
        "syntax error is 1 for lint and compile, 2 for diff, test, prove, replay, fmt ...)",
    ),
)


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments: none."""
    parser.description = (
        "Print the manual page (roff, for man -l) with every verb and option."
    )


def run(arguments: argparse.Namespace) -> int:
    """Print the page."""
    from lockgate.cli.main import build_parser

    del arguments
    print("\n".join(manual_page(build_parser())))
    return 0


def manual_page(parser: argparse.ArgumentParser) -> Iterator[str]:
    """Yield the lines of the page; the same for the same version."""
    import lockgate
    from lockgate.cli.completion import verbs_of
    from lockgate.cli.main import VERBS

    yield f'.TH LOCKGATE 1 "" "lockgate {lockgate.__version__}" "User Commands"'
    yield ".SH NAME"
    yield r"lockgate \- network policy in, enforced packets out"
    yield ".SH SYNOPSIS"
    yield r"\fBlockgate\fR \fIVERB\fR [\fIARGUMENT\fR ...]"
    yield ".SH DESCRIPTION"
    yield _text(parser.description or "")
    yield ".SH VERBS"
    for name, verb in verbs_of(parser).items():
        yield f".SS lockgate {_text(name)}"
        yield _text(verb.description or VERBS[name].summary)
        for action in verb._actions:
            if action.dest != "help":
                yield from _argument(action, verb.prog)
        yield ".PP"
        yield "Examples:"
        yield from _literal(textwrap.dedent((verb.epilog or "").partition("\n")[2]))
    yield ".SH EXIT STATUS"
    for code, meaning in _EXIT_CODES:
        yield ".TP"
        yield f"\\fB{code}\\fR"
        yield meaning


def _argument(action: argparse.Action, prog: str) -> Iterator[str]:
    yield ".TP"
    value = "" if action.nargs == 0 else f"\\fI{_text(_value(action))}\\fR"
    names = ", ".join(f"\\fB{_text(name)}\\fR" for name in action.option_strings)
    yield f"{names} {value}".strip()
    named = {"prog": prog, **vars(action)}
    yield _text((action.help or "") % named) or r"\&"


def _value(action: argparse.Action) -> str:
    if action.metavar is None and action.choices is not None:
        name = "{" + ",".join(map(str, action.choices)) + "}"
    elif isinstance(action.metavar, tuple):
        return " ".join(action.metavar)
    else:
        name = action.metavar or action.dest.upper()
    many = {"+": f"{name} ...", "*": f"[{name} ...]", "?": f"[{name}]"}
    return many.get(str(action.nargs), name)


def _literal(text: str) -> Iterator[str]:
    yield ".PP"
    yield ".nf"
    yield from (_text(line) for line in text.strip("\n").split("\n"))
    yield ".fi"


def _text(text: str) -> str:
    r"""Escape what roff would take for itself: backslashes, hyphens, leading dots and quotes."""
    escaped = text.replace("\\", r"\e").replace("-", r"\-").replace("~", r"\(ti")
    escaped = escaped.replace("^", r"\(ha").replace("`", r"\(ga").replace("'", r"\(aq")
    return r"\&" + escaped if escaped.startswith((".", " ")) else escaped
