"""Tracing policies that the benchmark measures, compiled as the driver does it.

Each is what people write: a match would make an event with the process and the path.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

from lockgate.codegen.tracing.build import build
from lockgate.diagnostics import Diagnostics
from lockgate.frontend.documents import documents_from_text, parse_documents
from lockgate.options import Options
from lockgate.toolchain import compile_c

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from lockgate.targets.target import Target

MISSED = "/etc/"
MATCHED = "/srv/"
BINARY = "/usr/sbin/nginx"

_POLICY = """apiVersion: cilium.io/v1alpha1
kind: TracingPolicy
metadata:
  name: {name}
spec:
  {place}
    args:
    - index: 0
      type: file
    - index: 1
      type: int
    selectors:
    - matchArgs:
{matches}{binaries}"""

_PLACES = {
    "kprobe": "kprobes:\n  - call: security_file_permission\n    syscall: false",
    "lsm": "lsmhooks:\n  - hook: file_permission",
}


def policy(
    name: str,
    matches: Sequence[tuple[int, str, Sequence[str]]],
    binaries: Sequence[str] = (),
    stand: str = "kprobe",
    operator: str = "In",
) -> str:
    """Return the text of a policy on reads and writes of files."""
    lines = "".join(
        f"      - index: {index}\n        operator: {match}\n        values:\n"
        + "".join(f'        - "{value}"\n' for value in values)
        for index, match, values in matches
    )
    asked = ""
    if binaries:
        asked = f"      matchBinaries:\n      - operator: {operator}\n        values:\n"
        asked += "".join(f'        - "{value}"\n' for value in binaries)
    return _POLICY.format(
        name=name, place=_PLACES[stand], matches=lines, binaries=asked
    )


def miss(stand: str) -> str:
    """Return a policy on a folder of which nothing is read."""
    return policy("miss", [(0, "Prefix", [MISSED])], stand=stand)


def match(stand: str) -> str:
    """Return a policy on what is read."""
    return policy("match", [(0, "Prefix", [MATCHED])], stand=stand)


def reject(stand: str) -> str:
    """Return a policy on the files of a program that does not run."""
    return policy("reject", [(0, "Prefix", [MATCHED])], [BINARY], stand)


def asked(count: int) -> str:
    """Return a policy on the files of so many programs, none of which runs."""
    binaries = [f"/usr/lib/service-{number}/daemon" for number in range(count)]
    return policy("asked", [(0, "Prefix", [MATCHED])], binaries)


def elsewhere(stand: str) -> str:
    """Return a policy on the files of pods, of which none reads."""
    pods = "  podSelector:\n    matchLabels:\n      app: web\n"
    return policy("elsewhere", [(0, "Prefix", [MATCHED])], stand=stand) + pods


NEAR: dict[str, tuple[str, list[str], str]] = {
    "second": ("Prefix", ["/srv/near/"], ""),
    "part": ("Prefix", ["/etc", "/srv/other"], ""),
    "deep": ("Prefix", ["/srv/1/2/3/4/5/6/8/"], "_deep"),
    "mount": ("Prefix", ["/srv/mount/two/"], "_mount"),
    "sibling": ("Equal", ["/srv/one/file-"], ""),
    "equal_200": ("Equal", [f"/srv/one/name-{n}" for n in range(200)], ""),
    "postfix": ("Postfix", [".key"], ""),
    "excluded": ("NotPrefix", ["/srv/"], ""),
    "long": ("Prefix", ["/srv/name-of-some-length/other/"], "_long"),
}
"""Paths that are nearly what a policy asks: comparison, values, and which file is read."""


def near(name: str, stand: str) -> str:
    """Return a policy that a file nearly matches."""
    comparison, values, _ = NEAR[name]
    return policy("near", [(0, comparison, values)], stand=stand)


SHAPES = 10


def shaped(number: int) -> str:
    """Return one of many policies: a path set of its own, of ten shapes.

    The second ten of each twenty have binaries of their own.
    """
    here = f"/data/tenant-{number}"
    shapes: list[list[tuple[int, str, Sequence[str]]]] = [
        [(0, "Prefix", [f"/etc/app-{number}/"])],
        [(0, "Prefix", [f"{here}/{part}/" for part in ("keys", "log", "run")])],
        [(0, "Equal", [f"/etc/app-{number}.conf"])],
        [(0, "Equal", [f"{here}/{part}" for part in ("passwd", "shadow", "group")])],
        [(0, "Prefix", [f"{here}/"]), (1, "Equal", ["2"])],
        [(0, "Equal", [f"/var/lib/app-{number}/state"]), (1, "Mask", ["4"])],
        [(0, "Prefix", [f"/root/{number}/"]), (1, "GreaterThan", [f"{number}"])],
        [(0, "Prefix", [f"/home/{number}/"]), (1, "InRange", [f"2:{number + 3}"])],
        [(0, "Prefix", [f"/opt/{number}/"]), (1, "NotEqual", [f"{number}"])],
        [(0, "Prefix", [f"/mnt/{number}/"]), (1, "LessThan", [f"{number + 5}"])],
    ]
    has_binaries = number // SHAPES % 2
    binaries = [f"/usr/bin/app-{number}", f"/usr/sbin/app-{number}"]
    return policy(f"policy-{number}", shapes[number % SHAPES], binaries * has_binaries)


def selectors(count: int) -> str:
    """Return a policy of so many selectors, each with a path and a number of its own."""
    text = policy("many", [])
    head, _, _ = text.partition("    selectors:\n")
    each = [
        "    - matchArgs:\n"
        f'      - {{index: 0, operator: Prefix, values: ["/etc/app-{number}/"]}}\n'
        f'      - {{index: 1, operator: Equal, values: ["{number % 7}"]}}\n'
        for number in range(count)
    ]
    return f"{head}    selectors:\n{''.join(each)}"


def values(count: int) -> str:
    """Return a policy with so many paths for values."""
    paths = [f"/data/tenant-{number}/{number % 13}/" for number in range(count)]
    return policy("paths", [(0, "Prefix", paths)])


def numbers(count: int) -> str:
    """Return a policy with so many numbers for values, none beside another."""
    return policy("numbers", [(1, "Equal", [str(3 * n) for n in range(count)])])


def without_trampolines(target: Target) -> Target:
    """Return a kernel that has probes alone, so that policies stand at those."""
    hooks = {**target.hooks, "fentry": False, "fexit": False, "fmod_ret": False}
    return replace(target, hooks=hooks)


def compile_policies(
    texts: Sequence[str], target: Target, folder: Path | None
) -> Mapping[str, bytes]:
    """Compile policies as one generation, without a cache; write it to a folder."""
    diagnostics = Diagnostics()
    named = {f"policy-{number}.yaml": text for number, text in enumerate(texts)}
    parsed = parse_documents(documents_from_text(named), Options(), diagnostics)
    made = build(parsed.tracing_policies, target, diagnostics)
    objects = compile_c(made.sources, diagnostics)
    if not diagnostics.ok:
        raise SystemExit("\n".join(f"{d.code} {d.message}" for d in diagnostics.found))
    files = {**made.tables, **objects, "sites.json": json.dumps(made.sites).encode()}
    if folder is not None:
        folder.mkdir(parents=True)
        for name, text in {**files}.items():
            (folder / name).write_bytes(text)
    return files
