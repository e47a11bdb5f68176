"""The state of connections: who may answer, for how long, and what ends it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lockgate_runtime import layout
from lockgate_runtime.layout import value_of
from tests.kernel.datapath.conftest import MEMBERS
from tests.kernel.datapath.frames import (
    ACK,
    FIN,
    PSH,
    RST,
    SYN,
    icmp,
    icmp_of,
    packet,
    sctp,
    tcp,
    udp,
)
from tests.kernel.datapath.node import CONFIG, Node
from tests.kernel.datapath.worlds import POLICY_NUMBERS, build_tables

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.kernel

TCP, UDP, SCTP = 6, 17, 132
FAMILIES = pytest.mark.parametrize(
    ("client", "web"),
    [("10.0.0.2", "10.0.0.1"), ("fd00::2", "fd00::1")],
    ids=["v4", "v6"],
)


class Talk:
    """A connection between the client and web, at web's hooks."""

    def __init__(self, node: Node, client: str, web: str, port: int = 80) -> None:
        self.node, self.client, self.web, self.port = node, client, web, port

    def asks(self, flags: int, source: int = 40000) -> bool:
        """Whether a segment to web passes."""
        segment = tcp(source, self.port, flags)
        return self.node.passes(
            "to_endpoint", packet(self.client, self.web, TCP, segment)
        )

    def answers(self, flags: int, source: int = 40000) -> bool:
        """Whether a segment of web passes."""
        segment = tcp(self.port, source, flags)
        return self.node.passes(
            "from_endpoint", packet(self.web, self.client, TCP, segment)
        )

    def opens(self) -> None:
        """Shake hands."""
        assert self.asks(SYN)
        assert self.answers(SYN | ACK)
        assert self.asks(ACK)

    def flow(self) -> dict[str, int | bytes]:
        """Return the only living entry: one in ``flows`` may be over, and a new one there."""
        (flow,) = (self.node.flows("flows_new") or self.node.flows()).values()
        return flow

    def state(self) -> str:
        """Return the only entry's state."""
        return layout.ENUMERATIONS["flow_state"][int(self.flow()["state"])]

    def change(self, **fields: int) -> None:
        """Rewrite the only entry."""
        for name in ("flows", "flows_new"):
            for key in self.node.flows(name):
                self.node.change_flow(name, key, **fields)

    def expire(self) -> None:
        """Let the entry be one jiffy older than it may be."""
        flow = self.flow()
        late = int(flow["last_seen"]) - int(flow["timeout"]) - 1000
        self.change(last_seen=late % (1 << 32))


@pytest.fixture(
    params=[("10.0.0.2", "10.0.0.1"), ("fd00::2", "fd00::1")], ids=["v4", "v6"]
)
def talk(node: Node, request: pytest.FixtureRequest) -> Talk:
    """Return a connection that has not begun."""
    return Talk(node, *request.param)


def test_handshake(talk: Talk) -> None:
    """States and time-outs follow the handshake; only its end makes the flow established."""
    assert talk.asks(SYN)
    assert talk.state() == "syn"
    assert talk.flow()["timeout"] == CONFIG["timeout_syn"]
    assert talk.answers(SYN | ACK)
    assert talk.state() == "syn"
    assert not talk.node.flows()
    assert talk.asks(ACK)
    assert talk.state() == "established"
    assert talk.flow()["timeout"] == CONFIG["timeout_established"]
    assert talk.node.flows()
    assert not talk.node.flows("flows_new")


def test_counts_of_a_flow(talk: Talk) -> None:
    """Packets and bytes of each direction are kept apart."""
    talk.opens()
    talk.asks(ACK | PSH)
    talk.answers(ACK)
    flow = talk.flow()
    size = 54 if talk.client == "10.0.0.2" else 74
    assert (flow["packets"], flow["bytes"]) == (3, 3 * size)
    assert (flow["reply_packets"], flow["reply_bytes"]) == (2, 2 * size)


def test_only_answers_are_exempt(talk: Talk) -> None:
    """Web may not speak to the client by itself, nor on other ports of a connection."""
    assert not talk.answers(SYN | ACK)
    assert not talk.answers(ACK)
    talk.opens()
    assert not talk.answers(ACK, source=40001)
    assert talk.answers(ACK)


def test_an_answer_does_not_open(talk: Talk) -> None:
    """A SYN against the direction of a connection is a connection of its own: denied."""
    talk.opens()
    assert not talk.answers(SYN)
    assert talk.answers(ACK)


def test_fin_from_both_sides(talk: Talk) -> None:
    """One FIN closes half; both close, and the last acknowledgement still passes."""
    talk.opens()
    assert talk.asks(FIN | ACK)
    assert talk.state() == "established"
    assert talk.answers(ACK | PSH)
    assert talk.answers(FIN | ACK)
    assert talk.state() == "closing"
    assert talk.flow()["timeout"] == CONFIG["timeout_closing"]
    assert talk.asks(ACK)
    assert talk.state() == "closing"


