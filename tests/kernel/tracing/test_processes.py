"""The process sensor and its reader: who ran what, whose child it is, how it ended."""

from __future__ import annotations

import json
import os
import signal
import struct
import subprocess
import sys
import time
from base64 import b64decode
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from lockgate.codegen.tracing_header import sensor_sources
from lockgate.diagnostics import Diagnostics
from lockgate.toolchain.clang import compile_c
from lockgate_runtime.bpf import Map
from lockgate_runtime.bpf_object import Object
from lockgate_runtime.observe.ring import Ring
from lockgate_runtime.pins import Pins, remove_tree
from lockgate_runtime.state import State
from lockgate_runtime.tracing import layout
from lockgate_runtime.tracing.attach import attach_site
from lockgate_runtime.tracing.proc import cgroup_root
from lockgate_runtime.tracing.records import is_tracing
from lockgate_runtime.tracing.sensor import start_sensor, stop_sensor
from lockgate_runtime.tracing.sites import Site
from lockgate_runtime.tracing.stream import EventStream, read_counters
from tests.kernel.e2e.bundles import CACHE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from lockgate_runtime.tracing.process_cache import ProcessCache

pytestmark = pytest.mark.kernel

ALL = frozenset({"exec", "exit"})
NOBODY = 65534


def sensor() -> bytes:
    """Compile the sensor, or take it from the cache."""
    diagnostics = Diagnostics()
    objects = compile_c(sensor_sources(), diagnostics, cache_folder=CACHE)
    assert diagnostics.ok, diagnostics.found
    return objects["process.o"]


@pytest.fixture
def pins(tmp_path: Path) -> Iterator[Pins]:
    """Start the sensor below pins of the test's own."""
    if " /sys/fs/bpf bpf " not in Path("/proc/mounts").read_text():
        pytest.skip("needs a BPF file system: mount -t bpf bpf /sys/fs/bpf")
    pins = Pins(Path(f"/sys/fs/bpf/lockgate-test-{os.getpid()}"))
    pins.create()
    try:
        start_sensor(pins, sensor())
        yield pins
    finally:
        stop_sensor(pins)
        remove_tree(pins.root)


class Events:
    """What the reader made of it: events in their order."""

    def __init__(self, stream: EventStream) -> None:
        self._stream = stream
        self.lines: list[str] = []

    def read(self) -> list[dict[str, Any]]:
        """Take in what is there, and return all events so far."""
        while lines := self._stream.take(0):
            self.lines += lines
        return [json.loads(line) for line in self.lines]

    def of(self, kind: str, pid: int) -> list[dict[str, Any]]:
        """Return the bodies of a process's events of one kind."""
        found = [event[kind] for event in self.read() if kind in event]
        return [body for body in found if body["process"]["pid"] == pid]

    @property
    def cache(self) -> ProcessCache:
        """The processes that the reader knows."""
        return self._stream.cache


@pytest.fixture
def events(pins: Pins, tmp_path: Path) -> Iterator[Events]:
    """Read the events of this node."""
    state = State(pins.root, tmp_path)
    with EventStream(pins, state, "node-1", ALL) as stream:
        yield Events(stream)


def spawn(*words: str, **options: Any) -> int:  # noqa: ANN401 - of posix_spawn
    """Run a program to its end; return its number."""
    child = os.posix_spawn(words[0], words, options.pop("env", {}), **options)
    os.waitpid(child, 0)
    return child


def in_child(act: Callable[[], object]) -> tuple[int, int]:
    """Fork, let the child act and end; return its number and wait status."""
    child = os.fork()
    if not child:
        try:
            act()
        finally:
            os._exit(99)
    return child, os.waitpid(child, 0)[1]


def execute(
    program: str | int, *words: str, directory: Path | None = None
) -> Callable[[], None]:
    """Return an act of a child: execute a program, given by its path or open file."""

    def act() -> None:
        if directory:
            os.chdir(directory)
        os.execve(program, ["program", *words], {})  # noqa: S606 - what is tested

    return act


