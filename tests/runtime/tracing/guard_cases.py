"""Selectors that the guard must refuse, and those that it must let through.

Each row says what is otherwise than with :data:`EVERYBODY`; the host is that of
:func:`tests.runtime.tracing.test_guard.proc`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

SSHD, INIT = 812, 1
EVERYBODY: dict[str, Any] = {
    "policy": "TracingPolicy/harsh",
    "mode": "enforce",
    "source": "harsh.yaml:3:5",
    "action": "kill",
    "is_narrowed": False,
    "binaries": [],
    "parents": [],
    "pids": [],
    "namespaces": [],
    "capabilities": [],
    "functions": ["security_file_open"],
    "file": None,
    "values": [],
}
LIBRARY = "/usr/lib/x86_64-linux-gnu/libc.so.6"


def binary(comparison: str, *values: str, is_negated: bool = False) -> dict[str, Any]:
    """Return a filter of binaries."""
    return {"comparison": comparison, "values": values, "is_negated": is_negated}


def follows(row: dict[str, Any]) -> dict[str, Any]:
    """Let a filter follow the process's descendants."""
    return row | {"follows": True}


def value(
    comparison: str,
    *texts: str,
    ranges: Sequence[tuple[int, int]] = (),
    networks: Sequence[str] = (),
    is_negated: bool = False,
) -> dict[str, Any]:
    """Return a filter on a value."""
    return {
        "values": [
            {
                "comparison": comparison,
                "texts": texts,
                "ranges": ranges,
                "networks": networks,
                "is_negated": is_negated,
                "has_lists": False,
            }
        ]
    }


def values(*rows: dict[str, Any]) -> dict[str, Any]:
    """Return several filters on values."""
    return {"values": [one for row in rows for one in row["values"]]}


def at(*functions: str) -> dict[str, Any]:
    """Let a hook stand somewhere else than where files are opened."""
    return {"functions": functions}


def pid_namespace(*, is_negated: bool) -> dict[str, Any]:
    """Return a filter on the host's pid namespace."""
    return {
        "namespace": "Pid",
        "inodes": [],
        "is_host": True,
        "is_negated": is_negated,
    }


NOT_SSHD = {
    "binaries": [
        binary("Equal", "/usr/sbin/sshd", "/usr/sbin/sshd-session", is_negated=True)
    ]
}
NOT_WHO_ASKS = {
    "binaries": [
        binary(
            "Equal",
            *("/usr/sbin/sshd", "/usr/sbin/sshd-session", "/usr/sbin/unix_chkpwd"),
            *("/usr/lib/cargo/bin/sudo", "/usr/bin/su"),
            is_negated=True,
        )
    ]
}

