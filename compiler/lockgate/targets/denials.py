"""Where an operation can be denied: the hook of the security modules nearest to a function.

A signal stops the process before its next instruction in user space, not the operation; only
a hook whose return value the kernel obeys can deny.  System calls and most functions are no
such place on kernels without error injection.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_SYSCALLS = {
    "bprm_check_security": "execve execveat",
    "file_open": "open openat openat2 creat open_by_handle_at",
    "file_permission": "read write pread64 pwrite64 readv writev preadv pwritev sendfile",
    "path_truncate": "truncate ftruncate",
    "file_ioctl": "ioctl",
    "file_lock": "flock",
    "file_fcntl": "fcntl",
    "mmap_file": "mmap",
    "file_mprotect": "mprotect pkey_mprotect",
    "inode_symlink": "symlink symlinkat",
    "inode_link": "link linkat",
    "inode_unlink": "unlink unlinkat",
    "inode_rename": "rename renameat renameat2",
    "inode_mkdir": "mkdir mkdirat",
    "inode_rmdir": "rmdir",
    "inode_mknod": "mknod mknodat",
    "inode_setxattr": "setxattr lsetxattr fsetxattr",
    "inode_getattr": "stat fstat lstat newfstatat statx",
    "path_chmod": "chmod fchmod fchmodat",
    "path_chown": "chown fchown lchown fchownat",
    "path_chroot": "chroot",
    "sb_mount": "mount",
    "sb_umount": "umount umount2",
    "sb_pivotroot": "pivot_root",
    "move_mount": "move_mount",
    "socket_create": "socket socketpair",
    "socket_bind": "bind",
    "socket_connect": "connect",
    "socket_listen": "listen",
    "socket_accept": "accept accept4",
    "socket_sendmsg": "sendto sendmsg sendmmsg",
    "socket_recvmsg": "recvfrom recvmsg recvmmsg",
    "socket_setsockopt": "setsockopt",
    "ptrace_access_check": "ptrace process_vm_readv process_vm_writev",
    "task_kill": "kill tkill tgkill pidfd_send_signal",
    "task_fix_setuid": "setuid setreuid setresuid setfsuid",
    "task_fix_setgid": "setgid setregid setresgid setfsgid",
    "task_fix_setgroups": "setgroups",
    "task_prctl": "prctl",
    "task_setrlimit": "setrlimit prlimit64",
    "capset": "capset",
    "bpf": "bpf",
    "perf_event_open": "perf_event_open",
    "kernel_load_data": "init_module kexec_load",
    "kernel_read_file": "finit_module kexec_file_load",
    "userns_create": "unshare",
    "settime": "settimeofday clock_settime",
    "syslog": "syslog",
    "quotactl": "quotactl",
}
_FUNCTIONS = {
    "fd_install": "file_open",
    "do_sys_openat2": "file_open",
    "vfs_read": "file_permission",
    "vfs_write": "file_permission",
    "tcp_connect": "socket_connect",
    "tcp_v4_connect": "socket_connect",
    "tcp_v6_connect": "socket_connect",
    "inet_csk_accept": "socket_accept",
    "create_user_ns": "userns_create",
    "do_init_module": "kernel_read_file",
    "do_mount": "sb_mount",
    "path_mount": "sb_mount",
    "commit_creds": "task_fix_setuid",
    "begin_new_exec": "bprm_check_security",
    "bpf_check": "bpf",
    "tty_write": "file_permission",
}
DENIABLE: Mapping[str, str] = {
    **{
        f"sys_{name}": hook
        for hook, names in _SYSCALLS.items()
        for name in names.split()
    },
    **_FUNCTIONS,
}
"""For a system call (``sys_NAME``) or a function: the hook at which it can be denied."""

RENAMED: Mapping[str, tuple[str, ...]] = {
    "dev_queue_xmit": ("__dev_queue_xmit",),
    "kfree_skb_reason": ("sk_skb_reason_drop", "kfree_skb"),
    "security_bpf_map_alloc": ("security_bpf_map_create",),
    "security_bpf_map_create": ("security_bpf_map_alloc",),
    "security_bpf_prog_alloc": ("security_bpf_prog_load",),
    "do_sys_open": ("do_sys_openat2",),
    "__sys_connect": ("security_socket_connect",),
    "sk_free": ("__sk_free",),
}
"""Functions that other kernels have under another name, or in another's body."""

SOCKET_ENDS = ("security_sk_free", "sk_destruct", "__sk_free")
"""Functions that are given a socket when nobody has it any more, the last of its life first."""
