"""Words for numbers in events, as the reference's export spells them."""

from __future__ import annotations

import signal

CAPABILITIES = (
    "CAP_CHOWN",
    "DAC_OVERRIDE",  # so spelt in the reference's interface, and kept for who reads it
    "CAP_DAC_READ_SEARCH",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_KILL",
    "CAP_SETGID",
    "CAP_SETUID",
    "CAP_SETPCAP",
    "CAP_LINUX_IMMUTABLE",
    "CAP_NET_BIND_SERVICE",
    "CAP_NET_BROADCAST",
    "CAP_NET_ADMIN",
    "CAP_NET_RAW",
    "CAP_IPC_LOCK",
    "CAP_IPC_OWNER",
    "CAP_SYS_MODULE",
    "CAP_SYS_RAWIO",
    "CAP_SYS_CHROOT",
    "CAP_SYS_PTRACE",
    "CAP_SYS_PACCT",
    "CAP_SYS_ADMIN",
    "CAP_SYS_BOOT",
    "CAP_SYS_NICE",
    "CAP_SYS_RESOURCE",
    "CAP_SYS_TIME",
    "CAP_SYS_TTY_CONFIG",
    "CAP_MKNOD",
    "CAP_LEASE",
    "CAP_AUDIT_WRITE",
    "CAP_AUDIT_CONTROL",
    "CAP_SETFCAP",
    "CAP_MAC_OVERRIDE",
    "CAP_MAC_ADMIN",
    "CAP_SYSLOG",
    "CAP_WAKE_ALARM",
    "CAP_BLOCK_SUSPEND",
    "CAP_AUDIT_READ",
    "CAP_PERFMON",
    "CAP_BPF",
    "CAP_CHECKPOINT_RESTORE",
)
"""Capabilities by their numbers (include/uapi/linux/capability.h)."""

ACTIONS = {
    "none": "KPROBE_ACTION_POST",
    "no_post": "KPROBE_ACTION_NOPOST",
    "post": "KPROBE_ACTION_POST",
    "get_url": "KPROBE_ACTION_GETURL",
    "dns_lookup": "KPROBE_ACTION_DNSLOOKUP",
    "track_sock": "KPROBE_ACTION_TRACKSOCK",
    "untrack_sock": "KPROBE_ACTION_UNTRACKSOCK",
    "set": "KPROBE_ACTION_SET",
    "signal": "KPROBE_ACTION_SIGNAL",
    "kill": "KPROBE_ACTION_SIGKILL",
    "deny": "KPROBE_ACTION_OVERRIDE",
}
"""Actions of :mod:`lockgate_runtime.tracing.layout` by the reference's names."""

FAMILIES = {
    0: "AF_UNSPEC",
    1: "AF_UNIX",
    2: "AF_INET",
    10: "AF_INET6",
    16: "AF_NETLINK",
}
FAMILIES |= {17: "AF_PACKET", 40: "AF_VSOCK"}
SOCKET_TYPES = {1: "SOCK_STREAM", 2: "SOCK_DGRAM", 3: "SOCK_RAW", 5: "SOCK_SEQPACKET"}
PROTOCOLS = {
    0: "IPPROTO_IP",
    1: "IPPROTO_ICMP",
    2: "IPPROTO_IGMP",
    6: "IPPROTO_TCP",
    17: "IPPROTO_UDP",
    41: "IPPROTO_IPV6",
    47: "IPPROTO_GRE",
    50: "IPPROTO_ESP",
    58: "IPPROTO_ICMPV6",
    132: "IPPROTO_SCTP",
    255: "IPPROTO_RAW",
}
STATES = (
    "",
    "TCP_ESTABLISHED",
    "TCP_SYN_SENT",
    "TCP_SYN_RECV",
    "TCP_FIN_WAIT1",
    "TCP_FIN_WAIT2",
    "TCP_TIME_WAIT",
    "TCP_CLOSE",
    "TCP_CLOSE_WAIT",
    "TCP_LAST_ACK",
    "TCP_LISTEN",
    "TCP_CLOSING",
    "TCP_NEW_SYN_RECV",
)


def capability_names(bits: int) -> list[str]:
    """Name the capabilities of a set; those without a name are left out."""
    return [name for number, name in enumerate(CAPABILITIES) if bits >> number & 1]


def signal_name(number: int) -> str:
    """Name a signal; a realtime one by its number."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"SIGNAL_{number}"


def permission(mode: int) -> str:
    """Spell a file's mode as ``ls -l`` does, but a plain file with its ``-``."""
    import stat

    return stat.filemode(mode)
