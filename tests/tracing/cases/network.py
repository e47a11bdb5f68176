"""What the catalog's policy of the network stands at: who connects, accepts, closes and sends."""

from __future__ import annotations

from tests.tracing.cases.case import Case


def _socket(call: str, match: str, fires: str, silent: str) -> Case:
    """Return a row about a function whose first argument is a socket."""
    hook = f"call: {call}\n    syscall: false\n    args: [{{index: 0, type: sock}}]"
    selector = f"matchArgs: [{{index: 0, operator: {match}}}]"
    name = "network-" + call.replace("_", "-")
    return Case(name, hook, selector, fires, silent)


NETWORK = (
    _socket(
        "tcp_connect",
        "DPort, values: ['291']",
        "connect('127.0.0.1', 291)",
        "connect('127.0.0.1', 290)",
    ),
    _socket(
        "security_sock_graft",
        "SPort, values: ['292']",
        "accept('127.0.0.1', 292)",
        "accept('127.0.0.1', 290)",
    ),
    _socket(
        "tcp_close",
        "SPort, values: ['293']",
        "connect('127.0.0.1', 290, '127.0.0.1', 293)",
        "connect('127.0.0.1', 290)",
    ),
    _socket(
        "inet_csk_listen_start",
        "SPort, values: ['294']",
        "accept('127.0.0.1', 294)",
        "accept('127.0.0.1', 290)",
    ),
    _socket(
        "udp_sendmsg",
        "SPort, values: ['295']",
        "send('127.0.0.1', 290, 295)",
        "send('127.0.0.1', 290)",
    ),
)
