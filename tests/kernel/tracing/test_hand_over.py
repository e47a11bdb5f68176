"""While generations are exchanged under load, each hit belongs to exactly one of them.

Programs of both places stand in every way at getsid(2), which some processes call all the time.
At the end of each call a program looks by how many places it was taken, so that two faults
cannot make up for each other, and nothing depends on when anybody reads.
"""

from __future__ import annotations

import os
import signal
import struct
import time
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

from lockgate.codegen.tracing_header import tracing_headers
from lockgate.diagnostics import Diagnostics
from lockgate.toolchain.clang import compile_c
from lockgate_runtime.bpf_object import Object
from lockgate_runtime.environment import is_in_first_pid_namespace
from lockgate_runtime.kernel_constants import AttachType
from lockgate_runtime.pins import Pins, remove_tree
from lockgate_runtime.slot import Slot, write_slot
from lockgate_runtime.tracing.attach import (
    attach_site,
    is_newest_first,
    uses_multi,
    way_number,
)
from lockgate_runtime.tracing.hand_over import hand_over
from lockgate_runtime.tracing.layout import TRACING_CONFIG, TRACING_SERVICE
from lockgate_runtime.tracing.service import SERVICE
from lockgate_runtime.tracing.sites import Site
from tests.kernel.e2e.bundles import CACHE
from tests.kernel.e2e.network import IS_EMULATED
from tests.kernel.tracing.programs import hooks
from tests.kernel.tracing.test_attach import c_library

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lockgate_runtime.bpf import Link, Map, Program

pytestmark = pytest.mark.kernel

FUNCTION = "security_task_getsid"
EXCHANGES = 2 if IS_EMULATED else 6
"""Times that all programs are attached anew."""
SWAPS = int(os.environ.get("LOCKGATE_SWAPS", "4" if IS_EMULATED else "12"))
CALLERS = 2
EPERM = 1
ANSWERS = 15
"""The row of ``calls`` that counts what was answered."""

HEAD = """#include "turn.h"

char licence[] SEC("license") = "GPL";

/* By way << 32 | process: how often its call was taken. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__type(key, u64);
	__type(value, u32);
	__uint(max_entries, 64);
} taken SEC(".maps");

/* By way * 4: calls that nobody took, that one did, that more than one did. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, u32);
	__type(value, u64);
	__uint(max_entries, 64);
} calls SEC(".maps");

static __always_inline u32 *taken_by(u64 way)
{
	u64 key = way << 32 | bpf_get_current_pid_tgid() >> 32;

	return bpf_map_lookup_elem(&taken, &key);
}

static __always_inline void add(u32 index)
{
	u64 *sum = bpf_map_lookup_elem(&calls, &index);

	if (sum)
		__sync_fetch_and_add(sum, 1);
}

SEC("tp/syscalls/sys_exit_getsid")
int judge(long *context)
{
	for (u32 way = 0; way < 15; way++) {
		u32 *count = taken_by(way);

		if (!count)
			continue;
		add(way * 4 + (*count > 2 ? 2 : *count));
		*count = 0;
	}
	if (taken_by(15))
		add(15 * 4 + (context[2] < 0));
	return 0;
}
"""

SITE = """
SEC("{section}")
int way_{number}(void *context)
{{
	u32 *count = taken_by({number});

	if (!count || {unless} || !is_our_turn(context))
		return 0;
	(*count)++;
	return {answer};
}}
"""


class Way(NamedTuple):
    """One way to stand at getsid(2)."""

    section: str
    stand: str
    place: str = FUNCTION
    is_single: bool = False
    is_multi: bool = False
    is_user: bool = False
    unless: str = "0"
    answer: int = 0

    @property
    def needs(self) -> str:
        """What the kernel must have."""
        return {"fexit": "fentry", "kretprobe": "kprobe", "uretprobe": "uprobe"}.get(
            self.stand, self.stand
        )


