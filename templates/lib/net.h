/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Headers on the wire; all numbers are in network order. */
#pragma once

#include "bpf.h"

enum {
	ETH_P_IP = 0x0800,
	ETH_P_ARP = 0x0806,
	ETH_P_8021Q = 0x8100,
	ETH_P_IPV6 = 0x86dd,
	ETH_P_8021AD = 0x88a8,
};

enum {
	IPPROTO_HOPOPTS = 0,
	IPPROTO_ICMP = 1,
	IPPROTO_IGMP = 2,
	IPPROTO_TCP = 6,
	IPPROTO_UDP = 17,
	IPPROTO_ROUTING = 43,
	IPPROTO_FRAGMENT = 44,
	IPPROTO_AH = 51,
	IPPROTO_ICMPV6 = 58,
	IPPROTO_DSTOPTS = 60,
	IPPROTO_SCTP = 132,
	IPPROTO_MOBILITY = 135,
	IPPROTO_HIP = 139,
	IPPROTO_SHIM6 = 140,
	IPPROTO_EXPERIMENT_1 = 253,
	IPPROTO_EXPERIMENT_2 = 254,
};

struct ethhdr {
	u8 destination[6];
	u8 source[6];
	u16 protocol;
} __attribute__((packed));

struct vlanhdr {
	u16 tag;
	u16 protocol;
};

struct iphdr {
	u8 version_ihl;
	u8 tos;
	u16 total_length;
	u16 identification;
	u16 fragment;
	u8 ttl;
	u8 protocol;
	u16 checksum;
	u32 source;
	u32 destination;
};

enum {
	IP_MORE_FRAGMENTS = 0x2000,
	IP_OFFSET = 0x1fff,
	IP_OPTION_END = 0,
	IP_OPTION_NOOP = 1,
	IP_OPTION_LSRR = 131,
	IP_OPTION_SSRR = 137,
};

/* 255.255.255.255, in either byte order. */
#define IPV4_BROADCAST 0xffffffffU

struct ipv6hdr {
	u8 version_class;
	u8 flow[3];
	u16 payload_length;
	u8 next_header;
	u8 hop_limit;
	u32 source[4];
	u32 destination[4];
};

/* The first bytes of hop-by-hop, routing and destination options, and of AH. */
struct ipv6_extension {
	u8 next_header;
	u8 length;
	u8 routing_type;
	u8 segments_left;
};

struct ipv6_fragment {
	u8 next_header;
	u8 reserved;
	u16 offset;
	u32 identification;
};

enum {
	IPV6_MORE_FRAGMENTS = 0x0001,
	IPV6_OFFSET = 0xfff8,
};

struct tcphdr {
	u16 source;
	u16 destination;
	u32 sequence;
	u32 acknowledgement;
	u8 offset;
	u8 flags;
	u16 window;
	u16 checksum;
	u16 urgent;
};

enum {
	TCP_FIN = 0x01,
	TCP_SYN = 0x02,
	TCP_RST = 0x04,
	TCP_ACK = 0x10,
};

struct udphdr {
	u16 source;
	u16 destination;
	u16 length;
	u16 checksum;
};

/* The common header and the head of the first chunk. */
struct sctphdr {
	u16 source;
	u16 destination;
	u32 tag;
	u32 checksum;
	u8 chunk;
	u8 chunk_flags;
	u16 chunk_length;
};

enum {
	SCTP_INIT = 1,
	SCTP_INIT_ACK = 2,
	SCTP_ABORT = 6,
	SCTP_SHUTDOWN = 7,
	SCTP_SHUTDOWN_ACK = 8,
	SCTP_SHUTDOWN_COMPLETE = 14,
};

struct icmphdr {
	u8 type;
	u8 code;
	u16 checksum;
	u16 identifier;
	u16 sequence;
};

enum {
	ICMP_ECHO_REPLY = 0,
	ICMP_UNREACHABLE = 3,
	ICMP_SOURCE_QUENCH = 4,
	ICMP_ECHO = 8,
	ICMP_TIME_EXCEEDED = 11,
	ICMP_PARAMETER_PROBLEM = 12,
	ICMP_TIMESTAMP = 13,
	ICMP_TIMESTAMP_REPLY = 14,
};

enum {
	ICMPV6_UNREACHABLE = 1,
	ICMPV6_PARAMETER_PROBLEM = 4,
	ICMPV6_ECHO = 128,
	ICMPV6_ECHO_REPLY = 129,
	ICMPV6_MLD_QUERY = 130,
	ICMPV6_MLD_DONE = 132,
	ICMPV6_ROUTER_SOLICITATION = 133,
	ICMPV6_REDIRECT = 137,
	ICMPV6_MLD2_REPORT = 143,
};