def test_an_exec_says_all_that_the_reference_says(
    events: Events, tmp_path: Path
) -> None:
    """Program, arguments, directory, credentials, capabilities, namespaces, names, parent."""
    act = execute("/bin/sh", "-c", "exit 3", "a b", "", directory=tmp_path)
    pid, _ = in_child(act)
    (body,) = events.of("process_exec", pid)
    process, parent = body["process"], body["parent"]
    assert process["binary"] == "/bin/sh"
    assert process["arguments"] == '-c "exit 3" "a b"'
    assert process["cwd"] == str(tmp_path)
    assert process["flags"] == "execve clone"
    assert process["tid"] == process["pid"] == pid
    assert process["uid"] == 0
    assert process["auid"] == int(Path("/proc/self/loginuid").read_text())
    assert process["process_credentials"] == dict.fromkeys(layout.CREDENTIALS, 0)
    assert "DAC_OVERRIDE" in process["cap"]["effective"]
    assert {name: ns["inum"] for name, ns in process["ns"].items()} == {
        name: Path(f"/proc/self/ns/{name}").stat().st_ino for name in layout.NAMESPACES
    }
    assert parent["pid"] == os.getpid()
    assert parent["exec_id"] == process["parent_exec_id"]
    assert parent["flags"].startswith("procFS")
    node, start, number = b64decode(process["exec_id"]).decode().split(":")
    assert (node, number) == ("node-1", str(pid))
    assert abs(int(start) - time.clock_gettime_ns(time.CLOCK_BOOTTIME)) < 60e9
    (end,) = events.of("process_exit", pid)
    assert (end["status"], end.get("signal")) == (3, None)
    assert end["process"]["exec_id"] == process["exec_id"]


def test_ancestry_goes_up_to_the_first_process(events: Events) -> None:
    """Each parent is the image that forked, and ``ancestors`` are those above it."""
    shell = subprocess.Popen(["/bin/sh", "-c", "/bin/sh -c '/bin/sleep 0; :'; :"])
    shell.wait()
    execs = [e["process_exec"] for e in events.read() if "process_exec" in e]
    execs = [body for body in execs if body["process"]["pid"] >= shell.pid]
    outer, inner, leaf = execs[:3]
    assert leaf["process"]["binary"] == "/bin/sleep"
    assert leaf["parent"]["exec_id"] == inner["process"]["exec_id"]
    assert inner["parent"]["exec_id"] == outer["process"]["exec_id"]
    above = [process["exec_id"] for process in leaf["ancestors"]]
    assert above[0] == outer["process"]["exec_id"]
    assert above[1] == outer["parent"]["exec_id"]
    assert (
        leaf["ancestors"][-1]["pid"] in (1, 2)
        or "parent_exec_id" not in (leaf["ancestors"][-1])
    )


def test_ends_by_signal_and_by_status(events: Events) -> None:
    """As wait() would say it."""
    pid, status = in_child(lambda: os.kill(os.getpid(), signal.SIGKILL))
    assert os.WTERMSIG(status) == signal.SIGKILL
    (body,) = events.of("process_exit", pid)
    assert (body["signal"], body.get("status")) == ("SIGKILL", None)
    assert body["process"]["flags"] == "clone"


def test_threads_end_once_and_may_exec(events: Events) -> None:
    """A process whose first thread ended first ends once; a thread's exec is the process's."""
    program = (
        "import ctypes, os, threading, time\n"
        "def later():\n"
        "    time.sleep(0.1); os._exit(5)\n"
        "threading.Thread(target=later).start()\n"
        "ctypes.CDLL(None).pthread_exit(0)\n"
    )
    child = subprocess.Popen([sys.executable, "-c", program])  # noqa: S603 - ours
    assert child.wait() == 5
    (body,) = events.of("process_exit", child.pid)
    assert body["status"] == 5
    program = (
        "import os, threading, time\n"
        "threading.Thread(target=os.execv, args=('/bin/sleep', ['sleep', '0.1'])).start()\n"
        "time.sleep(10)\n"
    )
    child = subprocess.Popen([sys.executable, "-c", program])  # noqa: S603 - ours
    assert child.wait() == 0
    assert events.of("process_exec", child.pid)[-1]["process"]["binary"] == "/bin/sleep"
    assert len(events.of("process_exit", child.pid)) == 1


def test_a_binary_in_memory_and_one_that_was_removed(
    events: Events, tmp_path: Path
) -> None:
    """Their inode has no link, and the event says so."""
    content = Path("/bin/true").read_bytes()
    memory = os.memfd_create("secret", 0)
    os.write(memory, content)
    pid, _ = in_child(execute(memory))
    (body,) = events.of("process_exec", pid)
    file = body["process"]["binary_properties"]["file"]
    assert file["inode"] == {"number": str(os.fstat(memory).st_ino), "links": 0}
    record = events.cache.find(
        pid, int(b64decode(body["process"]["exec_id"]).split(b":")[1])
    )
    assert record is not None
    program = tmp_path / "gone"
    program.write_bytes(content)
    program.chmod(0o755)
    opened = os.open(program, os.O_RDONLY)
    program.unlink()
    pid, _ = in_child(execute(opened))
    (body,) = events.of("process_exec", pid)
    assert body["process"]["binary_properties"]["file"]["inode"]["links"] == 0