@pytest.mark.parametrize("answers", [False, True])
def test_reset(talk: Talk, answers: bool) -> None:
    """A reset from either side closes."""
    talk.opens()
    assert talk.answers(RST) if answers else talk.asks(RST)
    assert talk.state() == "closing"


def test_refused_connection(talk: Talk) -> None:
    """A reset is an answer to a SYN."""
    assert talk.asks(SYN)
    assert talk.answers(RST | ACK)
    assert talk.state() == "closing"


def test_a_stray_reset_opens_nothing(talk: Talk) -> None:
    """A reset without a flow is judged, and leaves no entry."""
    assert talk.asks(RST)
    assert not talk.node.flows("flows_new")
    assert not talk.answers(ACK)


def test_new_connection_with_old_ports(talk: Talk) -> None:
    """A SYN on a closing entry begins anew."""
    talk.opens()
    talk.asks(RST)
    assert talk.asks(SYN)
    assert talk.state() == "syn"
    assert talk.flow()["packets"] == 1


def test_expired_entry_is_absent(talk: Talk) -> None:
    """After its time-out an entry gives nobody anything."""
    talk.opens()
    talk.expire()
    assert not talk.answers(ACK)
    assert talk.asks(ACK)
    assert talk.state() == "new"


def test_expired_half_open(talk: Talk) -> None:
    """So it is before the handshake ends."""
    assert talk.asks(SYN)
    talk.expire()
    assert not talk.answers(SYN | ACK)


def test_jiffies_wrap(talk: Talk) -> None:
    """Times are compared modulo 2^32: an entry from before the wrap is alive."""
    talk.opens()
    flow = talk.flow()
    talk.change(last_seen=(int(flow["last_seen"]) - 100) % (1 << 32))
    assert talk.answers(ACK)
    later = (int(talk.flow()["last_seen"]) - int(flow["last_seen"])) % (1 << 32)
    assert later < 1 << 31


def test_midstream(talk: Talk) -> None:
    """A connection from before us is judged as new, and answers follow."""
    assert talk.asks(ACK)
    assert talk.state() == "new"
    assert talk.answers(ACK)
    assert talk.state() == "established"


def test_denied_leaves_no_entry(talk: Talk) -> None:
    """Only what passes has one."""
    talk.port = 79
    assert not talk.asks(SYN)
    assert not talk.node.flows()
    assert not talk.node.flows("flows_new")


@FAMILIES
def test_udp(node: Node, client: str, web: str) -> None:
    """A datagram opens, an answer establishes."""

    def send(hook: str, source: int, destination: int) -> bool:
        ends = (client, web) if hook == "to_endpoint" else (web, client)
        return node.passes(hook, packet(*ends, UDP, udp(source, destination)))

    assert not send("from_endpoint", 53, 40000)
    assert send("to_endpoint", 40000, 53)
    (flow,) = node.flows("flows_new").values()
    assert (flow["state"], flow["timeout"]) == (0, CONFIG["timeout_new"])
    assert send("from_endpoint", 53, 40000)
    (flow,) = node.flows().values()
    assert flow["state"] == value_of("flow_state", "established")
    assert flow["timeout"] == CONFIG["timeout_other"]
    assert not send("from_endpoint", 53, 40001)


@FAMILIES
def test_sctp(node: Node, client: str, web: str) -> None:
    """INIT opens, INIT ACK answers, ABORT closes."""

    def send(hook: str, chunk: int) -> bool:
        ends, ports = (client, web), (40000, 80)
        if hook == "from_endpoint":
            ends, ports = (web, client), (80, 40000)
        return node.passes(hook, packet(*ends, SCTP, sctp(*ports, chunk)))

    def state() -> str:
        (flow,) = (*node.flows().values(), *node.flows("flows_new").values())
        return layout.ENUMERATIONS["flow_state"][int(flow["state"])]

    assert send("to_endpoint", 1)
    assert state() == "syn"
    assert send("from_endpoint", 2)
    assert not send("from_endpoint", 1)
    assert send("to_endpoint", 10)
    assert state() == "established"
    assert send("from_endpoint", 0)
    assert send("from_endpoint", 6)
    assert state() == "closing"


@FAMILIES
def test_echo(node: Node, client: str, web: str) -> None:
    """A reply belongs to its request's identifier, and never opens."""
    protocol = icmp_of(client)
    query = 8 if protocol == 1 else 128
    reply = 0 if protocol == 1 else 129

    def send(hook: str, kind: int, identifier: int) -> bool:
        ends = (client, web) if hook == "to_endpoint" else (web, client)
        return node.passes(hook, packet(*ends, protocol, icmp(kind, 0, identifier)))

    node.become("closed")
    assert not send("to_endpoint", query, 5)
    node.become("web")
    assert send("to_endpoint", query, 5)
    assert send("from_endpoint", reply, 5)
    assert send("to_endpoint", query, 5)
    assert not send("from_endpoint", reply, 6)
    # Web may ask, too (its egress allows it), and only its own questions are answered.
    assert not send("to_endpoint", reply, 7)
    assert send("from_endpoint", query, 7)
    assert send("to_endpoint", reply, 7)


