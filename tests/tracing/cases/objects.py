"""Objects of the kernel: names, directory entries, devices, modules, addresses of unix sockets."""

from __future__ import annotations

from tests.tracing.cases.case import Case, function_case

OBJECTS = (
    function_case(
        "filename",
        "do_filp_open",
        "{index: 1, type: filename}",
        "{index: 1, operator: Equal, values: [/lg/one/../one/named]}",
        "read('/lg/one/../one/named')",
        "read('/lg/one/named')",
        shows="/lg/one/../one/named",
    ),
    function_case(
        "dentry",
        "security_inode_getxattr",
        "{index: 0, type: dentry}, {index: 1, type: string}",
        "{index: 0, operator: Equal, values: [/deep/dentry]}",
        "read('/lg/mnt/deep/dentry'); getxattr('/lg/mnt/deep/dentry', 'user.a')",
        "read('/lg/mnt/deep/dentryy'); getxattr('/lg/mnt/deep/dentryy', 'user.a')",
        shows="/deep/dentry",
    ),
    function_case(
        "dentry-top",
        "security_inode_getxattr",
        "{index: 0, type: dentry}",
        "{index: 0, operator: Prefix, values: [/]}\n"
        "      , {index: 0, operator: Postfix, values: [topmost]}",
        "read('/lg/mnt/topmost'); getxattr('/lg/mnt/topmost', 'user.a')",
        "getxattr('/lg/mnt', 'user.a')",
        shows="/topmost",
    ),
    function_case(
        "net-device",
        "__dev_open",
        "{index: 0, type: net_device}",
        "{index: 0, operator: Equal, values: [lo]}",
        "leave('net'); up('lo')",
        "leave('net'); up('nothing')",
        shows="lo",
    ),
    function_case(
        "module",
        "do_init_module",
        "{index: 0, type: module}",
        "{index: 0, operator: Equal, values: [mii]}",
        "load('mii'); unload('mii')",
        "load('nlmon'); unload('nlmon')",
        shows="mii",
    ),
    function_case(
        "module-freed",
        "free_module",
        "{index: 0, type: module}",
        "{index: 0, operator: Prefix, values: [ifb]}",
        "load('ifb'); unload('ifb')",
        "load('mii'); unload('mii')",
        shows="ifb",
    ),
    function_case(
        "load-info",
        "layout_symtab",
        "{index: 0, type: module}, {index: 1, type: load_info}",
        "{index: 1, operator: Equal, values: [nlmon]}",
        "load('nlmon'); unload('nlmon')",
        "load('ifb'); unload('ifb')",
        shows="nlmon",
    ),
    function_case(
        "unix-path",
        "security_socket_connect",
        "{index: 1, type: sockaddr_un}",
        "{index: 1, operator: Equal, values: [/lg/one/listener]}",
        "connect_unix(b'/lg/one/listener')",
        "connect_unix(b'/lg/one/listene'); connect('127.0.0.1', 1)",
        shows="/lg/one/listener",
    ),
    function_case(
        "unix-abstract",
        "security_socket_connect",
        "{index: 1, type: sockaddr_un}",
        "{index: 1, operator: Equal, values: ['@listener']}",
        "connect_unix(b'\\0listener')",
        "connect_unix(b'\\0listener2'); connect_unix(b'/listener')",
        shows="@listener",
    ),
    function_case(
        "unix-family",
        "security_socket_connect",
        "{index: 1, type: sockaddr_un}",
        "{index: 1, operator: Family, values: [AF_UNIX]}",
        "connect_unix(b'/lg/one/family')",
        "connect('127.0.0.1', 1)",
        shows="/lg/one/family",
    ),
    function_case(
        "file-type",
        "security_file_permission",
        "{index: 0, type: file}",
        "{index: 0, operator: FileType, values: [chr]}\n"
        "      , {index: 0, operator: Equal, values: [/dev/zero, /lg/one/zero]}",
        "read('/dev/zero')",
        "read('/lg/one/zero')",
        shows="/dev/zero",
    ),
    function_case(
        "file-type-not",
        "security_file_permission",
        "{index: 0, type: file}",
        "{index: 0, operator: NotFileType, values: [reg, dir]}\n"
        "      , {index: 0, operator: Equal, values: [/dev/full, /lg/one/full]}",
        "read('/dev/full')",
        "read('/lg/one/full')",
        shows="/dev/full",
    ),
    Case(
        "system-call-32",
        "subsystem: raw_syscalls\n    event: sys_enter\n"
        "    args: [{index: 4, type: syscall64}]",
        f"matchArgs: [{{index: 4, operator: Equal, values: ['{(1 << 31) + 96}']}}]",
        "call_32(96)",
        "getpriority(0, 0)",
        list="tracepoints",
    ),
)
