"""Values change under programs that go on: each generation compares with its own."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import time
from typing import TYPE_CHECKING

import pytest

from lockgate_runtime.state import State
from tests.kernel.e2e.everywhere import the_same_everywhere
from tests.kernel.e2e.stage import Stage
from tests.kernel.e2e.test_tracing_kept import links_of
from tests.kernel.e2e.test_tracing_lists import compile_here, objects_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from tests.kernel.e2e.network import Network

pytestmark = pytest.mark.kernel

POLICY = """apiVersion: cilium.io/v1alpha1
kind: TracingPolicy
metadata:
  name: {name}
spec:
  tracepoints:
  - subsystem: {group}
    event: {event}
    args:
    - {{index: {index}, type: {type}}}
    selectors:
    - matchArgs: [{{index: {index}, operator: Equal, values: {values}}}]
      {more}matchActions: [{{action: Sigkill}}]
"""
NAMES = "abcd"
MASKS = range(8)


class Values:
    """A shell of our own, programs that it may run, and bundles that kill for that."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._shell = shutil.copy("/bin/sh", str(folder / "shell"))
        for name in NAMES:
            shutil.copy("/bin/true", folder / name)

    def bundle(self, names: str, masks: Sequence[int], more: int = 0) -> Path:
        """Compile: who executes one of the programs, or sets one of the masks, dies."""
        paths = [f"{self._folder}/{name}" for name in names]
        paths += [f"/nowhere/{number}" for number in range(more)]
        numbers = [str(mask) for mask in masks]
        ours = f"matchBinaries: [{{operator: In, values: [{self._shell}]}}]\n      "
        texts = [
            POLICY.format(
                event=event,
                name=event.replace("_", "-"),
                group="sched" if event.startswith("sched") else "syscalls",
                index=index,
                type=type_,
                values=json.dumps(values),
                more=more,
            )
            for event, index, type_, values, more in (
                ("sched_process_exec", 4, "string", paths, ""),
                ("sys_enter_umask", 5, "int", numbers, ours),
                ("sys_enter_fdatasync", 5, "fd", paths, ""),
            )
        ]
        made = sum(1 for _ in self._folder.glob("made-*"))
        return compile_here(self._folder / f"made-{made}", *texts)

    def _is_killed(self, *words: str) -> bool:
        done = subprocess.run(words, check=False)  # noqa: S603  # ours
        return done.returncode == -signal.SIGKILL

    def killing(self) -> tuple[str, list[int]]:
        """Return which programs are killed, and for which masks the shell is."""
        names = "".join(n for n in NAMES if self._is_killed(f"{self._folder}/{n}"))
        files = "".join(
            n for n in NAMES if self._is_killed("sync", "-d", f"{self._folder}/{n}")
        )
        assert names == files, "who writes one of them back to its disk dies, too"
        masks = [m for m in MASKS if self._is_killed(self._shell, "-c", f"umask {m:o}")]
        return names, masks


@pytest.fixture
def values(tmp_path: Path) -> Values:
    """Give what a test compares with."""
    return Values(tmp_path)


@pytest.fixture(scope="module")
def stage(built: Network, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Give the process whose children die."""
    with Stage(built, tmp_path_factory.mktemp("stage")) as stage:
        yield stage


@the_same_everywhere
def test_a_changed_value_attaches_nothing(network: Network, values: Values) -> None:
    """More values, other ones, and fewer; there and back, and after a fall-back."""
    one = values.bundle("a", [1])
    network.apply(one)
    links = links_of(network, 1)
    assert len(links) == 3
    assert values.killing() == ("a", [1])
    two = values.bundle("bcd", [2, 5, 6])
    assert objects_of(two) == objects_of(one), "nothing is compiled, too"
    network.apply(two)
    assert links_of(network, 2) == links
    assert values.killing() == ("bcd", [2, 5, 6])
    network.apply(values.bundle("d", [3]))
    assert links_of(network, 3) == links
    assert values.killing() == ("d", [3])
    network.run("rollback")
    assert values.killing() == ("bcd", [2, 5, 6])
    network.apply(one, "--confirm-within", "2s")
    assert values.killing() == ("a", [1])
    time.sleep(3.5)
    assert values.killing() == ("bcd", [2, 5, 6]), "nobody confirmed"


@the_same_everywhere
def test_values_without_room(network: Network, values: Values) -> None:
    """Where there are too many for the maps, the program is attached anew, and knows them."""
    network.apply(values.bundle("a", [1]))
    links = links_of(network, 1)
    network.apply(values.bundle("b", [2], more=300))
    assert set(links_of(network, 2).values()) != set(links.values())
    assert values.killing() == ("b", [2])
    network.apply(values.bundle("c", [3]))
    assert values.killing() == ("c", [3])
    network.run("rollback")
    assert values.killing() == ("b", [2])


@the_same_everywhere
def test_killed_while_values_are_written(
    network: Network, values: Values, stage: Stage
) -> None:
    """The generation in force keeps its values, and the one before gets its own back."""
    first, second = values.bundle("a", [1]), values.bundle("b", [2])
    third = values.bundle("cd", [3, 4])
    for step in ("load tracing", "fill", "serve", "switch"):
        network.apply(first)
        network.apply(second)
        died = stage.run("apply", str(third), "--node", "node-1", die_at=step)
        assert died.returncode == -signal.SIGKILL, (step, died.stderr)
        assert values.killing() == ("b", [2]), step
        network.run("rollback")
        assert values.killing() == ("a", [1]), step


@the_same_everywhere
def test_damaged_tables_are_not_applied(network: Network, values: Values) -> None:
    """E5148 where what would be in force is not what was, be it that nobody names it."""
    network.apply(values.bundle("a", [1]))
    network.apply(values.bundle("b", [2]))
    state = State(network.root, network.state).generation(1)
    kept = (state / "sites.json").read_text()
    sites = json.loads(kept)
    keys = next(row["keys"] for row in sites["tables"] if row["keys"])
    sites["tables"] = [row for row in sites["tables"] if not row["form"]]
    for path, damaged in (
        (state / "sites.json", json.dumps(sites).encode()),
        (state / "sites.json", kept.replace('"rows"', '"weird"').encode()),
        (state / "place_tables" / keys, b"1234567890abcdef"),
    ):
        content = path.read_bytes()
        path.unlink()
        path.write_bytes(damaged)
        refused = network.run("rollback", check=False)
        assert (refused.returncode, "E5148" in refused.stderr) == (2, True)
        assert values.killing() == ("b", [2])
        path.write_bytes(content)
    network.run("rollback")
    assert values.killing() == ("a", [1])
