"""What events have besides values: stacks, the hash of a file, requests."""

from __future__ import annotations

import hashlib

from tests.tracing.cases.case import Case

_CALL = "call: sys_getpriority\n    syscall: true\n    args: [{index: 1, type: int}]"


def _asked(
    name: str, number: int, action: str, hook: str = _CALL, **more: object
) -> Case:
    return Case(
        name,
        hook,
        f"matchArgs: [{{index: 1, operator: Equal, values: ['{number}']}}]\n"
        f"      matchActions: [{{{action}}}]",
        f"getpriority(0, {number})",
        f"getpriority(0, {number + 1})",
        many=1,
        **more,  # type: ignore[arg-type]  # a row has what it says
    )


STACKS = (
    _asked(
        "stack-kernel",
        -101,
        "action: Post, kernelStackTrace: true",
        supplements=("kernel_stack",),
        symbols=("__x64_sys_getpriority", "do_syscall_64"),
    ),
    _asked(
        "stack-user",
        -103,
        "action: Post, userStackTrace: true",
        supplements=("user_stack",),
        symbols=("syscall",),
    ),
    Case(
        "stack-tracepoint",
        "subsystem: task\n    event: task_rename\n    args: [{index: 6, type: string}]",
        "matchArgs: [{index: 6, operator: Equal, values: [lockgate-stack]}]\n"
        "      matchActions: "
        "[{action: Post, kernelStackTrace: true, userStackTrace: true}]",
        "rename('lockgate-stack')",
        "rename('lockgate-stacj')",
        list="tracepoints",
        many=1,
        supplements=("kernel_stack", "user_stack"),
    ),
    Case(
        "stack-limited",
        _CALL,
        "matchArgs: [{index: 1, operator: Equal, values: ['-107']}]\n"
        "      matchActions: [{action: Post, rateLimit: 5m, kernelStackTrace: true}]",
        "getpriority(0, -107); getpriority(0, -107)",
        "getpriority(0, -108)",
        many=1,
        supplements=("kernel_stack",),
    ),
    _asked(
        "request-url",
        -111,
        "action: GetUrl, argUrl: 'http://ebpf.io/path'",
        supplements=("request",),
    ),
    _asked(
        "request-name",
        -113,
        "action: DnsLookup, argFqdn: ebpf.io",
        supplements=("request",),
    ),
    Case(
        "hash-program",
        "hook: bprm_check_security\n    args: [{index: 0, type: linux_binprm}]",
        "matchArgs: [{index: 0, operator: Equal, values: [/lg/bin/reader]}]\n"
        "      matchActions: [{action: Post, imaHash: true}]",
        "run('/lg/bin/reader', '/lg/one/hashed')",
        "run('/lg/bin/other', '/lg/one/hashed')",
        list="lsmhooks",
        shows="/lg/bin/reader",
        many=1,
        supplements=("hash",),
    ),
    Case(
        "hash-file",
        "hook: file_open\n    args: [{index: 0, type: file}]",
        "matchArgs: [{index: 0, operator: Equal, values: [/lg/one/hashed]}]\n"
        "      matchActions: [{action: Post, imaHash: true}]",
        "read('/lg/one/hashed')",
        "read('/lg/one/hashes')",
        list="lsmhooks",
        supplements=("hash",),
        digest="0400000000000000" + hashlib.sha256(b"").hexdigest(),
    ),
)
"""How they are shown is looked at by ``tests/tracing/test_supplements.py``."""
