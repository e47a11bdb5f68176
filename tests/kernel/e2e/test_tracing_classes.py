"""Lists of binaries change under programs that go on: who is meant, is meant by one generation."""

from __future__ import annotations

import json
import shutil
import signal
import struct
import subprocess
import time
from typing import TYPE_CHECKING

import pytest

from lockgate.driver import Settings, compile_policies, write_outputs
from lockgate_runtime.bpf import Map
from lockgate_runtime.pins import Pins
from lockgate_runtime.state import State
from lockgate_runtime.tracing.layout import PROCESS
from tests.kernel.e2e.bundles import CACHE
from tests.kernel.e2e.everywhere import the_same_everywhere
from tests.kernel.e2e.stage import Stage
from tests.kernel.e2e.test_tracing_kept import links_of
from tests.targets.running import running_kernel

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.kernel.e2e.network import Network

pytestmark = pytest.mark.kernel

DEEDS = {"chdir": "cd /", "umask": "umask 0123"}
"""System calls at which a policy kills, and how a shell makes them."""
POLICY = """apiVersion: cilium.io/v1alpha1
kind: TracingPolicy
metadata:
  name: {call}
spec:
  tracepoints:
  - subsystem: syscalls
    event: sys_enter_{call}
    selectors:
    - {asked}: [{{operator: In, values: {binaries}{follow}}}]
      matchActions: [{{action: Sigkill}}]
"""
DYING = ("load tracing", "fill", "classify", "serve", "switch")
Lists = tuple[str, str]
"""Names of the binaries that may not change their folder, and not their mask."""


class Shells:
    """Shells under other names, and bundles that name them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        for name in "abc":
            shutil.copy("/bin/sh", folder / name)

    def bundle(
        self, lists: Lists, *, follows: bool = False, by_parents: bool = False
    ) -> Path:
        """Compile policies; the bundle is named for its lists."""
        kind = "-follows" * follows + "-parents" * by_parents
        folder = self._folder / f"{'-'.join(lists)}{kind}"
        if folder.exists():
            return folder / "bundle"
        folder.mkdir()
        for call, names in zip(DEEDS, lists, strict=True):
            paths = json.dumps([str(self._folder / name) for name in names])
            asked = "matchParentBinaries" if by_parents else "matchBinaries"
            follow = ", followChildren: true" * follows
            text = POLICY.format(call=call, asked=asked, binaries=paths, follow=follow)
            if names:
                (folder / f"{call}.yaml").write_text(text)
        settings = Settings(cache=CACHE, targets=lambda: [running_kernel()])
        made = compile_policies([folder], settings=settings)
        assert made.ok, made.diagnostics.found
        assert write_outputs(made, folder / "bundle", settings)
        return folder / "bundle"

    def path(self, name: str) -> Path:
        """Return where a file of a test is."""
        return self._folder / name

    def run(self, name: str, words: str) -> int:
        """Let a shell do something; return its code, or minus the signal's number."""
        done = subprocess.run([str(self._folder / name), "-c", words], check=False)  # noqa: S603  # ours
        return done.returncode

    def killed(self) -> Lists:
        """Return whom each policy kills: in other words, the lists that are in force."""
        first, second = (
            "".join(n for n in "abc" if self.run(n, words) == -signal.SIGKILL)
            for words in DEEDS.values()
        )
        return first, second


@pytest.fixture
def shells(tmp_path: Path) -> Shells:
    """Give shells for a test."""
    return Shells(tmp_path)


