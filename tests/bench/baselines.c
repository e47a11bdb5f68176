// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What the datapath is measured against: a packet parser alone, parser and conntrack, and the
 * shape that asks a trie for the peer's identity and another one for the verdict.  They read
 * TCP over IPv4 without options and nothing else.
 */

#include "net.h"

struct tuple {
	u32 source;
	u32 destination;
	u16 source_port;
	u16 destination_port;
	u8 protocol;
	u8 direction;
	u16 pad;
};

struct connection {
	u64 packets;
	u64 bytes;
	u32 last_seen;
	u32 pad;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__type(key, struct tuple);
	__type(value, struct connection);
	__uint(max_entries, 65536);
} connections SEC(".maps");

struct prefix {
	u32 length;
	u32 address;
};

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct prefix);
	__type(value, u32);
	__uint(max_entries, 131072);
} identities SEC(".maps");

struct rule {
	u32 length;
	u32 identity;
	u8 direction;
	u8 protocol;
	u16 port;
};

struct verdict {
	u64 decision;
	u64 packets;
	u64 bytes;
};

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct rule);
	__type(value, struct verdict);
	__uint(max_entries, 16384);
} rules SEC(".maps");

static __always_inline bool parse(struct __sk_buff *skb, struct tuple *tuple)
{
	void *data = (void *)(u64)skb->data;
	void *end = (void *)(u64)skb->data_end;
	struct ethhdr *ethernet = data;
	struct iphdr *ip = data + sizeof(*ethernet);
	struct tcphdr *tcp = (void *)(ip + 1);

	if ((void *)(tcp + 1) > end || ethernet->protocol != htons(ETH_P_IP) ||
	    ip->version_ihl != 0x45 || ip->protocol != IPPROTO_TCP)
		return false;
	tuple->source = ip->source;
	tuple->destination = ip->destination;
	tuple->source_port = tcp->source;
	tuple->destination_port = tcp->destination;
	tuple->protocol = IPPROTO_TCP;
	return true;
}

static __always_inline bool track(struct __sk_buff *skb, const struct tuple *tuple)
{
	struct connection *connection = bpf_map_lookup_elem(&connections, tuple);

	if (!connection)
		return false;
	connection->packets++;
	connection->bytes += skb->len;
	connection->last_seen = bpf_jiffies64();
	return true;
}

SEC("tc")
int parse_only(struct __sk_buff *skb)
{
	struct tuple tuple = {};

	return parse(skb, &tuple) ? TC_ACT_UNSPEC : TC_ACT_SHOT;
}

SEC("tc")
int conntrack_only(struct __sk_buff *skb)
{
	struct tuple tuple = {};

	if (!parse(skb, &tuple) || !track(skb, &tuple))
		return TC_ACT_SHOT;
	return TC_ACT_UNSPEC;
}

SEC("tc")
int lpm_baseline(struct __sk_buff *skb)
{
	struct prefix prefix = { .length = 32 };
	struct rule rule = { .length = 64, .direction = 1, .protocol = IPPROTO_TCP };
	struct tuple tuple = {};
	struct verdict *verdict;
	u32 *identity;

	if (!parse(skb, &tuple))
		return TC_ACT_SHOT;
	prefix.address = tuple.destination;
	identity = bpf_map_lookup_elem(&identities, &prefix);
	if (!identity || !track(skb, &tuple))
		return TC_ACT_SHOT;
	rule.identity = *identity;
	rule.port = tuple.destination_port;
	verdict = bpf_map_lookup_elem(&rules, &rule);
	if (!verdict)
		return TC_ACT_SHOT;
	verdict->packets++;
	verdict->bytes += skb->len;
	return TC_ACT_UNSPEC;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
