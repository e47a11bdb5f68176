"""lockgate_runtime.target: the running kernel is written down, and can be read back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lockgate.targets.target import load_target
from lockgate_runtime.target.record import record

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.kernel
def test_this_kernel_is_recorded(tmp_path: Path) -> None:
    """What every kernel has is there, and twice the same bytes are written."""
    found = record(tmp_path / "one")
    target = load_target("here", tmp_path / "one")
    assert target.release == found["release"]
    assert target.hooks["raw_tracepoint"]
    assert target.hooks["raw_tracepoint_btf"]
    assert "ringbuf_output" in target.helpers["raw_tracepoint"]
    assert target.symbols["security_file_permission"][1] == 1
    fields = [field.name for field in target.tracepoints["raw_syscalls/sys_enter"]]
    assert fields[-2:] == ["id", "args"]
    prototype = target.prototype("security_file_permission")
    assert prototype is not None
    assert [p.name for p in prototype.type.parameters] == ["file", "mask"]
    record(tmp_path / "two")
    for path in sorted((tmp_path / "one").rglob("*.*")):
        other = tmp_path / "two" / path.relative_to(tmp_path / "one")
        assert path.read_bytes() == other.read_bytes(), path.name
