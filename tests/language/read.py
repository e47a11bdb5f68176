"""Read text of the language, in tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockgate.diagnostics import Diagnostics
from lockgate.frontend.documents import documents_from_text, parse_documents
from lockgate.language.reading import Language, read_file
from lockgate.options import Options
from lockgate.renderers import render_text
from lockgate.source import Source

if TYPE_CHECKING:
    from lockgate.ir.policy import Policy
    from lockgate.language.ast_file import File


def read_tests(text: str) -> File:
    """Return the blocks of a file of tests, which has no mistake."""
    diagnostics = Diagnostics()
    file = read_file(Source("t.gatetest", text), Language.TESTS, diagnostics)
    assert not diagnostics.found, render_text(diagnostics)
    return file


def read_policies(text: str, *others: str) -> tuple[Policy, ...]:
    """Return the policies of a file in the IR, which has no mistake."""
    diagnostics = Diagnostics()
    texts = {"p.gate": text} | {f"{i}.yaml": other for i, other in enumerate(others)}
    documents = documents_from_text(texts)
    parsed = parse_documents(documents, Options(), diagnostics)
    assert diagnostics.ok, render_text(diagnostics)
    return parsed.policies


def read_yaml_policies(text: str) -> tuple[Policy, ...]:
    """Return the policies of a YAML text."""
    diagnostics = Diagnostics()
    documents = documents_from_text({"p.yaml": text})
    policies = parse_documents(documents, Options(), diagnostics).policies
    assert diagnostics.ok, render_text(diagnostics)
    return policies


def diagnose(text: str, name: str = "p.gate") -> Diagnostics:
    """Return all that the user is told of a file."""
    diagnostics = Diagnostics()
    if name.endswith(".gatetest"):
        read_file(Source(name, text), Language.TESTS, diagnostics)
    else:
        parse_documents(documents_from_text({name: text}), Options(), diagnostics)
    return diagnostics
