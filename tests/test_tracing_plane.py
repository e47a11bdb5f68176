"""Bundles with tracing policies: what is in them, and what there must be to make them."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest

from lockgate import driver
from lockgate.driver import Settings
from lockgate.tracing_deeds import describe_deeds
from lockgate_runtime.manifest import Manifest
from tests.targets.running import running_kernel

if TYPE_CHECKING:
    from pathlib import Path

    from lockgate.driver import Compilation

POLICY = """apiVersion: cilium.io/v1alpha1
kind: TracingPolicy
metadata:
  name: watch
spec:
  tracepoints:
  - subsystem: syscalls
    event: sys_enter_getsid
    args:
    - index: 5
      type: uint64
    selectors:
    - matchArgs:
      - index: 5
        operator: GreaterThan
        values: ["{value}"]
"""

DEEDS = """apiVersion: cilium.io/v1alpha1
kind: TracingPolicy
metadata:
  name: harsh
spec:
  kprobes:
  - call: security_task_kill
    syscall: false
    args:
    - index: 2
      type: int
    selectors:
    - matchBinaries:
      - operator: In
        values: ["/usr/sbin/nginx"]
      matchNamespaces:
      - namespace: Pid
        operator: NotIn
        values: ["host_ns"]
      matchNamespaceChanges:
      - operator: In
        values: ["Mnt"]
      matchCapabilityChanges:
      - type: Effective
        operator: NotIn
        values: ["CAP_KILL"]
      matchActions:
      - action: Sigkill
    - matchArgs:
      - index: 2
        operator: Equal
        values: ["9"]
      matchActions:
      - action: Override
        argError: -1
    - matchActions:
      - action: Post
"""

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="recording needs root")


def compiled(folder: Path, text: str, settings: Settings) -> Compilation:
    """Compile one file."""
    path = folder / "watch.yaml"
    path.write_text(text)
    return driver.compile_policies([path], None, settings)


def for_running(cache: Path) -> Settings:
    """Return settings for the running kernel."""
    return Settings(cache=cache, targets=lambda: [running_kernel()])


def test_a_target_is_needed(tmp_path: Path) -> None:
    """Without one the policy is refused where it stands; nothing is left out silently."""
    found = compiled(tmp_path, POLICY.format(value=0), Settings())
    (error,) = found.diagnostics.found
    assert error.code == "E3180"
    assert error.span
    assert error.help
    assert "--target NAME=DIR" in error.help


def test_verbs_that_trace_nothing(tmp_path: Path) -> None:
    """A verb that asks for no programs gets a bundle without, and pays nothing."""
    found = compiled(tmp_path, POLICY.format(value=0), Settings(targets=lambda: ()))
    assert found.ok
    assert found.bundle
    assert not [name for name in found.bundle.files if name.startswith("tracing/")]


@needs_root
def test_bundle(tmp_path: Path) -> None:
    """The manifest names the programs, links and tables; the report says where they are."""
    found = compiled(tmp_path, POLICY.format(value=0), for_running(tmp_path / "cache"))
    assert found.ok, found.diagnostics.found
    assert found.bundle
    files, manifest = found.bundle.files, found.bundle.manifest
    assert Manifest.from_json(manifest.to_json()) == manifest
    kinds = {program.kind for program in manifest.programs}
    assert {"tracing_process", "tracing_site"} <= kinds
    (link,) = [one for one in manifest.links if one.kind == "tracepoint"]
    assert link.hook == "syscalls/sys_enter_getsid"
    traced = [table for table in manifest.tables if table.kind == "tracing_values"]
    assert "tracing/here/modes.bin" in {table.file for table in traced}
    for table in traced:
        assert len(files[table.file]) == table.record_bytes * table.records
    facts = json.loads(files["tracing/here/target.json"])
    assert facts["release"] == os.uname().release
    assert b"syscalls/sys_enter_getsid | tracepoint | site_0" in files["report.md"]
    again = compiled(tmp_path, POLICY.format(value=0), for_running(tmp_path / "cache"))
    assert again.bundle
    assert again.bundle.manifest.digest == manifest.digest


@needs_root
def test_a_value_is_no_code(tmp_path: Path) -> None:
    """Another value changes tables, and neither C nor objects."""
    bundles = []
    for value in (0, 7):
        settings = for_running(tmp_path / "cache")
        found = compiled(tmp_path, POLICY.format(value=value), settings)
        assert found.bundle
        bundles.append(found.bundle.files)
    first, second = bundles
    changed = {name for name in first if first[name] != second[name]}
    assert changed
    assert not [name for name in changed if name.endswith((".c", ".h", ".o"))]


def test_deeds(tmp_path: Path) -> None:
    """Who enforces what on whom is written for the guard; who only posts is not."""
    settings = Settings(targets=lambda: ())
    found = compiled(tmp_path, DEEDS, settings)
    kill, deny = describe_deeds(found.tracing_policies)
    assert kill["action"] == "kill"
    assert not kill["is_narrowed"]
    assert kill["binaries"][0]["values"] == ["/usr/sbin/nginx"]
    assert kill["namespaces"] == [
        {"namespace": "Pid", "inodes": [], "is_host": True, "is_negated": True}
    ]
    assert kill["namespace_changes"] == [{"namespaces": ["Mnt"], "is_negated": False}]
    (changed,) = kill["capability_changes"]
    assert (changed["set"], changed["is_negated"]) == ("Effective", True)
    assert not deny["namespace_changes"]
    assert deny["action"] == "deny calls of"
    assert deny["functions"] == ["security_task_kill"]
    assert deny["values"][0]["ranges"] == [[9, 9]]
    assert kill["source"].endswith("watch.yaml:13:7")
