"""Names that Linux gives to numbers, as tracing policies spell them."""

from __future__ import annotations

from lockgate.ir.tracing_arguments import ArgumentType

_CAPABILITIES = (
    "CAP_CHOWN CAP_DAC_OVERRIDE CAP_DAC_READ_SEARCH CAP_FOWNER CAP_FSETID CAP_KILL "
    "CAP_SETGID CAP_SETUID CAP_SETPCAP CAP_LINUX_IMMUTABLE CAP_NET_BIND_SERVICE "
    "CAP_NET_BROADCAST CAP_NET_ADMIN CAP_NET_RAW CAP_IPC_LOCK CAP_IPC_OWNER "
    "CAP_SYS_MODULE CAP_SYS_RAWIO CAP_SYS_CHROOT CAP_SYS_PTRACE CAP_SYS_PACCT "
    "CAP_SYS_ADMIN CAP_SYS_BOOT CAP_SYS_NICE CAP_SYS_RESOURCE CAP_SYS_TIME "
    "CAP_SYS_TTY_CONFIG CAP_MKNOD CAP_LEASE CAP_AUDIT_WRITE CAP_AUDIT_CONTROL "
    "CAP_SETFCAP CAP_MAC_OVERRIDE CAP_MAC_ADMIN CAP_SYSLOG CAP_WAKE_ALARM "
    "CAP_BLOCK_SUSPEND CAP_AUDIT_READ CAP_PERFMON CAP_BPF "
    "CAP_CHECKPOINT_RESTORE"
)
CAPABILITIES = {name: number for number, name in enumerate(_CAPABILITIES.split())}
"""include/uapi/linux/capability.h; events spell number 1 without ``CAP_``."""

CAPABILITY_ALIASES = {"DAC_OVERRIDE": "CAP_DAC_OVERRIDE"}
"""The API's own spelling of one of them."""

PROTOCOLS = {
    "IPPROTO_IP": 0,
    "IPPROTO_ICMP": 1,
    "IPPROTO_IGMP": 2,
    "IPPROTO_IPIP": 4,
    "IPPROTO_TCP": 6,
    "IPPROTO_EGP": 8,
    "IPPROTO_PUP": 12,
    "IPPROTO_UDP": 17,
    "IPPROTO_IDP": 22,
    "IPPROTO_TP": 29,
    "IPPROTO_DCCP": 33,
    "IPPROTO_IPV6": 41,
    "IPPROTO_RSVP": 46,
    "IPPROTO_GRE": 47,
    "IPPROTO_ESP": 50,
    "IPPROTO_AH": 51,
    "IPPROTO_ICMPV6": 58,
    "IPPROTO_MTP": 92,
    "IPPROTO_BEETPH": 94,
    "IPPROTO_ENCAP": 98,
    "IPPROTO_PIM": 103,
    "IPPROTO_COMP": 108,
    "IPPROTO_SCTP": 132,
    "IPPROTO_UDPLITE": 136,
    "IPPROTO_MPLS": 137,
    "IPPROTO_ETHERNET": 143,
    "IPPROTO_RAW": 255,
    "IPPROTO_MPTCP": 262,
}
"""include/uapi/linux/in.h and in6.h."""

_FAMILIES = (
    "AF_UNSPEC AF_UNIX AF_INET AF_AX25 AF_IPX AF_APPLETALK AF_NETROM AF_BRIDGE "
    "AF_ATMPVC AF_X25 AF_INET6 AF_ROSE AF_DECnet AF_NETBEUI AF_SECURITY AF_KEY "
    "AF_NETLINK AF_PACKET AF_ASH AF_ECONET AF_ATMSVC AF_RDS AF_SNA AF_IRDA AF_PPPOX "
    "AF_WANPIPE AF_LLC AF_IB AF_MPLS AF_CAN AF_TIPC AF_BLUETOOTH AF_IUCV AF_RXRPC "
    "AF_ISDN AF_PHONET AF_IEEE802154 AF_CAIF AF_ALG AF_NFC AF_VSOCK AF_KCM "
    "AF_QIPCRTR AF_SMC AF_XDP AF_MCTP"
)
FAMILIES = {name: number for number, name in enumerate(_FAMILIES.split())} | {
    "AF_LOCAL": 1,
    "AF_ROUTE": 16,
}
"""include/linux/socket.h."""

_TCP_STATES = (
    "TCP_ESTABLISHED TCP_SYN_SENT TCP_SYN_RECV TCP_FIN_WAIT1 TCP_FIN_WAIT2 "
    "TCP_TIME_WAIT TCP_CLOSE TCP_CLOSE_WAIT TCP_LAST_ACK TCP_LISTEN TCP_CLOSING "
    "TCP_NEW_SYN_RECV"
)
TCP_STATES = {name: number for number, name in enumerate(_TCP_STATES.split(), start=1)}
"""include/net/tcp_states.h."""

FILE_TYPES = {
    "sock": 0o140000,
    "socket": 0o140000,
    "lnk": 0o120000,
    "link": 0o120000,
    "reg": 0o100000,
    "regular": 0o100000,
    "blk": 0o060000,
    "block": 0o060000,
    "dir": 0o040000,
    "chr": 0o020000,
    "char": 0o020000,
    "fifo": 0o010000,
    "pipe": 0o010000,
}
"""``S_IFMT`` of include/uapi/linux/stat.h, by the API's words."""

TYPES = {kind.value: kind for kind in ArgumentType} | {
    "sint8": ArgumentType.INT8,
    "sint16": ArgumentType.INT16,
    "sint32": ArgumentType.INT,
    "int32": ArgumentType.INT,
    "sint64": ArgumentType.LONG,
    "int64": ArgumentType.LONG,
}
"""Types of arguments by every spelling that the API takes."""