def test_privileges_that_a_binary_gave(events: Events, tmp_path: Path) -> None:
    """The set-user-id bit shows as such, and the credentials are those after it."""
    os.chmod(tmp_path, 0o755)  # noqa: PTH101, S103 - nobody must come through
    program = Path(f"/var/tmp/lockgate-test-{os.getpid()}")  # noqa: S108 - pytest's is root's
    program.write_bytes(Path("/bin/true").read_bytes())
    program.chmod(0o4755)

    def become_nobody() -> None:
        os.setgid(NOBODY)
        os.setuid(NOBODY)
        execute(str(program))()

    try:
        pid, _ = in_child(become_nobody)
    finally:
        program.unlink()
    (body,) = events.of("process_exec", pid)
    process = body["process"]
    assert process["process_credentials"]["uid"] == NOBODY
    assert process["uid"] == process["process_credentials"]["euid"] == 0
    assert process["binary_properties"] == {
        "setuid": 0,
        "privileges_changed": ["PRIVILEGES_RAISED_EXEC_FILE_SETUID"],
    }


def test_a_number_that_is_used_again(events: Events) -> None:
    """Two processes of one number are two, each with its own program and end."""
    last = Path("/proc/sys/kernel/ns_last_pid")
    first = spawn("/bin/true", "first")
    for _ in range(50):
        last.write_text(str(first - 1))
        if spawn("/bin/echo", "-n") == first:
            break
    else:
        pytest.skip("somebody else took the number")
    execs = events.of("process_exec", first)
    assert [body["process"]["binary"] for body in execs] == ["/bin/true", "/bin/echo"]
    ends = [body["process"]["exec_id"] for body in events.of("process_exit", first)]
    assert ends == [body["process"]["exec_id"] for body in execs]
    assert len(set(ends)) == 2


def test_a_storm_of_forks_keeps_its_ancestry(pins: Pins, events: Events) -> None:
    """Each of hundreds of processes has the parent that forked it; the map gets empty again."""
    program = (
        "import os\n"
        "for _ in range(8):\n"
        "    if not os.fork():\n"
        "        for _ in range(8):\n"
        "            if not os.fork():\n"
        "                if not os.fork():\n"
        "                    os.execv('/bin/true', ['true', str(os.getppid())])\n"
        "                os.wait()\n"
        "                os._exit(0)\n"
        "        for _ in range(8): os.wait()\n"
        "        os._exit(0)\n"
        "for _ in range(8): os.wait()\n"
    )
    child = subprocess.Popen([sys.executable, "-S", "-c", program])  # noqa: S603 - ours
    while child.poll() is None:
        events.read()
        time.sleep(0.01)
    found = [e["process_exec"] for e in events.read() if "process_exec" in e]
    storm = [b for b in found if b["process"]["binary"] == "/bin/true"]
    assert len(storm) == 64
    for body in storm:
        assert body["process"]["arguments"] == str(body["parent"]["pid"])
        assert body["parent"]["flags"] == "clone"
        assert [p["pid"] for p in body["ancestors"]][1] == child.pid
    assert len({body["process"]["exec_id"] for body in storm}) == 64
    ends = [e for e in events.read() if "process_exit" in e]
    own = {body["process"]["exec_id"] for body in storm}
    assert own <= {e["process_exit"]["process"]["exec_id"] for e in ends}
    with Map.pinned(pins.map("processes")) as processes:
        dead = [key for key, _ in processes.items() if not _is_there(key)]
    assert not dead


def _is_there(key: bytes) -> bool:
    return Path(f"/proc/{int.from_bytes(key, 'little')}").exists()


def test_what_a_full_ring_loses_is_counted(pins: Pins, events: Events) -> None:
    """What was read and what was lost are together what happened; the stream says so."""
    before = _counters(pins)
    rounds = 150
    for _ in range(rounds):
        spawn("/bin/true", "x" * 12_000)
    lines = events.read()
    after = _counters(pins)
    made, lost = (after[n] - before[n] for n in ("events", "lost"))
    assert made + lost >= 3 * rounds
    assert lost > 0
    told = sum(event["losses"]["lost"] for event in lines if "losses" in event)
    assert told == lost
    execs = [e for e in lines if "process_exec" in e]
    assert 0 < len(execs) < rounds


