"""lockgate.targets.target: a recorded kernel is read back, and a broken one is refused."""

from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING

import pytest

from lockgate.faults import Fault
from lockgate.targets.target import load_target
from tests.targets.test_btf import BASE, STRINGS, blob

if TYPE_CHECKING:
    from pathlib import Path

FIELDS = [["int", "common_pid", 4, 4, True], ["long", "id", 8, 8, True]]


def _write(folder: Path, name: str, data: bytes) -> None:
    path = folder / f"{name}.gz"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(data, mtime=0))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Write a target as ``lockgate target record`` does."""
    target = {
        "version": 1,
        "release": "6.12.0",
        "machine": "x86_64",
        "hooks": {"kprobe": True, "lsm": False},
        "helpers": {"kprobe": ["loop"]},
        "security_modules": ["capability", "bpf"],
        "options": {"BPF": "y"},
        "modules": [],
    }
    _write(tmp_path, "btf/vmlinux", blob(BASE, STRINGS))
    _write(tmp_path, "functions", b"open\nveth_open [veth]\n")
    _write(tmp_path, "symbols", b"open\nread 3\nveth_open [veth]\nveth_xmit [veth] 2\n")
    _write(tmp_path, "tracepoints.json", json.dumps({"raw/enter": FIELDS}).encode())
    _write(tmp_path, "injection", b"__x64_sys_open\n")
    (tmp_path / "target.json").write_text(json.dumps(target))
    return tmp_path


def test_a_target_is_read_back(folder: Path) -> None:
    """Names with their modules and counts, fields in their order."""
    target = load_target("worker", folder)
    assert (target.name, target.release) == ("worker", "6.12.0")
    assert target.hooks["kprobe"]
    assert target.functions == {"open": "", "veth_open": "veth"}
    assert target.symbols["read"] == ("", 3)
    assert target.symbols["veth_xmit"] == ("veth", 2)
    assert [field.name for field in target.tracepoints["raw/enter"]] == [
        "common_pid",
        "id",
    ]
    assert target.replaceable == {"__x64_sys_open"}
    assert target.syscall_prefix == "__x64_"


def test_functions_have_types(folder: Path) -> None:
    """Of the kernel; a module that was not recorded has none."""
    target = load_target("worker", folder)
    prototype = target.prototype("open")
    assert prototype is not None
    assert prototype.module == ""
    assert target.prototype("veth_open") is None


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", '{"version": 2}', '{"version": 1}']
)
def test_what_is_no_target_is_refused(tmp_path: Path, text: str) -> None:
    """With the path and the cure, never with a traceback."""
    with pytest.raises(Fault, match="target"):
        load_target("x", tmp_path)
    (tmp_path / "target.json").write_text(text)
    with pytest.raises(Fault, match=r"target\.json"):
        load_target("x", tmp_path)


def test_a_file_that_is_cut_off(folder: Path) -> None:
    """It is told when somebody asks for it."""
    path = folder / "functions.gz"
    path.write_bytes(path.read_bytes()[:-6])
    with pytest.raises(Fault, match="functions"):
        _ = load_target("x", folder).functions
