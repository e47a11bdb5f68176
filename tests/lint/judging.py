"""Lint policies that stand in a test, as the verb does with files."""

from __future__ import annotations

import tempfile
from datetime import date
from pathlib import Path
from textwrap import dedent
from typing import TYPE_CHECKING

from lockgate.diagnostics import Diagnostics
from lockgate.driver import compile_tables
from lockgate.lint.config import Config, read_config
from lockgate.lint.judgement import judge_policies
from lockgate.options import Options
from lockgate.source import Source

if TYPE_CHECKING:
    from lockgate.findings import Finding
    from lockgate.lint.judgement import Judgement

TODAY = date(2026, 11, 22)

POD = """
apiVersion: v1
kind: Pod
metadata: {{name: {name}, namespace: {namespace}, labels: {{{labels}}}}}
spec: {{nodeName: {node}, containers: [{{name: c, ports: [{{name: http, containerPort: 8080}}]}}]}}
status: {{phase: Running, podIP: {address}, podIPs: [{{ip: {address}}}]}}
"""


def pod(
    name: str,
    address: str,
    labels: str,
    namespace: str = "default",
    node: str = "node-1",
) -> str:
    """Return the document of a pod."""
    return POD.format(
        name=name, address=address, labels=labels, namespace=namespace, node=node
    )


def documents(*texts: str) -> str:
    """Join documents."""
    return "---\n".join(dedent(text).strip("\n") + "\n" for text in texts)


def read(text: str) -> Config:
    """Return a configuration that has no mistake."""
    diagnostics = Diagnostics()
    config = read_config(Source(".lockgate-lint.yaml", dedent(text)), diagnostics)
    assert not diagnostics.found
    return config


def lint(
    text: str,
    config: Config | None = None,
    today: date = TODAY,
    known: frozenset[str] | None = None,
    *,
    remembers: bool = False,
    options: Options | None = None,
) -> Judgement:
    """Judge the documents of a text, which stands in a file ``policy.yaml``."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "policy.yaml"
        file.write_text(text)
        compilation = compile_tables([file], options or Options(allow_unenforced=True))
        return judge_policies(
            compilation, config or Config(), today, known, remembers=remembers
        )


def find(text: str, *codes: str, config: Config | None = None) -> list[Finding]:
    """Return the findings with some codes."""
    judgement = lint(text, config)
    return [finding for finding in judgement.findings if finding.code in codes]
