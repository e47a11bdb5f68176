"""The catalog's policies are whole, free of mistakes, and only report."""

from __future__ import annotations

import json

import pytest

from lockgate.cli.catalog import policies
from lockgate.cli.main import main
from lockgate.diagnostics import Diagnostics
from lockgate.frontend.documents import documents_from_text, parse_documents
from lockgate.ir.tracing_actions import ActionKind
from lockgate.lowering.deeds import actions_of
from lockgate.options import Options


@pytest.mark.parametrize("name", policies())
def test_policy_reports_and_does_no_more(name: str) -> None:
    """It is read without a mistake, bears its file's name, and posts at most."""
    documents = documents_from_text({f"{name}.yaml": policies()[name]})
    diagnostics = Diagnostics()
    parsed = parse_documents(documents, Options(), diagnostics)
    assert [d.message for d in diagnostics.found] == []
    (policy,) = parsed.tracing_policies
    assert policy.name == name
    assert policy.hooks
    for hook in policy.hooks:
        assert {a.kind for a in actions_of(hook)} <= {ActionKind.POST}


def test_list_says_what_each_is_about(capsys: pytest.CaptureFixture[str]) -> None:
    """One line each; the same as JSON."""
    assert main(["catalog"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == list(policies())
    assert main(["catalog", "-o", "json"]) == 0
    results = json.loads(capsys.readouterr().out)["results"]
    assert [f"{r['about']}" for r in results] == [
        line.split(maxsplit=1)[1] for line in lines
    ]


def test_printed_policy_is_the_file(capsys: pytest.CaptureFixture[str]) -> None:
    """What is printed can be given to every other verb as it is."""
    assert main(["catalog", "network"]) == 0
    assert capsys.readouterr().out == policies()["network"]


def test_unknown_name_is_answered_with_the_nearest(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Exit code 2, and a cure."""
    assert main(["catalog", "netwrok"]) == 2
    assert "network" in capsys.readouterr().err
