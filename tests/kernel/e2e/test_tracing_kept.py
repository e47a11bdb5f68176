"""What a new generation has the same goes on: programs, links, and what is known of processes."""

from __future__ import annotations

import os
import shutil
import signal
import struct
import subprocess
from typing import TYPE_CHECKING

import pytest

from lockgate.driver import Settings, compile_policies, write_outputs
from lockgate_runtime.bpf import Link, Map
from lockgate_runtime.pins import Pins, list_folder
from lockgate_runtime.slot import read_slot
from lockgate_runtime.tracing.layout import PROCESS
from tests.kernel.e2e.bundles import CACHE
from tests.kernel.e2e.everywhere import the_same_everywhere
from tests.targets.running import running_kernel

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.kernel.e2e.network import Network

pytestmark = pytest.mark.kernel

POLICY = """apiVersion: cilium.io/v1alpha1
kind: TracingPolicy
metadata:
  name: {name}
spec:
  tracepoints:
  - subsystem: syscalls
    event: sys_enter_{call}
    args:
    - {{index: 5, type: int}}
    selectors:
    - matchArgs:
      - {{index: 5, operator: {operator}, values: ["{value}"]}}
      matchBinaries:
      - {{operator: In, values: ["{binary}"], followChildren: true}}
"""


class Bundles:
    """Bundles of two policies; the marker is a binary whose children are followed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.marker = folder / "marker"
        shutil.copy("/bin/sh", self.marker)
        self._made = 0

    def make(self, value: int, binary: str = "", operator: str = "Equal") -> Path:
        """Compile; ``value`` is of the second policy, as are a binary and an operator."""
        self._made += 1
        sources = self._folder / f"policies-{self._made}"
        sources.mkdir()
        for name, call, number, path in (
            ("stays", "setpgid", 7, str(self.marker)),
            ("changes", "getpgid", value, binary or str(self.marker)),
        ):
            text = POLICY.format(
                name=name,
                call=call,
                value=number,
                binary=path,
                operator=operator if name == "changes" else "Equal",
            )
            (sources / f"{name}.yaml").write_text(text)
        settings = Settings(cache=CACHE, targets=lambda: [running_kernel()])
        made = compile_policies([sources], settings=settings)
        assert made.ok, made.diagnostics.found
        bundle = self._folder / f"bundle-{self._made}"
        assert write_outputs(made, bundle, settings)
        return bundle


@pytest.fixture
def bundles(tmp_path: Path) -> Bundles:
    """Give a maker of bundles for this kernel."""
    return Bundles(tmp_path)


@pytest.fixture
def orphan() -> Iterator[list[int]]:
    """Give a list of processes that end after the test."""
    found: list[int] = []
    yield found
    for process in found:
        os.kill(process, signal.SIGKILL)


def begin_orphan(marker: Path) -> int:
    """Let the marker start a process, and end; return who is left."""
    done = subprocess.run(  # noqa: S603  # ours
        [str(marker), "-c", "/bin/sleep 60 >/dev/null 2>&1 & echo $!"],
        capture_output=True,
        check=True,
    )
    return int(done.stdout)


def followed(network: Network, process: int) -> int:
    """Return the rules that follow a process in the generation in force."""
    place = read_slot(Pins(network.root)).active
    with Map.pinned(Pins(network.root).map("processes")) as processes:
        record = PROCESS.unpack(processes.get(struct.pack("=Q", process)) or b"")
    places: tuple[int, int] = struct.unpack("=2Q", bytes(record["followed"]))
    return places[place]


def links_of(network: Network, number: int) -> dict[str, int]:
    """Return the links of a generation, and their numbers in the kernel."""
    found = {}
    for pin in list_folder(Pins(network.root).generation(number) / "tracing" / "links"):
        with Link.pinned(pin) as link:
            found[pin.name] = link.info.id
    return found


@the_same_everywhere
def test_only_what_changed_is_attached_anew(network: Network, bundles: Bundles) -> None:
    """The other policy's link is the same; one that was taken away is made again."""
    network.apply(bundles.make(1))
    first = links_of(network, 1)
    assert len(first) == 2
    network.apply(bundles.make(2, operator="Mask"))
    second = links_of(network, 2)
    assert len(set(first.values()) & set(second.values())) == 1
    for pin in list_folder(Pins(network.root).generation(2) / "tracing" / "links"):
        pin.unlink()
    network.apply(bundles.make(3))
    assert links_of(network, 3).keys() == first.keys()
    assert not set(links_of(network, 3).values()) & set(second.values())


@the_same_everywhere
def test_who_is_followed_stays_so(
    network: Network, bundles: Bundles, orphan: list[int]
) -> None:
    """Also when the one who passed it on has ended, and another policy's value changes."""
    network.apply(bundles.make(1))
    orphan.append(begin_orphan(bundles.marker))
    rules = followed(network, orphan[0])
    assert rules
    network.apply(bundles.make(2))
    assert followed(network, orphan[0]) == rules
    network.run("rollback")
    assert followed(network, orphan[0]) == rules
    network.apply(bundles.make(3), "--confirm-within", "60s")
    assert followed(network, orphan[0]) == rules
    network.run("confirm")
    network.apply(bundles.make(3, "/usr/bin/another"))
    assert followed(network, orphan[0]) not in (0, rules), (
        "one of two rules, the second"
    )
    network.apply(bundles.make(3))
    assert followed(network, orphan[0]) == rules
    assert network.run("status").returncode == 0


@the_same_everywhere
@pytest.mark.parametrize("text", [b"[]", b"null", b"\xff\xfe", b""])
def test_what_is_known_may_be_lost(
    network: Network, bundles: Bundles, text: bytes
) -> None:
    """Then everything is loaded anew."""
    bundle = bundles.make(1)
    network.apply(bundle)
    first = links_of(network, 1)
    (digests,) = network.state.glob("**/digests.json")
    digests.write_bytes(text)
    network.apply(bundle)
    assert first
    assert not set(first.values()) & set(links_of(network, 2).values())
