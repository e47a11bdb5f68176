"""Timed-out flows make room by themselves."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from lockgate_runtime import layout
from tests.kernel.datapath.frames import packet, udp

if TYPE_CHECKING:
    from tests.kernel.datapath.node import Node

pytestmark = pytest.mark.kernel

SECONDS = 12
"""More than two rounds of the sweeper."""


def test_sweeper(node: Node) -> None:
    """It deletes what is too old, tells its end once, and leaves the rest."""
    for port in (40000, 40001):
        ask = packet("10.0.0.2", "10.0.0.1", 17, udp(port, 53))
        answer = packet("10.0.0.1", "10.0.0.2", 17, udp(53, port))
        assert node.passes("to_endpoint", ask)
        assert node.passes("from_endpoint", answer)
    node.events()
    flows = node.flows()
    old, young = sorted(
        flows, key=lambda key: layout.FLOW_KEY.unpack(key)["remote_port"]
    )
    late = int(flows[old]["last_seen"]) - int(flows[old]["timeout"]) - 1
    node.change_flow("flows", old, last_seen=late % (1 << 32))
    assert node.programs["start_sweeper"].test_run().value == 0
    assert node.programs["start_sweeper"].test_run().value == 0  # again does no harm
    deadline = time.monotonic() + SECONDS
    while old in node.flows() and time.monotonic() < deadline:
        time.sleep(0.25)
    assert list(node.flows()) == [young]
    (end,) = node.events()
    assert layout.ENUMERATIONS["event_kind"][int(end["kind"])] == "flow_end"
    assert (end["source_port"], end["packets"]) == (40000, 2)
