"""What stands for itself in the language: quoted texts and names, to and fro."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from lockgate.language.ast import Form, Text

if TYPE_CHECKING:
    from lockgate.source import Span

_ESCAPE = re.compile(r'\\(["\\])')
_SPECIAL = re.compile(r"([\\.+*?()|\[\]{}^$])")
_ESCAPED = re.compile(r"\\([\\.+*?()|\[\]{}^$])")
_BARE = re.compile(r"[A-Za-z0-9](?:[-\w.]*[A-Za-z0-9])?", re.ASCII)


def read_text(token: str, span: Span) -> Text:
    r"""Return what a quoted text says.

    In ``"..."`` the escapes are ``\"`` and ``\\``; in ``~"..."`` only ``\"``, since the
    backslashes of a regular expression are its own.
    """
    if token.startswith("~"):
        return Text(token[2:-1].replace('\\"', '"'), Form.REGEX, span)
    value = _ESCAPE.sub(r"\1", token[1:-1])
    return Text(value, Form.GLOB if "*" in value else Form.PLAIN, span)


def unquote(token: str) -> str:
    """Return a name, which may stand in quotes."""
    return _ESCAPE.sub(r"\1", token[1:-1]) if token.startswith('"') else str(token)


def write_text(value: str) -> str:
    """Return a text in quotes."""
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def write_regex(pattern: str) -> str:
    """Return a regular expression as the language writes it."""
    return '~"' + pattern.replace('"', '\\"') + '"'


def write_name(name: str) -> str:
    """Return a name or label value, in quotes only where it needs them."""
    return name if _BARE.fullmatch(name) else write_text(name)


def escape_regex(text: str) -> str:
    """Return the regular expression (RE2) of a plain text, as a person would write it."""
    return _SPECIAL.sub(r"\\\1", text)


def plain_of_regex(pattern: str) -> str | None:
    """Return the plain text that a regular expression stands for; None where it is more."""
    plain = _ESCAPED.sub(r"\1", pattern)
    return plain if escape_regex(plain) == pattern and "*" not in plain else None


def glob_to_regex(glob: str, star: str) -> str:
    """Return the regular expression (RE2) of a glob: ``*`` is ``star``, ``**`` anything."""
    parts = re.split(r"(\*+)", glob)
    return "".join(
        escape_regex(part) if i % 2 == 0 else star if part == "*" else ".*"
        for i, part in enumerate(parts)
    )


_DNS_LABEL = re.compile(r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?")
_DNS_SUBDOMAIN = re.compile(r"[a-z0-9](?:[-.a-z0-9]{0,251}[a-z0-9])?")


def is_namespace(name: str) -> bool:
    """Whether a namespace may have this name (RFC 1123 label)."""
    return _DNS_LABEL.fullmatch(name) is not None


def is_object_name(name: str) -> bool:
    """Whether an object may have this name (RFC 1123 subdomain)."""
    return _DNS_SUBDOMAIN.fullmatch(name) is not None and ".." not in name
