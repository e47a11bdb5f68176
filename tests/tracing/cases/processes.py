"""Who does it: binaries, parents, those that follow them."""

from __future__ import annotations

from tests.tracing.cases.case import Case

PROCESSES = (
    Case(
        "binary-in",
        "call: security_file_permission\n    syscall: false\n"
        "    args: [{index: 0, type: file}]",
        "matchArgs: [{index: 0, operator: Equal, values: [/lg/one/binary]}]\n"
        "      matchBinaries: [{operator: In, values: [/lg/bin/reader]}]",
        "run('/lg/bin/reader', '/lg/one/binary')",
        "run('/lg/bin/other', '/lg/one/binary')",
        shows="/lg/one/binary",
    ),
    Case(
        "binary-not-in",
        "call: security_file_permission\n    syscall: false\n"
        "    args: [{index: 0, type: file}]",
        "matchArgs: [{index: 0, operator: Equal, values: [/lg/one/notbinary]}]\n"
        "      matchBinaries: [{operator: NotIn, values: [/lg/bin/reader]}]",
        "run('/lg/bin/other', '/lg/one/notbinary')",
        "run('/lg/bin/reader', '/lg/one/notbinary')",
    ),
    Case(
        "binary-prefix",
        "call: security_file_permission\n    syscall: false\n"
        "    args: [{index: 0, type: file}]",
        "matchArgs: [{index: 0, operator: Equal, values: [/lg/one/binprefix]}]\n"
        "      matchBinaries: [{operator: Prefix, values: [/lg/bin/re]}]",
        "run('/lg/bin/reader', '/lg/one/binprefix')",
        "run('/lg/bin/other', '/lg/one/binprefix')",
    ),
    Case(
        "binary-not-prefix",
        "call: security_file_permission\n    syscall: false\n"
        "    args: [{index: 0, type: file}]",
        "matchArgs: [{index: 0, operator: Equal, values: [/lg/one/binnotprefix]}]\n"
        "      matchBinaries: [{operator: NotPrefix, values: [/lg/bin/re]}]",
        "run('/lg/bin/other', '/lg/one/binnotprefix')",
        "run('/lg/bin/reader', '/lg/one/binnotprefix')",
    ),
    Case(
        "binary-postfix",
        "call: security_file_permission\n    syscall: false\n"
        "    args: [{index: 0, type: file}]",
        "matchArgs: [{index: 0, operator: Equal, values: [/lg/one/binpostfix]}]\n"
        "      matchBinaries: [{operator: Postfix, values: [bin/reader]}]",
        "run('/lg/bin/reader', '/lg/one/binpostfix')",
        "run('/lg/bin/other', '/lg/one/binpostfix')",
    ),
    Case(
        "binary-follow",
        "call: security_file_permission\n    syscall: false\n"
        "    args: [{index: 0, type: file}]",
        "matchArgs: [{index: 0, operator: Equal, values: [/lg/one/follow]}]\n"
        "      matchBinaries: [{operator: In, values: [/lg/bin/starter], "
        "followChildren: true}]",
        "run('/lg/bin/starter', '/lg/bin/other', '/lg/one/follow')",
        "run('/lg/bin/env', '/lg/bin/other', '/lg/one/follow')",
    ),
    Case(
        "pid-not-in",
        "call: sys_getpriority\n    syscall: true\n"
        "    args: [{index: 0, type: int}, {index: 1, type: int}]",
        "matchPIDs: [{operator: NotIn, values: [1, 2]}]\n"
        "      matchArgs: [{index: 0, operator: Equal, values: ['11']}]",
        "getpriority(11, 0)",
        "getpriority(12, 0)",
        many=1,
    ),
    Case(
        "pid-in",
        "call: sys_getpriority\n    syscall: true\n    args: [{index: 0, type: int}]",
        "matchPIDs: [{operator: In, values: [4000]}]\n"
        "      matchArgs: [{index: 0, operator: Equal, values: ['13']}]",
        "be(4000); getpriority(13, 0)",
        "getpriority(13, 0)",
        many=1,
    ),
    Case(
        "parent-binary",
        "call: security_file_permission\n    syscall: false\n"
        "    args: [{index: 0, type: file}]",
        "matchArgs: [{index: 0, operator: Equal, values: [/lg/one/parent]}]\n"
        "      matchParentBinaries: [{operator: In, values: [/lg/bin/shell]}]",
        "run('/lg/bin/shell', '-c', '/lg/bin/reader $0; true', '/lg/one/parent')",
        "run('/lg/bin/reader', '/lg/one/parent')",
    ),
)
