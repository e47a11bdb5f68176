/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the kernel offers to a BPF program, as far as these programs use it: types,
 * helpers by number (include/uapi/linux/bpf.h), and how libbpf finds maps and programs.
 * Nothing else is included from anywhere, so that the object depends on no machine.
 */
#pragma once

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef int s32;
typedef long long s64;
typedef _Bool bool;

#define true 1
#define false 0
#define NULL ((void *)0)

#define SEC(name) __attribute__((section(name), used))
#define __always_inline inline __attribute__((always_inline))
#define __noinline __attribute__((noinline))
#define __maybe_unused __attribute__((unused))

/*
 * A function that is not static is verified once by itself, whoever calls it, which keeps the
 * verifier's work small.  It may assume nothing of its arguments: pointers can be NULL, and
 * what they point to is no key for a map before Linux 6.4, so keys are copied.
 */
#define __verified_alone __noinline
#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)
#define offsetof(type, member) __builtin_offsetof(type, member)

/* Keep a value out of the compiler's sight, so that a bound stays where the verifier sees it. */
#define hide(x) asm volatile("" : "+r"(x))

#define ntohs(x) __builtin_bswap16(x)
#define htons(x) __builtin_bswap16(x)
#define ntohl(x) __builtin_bswap32(x)
#define htonl(x) __builtin_bswap32(x)

/* A map is a struct that only its BTF describes; libbpf reads it. */
#define __uint(name, value) int (*name)[value]
#define __type(name, value) typeof(value) *name
#define __array(name, value) typeof(value) *name[]

enum bpf_map_type {
	BPF_MAP_TYPE_HASH = 1,
	BPF_MAP_TYPE_ARRAY = 2,
	BPF_MAP_TYPE_PROG_ARRAY = 3,
	BPF_MAP_TYPE_PERCPU_ARRAY = 6,
	BPF_MAP_TYPE_STACK_TRACE = 7,
	BPF_MAP_TYPE_LRU_HASH = 9,
	BPF_MAP_TYPE_LPM_TRIE = 11,
	BPF_MAP_TYPE_ARRAY_OF_MAPS = 12,
	BPF_MAP_TYPE_QUEUE = 22,
	BPF_MAP_TYPE_RINGBUF = 27,
};

enum {
	BPF_ANY = 0,
	BPF_NOEXIST = 1,
	BPF_EXIST = 2,
	BPF_F_NO_PREALLOC = 1 << 0,
	BPF_F_RDONLY_PROG = 1 << 7,
	BPF_F_INNER_MAP = 1 << 12,
	BPF_RB_NO_WAKEUP = 1 << 0,
	BPF_RB_FORCE_WAKEUP = 1 << 1,
	BPF_RB_AVAIL_DATA = 0,
	BPF_RB_RING_SIZE = 1,
};

enum { CLOCK_MONOTONIC = 1 };

/* Return values of tc programs (include/uapi/linux/pkt_cls.h). */
enum {
	TC_ACT_UNSPEC = -1,
	TC_ACT_SHOT = 2,
};

/* What is before the IP header on a device; its stub writes it to cb[0]. */
enum {
	LINK_ETHERNET,
	LINK_NONE,
};

/* The context of tc and cgroup_skb programs. */
struct __sk_buff {
	u32 len;
	u32 pkt_type;
	u32 mark;
	u32 queue_mapping;
	u32 protocol;
	u32 vlan_present;
	u32 vlan_tci;
	u32 vlan_proto;
	u32 priority;
	u32 ingress_ifindex;
	u32 ifindex;
	u32 tc_index;
	u32 cb[5];
	u32 hash;
	u32 tc_classid;
	u32 data;
	u32 data_end;
	u32 napi_id;
	u32 family;
	u32 remote_ip4;
	u32 local_ip4;
	u32 remote_ip6[4];
	u32 local_ip6[4];
	u32 remote_port;
	u32 local_port;
	u32 data_meta;
	u64 flow_keys;
	u64 tstamp;
	u32 wire_len;
	u32 gso_segs;
	u64 sk;
	u32 gso_size;
};

struct task_struct;

struct bpf_timer {
	u64 opaque[2];
} __attribute__((aligned(8)));

static void *(*const bpf_map_lookup_elem)(void *map, const void *key) = (void *)1;
static long (*const bpf_map_update_elem)(void *map, const void *key, const void *value,
					 u64 flags) = (void *)2;
static long (*const bpf_map_delete_elem)(void *map, const void *key) = (void *)3;
static long (*const bpf_map_push_elem)(void *map, const void *value, u64 flags) = (void *)87;
static long (*const bpf_map_pop_elem)(void *map, void *value) = (void *)88;
static long (*const bpf_skb_load_bytes)(const void *skb, u32 offset, void *to,
					u32 size) = (void *)26;
static u32 (*const bpf_get_smp_processor_id)(void) = (void *)8;
static u64 (*const bpf_get_current_pid_tgid)(void) = (void *)14;
static u64 (*const bpf_get_current_cgroup_id)(void) = (void *)80;
static u64 (*const bpf_get_current_ancestor_cgroup_id)(int level) = (void *)123;
static long (*const bpf_send_signal)(u32 signal) = (void *)109;
static long (*const bpf_probe_read_user)(void *to, u32 size, const void *from) = (void *)112;
static long (*const bpf_probe_read_kernel)(void *to, u32 size, const void *from) = (void *)113;
static long (*const bpf_probe_read_user_str)(void *to, u32 size,
					     const void *from) = (void *)114;
static long (*const bpf_probe_read_kernel_str)(void *to, u32 size,
					       const void *from) = (void *)115;
static u64 (*const bpf_jiffies64)(void) = (void *)118;
static u64 (*const bpf_ktime_get_boot_ns)(void) = (void *)125;
static long (*const bpf_ringbuf_output)(void *ring, void *data, u64 size,
					u64 flags) = (void *)130;
static void *(*const bpf_ringbuf_reserve)(void *ring, u64 size, u64 flags) = (void *)131;
static void (*const bpf_ringbuf_submit)(void *record, u64 flags) = (void *)132;
static u64 (*const bpf_ringbuf_query)(void *ring, u64 flags) = (void *)134;
static struct task_struct *(*const bpf_get_current_task_btf)(void) = (void *)158;
static long (*const bpf_timer_init)(struct bpf_timer *timer, void *map,
				    u64 flags) = (void *)169;
static long (*const bpf_timer_set_callback)(struct bpf_timer *timer,
					    void *callback) = (void *)170;
static long (*const bpf_timer_start)(struct bpf_timer *timer, u64 nanoseconds,
				     u64 flags) = (void *)171;
static long (*const bpf_for_each_map_elem)(void *map, void *callback, void *context,
					   u64 flags) = (void *)164;
static u64 (*const bpf_get_func_ip)(void *context) = (void *)173;
static long (*const bpf_get_func_ret)(void *context, u64 *value) = (void *)184;
static long (*const bpf_loop)(u32 times, void *callback, void *context,
			      u64 flags) = (void *)181;

/* A jump to another program; with a constant index the JIT makes it a direct one. */
static __always_inline void bpf_tail_call_static(void *context, const void *programs,
						 const u32 index)
{
	asm volatile("r1 = %[context]\n\t"
		     "r2 = %[programs]\n\t"
		     "r3 = %[index]\n\t"
		     "call 12"
		     :
		     : [context] "r"(context), [programs] "r"(programs), [index] "i"(index)
		     : "r0", "r1", "r2", "r3", "r4", "r5");
}
