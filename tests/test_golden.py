"""Golden cases: a policy and a cluster on the left, all text that comes of them on the right.

``arguments.txt``, where there is one, holds further arguments of ``lockgate compile``.
"""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lockgate.cli.inputs import add_inputs, read_options
from lockgate.driver import Settings, compile_policies
from lockgate.ir.printer import print_policies
from lockgate.renderers import render_text
from lockgate.review.golden import print_golden
from lockgate_runtime.manifest import print_manifest

if TYPE_CHECKING:
    from collections.abc import Callable

GOLDEN = Path(__file__).parent.parent / "golden"
INPUTS = ("policy.yaml", "cluster.yaml", "arguments.txt")
WITH_PROGRAMS = ("cgroup_endpoint", "default_deny", "host_policy")
"""Cases whose programs differ; only these show C and manifest, or each change of either
would be shown by every case."""
CASES = sorted(path.parent.name for path in GOLDEN.glob("*/cluster.yaml"))


@pytest.fixture(scope="session")
def objects(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a cache, so that each shape is compiled once."""
    return tmp_path_factory.mktemp("objects")


@pytest.mark.parametrize("case", CASES)
def test_case(case: str, golden: Callable[[str, str], None], objects: Path) -> None:
    """Every text of the bundle is what was reviewed."""
    folder = GOLDEN / case
    parser = argparse.ArgumentParser()
    add_inputs(parser)
    extra = folder / "arguments.txt"
    words = extra.read_text().split() if extra.exists() else []
    arguments = parser.parse_args(["-f", str(folder), *words])
    files = [path for path in (folder / name for name in INPUTS[:2]) if path.exists()]
    compilation = compile_policies(
        files, read_options(arguments), Settings(cache=objects)
    )
    assert compilation.ok, render_text(compilation.diagnostics)
    assert compilation.bundle is not None
    text = compilation.bundle.files
    assert compilation.middle is not None
    outputs = {
        # What `lockgate golden` writes for everybody.
        **print_golden(compilation.middle),
        "ir.txt": print_policies(compilation.policies),
        "decisions.txt": text["tables/decisions.txt"].decode(),
        "peers.txt": text["tables/peers.txt"].decode(),
        "shape.h": text["source/shape.h"].decode(),
        "report.md": without_counts(text["report.md"].decode()),
    }
    if case in WITH_PROGRAMS:
        outputs["tc.c"] = text["source/tc.c"].decode()
        outputs["manifest.json"] = portable(text["manifest.json"].decode())
    if compilation.diagnostics.found:
        outputs["diagnostics.txt"] = render_text(compilation.diagnostics).replace(
            f"{folder}/", ""
        )
    for name, content in outputs.items():
        golden(f"{case}/{name}", content)
    strangers = {path.name for path in folder.iterdir()} - {*outputs, *INPUTS}
    assert not strangers, "files that no output owns"


def without_counts(report: str) -> str:
    """Take out instruction counts: they are the compiler's, not ours."""
    return re.sub(r"(\| objects/\S+ \|) \d+ \|", r"\1 . |", report)


def portable(manifest: str) -> str:
    """Leave what is ours: no toolchain, no instruction count, no hash of an object."""
    value = json.loads(manifest)
    del value["toolchain"], value["sizes"]["instructions"]
    for program in value["programs"]:
        del program["instructions"]
    value["files"] = sorted(value["files"])
    return print_manifest(value)


def test_there_are_cases() -> None:
    """An empty folder would prove nothing."""
    assert len(CASES) >= 10
