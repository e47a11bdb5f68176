"""The rendered C: what is in it, who asked for it, and that people can read it."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from lockgate.codegen.header import render_layout
from lockgate.codegen.program import render_programs
from lockgate.codegen.shape import Feature, Shape, choose_shape
from lockgate.ir.cluster import Attachment
from lockgate.ir.tables import Outcome
from lockgate_runtime import layout
from tests.table_values import span, web_tables

if TYPE_CHECKING:
    from collections.abc import Callable

NAMES = (
    "prefixes_v6",
    "more_addresses",
    "host_policy",
    "audit",
    "unenforced",
    "cgroups",
)


def test_golden(golden: Callable[[str, str], None]) -> None:
    """The rendered files of a small policy, as people review them."""
    sources = render_programs(choose_shape(web_tables()))
    for name in ("layout.h", "shape.h", "stub_tc.c", "tc.c", "sweep.c"):
        golden(f"programs/{name}", sources[name])


def test_layout_is_complete() -> None:
    """Each structure, field, enumeration value and flag of the layout is in the header."""
    text = render_layout()
    for structure in layout.STRUCTURES:
        assert f"struct {structure.name} {{" in text
        assert (
            f"_Static_assert(sizeof(struct {structure.name}) == {structure.size}"
            in text
        )
        for field in structure.fields:
            count = f"[{field.count}]" if field.count > 1 else ""
            assert f"\t{field.type} {field.name}{count};" in text
    for name, values in layout.ENUMERATIONS.items():
        for number, value in enumerate(values):
            assert f"\t{name.upper()}_{value.upper()} = {number},\n" in text
    numbers = {
        n: v for n, v in vars(layout).items() if n.isupper() and isinstance(v, int)
    }
    for name in numbers.keys() - {"SCHEMA"}:
        assert f"#define {name} " in text, name


def test_every_feature_has_its_reason() -> None:
    """What the tables need is found, and the first that needs it is named."""
    tables = web_tables()
    shape = choose_shape(tables)
    assert [feature.name for feature in shape.features] == list(NAMES)
    used = {
        feature.name: feature.reason for feature in shape.features if feature.is_used
    }
    assert used["prefixes_v6"] == "::/0"
    assert "audit" not in used
    rule = tables.rules[2]._replace(spans=(span(),))
    decision = tables.decisions[2]._replace(outcome=Outcome.AUDIT)
    audited = replace(
        tables,
        rules=(*tables.rules[:2], rule, *tables.rules[3:]),
        decisions=(*tables.decisions[:2], decision, *tables.decisions[3:]),
    )
    (audit,) = (f for f in choose_shape(audited).features if f.name == "audit")
    assert audit.reason == f"policy.yaml:3: {rule.name}"
    attached = tables.endpoints[0]._replace(attachment=Attachment(cgroup="a/b"))
    in_cgroup = choose_shape(replace(tables, endpoints=(attached,)))
    assert in_cgroup.uses("cgroups")
    enforced = replace(tables.hosts[0], is_enforced=True)
    assert choose_shape(replace(tables, hosts=(enforced,))).uses("host_policy")
    redirect = tables.decisions[2]._replace(outcome=Outcome.REDIRECT)
    redirected = replace(tables, decisions=(*tables.decisions[:2], redirect))
    assert choose_shape(redirected).uses("unenforced")


def test_a_reason_cannot_leave_its_comment() -> None:
    """Names come from other people's files."""
    tables = web_tables()
    hostile = tables.endpoints[0]._replace(namespace="*/ #error", name="x\n#error\\")
    cgroup = hostile._replace(attachment=Attachment(cgroup="a"))
    text = render_programs(choose_shape(replace(tables, endpoints=(cgroup,))))[
        "shape.h"
    ]
    lines = text.splitlines()
    assert [line for line in lines if line.startswith("#define")] == [
        line for line in lines if "FEATURE_" in line
    ]
    assert "\n#error" not in text
    assert "*/ #error" not in text
    assert "\\" not in text


def _shape(*used: str) -> Shape:
    return Shape(tuple(Feature(name, name in used, "a test") for name in NAMES))


@pytest.mark.parametrize(
    ("feature", "file", "words"),
    [
        ("cgroups", "cgroup.c", "cgroup_hook"),
        ("host_policy", "tc.c", "network_hook"),
    ],
)
def test_what_a_feature_brings(feature: str, file: str, words: str) -> None:
    """Programs are there when something needs them, and not otherwise."""
    assert words in render_programs(_shape(feature))[file]
    assert words not in render_programs(_shape()).get(file, "")


def test_style() -> None:
    """Tabs, short lines, a licence on top, no trailing blanks, only our own headers."""
    sources = render_programs(_shape(*NAMES))
    for name, text in sources.items():
        assert "GPL-2.0-only OR BSD-2-Clause" in text.splitlines()[0], name
        assert text.endswith("\n")
        assert not text.endswith("\n\n"), name
        for line in text.splitlines():
            assert line == line.rstrip(), (name, line)
            assert not line.startswith("    "), (name, line)
            if name not in ("layout.h", "shape.h"):
                assert len(line.expandtabs(8)) <= 100, (name, line)
        for included in re.findall(r"#include (.*)", text):
            assert included.strip('"') in sources, (name, included)
