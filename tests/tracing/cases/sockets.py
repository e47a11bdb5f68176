"""Sockets, packets and addresses."""

from __future__ import annotations

from tests.tracing.cases.case import Case


def _connect(name: str, match: str, fires: str, silent: str) -> Case:
    """Return a row about connections over TCP that begin."""
    hook = "call: tcp_connect\n    syscall: false\n    args: [{index: 0, type: sock}]"
    return Case(name, hook, f"matchArgs: [{match}]", fires, silent)


def _address(name: str, match: str, fires: str, silent: str) -> Case:
    """Return a row about the address that a program connects to."""
    hook = "call: security_socket_connect\n    syscall: false\n"
    hook += "    args: [{index: 0, type: socket}, {index: 1, type: sockaddr}]"
    return Case(name, hook, f"matchArgs: [{match}]", fires, silent)


SOCKETS = (
    *(
        _connect(
            f"sock-{name.lower()}",
            f"{{index: 0, operator: {name}{values}}}\n"
            f"      , {{index: 0, operator: {other}}}",
            fires,
            silent,
        )
        for name, values, other, fires, silent in (
            (
                "DAddr",
                ", values: [127.1.0.0/16, '::1']",
                "DPort, values: ['81']",
                "connect('127.1.2.3', 81)",
                "connect('127.2.2.3', 81)",
            ),
            (
                "NotDAddr",
                ", values: [127.1.0.0/16]",
                "DPort, values: ['82']",
                "connect('127.2.2.3', 82)",
                "connect('127.1.2.3', 82)",
            ),
            (
                "SAddr",
                ", values: [127.3.0.1]",
                "DPort, values: ['83']",
                "connect('127.0.0.1', 83, '127.3.0.1')",
                "connect('127.0.0.1', 83)",
            ),
            (
                "NotSAddr",
                ", values: [127.3.0.1]",
                "DPort, values: ['84']",
                "connect('127.0.0.1', 84)",
                "connect('127.0.0.1', 84, '127.3.0.1')",
            ),
            (
                "DPort",
                ", values: ['90:95']",
                "Protocol, values: [IPPROTO_TCP]",
                "connect('::1', 95)",
                "connect('127.0.0.1', 96)",
            ),
            (
                "NotDPort",
                ", values: ['90:95', '1:80']",
                "DPort, values: ['80', '97']",
                "connect('127.0.0.1', 97)",
                "connect('127.0.0.1', 80)",
            ),
            (
                "DPortPriv",
                "",
                "DAddr, values: [127.9.9.9]",
                "connect('127.9.9.9', 1023)",
                "connect('127.9.9.9', 1024)",
            ),
            (
                "NotDPortPriv",
                "",
                "DAddr, values: [127.9.9.8]",
                "connect('127.9.9.8', 1024)",
                "connect('127.9.9.8', 1023)",
            ),
            (
                "SPort",
                ", values: ['5555']",
                "DPort, values: ['98']",
                "connect('127.0.0.1', 98, '127.0.0.1', 5555)",
                "connect('127.0.0.1', 98, '127.0.0.1', 5556)",
            ),
            (
                "NotSPort",
                ", values: ['5555']",
                "DPort, values: ['99']",
                "connect('127.0.0.1', 99, '127.0.0.1', 5557)",
                "connect('127.0.0.1', 99, '127.0.0.1', 5555)",
            ),
            (
                "SPortPriv",
                "",
                "DPort, values: ['100']",
                "connect('127.0.0.1', 100, '127.0.0.1', 555)",
                "connect('127.0.0.1', 100)",
            ),
            (
                "NotSportPriv",
                "",
                "DPort, values: ['101']",
                "connect('127.0.0.1', 101)",
                "connect('127.0.0.1', 101, '127.0.0.1', 556)",
            ),
            (
                "Protocol",
                ", values: [IPPROTO_TCP]",
                "DPort, values: ['102']",
                "connect('127.0.0.1', 102)",
                "connect('127.0.0.1', 103)",
            ),
            (
                "Family",
                ", values: [AF_INET6]",
                "DPort, values: ['104']",
                "connect('::1', 104)",
                "connect('127.0.0.1', 104)",
            ),
            (
                "State",
                ", values: [TCP_SYN_SENT]",
                "DPort, values: ['105']",
                "connect('127.0.0.1', 105)",
                "connect('127.0.0.1', 106)",
            ),
        )
    ),
    _connect(
        "sock-daddr-mapped",
        "{index: 0, operator: DAddr, values: [127.4.0.0/16]}\n"
        "      , {index: 0, operator: DPort, values: ['107']}",
        "connect('::ffff:127.4.2.3', 107)",
        "connect('::ffff:127.5.2.3', 107)",
    ),
    _address(
        "sockaddr-notsaddr-mapped",
        "{index: 1, operator: NotSAddr, values: [127.6.0.0/16]}\n"
        "      , {index: 1, operator: SPort, values: ['108']}",
        "connect('::ffff:127.5.2.3', 108)",
        "connect('::ffff:127.6.2.3', 108)",
    ),
    _address(
        "sockaddr-saddr",
        "{index: 1, operator: SAddr, values: [127.7.0.0/16, '2001:db8::/32']}",
        "connect('127.7.1.1', 1)",
        "connect('127.8.1.1', 1)",
    ),
    _address(
        "sockaddr-sport",
        "{index: 1, operator: SPort, values: ['4444']}",
        "connect('::1', 4444)",
        "connect('::1', 4445)",
    ),
    _address(
        "sockaddr-family",
        "{index: 1, operator: Family, values: [AF_INET6]}\n"
        "      , {index: 1, operator: SPort, values: ['4446']}",
        "connect('::1', 4446)",
        "connect('127.0.0.1', 4446)",
    ),
    Case(
        "sock-of-udp-6",
        "call: udpv6_sendmsg\n    syscall: false\n    args: [{index: 0, type: sock}]",
        "matchArgs: [{index: 0, operator: SPort, values: ['4449']}\n"
        "      , {index: 0, operator: Family, values: [AF_INET6]}]",
        "send('::1', 4450, 4449)",
        "send('::1', 4449, 4450)",
        told=('"function_name": "udpv6_sendmsg"', '"family": "AF_INET6"'),
    ),
    Case(
        "skb-dport",
        "call: __dev_queue_xmit\n    syscall: false\n    args: [{index: 0, type: skb}]",
        "matchArgs: [{index: 0, operator: DPort, values: ['4447']}\n"
        "      , {index: 0, operator: Protocol, values: [IPPROTO_UDP]}]",
        "send('127.0.0.1', 4447)",
        "send('127.0.0.1', 4448)",
    ),
)