def test_a_reply_to_nobody_opens_nothing(node: Node) -> None:
    """Who may send may not thereby let questions in."""
    node.become("talker")
    own, other = "10.0.0.3", "10.0.0.2"
    assert node.passes("from_endpoint", packet(own, other, 1, icmp(0, 0, 5)))
    assert not node.passes("to_endpoint", packet(other, own, 1, icmp(8, 0, 5)))


def test_one_query_admits_no_other(node: Node) -> None:
    """An echo that was allowed is no memo for a timestamp request of the same number."""
    assert node.passes("to_endpoint", packet("10.0.0.2", "10.0.0.1", 1, icmp(8, 0, 5)))
    assert not node.passes(
        "to_endpoint", packet("10.0.0.2", "10.0.0.1", 1, icmp(13, 0, 5))
    )


def test_protocol_without_ports(node: Node) -> None:
    """GRE is tracked by its addresses."""
    ask = packet("10.0.0.2", "10.0.0.1", 47, bytes(8))
    answer = packet("10.0.0.1", "10.0.0.2", 47, bytes(8))
    assert not node.passes("from_endpoint", answer)
    assert node.passes("to_endpoint", ask)
    assert node.passes("from_endpoint", answer)


def test_endpoints_do_not_share_a_memo(node: Node) -> None:
    """A flow allowed at one endpoint's hooks is unknown at another's."""
    frame = packet("10.0.0.2", "10.0.0.1", TCP, tcp(40000, 80, SYN))
    answer = packet("10.0.0.1", "10.0.0.2", TCP, tcp(80, 40000, ACK))
    assert node.passes("to_endpoint", frame)
    node.become("closed")
    assert not node.passes("to_endpoint", frame)
    assert not node.passes("to_endpoint", answer)


# ---------------------------------------------------------------- generations


@pytest.fixture
def next_node(node: Node) -> Iterator[Callable[[str], Node]]:
    """Return a function that switches web to another ingress policy."""
    made: list[Node] = []

    def switch(policy: str) -> Node:
        web = MEMBERS["web"]
        member = type(web)(
            web.identity, POLICY_NUMBERS[policy], web.egress, web.addresses
        )
        number = len(made) + 2
        made.append(
            Node(
                build_tables(),
                {**MEMBERS, "web": member},
                generation=number,
                older=node,
                place=number % 2,
            )
        )
        made[-1].become("web")
        node.switch(number % 2)
        return made[-1]

    yield switch
    node.switch(0)
    for one in made:
        one.close()
    node.put_in_place(0)


def test_memo_is_of_its_generation(
    talk: Talk, next_node: Callable[[str], Node]
) -> None:
    """A forward packet obeys the policy in force now; answers of an allowed flow go on."""
    talk.opens()
    next_node("web-ingress")
    assert talk.flow()["generation"] == 1
    assert talk.answers(ACK)
    assert talk.asks(ACK)
    assert talk.flow()["generation"] == 2


def test_denied_flow_is_cut(talk: Talk, next_node: Callable[[str], Node]) -> None:
    """A denied forward packet cuts the flow both ways, until it is allowed again."""
    talk.opens()
    next_node("closed-ingress")
    assert talk.answers(ACK)  # nothing has gone forward yet
    assert not talk.asks(ACK)
    assert not talk.answers(ACK)
    assert talk.node.drops() == {"policy": 1, "cut": 1}
    assert not talk.asks(ACK)
    next_node("web-ingress")
    assert not talk.answers(ACK)
    assert talk.asks(ACK)
    assert talk.answers(ACK)


def test_cut_flow_is_not_opened_backwards(
    talk: Talk, next_node: Callable[[str], Node]
) -> None:
    """The server's retransmission makes no new flow whose answers would be exempt."""
    talk.opens()
    next_node("closed-ingress")
    assert not talk.asks(ACK)
    for _ in range(3):
        assert not talk.answers(ACK | PSH)
        assert not talk.asks(ACK)


def test_counters_after_a_switch(talk: Talk, next_node: Callable[[str], Node]) -> None:
    """The new generation counts in its own counters."""
    talk.opens()
    new = next_node("web-ingress")
    talk.asks(ACK)
    assert new.counter(2)[0] == 1


def test_full_table_harms_no_established_flow() -> None:
    """When flows is full, new ones still work, and the old ones stay."""
    sizes = {"flows": 4, "flows_new": 64}
    with Node(build_tables(), MEMBERS, sizes=sizes) as node:
        node.become("web")
        for i in range(12):
            one = Talk(node, "10.0.0.2", "10.0.0.1")
            assert one.asks(SYN, 1000 + i)
            assert one.answers(SYN | ACK, 1000 + i)
            assert one.asks(ACK, 1000 + i)
            assert one.answers(ACK, 1000 + i)
        assert len(node.flows()) == 4
        for i in range(2000):  # a flood that is never answered
            assert Talk(node, "10.0.0.2", "10.0.0.1").asks(SYN, 2000 + i)
        for i in range(4):
            assert Talk(node, "10.0.0.2", "10.0.0.1").answers(ACK, 1000 + i)
        assert node.drops() == {"conntrack_full": node.drops()["conntrack_full"]}
