"""The process sensor and its reader: who ran what, whose child it is, how it ended."""

from __future__ import annotations

import ctypes
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
from lockgate_runtime.tracing.sensor import (
    follows_credentials,
    start_sensor,
    stop_sensor,
)
from lockgate_runtime.tracing.sites import Site
from lockgate_runtime.tracing.stream import EventStream, read_counters
from tests.kernel.e2e.bundles import CACHE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from lockgate_runtime.tracing.process_cache import ProcessCache

pytestmark = pytest.mark.kernel

ALL = frozenset({"exec", "exit"})
NOBODY = 65534
_PR_SET_KEEPCAPS = 8
"""include/uapi/linux/prctl.h."""
_CLONE_NEWUSER = 0x10000000


def sensor() -> bytes:
    """Compile the sensor, or take it from the cache."""
    diagnostics = Diagnostics()
    objects = compile_c(sensor_sources(), diagnostics, cache_folder=CACHE)
    assert diagnostics.ok, diagnostics.found
    return objects["process.o"]


@pytest.fixture(scope="module")
def pins() -> Iterator[Pins]:
    """Start the sensor below pins of the tests' own."""
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
        while stream.take(0):
            pass  # what other tests have left
        yield Events(stream)


def spawn(*words: str, **options: Any) -> int:  # noqa: ANN401 - of posix_spawn
    """Run a program to its end; return its number."""
    child = os.posix_spawn(words[0], words, options.pop("env", {}), **options)
    os.waitpid(child, 0)
    return child


def execs_with(events: Events, arguments: str) -> list[dict[str, Any]]:
    """Return the bodies of execs with some arguments."""
    found = [e["process_exec"] for e in events.read() if "process_exec" in e]
    return [b for b in found if b["process"].get("arguments") == arguments]


def take_number(number: int, *words: str) -> subprocess.Popen[bytes] | None:
    """Run a program in a process of some number; None where others always took it."""
    for _ in range(50):
        Path("/proc/sys/kernel/ns_last_pid").write_text(str(number - 1))
        child = subprocess.Popen(words)  # noqa: S603 - ours
        if child.pid == number:
            return child
        child.wait()
    return None


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
        "words = ['sh', '-c', '/bin/true of-thread; :']\n"
        "threading.Thread(target=os.execv, args=('/bin/sh', words)).start()\n"
        "time.sleep(10)\n"
    )
    child = subprocess.Popen([sys.executable, "-c", program])  # noqa: S603 - ours
    assert child.wait() == 0
    first, second = events.of("process_exec", child.pid)
    assert second["process"]["binary"] == "/bin/sh"
    assert second["process"]["tid"] == child.pid
    assert second["process"]["exec_id"] != first["process"]["exec_id"]
    assert second["parent"] == first["parent"]
    (end,) = events.of("process_exit", child.pid)
    assert end["process"]["exec_id"] == second["process"]["exec_id"]
    (leaf,) = execs_with(events, "of-thread")
    assert leaf["parent"]["exec_id"] == second["process"]["exec_id"]


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


def execute_as_nobody(mode: int, owner: int, capabilities: bytes) -> int:
    """Let nobody execute a program that is made special; return the process's number."""
    program = Path(f"/var/tmp/lockgate-test-{os.getpid()}")  # noqa: S108 - pytest's is root's
    program.write_bytes(Path("/bin/true").read_bytes())
    os.chown(program, owner, owner)
    program.chmod(mode)
    if capabilities:
        os.setxattr(program, "security.capability", capabilities)

    def become_nobody() -> None:
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)
        execute(str(program))()

    try:
        return in_child(become_nobody)[0]
    finally:
        program.unlink()


_CAN_SEND_RAW = struct.pack("<5I", 0x02000001, 1 << 13, 0, 0, 0)
"""``struct vfs_cap_data``, version 2: permitted, and effective with it."""

