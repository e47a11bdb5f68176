"""The part ``changed_value_at_hooks``: another path for policies at functions of the kernel.

Kernels that have kprobes, trampolines and security modules run in an emulated machine, whose clock
counts instructions, a nanosecond each: a processor is several times as fast.
"""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING

from lockgate.driver import Settings, compile_policies, write_outputs
from tests.bench.tracing_policies import without_trampolines

if TYPE_CHECKING:
    from pathlib import Path

    from lockgate.targets.target import Target

HOOKS = (
    "file_open",
    "file_permission",
    "file_ioctl",
    "file_lock",
    "file_fcntl",
    "file_receive",
    "mmap_file",
    "kernel_read_file",
)
"""Hooks of the security modules whose first argument is a file."""
_POLICY = """apiVersion: cilium.io/v1alpha1
kind: TracingPolicy
metadata:
  name: {name}
spec:
  {place}
    args:
    - {{index: 0, type: file}}
    selectors:
    - matchArgs:
      - {{index: 0, operator: Prefix, values: {values}}}
      matchBinaries:
      - {{operator: NotIn, values: ["/usr/bin/app-{name}"]}}
"""
_PLACES = {
    "lsm": "lsmhooks:\n  - hook: {hook}",
    "fentry": "kprobes:\n  - call: security_{hook}\n    syscall: false",
    "kprobe": "kprobes:\n  - call: security_{hook}\n    syscall: false",
}


def write_bundles(folder: Path, target: Target) -> None:
    """Compile for each way to stand two bundles, of which the second has other paths."""
    for stand, place in _PLACES.items():
        kernel = without_trampolines(target) if stand == "kprobe" else target
        for number in range(2):
            sources = folder / stand / f"policies-{number}"
            sources.mkdir(parents=True)
            for hook in HOOKS:
                values = [f"/etc/{hook}/{n}/" for n in range(20)] + [f"/srv/{number}/"]
                text = _POLICY.format(
                    name=hook.replace("_", "-"),
                    place=place.format(hook=hook),
                    values=json.dumps(values),
                )
                (sources / f"{hook}.yaml").write_text(text)
            settings = Settings(cache=folder / "cache", targets=partial(list, [kernel]))
            made = compile_policies([sources], settings=settings)
            if not made.ok:
                raise SystemExit(str(made.diagnostics.found))
            write_outputs(made, folder / stand / f"bundle-{number}", settings)
