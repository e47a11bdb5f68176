"""Whatever ends an apply, one whole policy is in force, and the next apply repairs the rest."""

from __future__ import annotations

import json
import sys
import time
from typing import TYPE_CHECKING

import pytest

from lockgate_runtime.pins import remove_tree
from tests.kernel.e2e.bundles import Allow, Pod
from tests.kernel.e2e.network import IS_EMULATED, on_real_machines, sh, spawn, start

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

    from tests.kernel.e2e.conftest import Bundler
    from tests.kernel.e2e.network import Network

pytestmark = pytest.mark.kernel

WEB, CLIENT = "10.0.0.1", "10.0.0.2"
OPEN, CLOSED = 53, 54

STEPS: tuple[str, ...] = (
    "recover",
    "survey",
    "pins",
    "state",
    "before",
    "sweeper",
    "load",
    "place",
    "attach",
    "switch",
    "switched",
    "settled",
)

if IS_EMULATED:
    # Each death is a process, and costs seconds there; these four are the ones that matter.
    STEPS = ("place", "attach", "switch", "switched")

# Run apply and die without a word: at a step, or at the n-th call of bpf(2).
DYING = """
import os, signal, sys
from lockgate_runtime import __main__, libbpf
from lockgate_runtime.verbs import apply

def die():
    os.kill(os.getpid(), signal.SIGKILL)

wanted = os.environ["DIE_AT"]
if wanted.isdecimal():
    import lockgate_runtime.bpf as bpf
    calls = 0
    original = bpf.bpf
    def counting(*arguments):
        global calls
        calls += 1
        if calls == int(wanted):
            die()
        return original(*arguments)
    bpf.bpf = counting
else:
    apply._silent = lambda step: die() if step == wanted else None
sys.argv[0] = "lockgate_runtime"
code = __main__.main()
if wanted == "0":
    print(calls)
sys.exit(code)
"""


@pytest.fixture
def pods(network: Network) -> Network:
    """Give the network; these tests use two pods of it."""
    return network


@pytest.fixture
def first(bundle: Bundler) -> Path:
    """Give a policy that allows the one port."""
    return _only(bundle, OPEN)


@pytest.fixture
def second(bundle: Bundler) -> Path:
    """Give a policy that allows the other port."""
    return _only(bundle, CLOSED)


def _only(bundle: Bundler, port: int) -> Path:
    web = Pod("web", (WEB,), ingress=(Allow("client", "udp", port),))
    return bundle(web, Pod("client", (CLIENT,)))


def dying(
    network: Network, bundle: Path, where: str
) -> subprocess.CompletedProcess[str]:
    """Apply a bundle in a process that kills itself at ``where``."""
    command = network.command("apply", str(bundle), "--node", "node-1")
    at = command.index("-m")
    command[at : at + 2] = ["-c", DYING]
    return start("env", f"DIE_AT={where}", *command)


def in_force(network: Network) -> int:
    """Return which port is open; one of the two must be, and not both."""
    if network.denies_udp("client", "web", WEB, OPEN):
        assert network.udp("client", "web", WEB, CLOSED)
        return CLOSED
    assert network.denies_udp("client", "web", WEB, CLOSED)
    return OPEN


def test_killed_at_each_step_one_policy_is_in_force(
    pods: Network, first: Path, second: Path
) -> None:
    """Before the switch it is the old one, after it the new one; the next apply works."""
    pods.apply(first)
    for step in STEPS:
        assert dying(pods, second, step).returncode == -9
        is_switched = step in ("switched", "settled")
        assert in_force(pods) == (CLOSED if is_switched else OPEN), step
        if is_switched:
            pods.apply(first)
    pods.run("rollback")
    assert in_force(pods) == CLOSED
    pods.run("rollback")
    assert in_force(pods) == OPEN
    assert len(list(pods.root.glob("v*/generations/*"))) == 2


def test_killed_at_each_step_of_the_first_apply_nothing_is_judged(
    pods: Network, first: Path
) -> None:
    """There was no policy, and there is none; the next apply works."""
    for step in STEPS:
        if step in ("recover", "switched", "settled"):
            continue
        dying(pods, first, step)
        assert pods.udp("client", "web", WEB, CLOSED), step
    pods.apply(first)
    assert in_force(pods) == OPEN


