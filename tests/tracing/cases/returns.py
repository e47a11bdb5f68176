"""What functions return: seen by trampolines, and where there are none by pairs of probes."""

from __future__ import annotations

from dataclasses import replace

from tests.tracing.cases.case import Case

_WORDS = "from tests.tracing.return_deeds import *; "


def _case(name: str, hook: str, selector: str, *works: str, **more: object) -> Case:
    fires, silent = (_WORDS + work for work in works)
    return Case(name, hook, selector, fires, silent, **more)  # type: ignore[arg-type]  # a row has what it says


SEEN = (
    _case(
        "return-int",
        "call: sys_getpgid\n    syscall: true\n    return: true\n"
        "    args: [{index: 0, type: int}]\n    returnArg: {index: 0, type: int}",
        "matchArgs: [{index: 0, operator: Equal, values: ['-71', '0']}]\n"
        "      matchReturnArgs: [{operator: Equal, values: ['-3']}]",
        "getpgid(-71); getpgid(0)",
        "getpgid(0); getpgid(-72)",
        many=1,
    ),
    _case(
        "return-string",
        "call: security_inode_getxattr\n    syscall: false\n    return: true\n"
        "    args: [{index: 1, type: string}]\n    returnArg: {index: 0, type: int}",
        "matchArgs: [{index: 1, operator: Postfix, values: [.returned]}]\n"
        "      matchReturnArgs: [{operator: Equal, values: ['0']}]",
        "getxattr('/tmp', 'user.returned')",
        "getxattr('/tmp', 'user.returne')",
        shows="user.returned",
    ),
    _case(
        "return-file",
        "call: do_filp_open\n    syscall: false\n    return: true\n"
        "    args: [{index: 0, type: int}]\n    returnArg: {index: 0, type: file}",
        "matchReturnArgs: [{operator: Prefix, values: [/lg/one/returned-]}]",
        "give_up('/lg/one/returned-file')",
        "open_only('/lg/none/returned-file')",
        shows="/lg/one/returned-file",
    ),
    _case(
        "return-sock",
        "call: inet_csk_accept\n    syscall: false\n    return: true\n"
        "    args: [{index: 0, type: sock}]\n    returnArg: {index: 0, type: sock}",
        "matchReturnArgs: [{operator: SPort, values: ['5071']}]",
        "accept(5071)",
        "accept(5072)",
        many=1,
    ),
    # The overlay asks the file below it, by the same function: a call within a call.
    _case(
        "return-within",
        "call: vfs_getxattr\n    syscall: false\n    return: true\n"
        "    args: [{index: 2, type: string}]\n    returnArg: {index: 0, type: int64}",
        "matchArgs: [{index: 2, operator: Prefix, values: [user.within]}]\n"
        "      matchReturnArgs: [{operator: LT, values: ['0']}]",
        "getxattr('/etc/hostname', 'user.within')",
        "getxattr('/etc/hostname', 'user.without')",
        shows="user.within",
    ),
)

_OPEN = (
    "call: security_file_open\n    syscall: false\n    return: true\n"
    "    args: [{index: 0, type: file}]\n    returnArg: {index: 0, type: int}"
)
_NEGATIVE = "\ufffd" * 8
"""What the bytes of a small negative number are, as text."""

DENIED = (
    _case(
        "return-denied",
        _OPEN,
        "matchArgs: [{index: 0, operator: Prefix, values: [/lg/one/return-denied]}]\n"
        "      matchActions: [{action: Override, argError: -13}]",
        "give_up('/lg/one/return-denied')",
        "give_up('/lg/one/return-not')",
        ends=13,
        many=1,
        shows=_NEGATIVE,
        does="deny",
    ),
    _case(
        "return-killed",
        _OPEN,
        "matchArgs: [{index: 0, operator: Equal, values: [/lg/one/return-killed]}]\n"
        "      matchActions: [{action: Sigkill}]",
        "give_up('/lg/one/return-killed')",
        "give_up('/lg/one/return-kille')",
        ends=-9,
        many=1,
        shows=_NEGATIVE,
        does="kill",
    ),
    # The first selector denies, the second tells of what the function itself returned.
    _case(
        "return-let",
        _OPEN,
        "matchArgs: [{index: 0, operator: Equal, values: [/lg/none]}]\n"
        "      matchActions: [{action: Override, argError: -1}]\n"
        "    - matchArgs: [{index: 0, operator: Prefix, values: [/lg/one/return-let]}]\n"
        "      matchReturnArgs: [{operator: Equal, values: ['0']}]",
        "give_up('/lg/one/return-let')",
        "give_up('/lg/one/return-lent')",
        shows="\0" * 8,
    ),
    _case(
        "return-monitored",
        _OPEN,
        "matchArgs: [{index: 0, operator: Equal, values: [/lg/one/return-monitored]}]\n"
        "      matchActions: [{action: Override, argError: -1}]",
        "give_up('/lg/one/return-monitored')",
        "give_up('/lg/one/return-monitore')",
        shows="\0" * 8,
        rest="  options: [{name: policy-mode, value: monitor}]\n",
    ),
)

RETURNS = (*SEEN, *DENIED)
RETURNS_BY_HOOKS = tuple(replace(case, name=f"hook-{case.name}") for case in DENIED)
RETURNS_BY_PROBES = (
    *(replace(case, name=f"probe-{case.name}") for case in SEEN),
    # More sleep at once than the kernel keeps returns for; what it misses is counted.
    _case(
        "return-missed",
        "call: sys_clock_nanosleep\n    syscall: true\n    return: true\n"
        "    args: [{index: 0, type: int}]\n    returnArg: {index: 0, type: int}",
        "matchReturnArgs: [{operator: Equal, values: ['0']}]",
        "rest_at_once(40)",
        "getpgid(0)",
    ),
    # One of these calls never comes back: the other's events are none the worse for it.
    _case(
        "return-never",
        "call: 'list:ends'\n    syscall: true\n    return: true\n"
        "    args: [{index: 0, type: int}]\n    returnArg: {index: 0, type: int}",
        "matchArgs: [{index: 0, operator: Equal, values: ['73']}]",
        "getsid(73); os._exit(73)",
        "getsid(74)",
        ends=73,
        many=1,
        rest="  lists: [{name: ends, type: syscalls, values: [sys_getsid, sys_exit_group]}]\n",
    ),
)
