"""lockgate_runtime.target: the running kernel is written down, and can be read back."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from lockgate_runtime.target.record import record
from tests.targets.running import running_kernel

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.kernel
def test_this_kernel_is_recorded() -> None:
    """What every kernel has is there."""
    target = running_kernel()
    assert target.release == os.uname().release
    assert target.hooks["raw_tracepoint"]
    assert target.hooks["raw_tracepoint_btf"]
    assert "ringbuf_output" in target.helpers["raw_tracepoint"]
    assert target.symbols["security_file_permission"][1] == 1
    fields = [field.name for field in target.tracepoints["raw_syscalls/sys_enter"]]
    assert fields[-2:] == ["id", "args"]
    prototype = target.prototype("security_file_permission")
    assert prototype is not None
    assert [p.name for p in prototype.type.parameters] == ["file", "mask"]


@pytest.mark.kernel
def test_the_same_kernel_gives_the_same_bytes(tmp_path: Path) -> None:
    """A recording can be committed and compared."""
    record(tmp_path)
    other = running_kernel().folder
    for path in sorted(tmp_path.rglob("*.*")):
        assert path.read_bytes() == (other / path.relative_to(tmp_path)).read_bytes()