@on_real_machines
def test_killed_at_any_call_of_the_kernel(
    pods: Network, first: Path, second: Path
) -> None:
    """The same at calls of bpf(2), spread over a whole apply, each time from the ruins."""
    pods.apply(first)
    whole = dying(pods, second, "0")
    calls = int(whole.stdout.split()[-1])
    assert calls > 50
    now = CLOSED
    for number in range(3, calls, calls // 16):
        other = first if now == CLOSED else second
        assert dying(pods, other, str(number)).returncode == -9, number
        before, now = now, in_force(pods)
        assert now == before or number > calls * 0.8, number
    pods.apply(first)
    assert in_force(pods) == OPEN


def test_rollback_after_a_crash_goes_to_a_whole_policy(
    pods: Network, first: Path, second: Path
) -> None:
    """A place that a dying apply has half filled gets its older policy back."""
    pods.apply(first)
    pods.apply(second)
    assert (
        dying(pods, second, "attach").returncode == -9
    )  # the place of `first` is taken
    pods.run("rollback")
    assert in_force(pods) == OPEN


def test_apply_after_an_unload_that_died(pods: Network, first: Path) -> None:
    """Half of the pins are gone, and what is left is no reason to fail."""
    pods.apply(first)
    (top,) = pods.root.glob("v*")
    for part in ("links", "generations", "maps"):
        remove_tree(top / part)
    pods.apply(first)
    assert in_force(pods) == OPEN


def test_a_map_that_lost_its_pin(pods: Network, first: Path, second: Path) -> None:
    """Stubs would go on with a map that nobody can reach: refused, not called done."""
    pods.apply(first)
    (programs,) = pods.root.glob("v*/maps/programs_tc")
    programs.unlink()
    refused = pods.run("apply", str(second), "--node", "node-1", check=False)
    assert refused.returncode == 2
    assert "E5022" in refused.stderr
    assert "lockgate unload" in refused.stderr
    pods.run("unload")
    pods.apply(second)
    assert in_force(pods) == CLOSED


def test_a_full_disk_changes_nothing(
    pods: Network, first: Path, second: Path, tmp_path: Path
) -> None:
    """No room for names: an error before anything changes, and the old policy stays."""
    pods.apply(first)
    small = tmp_path / "small"
    small.mkdir()
    sh(f"mount -t tmpfs -o size=8k none {small}")
    try:
        pods.state = small / "state"
        refused = pods.run("apply", str(second), "--node", "node-1", check=False)
    finally:
        sh(f"umount {small}")
    assert refused.returncode == 2
    assert "E5037" in refused.stderr
    assert in_force(pods) == OPEN
    kept = sorted(folder.name for folder in pods.root.glob("v*/generations/*"))
    assert kept == ["0", "1"]


@on_real_machines
def test_no_memory_changes_nothing(pods: Network, first: Path, second: Path) -> None:
    """The kernel has no room for a map: an error, and the old policy stays."""
    pods.apply(first)
    script = DYING.replace("die()\n        return", "raise no_memory\n        return")
    script = script.replace(
        "def die",
        "from lockgate_runtime.errors import BpfError\n"
        "no_memory = BpfError(12, 'fill a map')\ndef die",
    )
    command = pods.command("apply", str(second), "--node", "node-1")
    at = command.index("-m")
    command[at : at + 2] = ["-c", script]
    whole = dying(pods, first, "0")
    calls = int(whole.stdout.split()[-1])
    for number in range(5, int(calls * 0.75), calls // 8):
        refused = start("env", f"DIE_AT={number}", *command)
        assert refused.returncode == 2, refused.stderr
        assert "E50" in refused.stderr
        assert "nothing was changed" in refused.stderr
        assert in_force(pods) == OPEN
    pods.apply(second)
    assert in_force(pods) == CLOSED


@on_real_machines
def test_two_applies_at_once(pods: Network, first: Path, second: Path) -> None:
    """One waits for the other, or is refused; both ways one policy is in force after."""
    pods.apply(first)
    hold = (
        "import sys, time\nfrom pathlib import Path\nfrom lockgate_runtime.pins import Pins\n"
        f"with Pins(Path({str(pods.root)!r})).lock():\n"
        "    print('held', flush=True)\n    sys.stdin.read()\n"
    )
    with spawn(sys.executable, "-c", hold) as holder:
        assert holder.stdout is not None
        assert holder.stdin is not None
        assert holder.stdout.readline() == "held\n"
        command = pods.command("apply", str(second), "--node", "node-1")
        refused = start(*command, "--no-wait")
        assert refused.returncode == 2
        assert "E5030" in refused.stderr
        assert in_force(pods) == OPEN
        with spawn(*command) as waiting:
            assert waiting.stderr is not None
            assert "waiting for another process" in waiting.stderr.readline()
            time.sleep(0.2)
            assert waiting.poll() is None
            holder.stdin.close()
            assert waiting.wait(30) == 0
    assert in_force(pods) == CLOSED


@on_real_machines
def test_many_applies_at_once(pods: Network, first: Path, second: Path) -> None:
    """Four at a time: all succeed, one after the other, and one policy is in force."""
    bundles = (first, second, first, second)
    running = [
        spawn(*pods.command("apply", str(bundle), "--node", "node-1", "-o", "json"))
        for bundle in bundles
    ]
    outputs = [process.communicate(timeout=60)[0] for process in running]
    assert [process.returncode for process in running] == [0] * 4
    numbers = [json.loads(output)["generation"] for output in outputs]
    assert sorted(numbers) == [1, 2, 3, 4]
    last = bundles[numbers.index(4)]
    assert in_force(pods) == (OPEN if last == first else CLOSED)
