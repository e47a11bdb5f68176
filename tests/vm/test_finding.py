"""Kernels are found however a distribution lays them out."""

from __future__ import annotations

import gzip
import shutil
from pathlib import Path

import pytest

from lockgate.vm import kernels, packages
from lockgate.vm.initramfs import build_initramfs
from lockgate.vm.kernels import Kernel, KernelError, kernels_below, newest_of


def lay_out(
    root: Path, release: str, *, image: str, modules: str, lacking: str = ""
) -> None:
    """Make an image and the list of what is built in; no module is a file."""
    image_path, folder = root / image, root / modules / release
    folder.mkdir(parents=True)
    image_path.parent.mkdir(parents=True, exist_ok=True)
    image_path.touch()
    built_in = [name for name in kernels.NEEDED if name != lacking]
    lines = [f"kernel/{name}.ko\n" for name in built_in]
    (folder / "modules.builtin").write_text("".join(lines))


def test_layouts(tmp_path: Path) -> None:
    """Debian's packages, a root file system, Fedora's, and all in one flat folder."""
    lay_out(
        tmp_path / "linux-image-6.1.0-9-amd64",
        "6.1.0-9-amd64",
        image="boot/vmlinuz-6.1.0-9-amd64",
        modules="lib/modules",
    )
    lay_out(
        tmp_path,
        "6.12.3-amd64",
        image="boot/vmlinuz-6.12.3-amd64",
        modules="usr/lib/modules",
    )
    lay_out(
        tmp_path / "fedora",
        "6.17.7-300.fc43.x86_64",
        image="lib/modules/6.17.7-300.fc43.x86_64/vmlinuz",
        modules="lib/modules",
    )
    lay_out(tmp_path / "flat", "6.1.0-10", image="vmlinuz-6.1.0-10", modules="modules")
    (tmp_path / "flat/vmlinuz-9.9").touch()  # an image without modules is no kernel
    releases = [one.release for one in kernels_below(tmp_path)]
    assert releases == [
        "6.17.7-300.fc43.x86_64",
        "6.12.3-amd64",
        "6.1.0-10",
        "6.1.0-9-amd64",
    ]
    found = newest_of("6.1", kernels_below(tmp_path))
    assert found
    assert found.release == "6.1.0-10", "6.12 is another series, 10 is newer than 9"
    assert found.image == tmp_path / "flat/vmlinuz-6.1.0-10"
    named = newest_of("6.1.0-9-amd64", kernels_below(tmp_path))
    assert named
    assert named.release == "6.1.0-9-amd64"
    assert newest_of("6", kernels_below(tmp_path)) == kernels_below(tmp_path)[0]
    assert newest_of("5.15", kernels_below(tmp_path)) is None


def test_an_older_one_that_boots_is_preferred(tmp_path: Path) -> None:
    """The cloud flavour is newer and lacks 9p; alone, it is refused with the reason."""
    for release, lacking in (("6.1.0-9-amd64", ""), ("6.1.0-12-cloud-amd64", "9p")):
        lay_out(
            tmp_path / release,
            release,
            image=f"boot/vmlinuz-{release}",
            modules="lib/modules",
            lacking=lacking,
        )
    found = newest_of("6.1", kernels_below(tmp_path))
    assert found
    assert found.release == "6.1.0-9-amd64"
    shutil.rmtree(tmp_path / "6.1.0-9-amd64")
    found = newest_of("6.1", kernels_below(tmp_path))
    assert found
    assert found.lacking == ["9p"]
    with pytest.raises(KernelError, match="lacks what a guest needs: 9p") as caught:
        build_initramfs(found, tmp_path, tmp_path / "made")
    assert caught.value.code == "E6552"


def test_modules_in_order(tmp_path: Path) -> None:
    """What a module depends on goes before it, unpacked; a kernel made anew is another."""
    lay_out(tmp_path, "6.1.1", image="vmlinuz-6.1.1", modules="modules", lacking="9p")
    folder = tmp_path / "modules/6.1.1"
    (folder / "netfs.ko.gz").write_bytes(gzip.compress(b"netfs\0depends=\0"))
    (folder / "9p.ko").write_bytes(b"the 9p module\0depends=netfs\0")
    busybox = tmp_path / "busybox"
    busybox.touch()
    kernel = Kernel(tmp_path / "vmlinuz-6.1.1", folder)
    made = build_initramfs(kernel, busybox, tmp_path / "made")
    archive = gzip.decompress(made.read_bytes())
    assert archive.index(b"netfs\0depends=") < archive.index(b"the 9p module")
    assert b"netfs.ko\n9p.ko\n" in archive
    assert build_initramfs(kernel, busybox, tmp_path / "made") == made
    (tmp_path / "vmlinuz-6.1.1").write_bytes(b"made anew")
    assert build_initramfs(kernel, busybox, tmp_path / "made") != made


def test_packages_are_unpacked_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder of packages stands for what is in them, image and modules from two."""
    monkeypatch.setattr(packages, "cache_folders", lambda: [tmp_path / "cache"])
    given = tmp_path / "given"
    given.mkdir()
    for name in (
        "linux-image-6.8.0-generic_1_amd64.deb",
        "linux-image-6.8.0-generic-dbg_1_amd64.deb",
        "linux-modules-6.8.0-generic_1_amd64.deb",
    ):
        (given / name).touch()
    asked: list[str] = []

    def extract(*command: str, folder: Path | None = None) -> str:
        del folder
        *_, package, target = command
        asked.append(Path(package).name.partition("_")[0])
        Path(target).mkdir(exist_ok=True)
        if "image" in package:
            (Path(target) / "boot").mkdir()
            (Path(target) / "boot/vmlinuz-6.8.0-generic").touch()
        else:
            (Path(target) / "lib/modules/6.8.0-generic").mkdir(parents=True)
        return ""

    monkeypatch.setattr(packages, "_run", extract)
    for _ in range(2):
        (kernel,) = kernels_below(packages.unpacked(given))
        assert kernel.release == "6.8.0-generic"
    assert asked == ["linux-image-6.8.0-generic", "linux-modules-6.8.0-generic"]
    assert packages.unpacked(tmp_path) == tmp_path, "no packages: the folder itself"


def test_system_busybox_must_be_static(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that needs a loader cannot run before there is a file system."""
    monkeypatch.setattr(kernels, "cache_folders", lambda: [tmp_path])
    monkeypatch.setenv("PATH", str(tmp_path))
    assert kernels.find_busybox() is None
    busybox = tmp_path / "busybox"
    for kind, expected in ((1, busybox), (3, None)):
        header = bytearray(64 + 56)
        header[:5] = b"\x7fELF\x02"
        header[32] = 64
        header[54], header[56] = 56, 1
        header[64] = kind  # PT_LOAD, PT_INTERP
        busybox.write_bytes(header)
        busybox.chmod(0o755)
        assert kernels.find_busybox() == expected
