"""Who rewrites what a call was given while it runs: judged by files and listeners, not by results.

Denials stand where the kernel has its own copies: nothing gets by.  A signal comes too late for
the operation, which is what W3123 says.
"""

from __future__ import annotations

from tests.tracing.cases.case import Case

_OPEN = "hook: file_open\n    args: [{index: 0, type: file}]"
_CONNECT = "hook: socket_connect\n    args: [{index: 1, type: sockaddr}]"
_WORDS = "from tests.tracing.races import *; "

RACES = (
    Case(
        "race-path",
        _OPEN,
        "matchArgs: [{index: 0, operator: Equal, values: [/lg/race/denied-1]}]\n"
        "      matchActions: [{action: Override, argError: -1}]",
        _WORDS + "race_path('/lg/race/denied-0', '/lg/race/denied-1', is_denied=True)",
        _WORDS + "race_path('/lg/race/free-0', '/lg/race/free-1', is_denied=False)",
        list="lsmhooks",
        shows="/lg/race/denied-1",
    ),
    Case(
        "race-address",
        _CONNECT,
        "matchArgs: [{index: 1, operator: SPort, values: ['4243']}]\n"
        "      matchActions: [{action: Override, argError: -1}]",
        _WORDS + "race_address(4242, 4243, is_denied=True)",
        _WORDS + "race_address(4244, 4245, is_denied=False)",
        list="lsmhooks",
    ),
    Case(
        "late-for-the-file",
        "call: vfs_open\n    syscall: false\n    args: [{index: 0, type: path}]",
        "matchArgs: [{index: 0, operator: Equal, values: [/lg/race/killed]}]\n"
        "      matchActions: [{action: Sigkill}]",
        _WORDS + "truncate('/lg/race/killed', is_killed=True)",
        _WORDS + "truncate('/lg/race/living', is_killed=False)",
        many=1,
        shows="/lg/race/killed",
    ),
    Case(
        "late-for-the-listener",
        "call: tcp_connect\n    syscall: false\n    args: [{index: 0, type: sock}]",
        "matchArgs: [{index: 0, operator: DPort, values: ['4247']}]\n"
        "      matchActions: [{action: Sigkill}]",
        _WORDS + "reach(4247, is_killed=True)",
        _WORDS + "reach(4246, is_killed=False)",
        many=1,
    ),
)
