"""Kinds of hooks, and arguments that are strings, buffers or resolved from others."""

from __future__ import annotations

from tests.tracing.cases.case import Case

HOOKS = (
    Case(
        "tracepoint",
        "subsystem: syscalls\n    event: sys_enter_getpriority\n"
        "    args: [{index: 5, type: int64}, {index: 6, type: int64}]",
        "matchArgs: [{index: 5, operator: Equal, values: ['21']}]",
        "getpriority(21, 7)",
        "getpriority(22, 7)",
        list="tracepoints",
        many=1,
    ),
    Case(
        "fexit-return",
        "call: security_file_open\n    syscall: false\n    return: true\n"
        "    args: [{index: 0, type: file}]\n    returnArg: {index: 0, type: int}",
        "matchArgs: [{index: 0, operator: Prefix, values: [/lg/returned]}]\n"
        "      matchReturnArgs: [{operator: Equal, values: ['0']}]",
        "read('/lg/returned')",
        "read('/lg/one/x')",
        shows="/lg/returned",
    ),
    Case(
        "string",
        "call: security_inode_getxattr\n    syscall: false\n"
        "    args: [{index: 1, type: string}]",
        "matchArgs: [{index: 1, operator: Postfix, values: [.lockgate]}]",
        "getxattr('/tmp', 'user.a.lockgate')",
        "getxattr('/tmp', 'user.a.lockgat')",
        shows="user.a.lockgate",
    ),
    Case(
        "char-buf",
        "call: sys_write\n    syscall: true\n"
        "    args: [{index: 1, type: char_buf, sizeArgIndex: 3}]",
        "matchArgs: [{index: 1, operator: Prefix, values: [buffered]}]",
        "put(b'buffered\\0bytes')",
        "put(b'bufferee')",
        shows="buffered\0bytes",
    ),
    Case(
        "resolve",
        "call: security_file_permission\n    syscall: false\n"
        "    args: [{index: 0, type: file}, "
        "{index: 0, type: uint32, resolve: f_flags, label: flags}]",
        "matchArgs: [{index: 0, operator: Equal, values: [/lg/one/resolved]}]",
        "read('/lg/one/resolved')",
        "read('/lg/one/x')",
        shows="resolved",
    ),
)
