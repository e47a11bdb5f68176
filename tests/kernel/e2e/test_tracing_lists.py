"""Lists get longer and shorter under programs that go on, past every room that there is."""

from __future__ import annotations

import json
import os
import shutil
import signal
import struct
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lockgate.driver import Settings, compile_policies, write_outputs
from lockgate_runtime.bpf import Map
from lockgate_runtime.pins import Pins
from lockgate_runtime.tracing.layout import CLASS_ROOM, PROCESS
from lockgate_runtime.tracing.proc import cgroup_root
from tests.kernel.e2e.bundles import CACHE
from tests.kernel.e2e.everywhere import the_same_everywhere
from tests.kernel.e2e.stage import Stage
from tests.kernel.e2e.test_tracing_kept import links_of
from tests.targets.running import running_kernel

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.kernel.e2e.network import Network

pytestmark = pytest.mark.kernel

HEAD = """apiVersion: cilium.io/v1alpha1
kind: TracingPolicy
metadata:
  name: {name}
spec:
{scope}  tracepoints:
  - subsystem: syscalls
    event: sys_enter_{call}
    selectors:
"""
KILL = "matchActions: [{action: Sigkill}]"
BITS = 9
"""Selectors of a policy for which so many paths, or pods, can each be a class of its own."""
CROWD = CLASS_ROOM + 50
FEW = 3
ODD_BYTES = "".join(map(chr, range(0x21, 0x7F))).replace("/", "")
"""More different bytes than a byte's class had room for, once."""


def crowd(count: int) -> str:
    """Return a policy with so many paths; which of its selectors name one, none shares."""
    text = HEAD.format(name="crowd", scope="", call="setpriority")
    for bit in range(BITS):
        # Some come before a shell's path, some behind it.
        paths = [
            f"/{n:0{3 if n % 9 else 250}}" for n in range(1, count + 1) if n >> bit & 1
        ]
        paths.append(f"/{ODD_BYTES}" if count > FEW else "/none")
        values = json.dumps([f"/{path}" for path in paths])
        text += (
            f"    - matchBinaries: [{{operator: In, values: {values}}}]\n      {KILL}\n"
        )
    return text


def policy(name: str, call: str, asked: str = "", scope: str = "") -> str:
    """Return a policy that kills who is asked for."""
    selector = f"    - {asked}\n      {KILL}\n" if asked else f"    - {KILL}\n"
    return HEAD.format(name=name, call=call, scope=scope) + selector


def compile_here(folder: Path, *texts: str) -> Path:
    """Compile documents for the running kernel; objects are compiled once."""
    folder.mkdir()
    for number, text in enumerate(texts):
        (folder / f"{number}.yaml").write_text(text)
    settings = Settings(cache=CACHE, targets=lambda: [running_kernel()])
    made = compile_policies([folder], settings=settings)
    assert made.ok, [d.message for d in made.diagnostics.found]
    assert write_outputs(made, folder / "bundle", settings)
    return folder / "bundle"


def objects_of(bundle: Path) -> dict[str, bytes]:
    """Return what would be loaded."""
    return {path.name: path.read_bytes() for path in bundle.rglob("*.o")}


@pytest.fixture
def shell(tmp_path: Path) -> str:
    """Give a shell of our own."""
    return shutil.copy("/bin/sh", str(tmp_path / "shell"))


