/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Sockets, packets and addresses: read into one form, by which they are judged and shown.
 * Ports are in host order, addresses in that of the network (of IPv4 the first four bytes).
 */
#pragma once

#include "event.h"
#include "kernel.h"
#include "rooms.h"
#include "walk.h"

#define AF_UNIX 1
#define AF_INET 2
#define AF_INET6 10
#define UNIX_PATH_SIZE 108 /* include/uapi/linux/un.h */
#define IPPROTO_TCP 6
#define IPPROTO_UDP 17

struct in6_addr {
	u8 byte[16];
};

struct sock_common {
	u16 skc_family;
	u8 skc_state;
	u16 skc_num;
	u16 skc_dport;
	u32 skc_daddr;
	u32 skc_rcv_saddr;
	struct in6_addr skc_v6_daddr;
	struct in6_addr skc_v6_rcv_saddr;
	struct {
		s64 counter;
	} skc_cookie;
} __of_kernel;

struct sock {
	struct sock_common __sk_common;
	u16 sk_type;
	u16 sk_protocol;
	u32 sk_mark;
	u32 sk_priority;
} __of_kernel;

struct socket {
	struct sock *sk;
} __of_kernel;

struct sk_buff {
	u8 *head;
	u16 network_header;
	u16 transport_header;
	u32 mark;
	u32 priority;
} __of_kernel;

/* The bytes of a value of type socket or skb. */
struct socket_value {
	u16 family;
	u16 type;
	u8 protocol;
	u8 state;
	u16 pad;
	u32 mark;
	u32 priority;
	u16 source_port;
	u16 destination_port;
	u32 source[4];
	u32 destination[4];
	u32 cookie[2];
};
_Static_assert(sizeof(struct socket_value) == 60, "layout of socket_value");

/* The bytes of a value of type socket_address. */
struct address_value {
	u16 family;
	u16 port;
	u32 pad;
	u32 address[4];
};

/* What addresses are looked up by in a trie; LENGTH in bits, the place's included. */
struct network_v4 {
	u32 length;
	u32 place;
	u32 address[1];
};

struct network_v6 {
	u32 length;
	u32 place;
	u32 address[4];
};

static __noinline __maybe_unused int read_sock(struct socket_value *value, u64 at)
{
	const struct sock *sock = (void *)at;
	u64 cookie;

	if (!value)
		return 0;
	__builtin_memset(value, 0, sizeof(*value));
	if (!at)
		return 0;
	value->family = PROBE(sock->__sk_common.skc_family);
	value->state = PROBE(sock->__sk_common.skc_state);
	value->type = PROBE(sock->sk_type);
	value->protocol = PROBE(sock->sk_protocol);
	value->mark = PROBE(sock->sk_mark);
	value->priority = PROBE(sock->sk_priority);
	value->source_port = PROBE(sock->__sk_common.skc_num);
	value->destination_port = ntohs(PROBE(sock->__sk_common.skc_dport));
	cookie = PROBE(sock->__sk_common.skc_cookie.counter);
	value->cookie[0] = cookie;
	value->cookie[1] = cookie >> 32;
	if (value->family == AF_INET) {
		value->source[0] = PROBE(sock->__sk_common.skc_rcv_saddr);
		value->destination[0] = PROBE(sock->__sk_common.skc_daddr);
	} else if (value->family == AF_INET6) {
		bpf_probe_read_kernel(value->source, 16, &sock->__sk_common.skc_v6_rcv_saddr);
		bpf_probe_read_kernel(value->destination, 16, &sock->__sk_common.skc_v6_daddr);
	}
	return 0;
}

static __always_inline void read_socket(struct socket_value *value, u64 at)
{
	read_sock(value, at ? (u64)PROBE(((const struct socket *)at)->sk) : 0);
}

/* A packet's own addresses; of IPv6 the next header alone tells the protocol. */
static __noinline __maybe_unused int read_skb(struct socket_value *value, u64 at)
{
	const struct sk_buff *skb = (void *)at;
	u16 ports[2] = {};
	u8 first = 0;
	u64 network, transport;

	if (!value)
		return 0;
	__builtin_memset(value, 0, sizeof(*value));
	network = (u64)PROBE(skb->head);
	transport = network + PROBE(skb->transport_header);
	network += PROBE(skb->network_header);
	value->mark = PROBE(skb->mark);
	value->priority = PROBE(skb->priority);
	bpf_probe_read_kernel(&first, 1, (void *)network);
	if (first >> 4 == 4) {
		value->family = AF_INET;
		bpf_probe_read_kernel(&value->protocol, 1, (void *)(network + 9));
		bpf_probe_read_kernel(value->source, 4, (void *)(network + 12));
		bpf_probe_read_kernel(value->destination, 4, (void *)(network + 16));
		transport = network + 4 * (first & 15);
	} else if (first >> 4 == 6) {
		value->family = AF_INET6;
		bpf_probe_read_kernel(&value->protocol, 1, (void *)(network + 6));
		bpf_probe_read_kernel(value->source, 16, (void *)(network + 8));
		bpf_probe_read_kernel(value->destination, 16, (void *)(network + 24));
	}
	if (value->protocol != IPPROTO_TCP && value->protocol != IPPROTO_UDP)
		return 0;
	bpf_probe_read_kernel(ports, sizeof(ports), (void *)transport);
	value->source_port = ntohs(ports[0]);
	value->destination_port = ntohs(ports[1]);
	return 0;
}

