"""Sockets that are tracked: what happens to them is their owner's, whoever does it."""

from __future__ import annotations

from dataclasses import replace

from tests.tracing.cases.case import Case

_WORDS = "from tests.tracing.return_deeds import *; "
_SEND = "call: udp_sendmsg\n    syscall: false\n    args: [{index: 0, type: sock}]"
_ADMIN = "matchCapabilities: [{type: Effective, operator: In, values: [CAP_SYS_ADMIN]}]\n      "
_MATCH = "matchArgs: [{index: 0, operator: DPort, values: ['%d']}]"
_ALLOCATED = (
    "  - call: sk_alloc\n    syscall: false\n    return: true\n"
    "    args: [{index: 1, type: int}]\n    returnArg: {index: 0, type: sock}\n"
    "    returnArgAction: TrackSock\n"
    "    selectors:\n    - matchArgs: [{index: 1, operator: Equal, values: ['2']}]\n"
    "      matchActions: [{action: NoPost}]\n"
)
_NAMED = (
    "  - call: security_socket_getsockname\n    syscall: false\n"
    "    args: [{index: 0, type: socket}]\n"
    "    selectors:\n    - matchActions: [{action: UntrackSock, argSock: 0}, {action: NoPost}]\n"
)


def _case(
    name: str, selector: str, fires: str, silent: str, rest: str = "", ends: int = 0
) -> Case:
    return Case(
        name, _SEND, selector, _WORDS + fires, _WORDS + silent, rest=rest, ends=ends
    )


TRACKED = (
    # A child without capabilities sends: by its parent's socket, and by its own.
    _case(
        "track-capability",
        _ADMIN + _MATCH % 5081,
        "send_by_child(5081)",
        "send_by_child(5081, is_own=True)",
        _ALLOCATED,
    ),
    _case(
        "track-program",
        "matchBinaries: [{operator: NotIn, values: [/lg/bin/talker]}]\n      "
        + _MATCH % 5082,
        "send_by_program('/lg/bin/talker', 5082)",
        "send_by_program('/lg/bin/talker', 5082, is_own=True)",
    ),
    _case(
        "track-namespace",
        "matchNamespaces: [{namespace: Uts, operator: In, values: [host_ns]}]\n      "
        + _MATCH % 5083,
        "send_by_child(5083, space='uts')",
        "send_by_child(5083, space='uts', is_own=True)",
    ),
    _case(
        "untrack",
        _ADMIN + _MATCH % 5084,
        "send_by_child(5084)",
        "send_by_child(5084, is_untracked=True)",
        _NAMED,
    ),
    # The one who sends is not whose socket it is: no signal hits a bystander.
    _case(
        "track-bystander",
        _MATCH % 5085 + "\n      matchActions: [{action: Sigkill}]",
        "send_by_child(5085)",
        "send_by_child(5086)",
    ),
    _case(
        "track-culprit",
        _MATCH % 5087 + "\n      matchActions: [{action: Sigkill}]",
        "send_by_child(5087, is_own=True)",
        "send_by_child(5086, is_own=True)",
        ends=9,
    ),
)
_CREATED = (
    "  - call: security_socket_post_create\n    syscall: false\n"
    "    args: [{index: 1, type: int}, {index: 0, type: socket}]\n"
    "    selectors:\n    - matchArgs: [{index: 1, operator: Equal, values: ['2']}]\n"
    "      matchActions: [{action: TrackSock, argSock: 1}, {action: NoPost}]\n"
)
_SET = (
    "  - call: security_socket_setsockopt\n    syscall: false\n"
    "    args: [{index: 2, type: int}, {index: 0, type: socket}]\n"
    "    selectors:\n    - matchArgs: [{index: 2, operator: Equal, values: ['12']}]\n"
    "      matchActions: [{action: UntrackSock, argSock: 1}, {action: NoPost}]\n"
)

# By actions, where the socket is not the first argument of the list.
TRACKED_BY_ACTIONS = (
    _case(
        "track-by-action",
        _ADMIN + _MATCH % 5091,
        "send_by_child(5091)",
        "send_by_child(5091, is_own=True)",
        _CREATED,
    ),
    _case(
        "untrack-by-action",
        _ADMIN + _MATCH % 5092,
        "send_by_child(5092)",
        "send_by_child(5092, is_untracked=True)",
        _SET,
    ),
)

TRACKED_BY_PROBES = tuple(replace(case, name=f"probe-{case.name}") for case in TRACKED)