_RAISED = "PRIVILEGES_RAISED_EXEC_FILE"
_PRIVILEGES: list[tuple[int, int, bytes, dict[str, int], dict[str, Any] | None]] = [
    (0o755, 0, b"", {}, None),
    (
        *(0o4755, 0, b"", {"euid": 0, "suid": 0, "fsuid": 0}),
        {"setuid": 0, "privileges_changed": [f"{_RAISED}_SETUID"]},
    ),
    (
        *(0o2755, 0, b"", {"egid": 0, "sgid": 0, "fsgid": 0}),
        {"setgid": 0, "privileges_changed": [f"{_RAISED}_SETGID"]},
    ),
    (0o4755, 1, b"", {"euid": 1, "suid": 1, "fsuid": 1}, {"setuid": 1}),
    (0o755, 0, _CAN_SEND_RAW, {}, {"privileges_changed": [f"{_RAISED}_CAP"]}),
]
"""Mode, owner and capabilities of a program, the ids that it gives, and what its exec says."""


def test_privileges_that_a_binary_gave(events: Events) -> None:
    """They show as the reference shows them, and the credentials are those after exec."""
    for mode, owner, capabilities, ids, properties in _PRIVILEGES:
        pid = execute_as_nobody(mode, owner, capabilities)
        (body,) = events.of("process_exec", pid)
        process = body["process"]
        assert process["process_credentials"] == (
            dict.fromkeys(layout.CREDENTIALS, NOBODY) | ids
        )
        assert process["uid"] == ids.get("euid", NOBODY)
        assert process.get("binary_properties") == properties
        can = process["cap"].get("effective", [])
        if capabilities:
            assert can == ["CAP_NET_RAW"]
        else:
            assert bool(can) == (ids.get("euid") == 0)
    pid, _ = in_child(execute("/bin/true"))
    (body,) = events.of("process_exec", pid)
    assert "binary_properties" not in body["process"], "root was root before"


def test_credentials_that_change_show_at_once(pins: Pins, events: Events) -> None:
    """Later events have the new ones, children too, and so does who begins to read later."""
    if not follows_credentials(pins):
        pytest.skip("needs trampolines")
    libc = ctypes.CDLL(None)

    def change() -> None:
        libc.prctl(_PR_SET_KEEPCAPS, 1, 0, 0, 0)
        os.setresgid(7, 8, 9)
        os.setresuid(NOBODY, NOBODY, NOBODY)
        spawn("/bin/true", "of-nobody")
        os._exit(0)

    pid, _ = in_child(change)
    (end,) = events.of("process_exit", pid)
    credentials = end["process"]["process_credentials"]
    assert credentials["securebits"] == ["SecBitKeepCaps"]
    assert [credentials[f"{kind}gid"] for kind in ("", "e", "s", "fs")] == [7, 8, 9, 8]
    assert end["process"]["uid"] == NOBODY
    assert sorted(end["process"]["cap"]) == ["permitted"]
    (leaf,) = execs_with(events, "of-nobody")
    assert leaf["parent"]["uid"] == NOBODY
    assert "securebits" not in leaf["process"]["process_credentials"]

    child = os.fork()
    if not child:
        os.setresuid(NOBODY, NOBODY, NOBODY)
        code = libc.unshare(_CLONE_NEWUSER)
        os.kill(os.getpid(), signal.SIGSTOP)
        os._exit(code)
    os.waitpid(child, os.WUNTRACED)
    with Map.pinned(pins.map("processes")) as processes:
        value = processes.get(struct.pack("=Q", child))
    os.kill(child, signal.SIGCONT)
    assert os.waitpid(child, 0)[1] == 0
    (end,) = events.of("process_exit", child)
    space = end["process"]["ns"]["user"]
    assert "is_host" not in space
    assert "CAP_SYS_ADMIN" in end["process"]["cap"]["effective"]
    assert value is not None
    record = layout.PROCESS.unpack(value)
    assert record["user_namespace"] == space["inum"]
    assert record["effective"] == record["first_effective"]


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