/* Memory of the kernel or, on the lower half, of the program. */
#define READ_ANY(TO, SIZE, AT)                                                            \
	((s64)(AT) < 0 ? bpf_probe_read_kernel(TO, SIZE, (void *)(AT)) :                  \
			 bpf_probe_read_user(TO, SIZE, (void *)(AT)))

#define READ_ANY_STRING(TO, SIZE, AT)                                                     \
	((s64)(AT) < 0 ? bpf_probe_read_kernel_str(TO, SIZE, (void *)(AT)) :              \
			 bpf_probe_read_user_str(TO, SIZE, (void *)(AT)))

/* A struct sockaddr: its address stands for the source's. */
static __noinline __maybe_unused int read_sockaddr(struct socket_value *value, u64 at)
{
	u16 words[2] = {};

	if (!value)
		return 0;
	__builtin_memset(value, 0, sizeof(*value));
	if (!at || READ_ANY(words, sizeof(words), at))
		return 0;
	value->family = words[0];
	if (words[0] == AF_INET)
		READ_ANY(value->source, 4, at + 4);
	else if (words[0] == AF_INET6)
		READ_ANY(value->source, 16, at + 8);
	else
		return 0;
	value->source_port = ntohs(words[1]);
	return 0;
}

/*
 * The path of a unix socket's address, or its abstract name behind a '@'.  Bytes behind LENGTH
 * are no part of it; where it is 0 nobody knows, and the name ends with the first zero.
 */
static __noinline __maybe_unused bool read_unix_path(struct text *text, u64 at, u64 length)
{
	u16 family = 0;
	u8 first = 0;
	u64 from, size;
	long result;

	if (!text)
		return false;
	text->start = text->end = text->flags = 0;
	text->is_read = 1;
	if (READ_ANY(&family, sizeof(family), at)) {
		text->flags = VALUE_IS_UNREADABLE;
		return false;
	}
	from = at + sizeof(family);
	length = (u32)length;
	size = UNIX_PATH_SIZE;
	if (length && length < UNIX_PATH_SIZE + sizeof(family))
		size = length > sizeof(family) ? length - sizeof(family) : 0;
	if (family != AF_UNIX || !size)
		return true;
	/* The compiler knows the bound, and the verifier loses it. */
	hide(size);
	size &= 127;
	READ_ANY(&first, 1, from);
	if (!first && size > 1) {
		text->bytes[0] = '@';
		size--;
		if (length) {
			result = READ_ANY(text->bytes + 1, size, from + 1);
			text->end = result ? 0 : size + 1;
			return !result;
		}
		result = READ_ANY_STRING(text->bytes + 1, size + 1, from + 1);
		text->end = result > 0 ? result : 0;
		return result > 0;
	}
	result = READ_ANY_STRING(text->bytes, size + 1, from);
	text->end = result > 0 ? result - 1 : 0;
	return result > 0;
}

static __always_inline void add_unix_address(struct event_room *event, u16 place, struct text *text,
					     u64 at)
{
	struct {
		struct address_value address;
		u8 path[];
	} *bytes = open_value(event, TRACING_TYPE_SOCKET_ADDRESS, place);
	u32 length = text->end;

	if (!bytes)
		return;
	__builtin_memset(&bytes->address, 0, sizeof(bytes->address));
	READ_ANY(&bytes->address.family, 2, at);
	if (length > UNIX_PATH_SIZE)
		length = UNIX_PATH_SIZE;
	bpf_probe_read_kernel(bytes->path, length, text->bytes);
	close_value(event, sizeof(bytes->address) + length, text->flags);
}

static __always_inline void add_socket(struct event_room *event, u8 type, u16 place,
				       const struct socket_value *socket)
{
	struct socket_value *bytes = open_value(event, type, place);

	if (!bytes)
		return;
	*bytes = *socket;
	close_value(event, sizeof(*bytes), 0);
}

static __always_inline void add_address(struct event_room *event, u16 place,
					const struct socket_value *socket)
{
	struct address_value *bytes = open_value(event, TRACING_TYPE_SOCKET_ADDRESS, place);

	if (!bytes)
		return;
	bytes->family = socket->family;
	bytes->port = socket->source_port;
	bytes->pad = 0;
	for (u32 i = 0; i < 4; i++)
		bytes->address[i] = socket->source[i];
	close_value(event, sizeof(*bytes), 0);
}
