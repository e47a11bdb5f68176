"""The running kernel is recorded once, and again when something of it is different."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockgate.targets import kept
from lockgate.targets.kept import kept_recording, what_decides

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def make_proc(folder: Path, modules: str = "ext4 100 1 - Live 0xffff\n") -> Path:
    """Write what is read of /proc."""
    for name, text in {
        "sys/kernel/random/boot_id": "a-boot\n",
        "modules": modules,
        "self/status": "Name:\tx\nUid:\t0\t0\t0\t0\nCapEff:\tff\nCpus:\t2\n",
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def test_what_a_recording_depends_on(tmp_path: Path) -> None:
    """Boot, modules, privileges; not where modules lie, nor who uses them."""
    proc = make_proc(tmp_path)
    before = what_decides(proc)
    make_proc(tmp_path, "ext4 100 2 other, Live 0xeeee\n")
    assert what_decides(proc) == before
    for name, text in {
        "modules": "ext4 100 1 - Live 0xffff\nxfs 5 1 - Live 0xffff\n",
        "sys/kernel/random/boot_id": "another\n",
        "self/status": "Uid:\t0\t0\t0\t0\nCapEff:\t0f\n",
        "sys/kernel/kptr_restrict": "2\n",
    }.items():
        make_proc(tmp_path)
        (tmp_path / name).write_text(text)
        assert what_decides(proc) != before, name
        (tmp_path / "sys/kernel/kptr_restrict").unlink(missing_ok=True)


def test_it_is_recorded_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What failed is not kept, and of old ones a few stay."""
    monkeypatch.setattr(kept, "_PROC", make_proc(tmp_path / "proc"))
    recorded: list[Path] = []

    def record(folder: Path) -> None:
        recorded.append(folder)
        if len(recorded) == 1:
            raise OSError("no room")
        (folder / "target.json").write_text("{}")

    cache = tmp_path / "cache"
    assert kept_recording(cache, record) is None
    found = kept_recording(cache, record)
    assert found is not None
    assert (found / "target.json").exists()
    assert kept_recording(cache, record) == found
    assert len(recorded) == 2
    for number in range(6):
        make_proc(tmp_path / "proc", f"module_{number} 1 1 - Live 0x0\n")
        assert kept_recording(cache, record) is not None
    assert len(list((cache / kept.FOLDER).iterdir())) == 4


def test_a_cache_without_room_is_no_fault(tmp_path: Path) -> None:
    """Then it is recorded each time, somewhere else."""
    (tmp_path / "cache").write_text("a file")
    assert kept_recording(tmp_path / "cache", lambda folder: None) is None
