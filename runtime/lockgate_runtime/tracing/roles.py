"""The programs without which nobody reaches a node or rules it, and what each of them does.

An administrator comes through a door (sshd, login), gets a shell there, and becomes root by
sudo or su, whose helper asks for the password: a policy that stops one step of it locks everybody
out, just as one that kills init does.  Without the kubelet or a container runtime nothing runs.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

DOORS = ("sshd", "sshd-session", "sshd-auth", "dropbear", "login", "agetty")
KUBELETS = ("kubelet", "kubelite", "k3s", "k3s-server", "k3s-agent", "k0s", "rke2")
SHIMS = (
    *("containerd-shim", "containerd-shim-runc-v1", "containerd-shim-runc-v2"),
    *("conmon", "conmonrs"),
)
STARTERS = ("runc", "crun", "youki")
RUNTIMES = ("containerd", "crio", "dockerd")
SYSTEM = (
    *("systemd", "systemd-executor", "systemd-journald", "systemd-logind"),
    *("systemd-udevd", "systemd-networkd", "systemd-resolved", "NetworkManager"),
    *("dbus-daemon", "dbus-broker", "dbus-broker-launch", "polkitd"),
)
WAYS = ("sudo", "su", "doas", "pkexec")
"""How somebody who is logged in becomes root."""
HELPERS = ("unix_chkpwd", "unix2_chkpwd", "polkit-agent-helper-1")
"""What checks a password for those who may not read it."""

SHELL = "shell"
"""The role of the shells that are written in ``/etc/passwd``, whatever their names."""

_ACCOUNTS = ("/etc/shadow", "/etc/pam.d/common-auth", "/etc/pam.d/system-auth")
_NETWORK = re.compile(
    r"socket|sock_|accept|connect|bind|listen|send|recv|tcp_|udp_|inet6?_|ip6?_"
)
_STREAMS = re.compile(r"tcp_|accept|listen")
_CREDENTIALS = re.compile(r"(commit|prepare)_creds|task_fix_set|set(res|re|fs)?[ug]id")


@dataclass(frozen=True)
class Role:
    """What programs of one kind do, beside what every process does every day.

    ``executes`` are names of programs (:data:`SHELL` stands for login shells), ``reads`` files
    without which they fail, ``connects`` sockets of the file system.  ``calls``:
    functions that they call beside those of every day; ``never``: those of every day that they
    do without.  Who ``calls_anything`` is taken to call every function, since nobody knows all
    that a daemon does.
    """

    executes: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()
    connects: tuple[str, ...] = ()
    calls: re.Pattern[str] | None = None
    never: re.Pattern[str] | None = None
    calls_anything: bool = True
    changes_capabilities: bool = False
    changes_namespaces: bool = False


_DOOR = Role(
    executes=(SHELL, *DOORS, *HELPERS), reads=_ACCOUNTS, changes_capabilities=True
)
_SSHD = Role(
    executes=_DOOR.executes,
    reads=(
        *_ACCOUNTS,
        *("/etc/ssh/sshd_config", "/root/.ssh/authorized_keys", "/dev/ptmx"),
        *("/etc/ssh/ssh_host_ed25519_key", "/etc/ssh/ssh_host_rsa_key"),
        "/etc/pam.d/sshd",
    ),
    changes_capabilities=True,
)
_WAY = Role(
    executes=(SHELL, *HELPERS),
    reads=(
        *(*_ACCOUNTS, "/etc/sudoers", "/etc/pam.d/sudo", "/etc/pam.d/su"),
        *("/dev/tty", "/dev/pts/0"),
    ),
    calls=_CREDENTIALS,
    never=_STREAMS,
    calls_anything=False,
    changes_capabilities=True,
)
_ROLES: dict[str, Role] = {
    **dict.fromkeys(DOORS, _DOOR),
    "agetty": Role(("login", SHELL), changes_capabilities=True),
    **dict.fromkeys(("sshd", "sshd-session", "sshd-auth", "dropbear"), _SSHD),
    **dict.fromkeys(
        KUBELETS,
        Role(
            executes=(*RUNTIMES, *SHIMS, *STARTERS),
            reads=("/var/lib/kubelet/config.yaml", "/etc/kubernetes/kubelet.conf"),
            connects=(
                *("/run/containerd/containerd.sock", "/run/crio/crio.sock"),
                "/run/cri-dockerd.sock",
            ),
        ),
    ),
    **dict.fromkeys(RUNTIMES, Role((*SHIMS, *STARTERS), changes_namespaces=True)),
    **dict.fromkeys(SHIMS, Role(STARTERS)),
    **dict.fromkeys(STARTERS, Role(changes_capabilities=True, changes_namespaces=True)),
    **dict.fromkeys(
        SYSTEM, Role(changes_capabilities=True, reads=("/etc/machine-id",))
    ),
    **dict.fromkeys(
        ("systemd", "systemd-executor"),
        Role(
            (*SYSTEM, *DOORS, *KUBELETS, *RUNTIMES),
            reads=("/etc/machine-id", "/etc/fstab"),
            changes_capabilities=True,
            changes_namespaces=True,
        ),
    ),
    **dict.fromkeys(WAYS, _WAY),
    **dict.fromkeys(
        HELPERS,
        Role(
            reads=_ACCOUNTS[:1],
            calls=_CREDENTIALS,
            never=_NETWORK,
            calls_anything=False,
            changes_capabilities=True,
        ),
    ),
    SHELL: Role(
        WAYS, reads=("/dev/tty", "/dev/pts/0"), never=_NETWORK, calls_anything=False
    ),
}

INIT = _ROLES["systemd"]
ANYBODY = Role((SHELL,), reads=("/run/lockgate/lockgate", "/sys/fs/bpf/lockgate/v1"))
"""Who applies a bundle, whatever it runs on: it goes on by a shell, and by our pins and state."""

DAEMONS = frozenset(
    (*DOORS, *KUBELETS, *SHIMS, *STARTERS, *RUNTIMES, *SYSTEM),
)
"""What is protected wherever it runs, and where it is installed."""

NAMES = DAEMONS | {*WAYS, *HELPERS}


def role_of(name: str, *, is_shell: bool = False) -> Role:
    """Return what a program of this name does."""
    return _ROLES.get(name) or (_ROLES[SHELL] if is_shell else ANYBODY)


def calls(role: Role, functions: Iterable[str], *, are_everyday: bool) -> bool:
    """Whether a program calls one of some functions, without their prefixes.

    ``are_everyday``: whether every process calls one of them.
    """
    if role.calls_anything:
        return True
    functions = list(functions)
    if role.calls and any(map(role.calls.search, functions)):
        return True
    if role.never and functions and all(map(role.never.match, functions)):
        return False
    return are_everyday