WAYS = (
    Way(f"fentry/{FUNCTION}", "fentry"),
    Way(f"fexit/{FUNCTION}", "fexit"),
    Way(f"fmod_ret/{FUNCTION}", "fmod_ret", answer=-EPERM),
    Way("kprobe", "kprobe", is_single=True),
    Way("kretprobe", "kretprobe", is_single=True),
    Way("kprobe", "kprobe", is_multi=True),
    Way("kretprobe", "kretprobe", is_multi=True),
    Way("tp/syscalls/sys_enter_getsid", "tracepoint", "syscalls/sys_enter_getsid"),
    Way(
        "raw_tp/sys_enter",
        "raw_tracepoint",
        "raw_syscalls/sys_enter",
        unless="((long *)context)[1] != 124",
    ),
    Way("uprobe", "uprobe", "getsid", is_user=True),
    Way("uretprobe", "uretprobe", "getsid", is_user=True),
)


class World:
    """Programs in both places, and what they counted."""

    def __init__(self, pins: Pins, ends: ExitStack) -> None:
        self.pins = pins
        self.sites = {
            number: Site(
                f"way_{number}",
                "",
                way.stand,
                (way.place,),
                binary=c_library() if way.is_user else None,
                is_multi_disabled=way.is_single,
            )
            for number, way in enumerate(WAYS)
            if hooks()[way.needs]
        }
        if not any(map(uses_multi, self.sites.values())):  # two would stand in one way
            self.sites = {n: s for n, s in self.sites.items() if not WAYS[n].is_multi}
        self._elf = _compiled()
        self._ends = ends
        self._maps: dict[str, Map] = {}
        self._links: dict[int, list[Link]] = {0: [], 1: []}
        self._user_links: dict[int, list[Link]] = {0: [], 1: []}
        self._services: list[Map] = []
        judge = Site("judge", "", "tracepoint", ("syscalls/sys_exit_getsid",))
        for link in self._attached(judge, 0):
            ends.enter_context(link)

    def _attached(self, site: Site, place: int) -> list[Link]:
        """Load one program of the object, and attach it; all share their maps but one."""
        with Object("site", self._elf, is_tracing=True) as target:
            for name, found in self._maps.items():
                target.reuse(name, found)
            for name in target.programs:
                if name != site.program:
                    target.skip(name)
            target.set_constant(
                "config",
                TRACING_CONFIG.pack(
                    is_newest_first=is_newest_first(site), way=way_number(site)
                ),
            )
            if uses_multi(site):
                target.set_attach_type(site.program, AttachType.KPROBE_MULTI)
            elif target.attach_type(site.program) == AttachType.KPROBE_MULTI:
                target.set_attach_type(site.program, 0)
            target.load()
            for name in {"taken", "calls", "slot", "turns"} - self._maps.keys():
                created = self._maps[name] = target.map(name)
                self._ends.enter_context(created)
                created.pin(self.pins.map(name))
            service = self._ends.enter_context(target.map(SERVICE))
            service.set(bytes(4), TRACING_SERVICE.pack(places=1 << place))
            self._services.append(service)
            program: Program
            with target.program(site.program) as program:
                return list(attach_site(site, [program]))

    def attach(self, place: int) -> None:
        """Attach the programs of a place."""
        for site in self.sites.values():
            links = self._links if site.binary is None else self._user_links
            links[place] += self._attached(site, place)

    def serve(self, *places: int) -> None:
        """Let all that is attached serve these places."""
        word = TRACING_SERVICE.pack(places=sum(1 << place for place in places))
        for service in self._services:
            service.set(bytes(4), word)

    def detach(self, place: int) -> None:
        """Detach them."""
        self.leave_user_space(place)
        while self._links[place]:
            self._links[place].pop().close()

    def leave_user_space(self, place: int) -> None:
        """Detach those in user space."""
        while self._user_links[place]:
            self._user_links[place].pop().close()

    def calls(self) -> list[tuple[int, ...]]:
        """Return by way: calls taken by nobody, by one, by both."""
        words = struct.unpack("=64Q", self._maps["calls"].read_array())
        return [words[way * 4 : way * 4 + 3] for way in range(16)]

    @contextmanager
    def called(self) -> Iterator[None]:
        """Let processes call getsid(2) meanwhile."""
        children = [_start_caller() for _ in range(CALLERS)]
        try:
            for child in children:
                for way in (*self.sites, ANSWERS):
                    key = struct.pack("=Q", way << 32 | child)
                    self._maps["taken"].set(key, bytes(4))
            time.sleep(0.2)  # what was under way has ended
            yield
        finally:
            for child in children:
                os.kill(child, signal.SIGKILL)
                os.waitpid(child, 0)


