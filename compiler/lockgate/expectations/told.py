"""What a statement comes to, in the forms that ``lockgate test`` prints: JSON, JUnit XML."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

from lockgate.excerpt import printable
from lockgate.renderers import render_diagnostic

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lockgate.diagnostics import Diagnostic
    from lockgate.source import Span

_SPACES = re.compile(r"\s+")
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True, slots=True)
class Told:
    """One result: ``status`` is passed, failed, empty or unknown.

    ``diagnostic`` says what is wrong, None where the statement holds; ``fields`` are what only
    its kind of statement has in JSON.
    """

    test: str
    span: Span
    status: str
    diagnostic: Diagnostic | None
    fields: Mapping[str, Any]

    def row(self) -> dict[str, Any]:
        """Return it as ``-o json`` prints it."""
        return {
            "test": self.test,
            "file": self.span.source.name,
            "line": self.span.line,
            "column": self.span.column,
            "statement": one_line(self.span),
            "status": self.status,
            "message": self.diagnostic.message if self.diagnostic else "",
            **self.fields,
        }


def one_line(span: Span) -> str:
    """Return what a span holds as one line."""
    text = span.source.text[span.start : span.end]
    return printable(_SPACES.sub(" ", text).strip())


def print_junit(results: Sequence[Told]) -> str:
    """Return JUnit XML: a suite for each test block, a case for each statement."""
    suites: dict[tuple[str, str], list[Told]] = {}
    for told in results:
        suites.setdefault((told.span.source.name, told.test), []).append(told)
    root = ElementTree.Element("testsuites", _counts(results))
    for (file, name), some in suites.items():
        attributes = {"name": _legal(name), "file": _legal(file), **_counts(some)}
        suite = ElementTree.SubElement(root, "testsuite", attributes)
        for told in some:
            _case(suite, told)
    ElementTree.indent(root)
    text = ElementTree.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'


def _case(suite: ElementTree.Element, told: Told) -> None:
    span = told.span
    case = ElementTree.SubElement(
        suite,
        "testcase",
        {
            "classname": _legal(told.test),
            "name": _legal(_name(told)),
            "file": _legal(span.source.name),
            "line": str(span.line),
        },
    )
    diagnostic = told.diagnostic
    if diagnostic is not None:
        tag = "error" if told.status == "unknown" else "failure"
        attributes = {"type": diagnostic.code, "message": _legal(diagnostic.message)}
        element = ElementTree.SubElement(case, tag, attributes)
        element.text = _legal(render_diagnostic(diagnostic))


def _name(told: Told) -> str:
    kernel = told.fields.get("kernel")
    return one_line(told.span) + (f" (Linux {kernel})" if kernel else "")


def _counts(results: Sequence[Told]) -> dict[str, str]:
    failures = sum(told.status in ("failed", "empty") for told in results)
    errors = sum(told.status == "unknown" for told in results)
    return {
        "tests": str(len(results)),
        "failures": str(failures),
        "errors": str(errors),
    }


def _legal(text: str) -> str:
    return _NOT_XML.sub("\ufffd", text)