@pytest.fixture(scope="module")
def stage(built: Network, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Give the process whose children die."""
    with Stage(built, tmp_path_factory.mktemp("stage")) as stage:
        yield stage


def is_killed(shell: str, words: str = "cd /") -> bool:
    """Whether a shell is killed when it does that."""
    done = subprocess.run([shell, "-c", words], check=False)  # noqa: S603  # ours
    return done.returncode == -signal.SIGKILL


def lists_for(folder: Path, shell: str) -> dict[str, Path]:
    """Compile a few binaries and a crowd, each with the shell and without."""
    found = {}
    for name, count, path in (
        ("few", FEW, shell),
        ("few-others", FEW, "/other"),
        ("crowd", CROWD, shell),
        ("crowd-others", CROWD, "/other"),
    ):
        asked = f"matchBinaries: [{{operator: In, values: [{path}]}}]"
        found[name] = compile_here(
            folder / name, crowd(count), policy("shell", "chdir", asked)
        )
    return found


@the_same_everywhere
def test_binaries(network: Network, tmp_path: Path, shell: str) -> None:
    """Classes past the room of rows, more states, all bytes: nothing is compiled or attached."""
    lists = lists_for(tmp_path, shell)
    assert (
        len({json.dumps(sorted(map(str, objects_of(b)))) for b in lists.values()}) == 1
    )
    assert len({b"".join(objects_of(b).values()) for b in lists.values()}) == 1
    links = None
    for number, name in enumerate(
        ("few", "crowd", "crowd-others", "few", "few-others", "crowd"), start=1
    ):
        network.apply(lists[name])
        assert links in (None, links_of(network, number)), name
        links = links_of(network, number)
        assert is_killed(shell) == ("others" not in name), name
        assert not is_killed("/bin/sh"), name
    network.run("rollback")
    assert not is_killed(shell), "few others"
    network.apply(lists["few"])
    network.apply(lists["crowd-others"], "--confirm-within", "2s")
    assert not is_killed(shell)
    time.sleep(3.5)
    assert is_killed(shell), "nobody confirmed"


@the_same_everywhere
def test_classes_past_the_room(network: Network, tmp_path: Path, shell: str) -> None:
    """The test above is about what it says: the shell's class has no row in any array."""
    lists = lists_for(tmp_path, shell)
    network.apply(lists["few"])
    network.apply(lists["crowd"])
    with subprocess.Popen([shell, "-c", "read -r line; cd /"], stdin=-1) as waiting:  # noqa: S603  # ours
        time.sleep(0.3)
        with Map.pinned(Pins(network.root).map("processes")) as processes:
            record = processes.get(struct.pack("=Q", waiting.pid))
            assert record
            at = PROCESS.offset("binary")
            known = struct.unpack_from("=2I", record, at)
            assert max(known) >> 1 >= CLASS_ROOM
            # Without a record its class is found where it is asked for.
            assert processes.delete(struct.pack("=Q", waiting.pid))
        waiting.communicate(b"\n", timeout=10)
    assert waiting.returncode == -signal.SIGKILL


@the_same_everywhere
def test_numbers(network: Network, tmp_path: Path, shell: str) -> None:
    """A number is found among any others, be they less or more than it, or both."""
    with subprocess.Popen(  # noqa: S603  # ours
        [shell, "-c", "while read -r line; do (cd /) && echo lives; echo; done"],
        stdin=-1,
        stdout=-1,
        text=True,
    ) as parent:
        assert parent.stdin
        assert parent.stdout
        own, above = parent.pid, [*range(4_000_000, 4_001_000)]
        below = [n for n in range(2, own) if not Path(f"/proc/{n}").exists()][:500]
        links = None
        lists = (
            [own],
            above[:1],
            [own, *above],
            [*below, *above],
            [*below, own, *above[:7]],
            [*below[:7], own, *above],
            [*below, own],
            below,
            [*below[:1], own, *above[:1]],
        )
        for number, numbers in enumerate(lists, start=1):
            values = f"values: {json.dumps(numbers)}"
            asked = f"matchPIDs: [{{operator: In, followForks: true, {values}}}]"
            asked += f"\n      matchBinaries: [{{operator: In, values: [{shell}]}}]"
            source = policy("number", "chdir", asked)
            network.apply(compile_here(tmp_path / str(number), source))
            assert links in (None, links_of(network, number))
            links = links_of(network, number)
            parent.stdin.write("\n")
            parent.stdin.flush()
            told = parent.stdout.readline()
            if told != "\n":
                told += parent.stdout.readline()
            assert told == ("\n" if own in numbers else "lives\n\n"), len(numbers)
        parent.stdin.close()


@the_same_everywhere
def test_killed_while_a_longer_list_is_written(
    network: Network, tmp_path: Path, shell: str, stage: Stage
) -> None:
    """The generation in force keeps its list, and the one before gets its own back."""
    lists = lists_for(tmp_path, shell)
    for step in ("load tracing", "fill", "classify", "serve", "switch"):
        network.apply(lists["few-others"])
        network.apply(lists["few"])
        died = stage.run("apply", str(lists["crowd"]), "--node", "node-1", die_at=step)
        assert died.returncode == -signal.SIGKILL, (step, died.stderr)
        assert is_killed(shell), step
        network.run("rollback")
        assert not is_killed(shell), step


POD = """---
apiVersion: v1
kind: Pod
metadata: {{name: pod-{number:03}, namespace: shop, uid: {uid}, labels: {labels}}}
spec: {{nodeName: node-1, containers: [{{name: main, image: web}}]}}
status: {{phase: Running}}
"""


def pods(count: int, chosen: str) -> tuple[str, str]:
    """Return pods, each a class of its own, and policies; the last but one is ``chosen``."""
    snapshot = ""
    for number in range(1, count + 1):
        labels = {f"bit{bit}": "yes" for bit in range(BITS) if number >> bit & 1}
        if number == count:
            labels["app"] = chosen
        snapshot += POD.format(
            number=number, uid=uid_of(number), labels=json.dumps(labels)
        )
    snapshot += POD.format(
        number=999, uid=uid_of(999), labels='{app: web, last: "yes"}'
    )
    texts = [
        policy(f"bit{bit}", "setpriority", scope=scope_of(f"bit{bit}", "yes"))
        for bit in range(BITS)
    ]
    texts.append(policy("chosen", "chdir", scope=scope_of("app", "web")))
    return snapshot, "---\n".join(texts)


def uid_of(number: int) -> str:
    """Return the uid of a pod."""
    return f"0f3c41d2-8f0e-4d6a-9d5e-{number:012}"


def scope_of(label: str, value: str) -> str:
    """Return for whom a policy is."""
    return f"  podSelector: {{matchLabels: {{{label}: {value}}}}}\n"


@the_same_everywhere
def test_pods(network: Network, tmp_path: Path) -> None:
    """Pods whose classes have no row in any array are judged as others are."""
    root = cgroup_root()
    if root is None:
        pytest.skip("needs cgroups of version 2: mount -t cgroup2 none /sys/fs/cgroup")
    top = root / f"lockgate-{os.getpid()}"
    folders = {
        count: top / f"kubepods-pod{uid_of(count).replace('-', '_')}.slice"
        for count in (FEW, CROWD)
    }
    for folder in folders.values():
        folder.mkdir(parents=True)
    links = None
    try:
        for number, (count, chosen) in enumerate(
            ((FEW, "web"), (CROWD, "web"), (CROWD, "db"), (FEW, "web")), start=1
        ):
            bundle = compile_here(tmp_path / str(number), *pods(count, chosen))
            network.apply(bundle, "--node", "node-1")
            assert links in (None, links_of(network, number))
            links = links_of(network, number)
            joining = f"echo $$ > {folders[count]}/cgroup.procs && cd /"
            assert is_killed("/bin/sh", joining) == (chosen == "web"), (count, chosen)
            with Map.pinned(Pins(network.root).map("cgroups")) as cgroups:
                key = folders[count].stat().st_ino.to_bytes(8, "little")
                ids = struct.unpack_from("=2I", cgroups.get(key) or b"")
            assert (max(ids) >> 1 >= CLASS_ROOM) == (count == CROWD)
            assert not is_killed("/bin/sh")
    finally:
        for folder in (*folders.values(), top):
            folder.rmdir()