@pytest.fixture(scope="module")
def stage(built: Network, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Give the process whose children die."""
    with Stage(built, tmp_path_factory.mktemp("stage")) as stage:
        yield stage


def test_a_changed_list_attaches_nothing(network: Network, shells: Shells) -> None:
    """Each generation has its own lists, there and back, and after a fall-back."""
    network.apply(shells.bundle(("a", "a")))
    first = links_of(network, 1)
    assert shells.killed() == ("a", "a")
    network.apply(shells.bundle(("a", "ab")))
    assert shells.killed() == ("a", "ab")
    assert links_of(network, 2) == first, "no program was attached anew"
    network.apply(shells.bundle(("cb", "b")))
    assert shells.killed() == ("bc", "b")
    network.run("rollback")
    assert shells.killed() == ("a", "ab")
    network.apply(shells.bundle(("c", "c")), "--confirm-within", "2s")
    assert shells.killed() == ("c", "c")
    time.sleep(3.5)
    assert shells.killed() == ("a", "ab"), "nobody confirmed"
    network.apply(shells.bundle(("b", "bc")))
    assert shells.killed() == ("b", "bc")


@the_same_everywhere
def test_killed_while_another_list_is_written(
    network: Network, shells: Shells, stage: Stage
) -> None:
    """A dying apply wrote where the generation before had its part: that one gets it back."""
    for step in DYING:
        network.apply(shells.bundle(("a", "a")))
        network.apply(shells.bundle(("b", "ab")))
        third = str(shells.bundle(("c", "bc")))
        died = stage.run("apply", third, "--node", "node-1", die_at=step)
        assert died.returncode == -signal.SIGKILL, (step, died.stderr)
        assert shells.killed() == ("b", "ab"), step
        network.run("rollback")
        assert shells.killed() == ("a", "a"), step


@the_same_everywhere
def test_rules_that_are_the_same_are_remembered(
    network: Network, shells: Shells
) -> None:
    """Who descends from one who has ended is followed on, though another list changed."""
    orphan = "/bin/sh -c 'until [ -e %s ]; do sleep 0.1; done; cd /; echo > %s' &"
    for number, lists in enumerate((("a", "b"), ("a", "bc"), ("ab", "c"))):
        network.apply(shells.bundle(("a", "b"), follows=True))
        begin, end = (shells.path(f"{what}-{number}") for what in ("begin", "end"))
        assert shells.run("a", orphan % (begin, end)) == 0
        network.apply(shells.bundle(lists, follows=True))
        begin.touch()
        time.sleep(0.5)
        assert end.exists() == (lists[0] != "a"), "another rule knows nothing of it"
    network.apply(shells.bundle(("a", "b"), follows=True))
    network.apply(shells.bundle(("a", "bc"), follows=True))
    begin, end = shells.path("begin-again"), shells.path("end-again")
    assert shells.run("a", orphan % (begin, end)) == 0
    network.run("rollback")
    begin.touch()
    time.sleep(0.5)
    assert not end.exists(), "it began while another generation knew it"


@the_same_everywhere
def test_what_is_known_is_not_taken_for_something_else(
    network: Network, shells: Shells
) -> None:
    """Where a third list has the place of the first, nobody is taken for one of its."""
    begin = shells.path("begin")
    child = f"/bin/sh -c 'until [ -e {begin} ]; do sleep 0.1; done; cd /; echo > %s' &"
    ends = [shells.path(f"end-{number}") for number in range(12)]
    network.apply(shells.bundle(("a", ""), follows=True))
    words = [str(shells.path("a")), "-c", " ".join(child % end for end in ends)]
    with subprocess.Popen([*words[:2], words[2] + " wait"]) as parent:  # noqa: S603  # ours
        time.sleep(0.5)
        for name in "bc":
            network.apply(shells.bundle((name, ""), follows=True))
        begin.touch()
        assert parent.wait(10) == 0
    assert all(end.exists() for end in ends)


@the_same_everywhere
def test_who_begins_is_not_taken_for_something_else(
    network: Network, shells: Shells
) -> None:
    """A process that no classification has reached passes nothing on that is an older one's."""
    begin, end = shells.path("begin"), shells.path("end")
    waiting = f"until [ -e {begin} ]; do sleep 0.1; done; (cd /; echo > {end})"
    network.apply(shells.bundle(("a", ""), follows=True))
    with subprocess.Popen([str(shells.path("b")), "-c", waiting]) as parent:  # noqa: S603  # ours
        time.sleep(0.3)
        key = struct.pack("=Q", parent.pid)
        with Map.pinned(Pins(network.root).map("processes")) as processes:
            record = bytearray(processes.get(key) or b"")
            for name, count in (("followed", 16), ("classified", 8)):
                at = PROCESS.offset(name)
                record[at : at + count] = b"\xff" * count
            processes.set(key, bytes(record))
        begin.touch()
        assert parent.wait(10) == 0
    assert end.exists()


@the_same_everywhere
def test_services_that_somebody_unpinned(network: Network, shells: Shells) -> None:
    """Who serves two generations serves the one in force, whatever is pinned of it."""
    for number, verb in ((2, "gc"), (4, "rollback")):
        network.apply(shells.bundle(("a", "a")))
        network.apply(shells.bundle(("b", "b")))
        folder = Pins(network.root).generation(number) / "tracing" / "services"
        (folder / "site_0-0").unlink()
        network.run(verb)
        assert shells.killed() == (("b", "b") if verb == "gc" else ("a", "a"))
        assert (folder / "site_0-0").exists()


@the_same_everywhere
def test_parents_that_have_ended(network: Network, shells: Shells) -> None:
    """Their class goes on as one that has all its paths; else nobody knows whose child it is."""
    orphan = "/bin/sh -c 'until [ -e %s ]; do sleep 0.1; done; cd /; echo > %s' &"
    first = ("a", "c")
    afterwards = ([("a", "b")], [("ab", "c")], [("b", "c"), ("a", "c")])
    for number, changes in enumerate(afterwards):
        network.apply(shells.bundle(first, by_parents=True))
        begin, end = (shells.path(f"{what}-{number}") for what in ("begin", "end"))
        assert shells.run("a", orphan % (begin, end)) == 0
        for lists in changes:
            network.apply(shells.bundle(lists, by_parents=True))
        begin.touch()
        time.sleep(0.5)
        assert end.exists() == (("b", "c") in changes), (
            "was a, then any, then who knows"
        )


@the_same_everywhere
def test_damaged_lists_are_not_applied(network: Network, shells: Shells) -> None:
    """E5148 where what would be in force is not what was; nothing changes."""
    network.apply(shells.bundle(("a", "a")))
    network.apply(shells.bundle(("b", "b")))
    folder = State(network.root, network.state).generation(1) / "place_tables"
    rows = folder / "binaries_0_0.bin"
    kept = rows.read_bytes()
    other = kept[:-8] + b"\xff" * 8
    for damage, is_known in (
        *((kept[:-8], True), (other, True), (b"", True), (None, True)),
        (other, False),
    ):
        if not is_known:
            (folder.parent / "digests.json").write_text("{}")
        rows.unlink()
        if damage is not None:
            rows.write_bytes(damage)
        refused = network.run("rollback", check=False)
        assert (refused.returncode, "E5148" in refused.stderr) == (2, True)
        assert shells.killed() == ("b", "b")
        rows.write_bytes(kept)
    (Pins(network.root).generation(1) / "tracing/maps/lists").unlink()
    refused = network.run("rollback", check=False)
    assert (refused.returncode, "E5148" in refused.stderr) == (2, True)
    assert shells.killed() == ("b", "b")
    network.apply(shells.bundle(("c", "a")))
    assert shells.killed() == ("c", "a")
