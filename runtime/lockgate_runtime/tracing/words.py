"""Words for numbers in events, as the reference's export spells them."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

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
    "cleanup_enforcer": "KPROBE_ACTION_CLEANUPENFORCERNOTIFICATION",
    "notify_enforcer": "KPROBE_ACTION_NOTIFYENFORCER",
    "signal": "KPROBE_ACTION_SIGNAL",
    "kill": "KPROBE_ACTION_SIGKILL",
    "deny": "KPROBE_ACTION_OVERRIDE",
}
"""Actions of :mod:`lockgate_runtime.tracing.layout` by the reference's names."""

OTHER_ACTIONS = ("KPROBE_ACTION_UNKNOWN",)
"""Actions that the reference's readers know and that are never ours."""

PRIVILEGES = (
    "PRIVILEGES_RAISED_EXEC_FILE_CAP",
    "PRIVILEGES_RAISED_EXEC_FILE_SETUID",
    "PRIVILEGES_RAISED_EXEC_FILE_SETGID",
)
"""Why an exec raised privileges."""

SECURE_BITS = (
    "SecBitNoRoot",
    "SecBitNoRootLocked",
    "SecBitNoSetUidFixup",
    "SecBitNoSetUidFixupLocked",
    "SecBitKeepCaps",
    "SecBitKeepCapsLocked",
    "SecBitNoCapAmbientRaise",
    "SecBitNoCapAmbientRaiseLocked",
)
"""Secure bits from the lowest on (include/uapi/linux/securebits.h)."""

TAINTS = {
    0: "TAINT_PROPRIETARY_MODULE",
    1: "TAINT_FORCED_MODULE",
    2: "TAINT_FORCED_UNLOAD_MODULE",
    10: "TAINT_STAGED_MODULE",
    12: "TAINT_OUT_OF_TREE_MODULE",
    13: "TAINT_UNSIGNED_MODULE",
    15: "TAINT_KERNEL_LIVE_PATCH_MODULE",
    18: "TAINT_TEST_MODULE",
}
"""Taints of modules by their bits (include/linux/panic.h); the reference names no others."""

FAMILIES = {
    0: "AF_UNSPEC",
    1: "AF_UNIX",
    2: "AF_INET",
    3: "AF_AX25",
    4: "AF_IPX",
    7: "AF_BRIDGE",
    10: "AF_INET6",
    15: "AF_KEY",
    16: "AF_NETLINK",
    17: "AF_PACKET",
    21: "AF_RDS",
    24: "AF_PPPOX",
    29: "AF_CAN",
    30: "AF_TIPC",
    31: "AF_BLUETOOTH",
    35: "AF_PHONET",
    38: "AF_ALG",
    39: "AF_NFC",
    40: "AF_VSOCK",
    43: "AF_SMC",
    44: "AF_XDP",
    45: "AF_MCTP",
}
SOCKET_TYPES = {
    1: "SOCK_STREAM",
    2: "SOCK_DGRAM",
    3: "SOCK_RAW",
    4: "SOCK_RDM",
    5: "SOCK_SEQPACKET",
    6: "SOCK_DCCP",
    10: "SOCK_PACKET",
}
PROTOCOLS = {
    0: "IPPROTO_IP",
    1: "IPPROTO_ICMP",
    2: "IPPROTO_IGMP",
    4: "IPPROTO_IPIP",
    6: "IPPROTO_TCP",
    8: "IPPROTO_EGP",
    12: "IPPROTO_PUP",
    17: "IPPROTO_UDP",
    22: "IPPROTO_IDP",
    29: "IPPROTO_TP",
    33: "IPPROTO_DCCP",
    41: "IPPROTO_IPV6",
    46: "IPPROTO_RSVP",
    47: "IPPROTO_GRE",
    50: "IPPROTO_ESP",
    51: "IPPROTO_AH",
    58: "IPPROTO_ICMPV6",
    92: "IPPROTO_MTP",
    94: "IPPROTO_BEETPH",
    98: "IPPROTO_ENCAP",
    103: "IPPROTO_PIM",
    108: "IPPROTO_COMP",
    132: "IPPROTO_SCTP",
    136: "IPPROTO_UDPLITE",
    137: "IPPROTO_MPLS",
    143: "IPPROTO_ETHERNET",
    255: "IPPROTO_RAW",
    262: "IPPROTO_MPTCP",
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


def bit_names(bits: int, names: Mapping[int, str]) -> list[str]:
    """Name the bits of a word that have a name."""
    return [name for number, name in names.items() if bits >> number & 1]


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
