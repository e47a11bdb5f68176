/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The tables of one generation: user space sizes them exactly, fills them, and never changes
 * them afterwards.  What outlives a generation is in state.h.
 *
 * An array look-up is a few instructions that the JIT inlines, which is why nearly all
 * tables are arrays, and why small elements are packed into larger values.
 */
#pragma once

#include "shape.h"
#include "state.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, u32);
	__type(value, struct interface);
	__uint(max_entries, 1);
} interfaces SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, u32);
	__type(value, struct endpoint);
	__uint(max_entries, 1);
} endpoints SEC(".maps");

#if FEATURE_MORE_ADDRESSES
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__type(key, struct endpoint_address);
	__type(value, u32);
	__uint(max_entries, 1);
} endpoint_addresses SEC(".maps");
#endif

/* IPv4: a tree of pages, one byte of the address at each level. */
struct address_v4_page {
	u32 words[ADDRESS_V4_PAGE];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, u32);
	__type(value, struct address_v4_page);
	__uint(max_entries, 1);
} addresses_v4 SEC(".maps");

/* IPv6: whole addresses in a hash; what is shorter, if there is any, in a trie. */
struct address_v6 {
	u32 words[4];
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__type(key, struct address_v6);
	__type(value, u32);
	__uint(max_entries, 1);
} addresses_v6 SEC(".maps");

struct prefix_v6 {
	u32 length;
	struct address_v6 address;
};

#if FEATURE_PREFIXES_V6
struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct prefix_v6);
	__type(value, u32);
	__uint(max_entries, 1);
} prefixes_v6 SEC(".maps");
#endif

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, u32);
	__type(value, struct peer);
	__uint(max_entries, 1);
} peers SEC(".maps");

struct port_page {
	u16 elements[PORT_PAGE];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, u32);
	__type(value, struct port_page);
	__uint(max_entries, 4);
} port_directory SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, u32);
	__type(value, struct port_page);
	__uint(max_entries, 1);
} port_pages SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, u32);
	__type(value, struct policy);
	__uint(max_entries, 1);
} policies SEC(".maps");

struct chunk_u16 {
	u16 elements[CHUNK];
};

struct chunk_u32 {
	u32 elements[CHUNK];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, u32);
	__type(value, struct chunk_u32);
	__uint(max_entries, 1);
} peer_directory SEC(".maps");

struct peer_page {
	u16 rows[PEER_PAGE];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, u32);
	__type(value, struct peer_page);
	__uint(max_entries, 1);
} peer_pages SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, u32);
	__type(value, struct chunk_u16);
	__uint(max_entries, 1);
} intervals SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, u32);
	__type(value, struct chunk_u32);
	__uint(max_entries, 1);
} cells SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, u32);
	__type(value, struct decision);
	__uint(max_entries, 1);
} decisions SEC(".maps");

/* As many as there are decisions. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__type(key, u32);
	__type(value, struct counter);
	__uint(max_entries, 1);
} counters SEC(".maps");
