"""A schema and the reader of the same document agree about documents that are almost right."""

from __future__ import annotations

import copy
import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import fastjsonschema
import pytest

from lockgate.diagnostics import Diagnostics
from lockgate.faults import Fault
from lockgate.frontend.documents import documents_from_text, parse_documents
from lockgate.lint.config import read_config
from lockgate.options import Options
from lockgate.review.golden import CONFIG, read_setting
from lockgate.schemas import SCHEMAS
from lockgate.source import Source, Span

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ENDPOINT: dict[str, Any] = {
    "apiVersion": "lockgate.dev/v1",
    "kind": "Endpoint",
    "metadata": {
        "name": "web",
        "namespace": "shop",
        "labels": {"app": "web"},
        "annotations": {"note": "x"},
    },
    "spec": {
        "addresses": ["10.0.0.7", "fd00::7"],
        "interface": "veth7",
        "node": "host-1",
        "serviceAccount": "default",
        "ports": [{"name": "http", "port": 8080, "protocol": "TCP"}],
    },
}
CGROUP = copy.deepcopy(ENDPOINT)
CGROUP["spec"]["cgroup"] = CGROUP["spec"].pop("interface")
LINT: dict[str, Any] = {
    "findings": [
        {
            "finding": "shadowed-rule",
            "severity": "off",
            "paths": ["legacy/*"],
            "reason": "goes away",
            "until": "2027-01-31",
        }
    ],
    "budgets": {"map-entries": 100000, "identity-classes": 500},
    "protected": [
        {"name": "ssh", "from": "203.0.113.0/24", "to": "nodes", "port": "tcp/22"}
    ],
    "exposed": ["shop/ingress*"],
}
GOLDEN: dict[str, Any] = {
    "inputs": ["../policies", "../cluster.yaml"],
    "semantics": "cilium",
    "enforcement-mode": "always",
    "audit": ["NetworkPolicy/shop/db"],
    "cluster-name": "blue",
}


def read_documents(text: str) -> Diagnostics:
    """Read as `lockgate compile` does."""
    diagnostics = Diagnostics()
    parse_documents(documents_from_text({"d.yaml": text}), Options(), diagnostics)
    return diagnostics


def read_lint(text: str) -> Diagnostics:
    """Read as `lockgate lint` does."""
    diagnostics = Diagnostics()
    read_config(Source("d.yaml", text), diagnostics)
    return diagnostics


def read_golden(text: str) -> Diagnostics:
    """Read as `lockgate golden` does; a folder without inputs is a fault there."""
    diagnostics = Diagnostics()
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / CONFIG).write_text(text)
        try:
            read_setting(Path(folder), diagnostics)
        except Fault as fault:
            source = Source("d.yaml", text)
            diagnostics.error(fault.code, fault.message, Span(source, 0, 0))
    return diagnostics


class Subject(NamedTuple):
    """A schema, a whole document, who reads it, and what only the reader can tell.

    ``beyond`` are codes of mistakes that JSON Schema cannot express: the form of an address,
    the letters of a label, whether a day is in the calendar.
    """

    schema: str
    example: dict[str, Any]
    read: Callable[[str], Diagnostics]
    beyond: frozenset[str]


SUBJECTS = {
    "Endpoint": Subject(
        "Endpoint", ENDPOINT, read_documents, frozenset({"E1018", "E1021"})
    ),
    "Endpoint with a cgroup": Subject(
        "Endpoint", CGROUP, read_documents, frozenset({"E1018", "E1021", "E1023"})
    ),
    "golden": Subject("golden", GOLDEN, read_golden, frozenset()),
    "lint": Subject("lint", LINT, read_lint, frozenset({"E6031", "E6034"})),
}
VALUES: tuple[Any, ...] = (
    *(None, True, -1, 0, 1, 7, 70000, 1.5, "", "text", "Text!", "7", "tcp/22"),
    *([], {}, ["x"], [None], [7], {"x": "y"}, {"x": 1}, {"x": None}),
)


def mutations(value: Any) -> Iterator[Any]:  # noqa: ANN401  # JSON
    """Yield copies with one thing wrong, or perhaps right, at every place."""
    yield from copy.deepcopy(VALUES)
    if isinstance(value, dict):
        yield value | {"unknownField": "x"}
        for key, inner in value.items():
            yield {k: v for k, v in value.items() if k != key}
            for changed in mutations(inner):
                yield value | {key: changed}
    if isinstance(value, list):
        for place, inner in enumerate(value):
            for changed in mutations(inner):
                yield [*value[:place], changed, *value[place + 1 :]]


@pytest.mark.parametrize("name", SUBJECTS)
def test_schema_and_reader_agree(name: str) -> None:
    """What the reader refuses the schema refuses, and nothing else."""
    subject = SUBJECTS[name]
    validate = fastjsonschema.compile(SCHEMAS[subject.schema]())
    validate(subject.example)
    refused = accepted = 0
    for document in mutations(subject.example):
        if not isinstance(document, dict) or _is_another_kind(subject, document):
            continue
        found = subject.read(json.dumps(document)).found
        codes = {each.code for each in found if each.code.startswith("E")}
        if _is_valid(validate, document):
            assert codes <= subject.beyond, f"only the reader refuses:\n{document}"
            accepted += 1
        else:
            assert codes, f"only the schema refuses:\n{document}"
            refused += 1
    assert refused > 100
    assert accepted > 20


def _is_valid(validate: Callable[[Any], object], document: dict[str, Any]) -> bool:
    try:
        validate(document)
    except fastjsonschema.JsonSchemaException:
        return False
    return True


def _is_another_kind(subject: Subject, document: dict[str, Any]) -> bool:
    """Whether a document says that it is something else: not for this schema to judge."""
    if subject.read is not read_documents:
        return not document
    return any(document.get(key) != ENDPOINT[key] for key in ("apiVersion", "kind"))


@pytest.mark.parametrize("name", SUBJECTS)
def test_every_field_is_explained(name: str) -> None:
    """An editor shows a sentence for each field that is ours."""
    subject = SUBJECTS[name]
    schema = SCHEMAS[subject.schema]()
    for field in _fields(subject.example):
        part = schema
        for step in field:
            part = part["items"] if step == "[]" else part["properties"][step]
        assert part.get("description") or part.get("const"), field


def _fields(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:  # noqa: ANN401
    if isinstance(value, dict) and path[-1:] not in [("labels",), ("annotations",)]:
        for key, inner in value.items():
            yield (*path, key)
            yield from _fields(inner, (*path, key))
    if isinstance(value, list) and value:
        yield (*path, "[]")
        yield from _fields(value[0], (*path, "[]"))
