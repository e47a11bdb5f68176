"""Buffers: in one piece or several, as long as somebody says."""

from __future__ import annotations

from tests.tracing.cases.case import Case

BUFFERS = (
    Case(
        "char-iovec",
        "call: sys_writev\n    syscall: true\n"
        "    args: [{index: 1, type: char_iovec, sizeArgIndex: 3}]",
        "matchArgs: [{index: 1, operator: Prefix, values: [onetwothree]}]",
        "put_vector(b'one', b'', b'two', b'three' * 100)",
        "put_vector(b'one', b'to')",
        shows="onetwothreethree",
    ),
    Case(
        "iov-iter-user",
        "call: pipe_write\n    syscall: false\n    args: [{index: 1, type: iov_iter}]",
        "matchArgs: [{index: 1, operator: Prefix, values: [iterated]}]",
        "put(b'iterated')",
        "put(b'iterate')",
        shows="iterated",
    ),
    Case(
        "iov-iter-vector",
        "call: pipe_write\n    syscall: false\n    args: [{index: 1, type: iov_iter}]",
        "matchArgs: [{index: 1, operator: Equal, values: [pieces]}]",
        "put_vector(b'pie', b'ces')",
        "put_vector(b'pie', b'cess')",
        shows="pieces",
    ),
    Case(
        "const-buf",
        "call: security_socket_bind\n    syscall: false\n"
        "    args: [{index: 1, type: const_buf}]",
        "matchArgs: [{index: 1, operator: Postfix, values: [/bound]}]",
        "bind_unix(b'/lg/0000/bound')",
        "bind_unix(b'/lg/0000/boune')",
        shows="/lg/0000/bound",
    ),
    Case(
        "const-buf-sized",
        "call: security_inode_setxattr\n    syscall: false\n"
        "    args: [{index: 3, type: const_buf, sizeArgIndex: 5}]",
        "matchArgs: [{index: 3, operator: Equal, values: [value]}]",
        "setxattr('/lg/mnt', b'value')",
        "setxattr('/lg/mnt', b'value2')",
        shows="value",
    ),
    Case(
        "return-copy",
        "call: sys_read\n    syscall: true\n    return: true\n"
        "    args: [{index: 1, type: char_buf, returnCopy: true}]\n"
        "    returnArg: {index: 0, type: size_t}",
        "matchArgs: [{index: 1, operator: Equal, values: [filled]}]",
        "take(b'filled', 64)",
        "take(b'filledd', 64)",
        shows="filled",
    ),
    Case(
        "return-copy-alone",
        "call: sys_read\n    syscall: true\n"
        "    args: [{index: 1, type: char_buf, returnCopy: true}]",
        "matchArgs: [{index: 1, operator: Postfix, values: [alone]}]",
        "take(b'all alone', 64)",
        "take(b'all alon', 64)",
        shows="all alone",
    ),
    Case(
        "return-copy-vector",
        "call: sys_readv\n    syscall: true\n"
        "    args: [{index: 1, type: char_iovec, returnCopy: true}]",
        "matchArgs: [{index: 1, operator: Equal, values: [spreadout]}]",
        "take_vector(b'spreadout', 6, 20)",
        "take_vector(b'spreadou', 6, 20)",
        shows="spreadout",
    ),
    Case(
        "cut-buffer",
        "call: sys_write\n    syscall: true\n"
        "    args: [{index: 1, type: char_buf, sizeArgIndex: 3}]",
        "matchArgs: [{index: 1, operator: Prefix, values: [cut-buffer]}]",
        "put(b'cut-buffer' + b'x' * 5000)",
        "put(b'cut-butter' + b'x' * 5000)",
        shows="cut-bufferxxx",
        told=('"orig_size": "5010"', '"truncated_bytes_arg"'),
    ),
    Case(
        "tracepoint-size",
        "subsystem: syscalls\n    event: sys_enter_write\n"
        "    args: [{index: 6, type: char_buf, sizeArgIndex: 8}]",
        "matchArgs: [{index: 6, operator: Postfix, values: [measured]}]",
        "put(b'well measured')",
        "put(b'well measured!')",
        list="tracepoints",
        shows="well measured",
    ),
)
