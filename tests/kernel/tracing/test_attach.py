"""Every way to attach fires, and its link lives by its pin alone."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import itertools
import os
import platform
import re
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lockgate_runtime.bpf import Link, Map
from lockgate_runtime.errors import BpfError, NodeError
from lockgate_runtime.kernel_constants import AttachType
from lockgate_runtime.pins import remove_tree
from lockgate_runtime.tracing.attach import attach_site, uses_multi
from lockgate_runtime.tracing.sites import Site
from lockgate_runtime.tracing.trampolines import MOST, check_room, place_of
from tests.kernel.tracing.binary import make_binary
from tests.kernel.tracing.programs import EPERM, counting, hit_counts, require

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from lockgate_runtime.bpf_object import Object

pytestmark = pytest.mark.kernel

FUNCTION = "security_task_getsid"
OTHER = "security_task_getpgid"
_numbers = itertools.count()


@pytest.fixture
def pins() -> Iterator[Path]:
    """Give a folder for pins, gone after the test."""
    if os.geteuid() != 0:
        pytest.skip("needs root, to pin programs")
    folder = Path(f"/sys/fs/bpf/lockgate-test-{os.getpid()}-{next(_numbers)}")
    folder.mkdir()
    yield folder
    remove_tree(folder)


def attach(target: Object, site: Site, pins: Path) -> Map:
    """Load an object, attach its program, and keep nothing but the pins of its links."""
    with target:
        if uses_multi(site):
            is_user = site.binary is not None
            kind = AttachType.UPROBE_MULTI if is_user else AttachType.KPROBE_MULTI
            target.set_attach_type("probe", kind)
        target.load()
        with target.program("probe") as program:
            for number, link in enumerate(attach_site(site, [program])):
                with link:
                    link.pin(pins / f"link-{number}")
        return target.map("hits")


def detach(pins: Path) -> None:
    """Let go of all links."""
    for pin in sorted(pins.iterdir()):
        with Link.pinned(pin):
            pin.unlink()


def kernel_site(stand: str, *functions: str) -> Site:
    """Return a site in the kernel."""
    return Site("probe", "probe.o", stand, functions)


def is_silent(hits: Map, act: Callable[[], object]) -> bool:
    """Whether nothing is counted any more, soon."""
    for _ in range(50):
        before = hit_counts(hits)
        act()
        if hit_counts(hits) == before:
            return True
        time.sleep(0.05)
    return False


@pytest.mark.parametrize(
    ("section", "stand", "place"),
    [
        (f"fentry/{FUNCTION}", "fentry", FUNCTION),
        (f"fexit/{FUNCTION}", "fexit", FUNCTION),
        (f"kprobe/{FUNCTION}", "kprobe", FUNCTION),
        (f"kretprobe/{FUNCTION}", "kretprobe", FUNCTION),
        ("tp/syscalls/sys_enter_getsid", "tracepoint", "syscalls/sys_enter_getsid"),
        ("raw_tp/sys_enter", "raw_tracepoint", "raw_syscalls/sys_enter"),
        ("tp_btf/sys_enter", "raw_tracepoint_btf", "raw_syscalls/sys_enter"),
    ],
)
def test_observing(section: str, stand: str, place: str, pins: Path) -> None:
    """It fires for each call, by the pin of its link; without the pin no more."""
    require("fentry" if stand == "fexit" else stand.replace("kret", "k"))
    hits = attach(counting(section), kernel_site(stand, place), pins)
    before = hit_counts(hits)[0]
    for _ in range(3):
        os.getsid(os.getpid())
    found = hit_counts(hits)[0] - before
    # Raw tracepoints count each system call, ours that read the map among them.
    assert found >= 3 if stand.startswith("raw") else found == 3
    detach(pins)
    if not stand.startswith("raw"):
        assert is_silent(hits, lambda: os.getsid(os.getpid()))


@pytest.mark.parametrize(
    ("section", "stand"),
    [("lsm/task_getsid", "lsm"), (f"fmod_ret/{FUNCTION}", "fmod_ret")],
)
def test_denying(section: str, stand: str, pins: Path) -> None:
    """What the program returns is what the caller gets; without the link no more."""
    require(stand)
    target = counting(section, f"return count(0) ? -{EPERM} : 0;")
    place = "task_getsid" if stand == "lsm" else FUNCTION
    hits = attach(target, kernel_site(stand, place), pins)
    with pytest.raises(PermissionError):
        os.getsid(os.getpid())
    assert hit_counts(hits)[0] == 1
    detach(pins)
    assert is_silent(hits, lambda: _try(os.getsid, os.getpid()))
    assert os.getsid(os.getpid()) >= 0


def _try(act: Callable[..., object], *arguments: object) -> None:
    with contextlib.suppress(PermissionError):
        act(*arguments)


@pytest.mark.parametrize("stand", ["kprobe", "kretprobe"])
def test_many_functions(stand: str, pins: Path) -> None:
    """Two functions: by one link where the kernel has such, else by two."""
    require("kprobe")
    site = kernel_site(stand, FUNCTION, OTHER)
    hits = attach(counting(stand), site, pins)
    assert len(list(pins.iterdir())) == (1 if uses_multi(site) else 2)
    os.getsid(os.getpid())
    os.getpgid(os.getpid())
    assert hit_counts(hits)[0] == 2


def test_a_function_that_is_not_there(pins: Path) -> None:
    """The kernel's refusal is told with the place."""
    site = kernel_site("tracepoint", "syscalls/sys_enter_nowhere")
    with pytest.raises(BpfError, match="syscalls/sys_enter_nowhere: ENOENT"):
        attach(counting("tp/syscalls/sys_enter_getsid"), site, pins)