def _counters(pins: Pins) -> dict[str, int]:
    with Map.pinned(pins.map("tracing_counters")) as counters:
        return read_counters(counters)


def test_a_full_map_is_counted_and_events_go_on(tmp_path: Path) -> None:
    """A process without room has no record, but its exec is told."""
    with Object("process", sensor(), is_tracing=True) as loaded:
        loaded.resize("processes", 1)
        loaded.load()
        with (
            loaded.map("processes") as processes,
            loaded.map("tracing_counters") as counters,
            loaded.program("process_fork") as fork,
            loaded.program("process_exec") as execute,
        ):
            processes.set(struct.pack("=Q", 0), layout.PROCESS.pack(tgid=0))
            links = [
                link
                for program, name in ((fork, "process_fork"), (execute, "process_exec"))
                for link in attach_site(_site(loaded, name), [program])
            ]
            spawn("/bin/true")
            spawn("/bin/true")
            found = read_counters(counters)
            for link in links:
                link.close()
    assert found["full"] >= 4
    assert found["events"] >= 4


def _site(loaded: Object, name: str) -> Site:
    place = loaded.section(name).partition("/")[2]
    return Site(name, "process.o", "tp_btf", (place,))


def test_a_reader_that_is_killed_leaves_all_to_the_next(
    pins: Pins, tmp_path: Path
) -> None:
    """Programs are pinned; what happened meanwhile is in the ring."""
    command = (sys.executable, "-m", "lockgate_runtime", "events", "--follow")
    place = ("--root", str(pins.root), "--state", str(tmp_path))
    with subprocess.Popen(  # noqa: S603 - ours
        [*command, "-o", "json", *place], stdout=subprocess.PIPE, text=True
    ) as reader:
        assert reader.stdout is not None
        spawn("/bin/true", "seen")
        assert any('"seen"' in line for line in iter(reader.stdout.readline, ""))
        reader.kill()
    pid = spawn("/bin/true", "unseen")
    with EventStream(pins, State(pins.root, tmp_path), "node-1", ALL) as stream:
        (body,) = Events(stream).of("process_exec", pid)
    assert body["process"]["arguments"] == "unseen"


def test_what_a_reader_took_and_never_wrote_is_counted(
    pins: Pins, tmp_path: Path
) -> None:
    """The next one tells how many, once: events, forks and all."""
    state = State(pins.root, tmp_path)

    def unseen() -> list[int]:
        with EventStream(pins, state, "node-1", ALL) as stream:
            found = Events(stream).read()
            stream.confirm()
        return [event["losses"]["unseen"] for event in found if "losses" in event]

    spawn("/bin/true", "first")
    assert unseen() == []
    spawn("/bin/true", "second")
    with Ring(pins.map("events")) as ring:
        taken = [data for data in ring.take(0) if is_tracing(data)]
    assert len(taken) >= 3
    spawn("/bin/true", "third")
    assert unseen() == [len(taken)]
    assert unseen() == []


def test_a_new_cgroup_is_of_its_parents_workload(pins: Pins) -> None:
    """From its first moment, and it is forgotten when it goes."""
    root = cgroup_root()
    if root is None:
        pytest.skip("needs cgroups of version 2: mount -t cgroup2 none /sys/fs/cgroup")
    outer = root / f"lockgate-test-{os.getpid()}"
    outer.mkdir()
    try:
        with Map.pinned(pins.map("cgroups")) as cgroups:
            number = outer.stat().st_ino
            key = struct.pack("=Q", number)
            workload = struct.pack("<2I", 7, 9)
            cgroups.set(key, layout.CGROUP.pack(workload=workload))
            inner = outer / "inner"
            inner.mkdir()
            inner_key = struct.pack("=Q", inner.stat().st_ino)
            value = cgroups.get(inner_key)
            inner.rmdir()
            assert value is not None
            found = layout.CGROUP.unpack(value)
            assert (found["workload"], found["parent"]) == (workload, number)
            assert found["flags"] == layout.CGROUP_IS_INHERITED
            assert cgroups.get(inner_key) is None
    finally:
        outer.rmdir()