def test_an_orphan_keeps_its_parent_whose_number_is_anothers(events: Events) -> None:
    """Forked twice and adopted: the parent is who forked it, and not who has its number now."""
    program = (
        "import os, sys, time\n"
        "if not os.fork():\n"
        "    parent = os.getpid()\n"
        "    if os.fork():\n"
        "        os._exit(0)\n"
        "    while os.getppid() == parent: time.sleep(0.001)\n"
        "    print(parent, flush=True)\n"
        "    sys.stdin.read()\n"
        "    os.execv('/bin/sh', ['sh', '-c', '/bin/true of-orphan; :'])\n"
        "os.wait()\n"
        "sys.stdin.read()\n"
    )
    with subprocess.Popen(  # noqa: S603 - ours
        [sys.executable, "-S", "-c", program],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as outer:
        assert outer.stdin is not None
        assert outer.stdout is not None
        parent = int(outer.stdout.readline())
        other = take_number(parent, "/bin/sleep", "100")
        outer.stdin.close()
        outer.stdout.read()  # until the orphan has ended, too
    if other is None:
        pytest.skip("somebody else took the number")
    with other:
        other.kill()
    (leaf,) = execs_with(events, "of-orphan")
    (body,) = events.of("process_exec", leaf["parent"]["pid"])
    assert body["process"]["exec_id"] == leaf["parent"]["exec_id"]
    assert (body["parent"]["pid"], body["parent"]["flags"]) == (parent, "clone")
    assert leaf["ancestors"][0]["exec_id"] == body["parent"]["exec_id"]
    assert leaf["ancestors"][1]["pid"] == outer.pid
    sleeping = events.of("process_exec", parent)
    assert [b["process"]["binary"] for b in sleeping] == ["/bin/sleep"]
    assert sleeping[0]["process"]["exec_id"] != body["parent"]["exec_id"]


def test_a_storm_of_execs_is_one_process_with_many_images(events: Events) -> None:
    """All have one number and one parent, each its own name; the last one is the parent after."""
    rounds = 20
    words = ["/usr/bin/env"] * rounds + ["/bin/sh", "-c", "/bin/true of-last; :"]
    pid = spawn(*words)
    images = events.of("process_exec", pid)
    assert len(images) == rounds + 1
    assert len({body["process"]["exec_id"] for body in images}) == rounds + 1
    assert {body["parent"]["pid"] for body in images} == {os.getpid()}
    assert len({body["process"]["parent_exec_id"] for body in images}) == 1
    (leaf,) = execs_with(events, "of-last")
    assert leaf["parent"]["exec_id"] == images[-1]["process"]["exec_id"]
    (end,) = events.of("process_exit", pid)
    assert end["process"]["exec_id"] == images[-1]["process"]["exec_id"]


def test_a_bomb_of_forks_keeps_every_line(events: Events) -> None:
    """Each process forks twice, five times over: each leaf knows its whole line."""
    program = (
        "import os\n"
        "line = [os.getpid()]\n"
        "for _ in range(5):\n"
        "    children = []\n"
        "    for _ in range(2):\n"
        "        child = os.fork()\n"
        "        if not child:\n"
        "            line.insert(0, os.getpid())\n"
        "            break\n"
        "        children.append(child)\n"
        "    else:\n"
        "        for child in children: os.waitpid(child, 0)\n"
        "        os._exit(0)\n"
        "os.execv('/bin/true', ['true', 'bomb', *map(str, line)])\n"
    )
    child = subprocess.Popen([sys.executable, "-S", "-c", program])  # noqa: S603 - ours
    while child.poll() is None:
        events.read()
        time.sleep(0.01)
    found = [e["process_exec"] for e in events.read() if "process_exec" in e]
    leaves = [
        body
        for body in found
        if body["process"].get("arguments", "").startswith("bomb ")
    ]
    assert len(leaves) == 32
    for body in leaves:
        line = [body["process"], body["parent"], *body["ancestors"]]
        words = body["process"]["arguments"].split()[1:]
        assert [process["pid"] for process in line][: len(words)] == [*map(int, words)]
        assert line[len(words) - 1]["pid"] == child.pid


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
        loaded.skip("credentials_changed")  # not every kernel has trampolines
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
        losses = [event["losses"] for event in found if "losses" in event]
        return [lost["unseen"] for lost in losses if "unseen" in lost]

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