# ---------------------------------------------------------------- programs of user space


LIBRARY = ctypes.CDLL(None, use_errno=True)


def c_library() -> str:
    """Return the path of the C library that we run with."""
    match = re.search(r"(/\S+/libc\.so\.6)$", Path("/proc/self/maps").read_text(), re.M)
    assert match
    return match[1]


@pytest.mark.parametrize("stand", ["uprobe", "uretprobe"])
def test_user_function(stand: str, pins: Path) -> None:
    """A function of a library, found by its symbol."""
    require("uprobe")
    site = Site("probe", "probe.o", stand, ("getpgid",), c_library())
    hits = attach(counting(stand), site, pins)
    for _ in range(3):
        LIBRARY.getpgid(0)
    assert hit_counts(hits)[0] == 3
    detach(pins)
    assert is_silent(hits, lambda: LIBRARY.getpgid(0))


def test_user_functions_and_cookies(pins: Path) -> None:
    """Several places: the program can tell them apart, whichever way they are attached."""
    require("uprobe")
    site = Site("probe", "probe.o", "uprobe", ("getpgid", "getsid"), c_library())
    body = "count(cookie(context) & 3);\n\treturn 0;"
    hits = attach(counting("uprobe", body), site, pins)
    assert len(list(pins.iterdir())) == (1 if uses_multi(site) else 2)
    LIBRARY.getsid(0)
    LIBRARY.getsid(0)
    LIBRARY.getpgid(0)
    assert hit_counts(hits)[:2] == [1, 2]


def test_user_probe(pins: Path, tmp_path: Path) -> None:
    """A statically defined probe, found by its note; its counter says that we watch."""
    require("uprobe")
    if platform.machine() != "x86_64":
        pytest.skip("needs an x86-64 processor, which the program is for")
    path = tmp_path / "program"
    path.write_bytes(make_binary())
    path.chmod(0o755)
    assert _run(path) == 0
    site = Site("probe", "probe.o", "usdt", ("lockgate:here",), str(path))
    hits = attach(counting("uprobe", anybody=True), site, pins)
    assert _run(path) == 1
    assert hit_counts(hits)[0] == 1
    detach(pins)
    assert is_silent(hits, lambda: _run(path))


def _run(path: Path) -> int:
    return subprocess.run([path], check=False).returncode  # noqa: S603  # our own file


def test_user_probe_that_is_not_there(pins: Path) -> None:
    """It is said of which file, before anything is attached."""
    require("uprobe")
    for site, missing in (
        (Site("probe", "probe.o", "usdt", ("libc:none",), c_library()), "libc:none"),
        (Site("probe", "probe.o", "uprobe", ("none_such",), c_library()), "none_such"),
        (Site("probe", "probe.o", "uprobe", ("main",), "/nowhere"), "No such file"),
    ):
        with pytest.raises(NodeError, match=missing) as caught:
            attach(counting(site.stand), site, pins)
        assert caught.value.code == "E5146"
        assert not list(pins.iterdir())


def test_a_full_function_is_seen_before(pins: Path) -> None:
    """A function takes 38 programs; the check says so first, and counts those of others."""
    require("fentry")
    section, site = f"fentry/{OTHER}", kernel_site("fentry", OTHER)
    for number in range(MOST - 1):
        folder = pins / str(number)
        folder.mkdir()
        attach(counting(section), site, folder)
    with counting(section) as target:
        target.load()
        with target.program("probe") as program:
            assert place_of(program).function
            check_room([("one", program)])
            with pytest.raises(NodeError, match="37 stand there") as refused:
                check_room([("one", program), ("two", program)])
            assert refused.value.code == "E5151"
    last = pins / "last"
    last.mkdir()
    attach(counting(section), site, last)
    with pytest.raises(BpfError) as full:
        attach(counting(section), site, pins)
    assert full.value.errno == errno.E2BIG
