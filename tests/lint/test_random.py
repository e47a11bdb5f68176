"""Random policies of every kind: lint takes them all, and the order of objects says nothing."""

from __future__ import annotations

import json
import random

import pytest

from lockgate.findings import FORMS, render_findings
from lockgate.options import EnforcementMode, Options, Semantics
from tests.lint.judging import lint, read
from tests.properties.generate import generate

CONFIG = """
budgets: {identity-classes: 1, map-bytes: 1, map-entries: 1, port-ranges: 1, verdict-tables: 1}
protected:
- {name: all, from: world, to: "*/*", port: tcp/80}
- {name: nodes, from: nodes, to: nodes, port: tcp/22}
- {name: network, from: 192.0.2.0/24, to: "a/*", port: udp/53}
exposed: ["a/*"]
"""


@pytest.mark.parametrize("seed", range(12))
def test_any_policies(seed: int) -> None:
    """No exception, in any form; the same findings for objects in another order."""
    example = generate(seed, flows=1)
    options = Options(
        semantics=Semantics(example.semantics),
        enforcement_mode=EnforcementMode(example.enforcement_mode),
        allow_unenforced=True,
        audit=frozenset(example.audit),
    )
    objects = list(example.objects)
    told = []
    for number in range(2):
        text = "\n".join(json.dumps(value) for value in objects)
        judgement = lint(text, read(CONFIG), options=options)
        told.append(sorted((f.code, f.message) for f in judgement.findings))
        for form in FORMS if number == 0 else ():
            assert render_findings(judgement.findings, form)
        random.Random(seed).shuffle(objects)  # noqa: S311  # a test, no secret
    # Which of two endpoints stands for others may change with their order.
    assert [code for code, _ in told[0]] == [code for code, _ in told[1]]


def test_without_anything() -> None:
    """No policy, no snapshot: nothing to say, and nothing to complain of."""
    assert lint("# nothing\n").findings == ()
