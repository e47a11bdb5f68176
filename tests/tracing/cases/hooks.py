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
        told=('"process_kprobe"', '"function_name": "security_inode_getxattr"'),
        shows="user.a.lockgate",
    ),
    Case(
        "char-buf",
        "call: sys_write\n    syscall: true\n"
        "    args: [{index: 1, type: char_buf, sizeArgIndex: 3}]",
        "matchArgs: [{index: 1, operator: Prefix, values: [buffered]}]",
        "put(b'buffered\\0bytes')",
        "put(b'bufferee')",
        told=('"function_name": "__x64_sys_write"',),
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
    Case(
        "fentry",
        "call: security_file_permission\n    syscall: false\n"
        "    args: [{index: 0, type: file}]",
        "matchArgs: [{index: 0, operator: Equal, values: [/lg/one/fentry]}]",
        "read('/lg/one/fentry')",
        "read('/lg/one/x')",
        list="fentries",
        shows="/lg/one/fentry",
    ),
    Case(
        "auto",
        "call: security_file_permission\n    syscall: false\n"
        "    args: [{index: 0, type: auto}, {index: 1}, {index: 1, type: nop}]",
        "matchArgs: [{index: 0, operator: Equal, values: [/lg/one/auto]}\n"
        "      , {index: 1, operator: Mask, values: ['2']}]",
        "write('/lg/one/auto')",
        "read('/lg/one/auto')",
        shows="/lg/one/auto",
    ),
    Case(
        "path",
        "call: security_inode_getattr\n    syscall: false\n"
        "    args: [{index: 0, type: path}]",
        "matchArgs: [{index: 0, operator: Prefix, values: [/lg/one/pa]}]",
        "read('/lg/one/path'); os.stat('/lg/one/path')",
        "os.stat('/lg/one')",
        shows="/lg/one/path",
    ),
    Case(
        "kiocb",
        "call: shmem_file_read_iter\n    syscall: false\n"
        "    args: [{index: 0, type: kiocb}]",
        "matchArgs: [{index: 0, operator: Postfix, values: [kiocb]}]",
        "read('/lg/mnt/kiocb')",
        "read('/lg/mnt/kioc')",
        shows="/lg/mnt/kiocb",
    ),
    Case(
        "linux-binprm",
        "call: security_bprm_check\n    syscall: false\n"
        "    args: [{index: 0, type: linux_binprm}]",
        "matchArgs: [{index: 0, operator: Equal, values: [/lg/bin/reader]}]",
        "run('/lg/bin/reader', '/lg/one/x')",
        "run('/lg/bin/other', '/lg/one/x')",
        shows="/lg/bin/reader",
    ),
)
