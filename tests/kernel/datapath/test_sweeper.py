"""Timed-out flows make room by themselves."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from lockgate_runtime import layout
from tests.kernel.datapath.conftest import MEMBERS
from tests.kernel.datapath.frames import packet, udp
from tests.kernel.datapath.node import Node
from tests.kernel.datapath.worlds import build_tables

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.kernel

SECONDS = 12
"""More than two rounds of the sweeper."""


FLOWS_OF_STEP = 512
"""As in sweep.h."""


def establish(node: Node, port: int) -> None:
    """Ask and answer once."""
    ask = packet("10.0.0.2", "10.0.0.1", 17, udp(port, 53))
    answer = packet("10.0.0.1", "10.0.0.2", 17, udp(53, port))
    assert node.passes("to_endpoint", ask)
    assert node.passes("from_endpoint", answer)


def expire(node: Node, *ports: int) -> None:
    """Let flows be too old."""
    for key, flow in node.flows().items():
        if layout.FLOW_KEY.unpack(key)["remote_port"] in ports:
            late = int(flow["last_seen"]) - int(flow["timeout"]) - 1
            node.change_flow("flows", key, last_seen=late % (1 << 32))


def ports_of(node: Node) -> set[int]:
    """Return the clients' ports of all established flows."""
    return {int(layout.FLOW_KEY.unpack(key)["remote_port"]) for key in node.flows()}


def test_a_flow_in_the_place_of_another(node: Node) -> None:
    """Who takes the ports of a flow that is over is swept like any other, and once."""
    establish(node, 40000)
    expire(node, 40000)
    node.events()
    establish(node, 40000)
    told = [layout.ENUMERATIONS["event_kind"][int(e["kind"])] for e in node.events()]
    assert told == ["flow_end", "verdict"]
    for _ in range(3):
        node.sweep()
        assert ports_of(node) == {40000}
    expire(node, 40000)
    node.sweep()
    assert not node.flows()
    (end,) = node.events()
    assert layout.ENUMERATIONS["event_kind"][int(end["kind"])] == "flow_end"


def test_a_round_has_small_steps(node: Node) -> None:
    """Many flows take several steps; all that are old go, all others stay, round by round."""
    node.sweep()
    ports = range(20_000, 22_500)
    for port in ports:
        establish(node, port)
    assert len(node.sweep()) == 2500 // FLOWS_OF_STEP + 1
    assert ports_of(node) == set(ports)
    old = ports[::2]
    expire(node, *old)
    assert len(node.sweep()) == 2500 // FLOWS_OF_STEP + 1
    assert ports_of(node) == set(ports) - set(old)
    assert len(node.sweep()) == 1250 // FLOWS_OF_STEP + 1
    assert ports_of(node) == set(ports) - set(old)
    expire(node, *ports)
    node.sweep()
    assert not node.flows()
    assert len(node.sweep()) == 1


def test_room_comes_back() -> None:
    """A full table takes new flows again after the old ones were swept, time and again."""
    with Node(build_tables(), MEMBERS, sizes={"flows": 64, "flow_queue": 65}) as node:
        node.become("web")
        node.sweep()
        for first in range(10_000, 15_000, 1000):
            for port in range(first, first + 100):
                establish(node, port)
            assert len(node.flows()) == 64
            expire(node, *range(first, first + 100))
            node.sweep()
            assert not node.flows()


@pytest.fixture
def other_node() -> Iterator[Node]:
    """Give a node whose sweeper may run for good."""
    with Node(build_tables(), MEMBERS) as node:
        node.become("web")
        yield node


def test_sweeper(other_node: Node) -> None:
    """It deletes what is too old, tells its end once, and leaves the rest."""
    node = other_node
    for port in (40000, 40001):
        establish(node, port)
    node.events()
    flows = node.flows()
    old, young = sorted(
        flows, key=lambda key: layout.FLOW_KEY.unpack(key)["remote_port"]
    )
    late = int(flows[old]["last_seen"]) - int(flows[old]["timeout"]) - 1
    node.change_flow("flows", old, last_seen=late % (1 << 32))
    assert node.programs["start_sweeper"].test_run(bytes(64)).value == 0
    assert (
        node.programs["start_sweeper"].test_run(bytes(64)).value == 0
    )  # again does no harm
    deadline = time.monotonic() + SECONDS
    while old in node.flows() and time.monotonic() < deadline:
        time.sleep(0.25)
    assert list(node.flows()) == [young]
    (end,) = node.events()
    assert layout.ENUMERATIONS["event_kind"][int(end["kind"])] == "flow_end"
    assert (end["source_port"], end["packets"]) == (40000, 2)
