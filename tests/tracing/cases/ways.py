"""Ways to what is judged: through pointers, unions, bit fields and arrays, in registers."""

from __future__ import annotations

import socket

from tests.tracing.cases.case import Case, function_case

_TASK = "security_task_getscheduler"
_CALLED = "args: [{index: 0, type: int}, {index: 1, type: int}]"


def _registers(name: str, call: str, match: str, fires: str, silent: str) -> Case:
    hook = f"call: {call}\n    data: [{{source: pt_regs, resolve: rdi, type: uint64}}"
    hook += ", {source: pt_regs, resolve: esi, type: int}]"
    return Case(name, hook, f"matchData: [{match}]", fires, silent)


WAYS = (
    function_case(
        "way-bits",
        _TASK,
        "{index: 0, type: int, resolve: sched_reset_on_fork}",
        "{args: [0], operator: Equal, values: ['1']}",
        "change_policy(0x40000000)",
        "change_policy(0)",
    ),
    function_case(
        "way-element",
        _TASK,
        "{index: 0, type: uint8, resolve: 'comm[1]'}",
        "{args: [0], operator: Equal, values: ['81']}",
        "rename('xQ'); change_policy(0)",
        "rename('Qx'); change_policy(0)",
    ),
    # Threads of the kernel have no memory: what is not there is no other number.
    *(
        function_case(
            f"way-nowhere-{name}",
            _TASK,
            "{index: 0, type: int, resolve: mm.owner.pid}"
            ", {index: 0, type: uint32, resolve: mm.owner.no_cgroup_migration}",
            match,
            "change_policy(0)",
            "os.sched_getscheduler(2)",
        )
        for name, match in (
            ("number", "{args: [0], operator: NotEqual, values: ['1']}"),
            ("bits", "{args: [1], operator: Equal, values: ['0']}"),
            ("mask", "{args: [0], operator: Mask, values: ['0xffff']}"),
            ("expression", "{operator: CelExpr, values: ['!(arg0 == 1)']}"),
        )
    ),
    function_case(
        "way-deep",
        _TASK,
        "{index: 0, type: string, resolve: real_parent.real_parent.real_parent"
        ".real_parent.real_parent.real_parent.real_parent.real_parent.real_parent.comm}",
        "{args: [0], operator: Prefix, values: [swapper]}",
        "change_policy(0)",
        "getpriority(0, 0)",
        shows="swapper",
    ),
    function_case(
        "way-union",
        "tcp_connect",
        "{index: 0, type: uint16, resolve: __sk_common.skc_dport}",
        f"{{args: [0], operator: Equal, values: ['{socket.htons(7800)}']}}",
        "connect('127.0.0.1', 7800)",
        "connect('127.0.0.1', 7801)",
    ),
    # An array that ends with what it is in has no count.
    function_case(
        "way-open-array",
        "security_socket_connect",
        "{index: 1, type: uint8, btfType: sockaddr, resolve: 'sa_data[2]'}",
        "{args: [0], operator: Equal, values: ['113']}",
        "connect_unix(b'/lq/open')",
        "connect_unix(b'/lg/open')",
    ),
    function_case(
        "way-of-module",
        "security_socket_connect",
        "{index: 1, type: uint16, btfType: sctp_sndrcvinfo, btfTypeModule: sctp"
        ", resolve: sinfo_ssn}",
        f"{{args: [0], operator: Equal, values: ['{socket.htons(7802)}']}}",
        "connect('127.0.0.1', 7802)",
        "connect('127.0.0.1', 7803)",
    ),
    # When it returns, two files stand where its argument points to.
    Case(
        "way-two-pointers",
        "call: create_pipe_files\n    syscall: false\n    return: true\n"
        "    returnArg: {index: 0, type: int}\n"
        "    args: [{index: 0, type: uint32, resolve: f_flags}]",
        "matchArgs: [{args: [0], operator: Mask, values: ['0x800']}]",  # O_NONBLOCK
        "os.pipe2(os.O_NONBLOCK)",
        "os.pipe()",
    ),
    _registers(
        "registers-of-program",
        "sys_getpriority\n    syscall: true",
        "{index: 0, operator: Equal, values: ['320']}\n"
        "      , {index: 1, operator: Equal, values: ['-7']}",
        "getpriority(320, -7)",
        "getpriority(320, 7); getpriority(-7, 320)",
    ),
    _registers(
        "registers-of-kernel",
        "do_filp_open\n    syscall: false",
        "{index: 0, operator: Equal, values: ['4294967196']}",  # AT_FDCWD
        "read('/lg/one/of-kernel')",
        "open_from(-1, b'one')",
    ),
    Case(
        "narrow-call",
        f"call: __ia32_sys_getpriority\n    syscall: true\n    {_CALLED}",
        "matchArgs: [{index: 0, operator: Equal, values: ['321']}\n"
        "      , {index: 1, operator: Equal, values: ['-8']}]",
        "call_32(96, 321, -8)",
        "call_32(96, 321, -9); getpriority(321, -8)",
        many=1,
    ),
    Case(
        "narrow-and-wide",
        f"call: list:calls\n    syscall: true\n    {_CALLED}",
        "matchArgs: [{index: 0, operator: Equal, values: ['322']}]",
        "call_32(96, 322, 0); getpriority(322, 0)",
        "call_32(96, 323, 0); getpriority(323, 0)",
        rest="  lists: [{name: calls, type: syscalls"
        ", values: [sys_getpriority, i386/sys_getpriority]}]\n",
        many=2,
    ),
)