def _compiled() -> bytes:
    text = HEAD + "".join(
        SITE.format(number=number, **way._asdict()) for number, way in enumerate(WAYS)
    )
    diagnostics = Diagnostics()
    objects = compile_c(
        tracing_headers() | {"site.c": text},
        diagnostics,
        cache_folder=CACHE / "objects",
    )
    assert objects, [d.message for d in diagnostics.found]
    return objects["site.o"]


def _start_caller() -> int:
    child = os.fork()
    if child:
        return child
    os.closerange(3, 1024)  # no link lives on because of us
    os.nice(10)
    own = os.getpid()
    while True:
        with suppress(PermissionError):
            os.getsid(own)


@pytest.fixture
def world() -> Iterator[World]:
    """Give a root with nothing attached."""
    if os.geteuid() != 0:
        pytest.skip("needs root, to load programs")
    if not is_in_first_pid_namespace():
        pytest.skip("needs the first PID namespace")
    root = Path(f"/sys/fs/bpf/lockgate-test-{os.getpid()}")
    pins = Pins(root)
    pins.create()
    with ExitStack() as ends:
        ends.callback(remove_tree, root)
        world = World(pins, ends)
        for place in (0, 1):
            ends.callback(world.detach, place)
        yield world


def test_each_hit_belongs_to_one(world: World) -> None:
    """None is lost, none is taken twice, each is denied: attaching, switching, detaching."""
    world.attach(0)
    write_slot(world.pins, Slot(0))
    with world.called():
        before = world.calls()
        world.attach(1)
        for swap in range(SWAPS):
            hand_over(world.pins, Slot(1 - swap % 2, newest=1), may_sleep=True)
            time.sleep(0.01)
        hand_over(world.pins, Slot(1, newest=1), may_sleep=True)
        world.detach(0)
        after = world.calls()
    _check(world, before, after)


def test_who_leaves_user_space_first(world: World) -> None:
    """Nobody waits for tasks that sleep where the older programs there have gone."""
    world.attach(0)
    write_slot(world.pins, Slot(0))
    with world.called():
        before = world.calls()
        for swap in range(EXCHANGES):
            older, newer = swap % 2, 1 - swap % 2
            world.attach(newer)
            leave = partial(world.leave_user_space, older)
            hand_over(
                world.pins, Slot(newer, newest=newer), may_sleep=False, leave=leave
            )
            world.detach(older)
        after = world.calls()
    _check(world, before, after)


def test_who_serves_both_takes_each_hit(world: World) -> None:
    """What two generations have in common stays attached, and is either's in turn."""
    world.attach(0)
    write_slot(world.pins, Slot(0))
    with world.called():
        before = world.calls()
        for swap in range(SWAPS):
            world.serve(0, 1)
            hand_over(world.pins, Slot(1 - swap % 2, newest=1), may_sleep=True)
            world.serve(1 - swap % 2)
            time.sleep(0.01)
        after = world.calls()
    _check(world, before, after)


def _check(
    world: World, before: list[tuple[int, ...]], after: list[tuple[int, ...]]
) -> None:
    """Each call was taken by one program of each way, and denied where one denies."""
    counts = [
        [late - early for late, early in zip(*both, strict=True)]
        for both in zip(after, before, strict=True)
    ]
    passed, denied, _ = counts[ANSWERS]
    found = {
        (way, site.stand): counts[way]
        for way, site in world.sites.items()
        # The first call of each process began before its return was watched.
        if counts[way][0] > CALLERS or counts[way][2]
    }
    assert not found
    is_denying = any(site.stand == "fmod_ret" for site in world.sites.values())
    assert (passed if is_denying else denied) == 0
    assert passed + denied > 100
