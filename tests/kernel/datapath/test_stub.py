"""The stubs: one slot, a deadline, and nothing passes without a program."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from tests.kernel.datapath.conftest import MEMBERS
from tests.kernel.datapath.frames import SYN, packet, tcp
from tests.kernel.datapath.node import CGROUP_HOOKS, TC_HOOKS, Member, Node
from tests.kernel.datapath.worlds import build_tables

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.kernel

FRAME = packet("10.0.0.2", "10.0.0.1", 6, tcp(40000, 80, SYN))
CLOSED = Member(300, 6, 7, MEMBERS["web"].addresses)


@pytest.fixture
def both(node: Node) -> Iterator[Node]:
    """Return a node that lets the frame pass in place 0 and drops it in place 1."""
    with Node(
        build_tables(), {**MEMBERS, "web": CLOSED}, generation=2, older=node, place=1
    ) as other:
        other.become("web")
        yield node
    node.switch(0)
    node.empty_place(1)


def _in(seconds: float) -> int:
    return int((time.clock_gettime(time.CLOCK_BOOTTIME) + seconds) * 1e9)


def test_slot(both: Node) -> None:
    """One write changes what every hook does."""
    for place in (0, 1, 0, 1):
        both.switch(place)
        assert both.passes("to_endpoint", FRAME) == (place == 0)


@pytest.mark.parametrize("place", [0, 1])
def test_deadline(both: Node, place: int) -> None:
    """Until the deadline the active place is in force, after it the other one."""
    both.switch(place, _in(0.4))
    assert both.passes("to_endpoint", FRAME) == (place == 0)
    time.sleep(0.5)
    assert both.passes("to_endpoint", FRAME) == (place == 1)


def test_no_program(node: Node) -> None:
    """An empty place lets nothing through, and says why."""
    node.switch(1)
    try:
        for hook in TC_HOOKS + CGROUP_HOOKS:
            assert not node.passes(hook, FRAME)
        assert node.drops() == {"no_generation": 6}
    finally:
        node.switch(0)
