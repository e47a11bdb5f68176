"""Golden files: the small text beside a team's policies that shows what they come to.

A folder of them says which inputs they are of, in ``.lockgate-golden.yaml``::

    inputs: [.., ../../cluster.yaml]   # relative to the folder, here policies/golden
    semantics: kubernetes              # optional, like the options of compile
    enforcement-mode: default
    audit: [NetworkPolicy/shop/db]
    cluster-name: default

Without that file, the YAML and ``.gate`` files in the folder are the inputs.  Only text is
written that is the same on every host: no toolchain, no instructions, no time.
"""

from __future__ import annotations

from difflib import unified_diff
from typing import TYPE_CHECKING, NamedTuple

from lockgate.artifact import describe_tables
from lockgate.bounded import read_text
from lockgate.codegen.pack import pack_maps
from lockgate.codegen.table_text import print_tables
from lockgate.collection import without_collection
from lockgate.exchange import replaced_file
from lockgate.faults import Fault
from lockgate.frontend.inputs import open_inputs
from lockgate.frontend.priorities import report_equal_priorities
from lockgate.frontend.schema import Fields
from lockgate.frontend.yaml_reader import read_yaml
from lockgate.options import EnforcementMode, Options, Semantics
from lockgate.review.policy_set import SourceReader, compile_parsed
from lockgate.review.reachability import print_reachability
from lockgate.review.view_of_tables import view_of_tables
from lockgate.source import Source

if TYPE_CHECKING:
    from pathlib import Path

    from lockgate.diagnostics import Diagnostics
    from lockgate.ir.tables import Tables
    from lockgate.passes.pipeline import Middle
    from lockgate.review.policy_set import Parsed

CONFIG = ".lockgate-golden.yaml"
SUFFIXES = (".gate", ".yaml", ".yml")
"""What an input in the folder itself is called; JSON may be anything."""

_FIELDS = ("audit", "cluster-name", "enforcement-mode", "inputs", "semantics")


class Setting(NamedTuple):
    """What a folder says of itself: paths of inputs, and the options."""

    inputs: tuple[str, ...]
    options: Options


class Difference(NamedTuple):
    """A golden file that is not what it should be; ``diff`` is unified, with line ends."""

    path: Path
    is_missing: bool
    diff: str


def print_golden(middle: Middle) -> dict[str, str]:
    """Return file name → text: who reaches whom, every verdict table, what it costs."""
    return {
        "reachability.txt": print_reachability(view_of_tables(middle)),
        "verdicts.txt": print_tables(middle.tables)["policies.txt"],
        "budget.txt": _print_budget(middle.tables),
    }


def make_golden(
    folder: Path, cache: Path | None, diagnostics: Diagnostics
) -> dict[str, str] | None:
    """Return the golden files of a folder; None where its inputs have errors."""
    with without_collection():
        setting = read_setting(folder, diagnostics)
        if setting is None:
            return None
        files = open_inputs(setting.inputs, diagnostics)
        reader = SourceReader(setting.options, cache, diagnostics)
        parsed = reader.read(files, ())
        report_equal_priorities(parsed.policies, diagnostics)
        if not diagnostics.ok:
            return None
        made = compile_parsed(str(folder), parsed, setting.options, diagnostics, files)
        if made is None or made.middle is None:
            return None
        return print_golden(made.middle) | print_tracing(parsed)


def print_tracing(parsed: Parsed) -> dict[str, str]:
    """Return what tracing policies do, in the words of the native language."""
    if not parsed.tracing_policies:
        return {}
    from lockgate.language.trace_printer import TracePrinter

    policies = sorted(parsed.tracing_policies, key=lambda policy: policy.key)
    blocks = ("".join(f"{x}\n" for x in TracePrinter().lines(p)) for p in policies)
    return {"tracing.txt": "\n".join(blocks)}


def compare_golden(folder: Path, golden: dict[str, str]) -> list[Difference]:
    """Return the files that are not what they should be."""
    found = []
    for name, text in golden.items():
        path = folder / name
        is_missing = not path.exists()
        if not is_missing and not path.is_file():
            raise Fault("E6510", f"{path} is no regular file", "take it away")
        # Whatever stands there is compared, and so told of or replaced, not refused.
        old = "" if is_missing else path.read_text(encoding="utf-8", errors="replace")
        if old != text or is_missing:
            lines = unified_diff(
                old.splitlines(keepends=True),
                text.splitlines(keepends=True),
                str(path),
                f"{path} (now)",
            )
            found.append(Difference(path, is_missing, "".join(lines)))
    return found


def write_golden(folder: Path, golden: dict[str, str]) -> list[Path]:
    """Write the files that differ, each at once; return them."""
    changed = [difference.path for difference in compare_golden(folder, golden)]
    for path in changed:
        with replaced_file(path, golden[path.name]):
            pass
    return changed


# ---------------------------------------------------------------- what a folder says


def read_setting(folder: Path, diagnostics: Diagnostics) -> Setting | None:
    """Return what a folder says of itself; None where that has errors."""
    path = folder / CONFIG
    if not path.exists():
        return Setting(_inputs_inside(folder), Options(allow_unenforced=True))
    source = Source(str(path), read_text(path))
    nodes = read_yaml(source, diagnostics)
    if not nodes:
        if diagnostics.ok:
            raise _nothing_to_read(folder)
        return None
    fields = Fields(nodes[0], "the golden files", diagnostics, known=_FIELDS)
    fields.sequence("inputs", required=True)
    inputs = [str(folder / text) for text, _ in fields.strings("inputs")]
    options = Options(
        semantics=Semantics(
            fields.string("semantics", enum=[s.value for s in Semantics])
            or Semantics.KUBERNETES
        ),
        enforcement_mode=EnforcementMode(
            fields.string("enforcement-mode", enum=[m.value for m in EnforcementMode])
            or EnforcementMode.DEFAULT
        ),
        allow_unenforced=True,
        audit=frozenset(text for text, _ in fields.strings("audit")),
        cluster_name=fields.string("cluster-name") or "default",
    )
    if not diagnostics.ok:
        return None
    if not inputs:
        raise _nothing_to_read(folder)
    return Setting(tuple(inputs), options)


def _inputs_inside(folder: Path) -> tuple[str, ...]:
    names = sorted(
        path.name
        for path in folder.iterdir()
        if path.name.endswith(SUFFIXES) and not path.name.startswith(".")
    )
    if not names:
        raise _nothing_to_read(folder)
    return tuple(str(folder / name) for name in names)


def _nothing_to_read(folder: Path) -> Fault:
    return Fault(
        "E6510",
        f"{folder} says nothing of which policies its golden files are",
        f"write {CONFIG} into it, with paths relative to it: in policies/golden "
        "`inputs: [.., ../../cluster.yaml]` are the policies and the snapshot beside them",
    )


# ---------------------------------------------------------------- budget


def _print_budget(tables: Tables) -> str:
    """Return entries and bytes of each map that tables fill, for the whole cluster."""
    described = describe_tables(pack_maps(tables))
    rows = [(t.kind, t.records, t.records * t.record_bytes) for t in described]
    rows.append(("total", sum(row[1] for row in rows), sum(row[2] for row in rows)))
    lines = [f"{'map':16}{'entries':>10}{'bytes':>12}"]
    lines += [f"{kind:16}{entries:>10}{size:>12}" for kind, entries, size in rows]
    return "".join(f"{line}\n" for line in lines)
