"""Policies with random damage: every one is read or refused, and none crashes the reading."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hypothesis import given, settings
from hypothesis import strategies as st

from lockgate.diagnostics import Diagnostics
from lockgate.frontend.nodes import plain_value
from lockgate.frontend.unenforced import report_unenforced
from lockgate.frontend.yaml_reader import read_yaml
from lockgate.ir.policy import Policy
from lockgate.ir.printer import print_policies
from lockgate.options import Options, Semantics
from lockgate.source import Source
from tests.frontend.policy_texts import parse_nodes

if TYPE_CHECKING:
    from collections.abc import Iterator

GOLDEN = Path(__file__).parent.parent.parent / "golden/kinds"


def _seeds() -> Iterator[dict[str, Any]]:
    for path in sorted(GOLDEN.glob("*/policy.yaml")):
        for node in read_yaml(Source(path.name, path.read_text()), Diagnostics()):
            yield plain_value(node)  # type: ignore[misc]  # a mapping


SEEDS = list(_seeds())


def _parts(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:  # noqa: ANN401  # JSON
    if path:
        yield path
    if isinstance(value, dict):
        for key, part in value.items():
            yield from _parts(part, (*path, key))
    elif isinstance(value, list):
        for i, part in enumerate(value):
            yield from _parts(part, (*path, i))


def _words(value: Any) -> Iterator[Any]:  # noqa: ANN401  # JSON
    if isinstance(value, dict):
        for key, part in value.items():
            yield key
            yield from _words(part)
    elif isinstance(value, list):
        for part in value:
            yield from _words(part)
    else:
        yield value


WORDS = sorted({str(word) for seed in SEEDS for word in _words(seed)})
SCALARS: st.SearchStrategy[Any] = st.one_of(
    st.sampled_from(WORDS),
    st.sampled_from(
        ["", "0", "-1", "65536", "0/0", "::/0", "*", "k8s:", "$host", "a/b/c"]
    ),
    st.integers(-2, 70_000),
    st.booleans(),
    st.none(),
    st.text(max_size=8),
)
VALUES: st.SearchStrategy[Any] = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from(WORDS), inner, max_size=2)
    ),
    max_leaves=4,
)


@st.composite
def damaged(draw: st.DrawFn) -> dict[str, Any]:
    """Give a policy with some of its parts replaced, removed, renamed or repeated."""
    value: dict[str, Any] = copy.deepcopy(draw(st.sampled_from(SEEDS)))
    for _ in range(draw(st.integers(1, 3))):
        *path, last = draw(st.sampled_from(list(_parts(value))))
        parent: Any = value
        for step in path:
            parent = parent[step]
        match draw(st.sampled_from(["replace", "remove", "rename", "repeat"])):
            case "replace":
                parent[last] = draw(VALUES)
            case "remove":
                del parent[last]
            case "rename" if isinstance(parent, dict):
                parent[draw(st.sampled_from(WORDS))] = parent.pop(last)
            case _ if isinstance(parent, list):
                parent.append(copy.deepcopy(parent[last]))
        if not value:
            break
    return value


@settings(max_examples=600, deadline=None)
@given(damaged(), st.sampled_from(Semantics))
def test_damage_is_found_or_harmless(
    value: dict[str, Any], semantics: Semantics
) -> None:
    """Whatever stands there ends in policies that can be printed, or in diagnostics."""
    options = Options(semantics=semantics)
    source = Source("damaged.yaml", json.dumps(value, ensure_ascii=False))
    diagnostics = Diagnostics()
    nodes = read_yaml(source, diagnostics)
    values = parse_nodes(nodes, options, diagnostics)
    policies = [v for v in values if isinstance(v, Policy)]
    print_policies(policies)
    report_unenforced(policies, options, diagnostics)
    for found in diagnostics.found:
        assert found.message
        if found.span is not None:
            assert 0 <= found.span.start <= found.span.end <= len(source.text)
