"""Short lines say what was touched and what was done about it, in whatever kind of event."""

from __future__ import annotations

from typing import Any

import pytest

from lockgate_runtime.tracing.compact import Style, print_event

PROCESS = {"pid": 7, "binary": "/usr/bin/cat"}
FILE = {"file_arg": {"path": "/etc/shadow", "permission": "-rw-r-----"}}
SOCKET = {
    "sock_arg": {
        "family": "AF_INET",
        "protocol": "IPPROTO_TCP",
        "saddr": "10.0.0.1",
        "sport": 5000,
        "daddr": "192.0.2.7",
        "dport": 443,
    }
}


def line(kind: str, function: str, *arguments: dict[str, Any], **more: str) -> str:
    """Return the line of an event at a function, without its pictures."""
    body = {
        "process": PROCESS,
        "function_name": function,
        "args": list(arguments),
        **more,
    }
    return print_event(
        {f"process_{kind}": body, "node_name": "node"}, Style(pictures=False)
    )


@pytest.mark.parametrize(
    ("function", "arguments", "told"),
    [
        ("file_open", [FILE], "file_open /etc/shadow"),
        ("file_permission", [FILE, {"int_arg": 4}], "file_permission read /etc/shadow"),
        ("file_permission", [FILE, {"int_arg": 1}], "file_permission /etc/shadow"),
        ("mmap_file", [FILE, {"uint_arg": 5}], "mmap_file mmap-rx /etc/shadow"),
        (
            "path_rename",
            [{"path_arg": {"path": "/a b"}}, {"path_arg": {"path": "/c"}}],
            'path_rename "/a b" /c',
        ),
        (
            "bprm_check_security",
            [{"linux_binprm_arg": {"path": "/bin/sh"}}],
            "bprm_check_security /bin/sh",
        ),
        (
            "socket_connect",
            [{"sockaddr_arg": {"family": "AF_INET", "addr": "192.0.2.7", "port": 80}}],
            "socket_connect inet 192.0.2.7:80",
        ),
        (
            "socket_connect",
            [{"sockaddrun_arg": {"family": "AF_UNIX", "path": "/run/x"}}],
            "socket_connect /run/x",
        ),
        (
            "socket_sendmsg",
            [SOCKET, {"size_arg": "9"}],
            "socket_sendmsg tcp 10.0.0.1:5000 -> 192.0.2.7:443 9 bytes",
        ),
        (
            "capable",
            [{"capability_arg": {"value": 21, "name": "CAP_SYS_ADMIN"}}],
            "capable CAP_SYS_ADMIN",
        ),
        (
            "kernel_module_request",
            [{"string_arg": "net\x1b-pf"}],
            "kernel_module_request net\\x1b-pf",
        ),
        ("task_alloc", [], "task_alloc"),
    ],
)
def test_lsm_hooks(function: str, arguments: list[dict[str, Any]], told: str) -> None:
    """The reference names the hook alone; here stands what it was about."""
    shown = line("lsm", function, *arguments, action="KPROBE_ACTION_POST")
    assert shown == f"LSM     node /usr/bin/cat {told}"


@pytest.mark.parametrize(
    ("action", "told"),
    [
        ({"action": "KPROBE_ACTION_OVERRIDE"}, " denied"),
        ({"action": "KPROBE_ACTION_SIGKILL"}, " killed"),
        ({"action": "KPROBE_ACTION_SIGNAL"}, " signalled"),
        ({"action": "KPROBE_ACTION_POST"}, ""),
        (
            {
                "action": "KPROBE_ACTION_POST",
                "withheld_action": "KPROBE_ACTION_OVERRIDE",
            },
            " would be denied",
        ),
    ],
)
def test_what_was_done(action: dict[str, str], told: str) -> None:
    """What stops somebody ends the line, whatever the kind of hook."""
    lsm = line("lsm", "file_open", FILE, **action)
    assert lsm == f"LSM     node /usr/bin/cat file_open /etc/shadow{told}"
    arguments = (FILE, {"int_arg": 4})
    kprobe = line("kprobe", "security_file_permission", *arguments, **action)
    assert kprobe == f"read    node /usr/bin/cat /etc/shadow{told}"


def test_a_function_without_a_word_of_its_own_shows_its_values() -> None:
    """As one with a word does."""
    shown = line("kprobe", "vfs_unlink", {"path_arg": {"path": "/x"}}, {"int_arg": 3})
    assert shown == "syscall node /usr/bin/cat vfs_unlink /x 3"
