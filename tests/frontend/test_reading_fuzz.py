"""Fuzz: no text makes reading raise, and what it says has a place in that text."""

from __future__ import annotations

import copy
import json
from typing import Any

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from lockgate.renderers import render_json, render_sarif, render_text
from tests.frontend.reading import Read, read_files

Json = Any

SEEDS: list[dict[str, Json]] = [
    {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "web", "namespace": "shop", "labels": {"app": "web"}},
        "spec": {
            "nodeName": "n1",
            "containers": [
                {"name": "c", "ports": [{"name": "http", "containerPort": 80}]}
            ],
        },
        "status": {"phase": "Running", "podIPs": [{"ip": "10.0.0.1"}]},
    },
    {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": "n1"},
        "status": {"addresses": [{"type": "InternalIP", "address": "192.168.0.1"}]},
    },
    {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "web", "namespace": "shop"},
        "spec": {
            "clusterIPs": ["10.96.0.1"],
            "selector": {"app": "web"},
            "ports": [{"port": 80, "targetPort": "http"}],
        },
    },
    {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "name": "web-1",
            "labels": {"kubernetes.io/service-name": "web"},
        },
        "addressType": "IPv4",
        "ports": [{"port": 8080}],
        "endpoints": [{"addresses": ["10.0.0.1"], "conditions": {"ready": True}}],
    },
    {
        "apiVersion": "lockgate.dev/v1",
        "kind": "Endpoint",
        "metadata": {"name": "host", "labels": {"app": "x"}},
        "spec": {
            "addresses": ["10.0.0.9"],
            "interface": "veth0",
            "ports": [{"name": "http", "port": 1}],
        },
    },
    {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "web"},
        "spec": {
            "podSelector": {
                "matchExpressions": [{"key": "a", "operator": "In", "values": ["b"]}]
            },
            "ingress": [{"from": [{"podSelector": {}}], "ports": [{"port": 80}]}],
        },
    },
]

ODD: st.SearchStrategy[Json] = st.sampled_from(
    [None, True, 0, -1, 10**30, 1.5, "", "x", "on", "\x1b[31m", "10.0.0.0/33", [], {}]
) | st.text(max_size=5)


def _places(value: Json, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path]
    if isinstance(value, dict):
        for key in value:
            found += _places(value[key], (*path, key))
    elif isinstance(value, list):
        for i, item in enumerate(value):
            found += _places(item, (*path, i))
    return found


@st.composite
def damaged(draw: st.DrawFn) -> dict[str, Json]:
    """Give a valid object with a few places changed, taken away, doubled or renamed."""
    value = copy.deepcopy(draw(st.sampled_from(SEEDS)))
    for _ in range(draw(st.integers(1, 4))):
        places = [path for path in _places(value) if path]
        if not places:
            break
        *way, last = draw(st.sampled_from(places))
        holder: Json = value
        for key in way:
            holder = holder[key]
        match draw(st.sampled_from(["change", "delete", "wrap", "rename"])):
            case "change":
                holder[last] = draw(ODD)
            case "delete":
                del holder[last]
            case "wrap":
                holder[last] = [holder[last]]
            case _ if isinstance(holder, dict):
                holder[f"{last}s"] = holder.pop(last)
            case _:
                holder.append(holder[last])
    return value


def _check(found: Read, texts: dict[str, str]) -> None:
    """Every diagnostic can be rendered, and its span lies within its document."""
    for diagnostic in found.diagnostics.found:
        spans = [diagnostic.span, *(span for span, _ in diagnostic.related)]
        for span in spans:
            if span is not None:
                text = span.source.text
                assert 0 <= span.start <= len(text)
                assert span.start <= span.end
                lines = texts[span.source.name].count("\n") + 1
                assert 1 <= span.line <= lines
                assert span.column >= 1
    text = render_text(found.diagnostics)
    assert all(line.isprintable() for line in text.split("\n"))
    json.loads(render_json(found.diagnostics))
    json.loads(render_sarif(found.diagnostics))


@given(st.lists(damaged(), min_size=1, max_size=3), st.sampled_from([None, 2, 4]))
@settings(deadline=None, max_examples=100)
def test_damaged_objects(values: list[dict[str, Json]], indent: int | None) -> None:
    """As YAML documents, as JSON in a row, as a List: diagnostics, never an exception.

    And the three forms say the same.
    """
    whole = {"apiVersion": "v1", "items": values, "kind": "List"}
    forms = {
        "x.yaml": yaml.safe_dump_all(values, allow_unicode=True),
        "row.json": "\n".join(json.dumps(value, indent=indent) for value in values),
        "list.json": json.dumps(whole, indent=indent),
    }
    said = []
    for name, text in forms.items():
        found = read_files({name: text})
        _check(found, {name: text})
        said.append(sorted(found.codes))
    assert said[1] == said[2]


YAML_PIECES = st.sampled_from(
    [
        *("a", "b: ", "- ", "\n", "  ", "{", "}", "[", "]", ", ", "'", '"', "|\n"),
        *(
            "&x ",
            "*x",
            "<<: ",
            "!!str ",
            "!x ",
            "---\n",
            "...\n",
            "# c\n",
            "\t",
            "\r\n",
        ),
        *("apiVersion: v1\n", "kind: Pod\n", "items:\n", "on", "0o17", "~", "é"),
        *(
            "kind: List\n",
            "%YAML 1.1\n",
            "? ",
            ": ",
            "\ufeff",
            "\u2028",
            "@",
            "`",
            ">-\n",
        ),
    ]
)


@given(st.lists(YAML_PIECES, max_size=30).map("".join) | st.text(max_size=60))
@settings(deadline=None, max_examples=150)
def test_any_text(text: str) -> None:
    """Text that is nearly YAML, nearly JSON, or nothing of the kind."""
    for name in ("x.yaml", "x.json"):
        _check(read_files({name: text}), {name: text})


JSON_PIECES = st.sampled_from(
    [
        *("{", "}", "[", "]", ",", ":", '"', '"a"', '"items"', "1", "-", "e", "\\"),
        *("true", "null", " ", "\n", '"\\ud800"', "NaN", "\x00", '"kind"', '"List"'),
        *("\n        ", "\n        },\n"),
        '{\n    "apiVersion": "v1",\n    "items": [\n        {\n',
    ]
)


@given(st.lists(JSON_PIECES, max_size=30).map("".join))
@settings(deadline=None, max_examples=100)
def test_any_json(text: str) -> None:
    """Text that is nearly JSON."""
    text = "{" + text
    _check(read_files({"x.json": text}), {"x.json": text})