HITS: dict[str, dict[str, Any]] = {
    "everybody": {},
    "a prefix": {"binaries": [binary("Prefix", "/usr/")]},
    "all but one": {"binaries": [binary("Equal", "/bin/sh", is_negated=True)]},
    "a child of init": {"parents": [binary("Postfix", "/systemd")]},
    "a pid": {"pids": [{"pids": [1], "is_negated": False, "is_namespaced": False}]},
    "the host": {"namespaces": [pid_namespace(is_negated=False)]},
    "a capability": {
        "capabilities": [{"set": "Effective", "capabilities": 1, "is_negated": False}]
    },
    "whoever has none in a user namespace of its own": {
        "capabilities": [
            {
                "set": "Effective",
                "capabilities": 1,
                "is_negated": True,
                "is_namespaced": True,
            }
        ]
    },
    "a file that was replaced": {
        "binaries": [binary("Equal", "/usr/sbin/sshd-session")]
    },
    "descendants of a binary": {
        "binaries": [follows(binary("Equal", "/usr/sbin/sshd"))]
    },
    "descendants of a pid": {
        "pids": [
            {
                "pids": [SSHD],
                "is_negated": False,
                "is_namespaced": False,
                "follows": True,
            }
        ]
    },
    "what does not run yet": {"binaries": [binary("Postfix", "/kubelet")]},
    "their library": value("Equal", LIBRARY),
    "all libraries": value("Prefix", "/usr/lib"),
    "all but a file": value("Prefix", "/srv", is_negated=True),
    "a name in all paths": value("SubString", "/"),
    "a login shell": at("bprm_check_security") | value("Postfix", "sh"),
    "a descriptor": at("sys_write") | value("Equal", ranges=[(1, 1)]),
    "all numbers": at("__x64_sys_read") | value("GreaterThan", ranges=[(0, 0)]),
    "all but a number": at("sys_read")
    | value("Equal", ranges=[(9, 9)], is_negated=True),
    "flags": at("sys_openat") | value("Mask", ranges=[(64, 64)]),
    "the Internet": at("tcp_connect") | value("DAddr", networks=["0.0.0.0/0"]),
    "a family": at("security_socket_connect") | value("Family", "AF_INET"),
    "the door": at("tcp_close") | value("SPort", ranges=[(1, 1024)]),
    "all but a number, seldom": at("sys_ptrace")
    | value("Equal", ranges=[(0, 0)], is_negated=True),
    "a library's function": {"functions": [], "file": LIBRARY},
    "a library's function, and small numbers": {"functions": [], "file": LIBRARY}
    | value("GreaterThan", ranges=[(0, 0)]),
    "more than a few bytes": at("sys_write")
    | value("GreaterThan", ranges=[(100, 100)]),
    "sizes": at("ksys_read") | value("InRange", ranges=[(42, 100_000)]),
    "who logs in": at("sys_setuid") | value("GreaterThan", ranges=[(999, 999)]),
    "the Internet in quarters": at("tcp_connect")
    | value(
        "DAddr", networks=["0.0.0.0/2", "64.0.0.0/2", "128.0.0.0/2", "192.0.0.0/2"]
    ),
    "half of IPv6 in quarters": at("tcp_connect")
    | value("DAddr", networks=["192.0.2.0/24", "::/2", "4000::/2"]),
    "what all look up": value("Prefix", "/etc/"),
    "users": at("sys_openat") | value("Equal", "/etc/passwd"),
    "devices": at("security_file_permission") | value("Prefix", "/dev/"),
    "keys of who logs in": value("Prefix", "/root/.ssh/"),
    "an expression": at("sys_write") | value("CelExpr", "arg0 >= 0"),
    "a system call that all make": at("sys_enter")
    | value("Equal", ranges=[(231, 231)]),
    "our own calls": at("bpf") | value("Equal", ranges=[(7, 7)]),
    "a capability of theirs": at("capable") | value("Equal", ranges=[(21, 21)]),
    "passwords": value("Equal", "/etc/shadow"),
    "passwords, permission to read": at("security_file_permission")
    | values(value("Prefix", "/etc/shadow"), value("Equal", ranges=[(4, 4)])),
    "passwords, for all but sshd": value("Equal", "/etc/shadow") | NOT_SSHD,
    "sudo's rules": value("Prefix", "/etc/sudoers") | NOT_SSHD,
    "sudo": {"binaries": [binary("Equal", "/usr/lib/cargo/bin/sudo")]},
    "su": {"binaries": [binary("Postfix", "/su")]},
    "who checks passwords": {"binaries": [binary("Equal", "/usr/sbin/unix_chkpwd")]},
    "the kubelet's configuration": value("Prefix", "/var/lib/kubelet"),
    "executing sudo": at("bprm_check_security")
    | value("Equal", "/usr/lib/cargo/bin/sudo"),
    "executing su, by a link": at("sys_execve") | value("Equal", "/bin/su"),
    "executing runc": at("bprm_check_security") | value("Postfix", "/runc"),
    "executing by shells": at("sched_process_exec")
    | {"binaries": [binary("Equal", "/usr/bin/bash")]},
    "a user's shell": at("bprm_check_security") | value("Equal", "/usr/bin/dash"),
    "those without a capability": at("security_file_open")
    | {
        "binaries": [binary("Prefix", "/usr/bin/")],
        "capabilities": [{"set": "Effective", "capabilities": 1, "is_negated": True}],
    },
    "root's shells, begun by sudo": {
        "parents": [binary("Postfix", "/sudo")],
        "binaries": [binary("Postfix", "/dash")],
    },
    "terminals": value("Prefix", "/dev/pts/") | NOT_SSHD,
    "children of shells": {"parents": [binary("Equal", "/usr/bin/dash")]},
    "who becomes another": at("__x64_sys_setuid")
    | {"binaries": [binary("Postfix", "/su")]},
    "who gains capabilities": at("commit_creds")
    | {"capability_changes": [{"set": "Effective", "is_negated": False}]},
    "who leaves a namespace": at("__x64_sys_unshare")
    | {"namespace_changes": [{"namespaces": ["Mnt"], "is_negated": False}]},
    "a function of shells": {"functions": [], "file": "/usr/bin/bash"},
    "the administrator's address": at("tcp_sendmsg")
    | value("DAddr", networks=["198.51.100.0/24"]),
    "the administrator's address and the door": at("tcp_close")
    | values(
        value("DAddr", networks=["198.51.100.7/32"]),
        value("SPort", ranges=[(22, 22)]),
        value("Family", "AF_INET"),
        value("Protocol", "IPPROTO_TCP"),
    ),
    "all but a network in which nobody is": at("tcp_sendmsg")
    | value("DAddr", networks=["10.0.0.0/8"], is_negated=True),
    "the container runtime's socket": at("security_socket_connect")
    | value("Equal", "/run/containerd/containerd.sock"),
    "our own pins": value("Prefix", "/sys/fs/bpf/"),
    "the API server": at("tcp_connect") | value("DAddr", networks=["203.0.113.9/32"]),
    "the API server, by a socket's address": at("security_socket_connect")
    | values(
        value("SAddr", networks=["203.0.113.0/24"]),
        value("SPort", ranges=[(443, 443)]),
    ),
}
MISSES: dict[str, dict[str, Any]] = {
    "a pod": {"is_narrowed": True},
    "a file of others": value("Equal", "/var/lib/secret"),
    "passwords, by others": value("Equal", "/etc/shadow") | NOT_WHO_ASKS,
    "passwords, by one": value("Equal", "/etc/shadow")
    | {"binaries": [binary("Equal", "/usr/sbin/nginx")]},
    "passwords, permission to write": at("security_file_permission")
    | values(value("Equal", "/etc/shadow"), value("Equal", ranges=[(2, 2)])),
    "a shell by nginx": at("bprm_check_security")
    | value("Postfix", "sh")
    | {"binaries": [binary("Equal", "/usr/sbin/nginx")]},
    "a shell begun by nginx": at("sched_process_exec")
    | {"parents": [binary("Equal", "/usr/sbin/nginx")]},
    "sudo by nginx": at("bprm_check_security")
    | value("Postfix", "/sudo")
    | {"binaries": [binary("Equal", "/usr/sbin/nginx")]},
    "shells that talk": at("tcp_connect")
    | {"binaries": [binary("Equal", "/usr/bin/bash", "/usr/bin/dash")]},
    "shells that trace": at("sys_ptrace") | {"binaries": [binary("Postfix", "/bash")]},
    "unprivileged namespaces": at("create_user_ns")
    | {
        "capabilities": [{"set": "Effective", "capabilities": 1, "is_negated": True}],
        "binaries": [binary("Prefix", "/usr/bin/")],
    },
    "a namespace left by another": at("__x64_sys_unshare")
    | {
        "namespace_changes": [{"namespaces": ["Mnt"], "is_negated": False}],
        "binaries": [binary("Equal", "/usr/sbin/sshd")],
    },
    "the administrator's address, from here": at("tcp_connect")
    | value("DAddr", networks=["198.51.100.0/24"]),
    "a connection of another's": at("tcp_sendmsg")
    | value("DAddr", networks=["203.0.113.42/32"]),
    "another's socket": at("security_socket_connect")
    | value("Equal", "/run/mysqld/mysqld.sock"),
    "the API server, at another port": at("tcp_connect")
    | values(
        value("DAddr", networks=["203.0.113.9/32"]),
        value("DPort", ranges=[(8443, 8443)]),
    ),
    "a folder of others": value("Prefix", "/var/lib/secrets"),
    "all but everything": value("Prefix", "/", is_negated=True),
    "a program": at("bprm_check_security") | value("Equal", "/usr/bin/wget"),
    "a great number": at("sys_lseek") | value("Equal", ranges=[(4444, 4444)]),
    "greater ones": at("sys_lseek") | value("GreaterThan", ranges=[(1 << 40, 1 << 40)]),
    "a request": at("sys_ptrace") | value("Equal", ranges=[(16, 16)]),
    "a library that is removed": at("security_path_unlink") | value("Equal", LIBRARY),
    "a network": at("tcp_connect") | value("DAddr", networks=["192.0.2.0/24"]),
    "all but our networks": at("tcp_connect")
    | value("DAddr", networks=["203.0.113.0/24"], is_negated=True),
    "another port": at("tcp_close") | value("SPort", ranges=[(8080, 8080)]),
    "writing what all look up": at("security_file_permission")
    | {
        "values": [
            *value("Prefix", "/etc/")["values"],
            *value("Equal", ranges=[(2, 2)])["values"],
        ]
    },
    "what all look up, removed": at("inode_unlink") | value("Prefix", "/etc/"),
    "a quarter of the Internet": at("tcp_connect")
    | value("DAddr", networks=["0.0.0.0/2", "0.0.0.0/3"]),
    "a system call that few make": at("sys_enter")
    | value("Equal", ranges=[(101, 101)]),
    "devices of blocks": at("security_file_open") | value("FileType", "block"),
    "another family": at("security_socket_create") | value("Family", "AF_VSOCK"),
    "another program's function": {"functions": [], "file": "/usr/bin/nginx"},
    "another's descendants": {
        "binaries": [follows(binary("Equal", "/usr/sbin/nginx"))]
    },
    "another binary": {"binaries": [binary("Equal", "/usr/sbin/nginx")]},
    "another parent": {"parents": [binary("Equal", "/usr/sbin/nginx")]},
    "another pid": {
        "pids": [{"pids": [900], "is_negated": False, "is_namespaced": False}]
    },
    "not the host": {"namespaces": [pid_namespace(is_negated=True)]},
    "a capability that none has": {
        "capabilities": [{"set": "Effective", "capabilities": 2, "is_negated": False}]
    },
}
