"""Regular expressions of L7 rules: RE2's syntax, checked with Python's parser.

The two differ: RE2 has no look-around, no back-references and no atomic groups, which are
refused here; and it has classes and escapes that Python lacks, which are replaced by
something of the same shape before Python is asked.  See github.com/google/re2/wiki/Syntax.
"""

from __future__ import annotations

import re
import warnings
from functools import lru_cache

REPEAT_LIMIT = 1000
"""RE2's largest number in braces."""

_ESCAPE = re.compile(
    r"\\Q(?P<literal>.*?)(?:\\E|$)"
    r"|\\[pP](?:\{\^?\w+\}|\w)"
    r"|\\x\{[0-9a-fA-F]+\}"
    r"|\\(?P<back>[1-9])"
    r"|\\(?P<known>[0abdfnrstvwxzABDSW])"
    r"|\\(?P<unknown>[A-Za-z])"
    r"|\\.",
    re.DOTALL,
)
_NAMED_CLASS = re.compile(r"\[:\^?[a-z]+:\]")
_CLASS = re.compile(r"\[\^?\]?[^]]*\]")
_FOREIGN = re.compile(r"\(\?(?:=|!|<=|<!|>|#|\(|P=|P>)|[*+?}]\+")
_FLAGS = re.compile(r"\(\?(?P<flags>[A-Za-z-]*)(?P<end>[:)])")
_GROUP_NAME = re.compile(r"\(\?P?<[A-Za-z_]\w*>")
_REPEAT = re.compile(r"\{(\d+)(?:,(\d*))?\}")


@lru_cache(maxsize=16384)
def regex_fault(pattern: str) -> str | None:
    """Say what is wrong with a pattern; None where RE2 takes it."""
    for escape in _ESCAPE.finditer(pattern):
        if escape["back"]:
            return "RE2 has no back-references"
        if escape["unknown"]:
            return f"RE2 does not know \\{escape['unknown']}"
    plain = _NAMED_CLASS.sub("x", _ESCAPE.sub(_replace_escape, pattern))
    outside = _CLASS.sub("x", plain)
    if _FOREIGN.search(outside):
        return "RE2 has no look-around and no atomic or possessive groups"
    for flags, _ in _FLAGS.findall(outside):
        if not set(flags) <= set("imsU-"):
            return f"RE2 does not know the flags '{flags}'"
    for numbers in _REPEAT.findall(outside):
        if any(number and int(number[:9]) > REPEAT_LIMIT for number in numbers):
            return f"RE2 repeats at most {REPEAT_LIMIT} times"
    plain = _GROUP_NAME.sub("(", _FLAGS.sub(_replace_flags, plain))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            re.compile(plain)
    except (re.error, OverflowError, RecursionError) as error:
        return str(error)
    return None


def _replace_escape(match: re.Match[str]) -> str:
    """Return what has the same shape for Python: a letter stands for any character."""
    if match["literal"] is not None:
        return re.sub(r"\W", "x", match["literal"])
    if match["known"] is None:
        return "x" if len(match[0]) > 1 else match[0]
    return "$" if match["known"] == "z" else match[0]


def _replace_flags(match: re.Match[str]) -> str:
    return "(?:" if match["end"] == ":" else ""
