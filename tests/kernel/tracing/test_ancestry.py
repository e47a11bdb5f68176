"""Ancestry stays right: chains, numbers that are used again, orphans, storms and bombs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lockgate_runtime.bpf import Map
from tests.kernel.tracing.sensed import (
    Events,
    execs_with,
    run_python,
    spawn,
    take_number,
)

if TYPE_CHECKING:
    from lockgate_runtime.pins import Pins

pytestmark = pytest.mark.kernel


def test_ancestry_goes_up_to_the_first_process(events: Events) -> None:
    """Each parent is the image that forked, and ``ancestors`` are those above it."""
    shell = subprocess.Popen(["/bin/sh", "-c", "/bin/sh -c '/bin/sleep 0; :'; :"])
    shell.wait()
    execs = [b for b in events.execs() if b["process"]["pid"] >= shell.pid]
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


def test_a_number_that_is_used_again(events: Events) -> None:
    """Two processes of one number are two, each with its own program and end."""
    last = Path("/proc/sys/kernel/ns_last_pid")
    first = spawn("/bin/true", "first")
    for _ in range(50):
        last.write_text(str(first - 1))
        if spawn("/bin/echo", "-n") == first:
            break
    else:
        pytest.skip("needs a quieter machine: others took the process number")
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
        pytest.skip("needs a quieter machine: others took the process number")
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
    first = run_python(program, events)
    leaves = [
        body
        for body in events.execs()
        if body["process"].get("arguments", "").startswith("bomb ")
    ]
    assert len(leaves) == 32
    for body in leaves:
        line = [body["process"], body["parent"], *body["ancestors"]]
        words = body["process"]["arguments"].split()[1:]
        assert [process["pid"] for process in line][: len(words)] == [*map(int, words)]
        assert line[len(words) - 1]["pid"] == first


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
    first = run_python(program, events)
    storm = [b for b in events.execs() if b["process"]["binary"] == "/bin/true"]
    assert len(storm) == 64
    for body in storm:
        assert body["process"]["arguments"] == str(body["parent"]["pid"])
        assert body["parent"]["flags"] == "clone"
        assert [p["pid"] for p in body["ancestors"]][1] == first
    assert len({body["process"]["exec_id"] for body in storm}) == 64
    ends = [e for e in events.read() if "process_exit" in e]
    own = {body["process"]["exec_id"] for body in storm}
    assert own <= {e["process_exit"]["process"]["exec_id"] for e in ends}
    with Map.pinned(pins.map("processes")) as processes:
        dead = [key for key, _ in processes.items() if not _is_there(key)]
    assert not dead


def _is_there(key: bytes) -> bool:
    return Path(f"/proc/{int.from_bytes(key, 'little')}").exists()
