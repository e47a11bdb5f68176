"""Where the kernel does not ask BPF programs (``lsm=``), denials stand at the function instead.

It is judged by a file's content, in machines that boot without ``bpf`` in ``lsm=``; with it,
tests/trials and the rows of tests/tracing/cases do the same.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from lockgate.driver import Settings, compile_policies, write_outputs
from lockgate.options import Options
from lockgate.vm.kernels import SERIES, cache_folders, missing
from lockgate.vm.machine import Machine
from tests.targets.recorded import recorded

ROOT = Path(__file__).parent.parent.parent
HERE = [series for series in SERIES if not missing(series)]

pytestmark = [
    pytest.mark.vm,
    pytest.mark.skipif(
        not HERE, reason="needs QEMU and a kernel: ./dev test fetches what apt offers"
    ),
]

POLICY = """apiVersion: cilium.io/v1alpha1
kind: TracingPolicy
metadata: {name: kept}
spec:
  lsmhooks:
  - hook: file_open
    args: [{index: 0, type: file}]
    selectors:
    - matchArgs: [{index: 0, operator: Equal, values: [/lg/kept]}]
      matchActions: [{action: Override, argError: -1}]
"""
MODULES = ("capability", "landlock", "yama")

STEPS = """
mkdir /lg
write() {{ echo secret > /lg/kept; }}
apply() {{ {python} -m lockgate_runtime apply {folder}/$1 --unguarded; }}
write
apply with && exit 10
: > /lg/kept || exit 11
test -s /lg/kept && exit 12
write
apply without || exit 13
(: > /lg/kept) && exit 14
{python} -m lockgate_runtime unload || exit 15
grep -q secret /lg/kept || exit 16
exit 7
"""


def write_bundle(folder: Path, series: str, modules: tuple[str, ...]) -> None:
    """Compile the policy for a kernel with some security modules."""
    source = folder.with_suffix(".yaml")
    source.write_text(POLICY)
    target = replace(recorded(series), security_modules=modules)
    settings = Settings(cache=cache_folders()[0], targets=lambda: [target])
    made = compile_policies([source], Options(), settings)
    assert made.ok, made.diagnostics.found
    assert write_outputs(made, folder, settings)


@pytest.mark.parametrize("series", HERE)
def test_without_bpf(series: str, tmp_path: Path) -> None:
    """What was compiled for such a kernel denies; for another, it is refused as a whole."""
    write_bundle(tmp_path / "with", series, (*MODULES, "bpf"))
    write_bundle(tmp_path / "without", series, MODULES)
    machine = Machine(series, append=["lsm=landlock,yama"])
    steps = STEPS.format(python=sys.executable, folder=tmp_path)
    done = machine.run(["sh", "-c", steps], timeout=200, folder=ROOT)
    assert done.exit_code == 7, done.output
    assert "E5142" in done.output
