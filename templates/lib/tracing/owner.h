/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Sockets that policies track: each belongs to the process that made it.  What happens to it later
 * in another's context, or in an interrupt, is judged and told of as its owner's.
 */
#pragma once

#include "act.h"
#include "socket.h"

/* The name of a process, which lasts, and its thread that made the socket. */
struct socket_owner {
	u64 start;
	u32 tgid;
	u32 tid;
};

/* By address; a socket that is freed is taken out (sockets.c), so that none inherits. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, u64);
	__type(value, struct socket_owner);
	__uint(max_entries, 65536);
} sockets SEC(".maps");

/* Whose deed a hit is; PROCESS is NULL where nothing is known of it any more. */
struct owner {
	struct process *process;
	u64 start;
	u32 tgid;
	u32 tid;
	bool is_other; /* than the current task's process */
};

static __always_inline void find_owner(struct owner *owner, u64 sock)
{
	const struct socket_owner *kept = sock ? bpf_map_lookup_elem(&sockets, &sock) : NULL;
	u64 ids = bpf_get_current_pid_tgid();

	owner->tgid = kept ? kept->tgid : ids >> 32;
	owner->is_other = kept && kept->tgid != ids >> 32;
	owner->tid = owner->is_other ? kept->tid : (u32)ids;
	owner->process = find_process(owner->tgid);
	owner->start = 0;
	if (owner->is_other) {
		owner->start = kept->start;
		/* It runs another program now, or its number is another's. */
		if (owner->process && owner->process->start != kept->start)
			owner->process = NULL;
	} else if (owner->process) {
		owner->start = owner->process->start;
	}
}

static __always_inline u32 owner_namespace(const struct owner *owner, const u32 which)
{
	return owner->process ? owner->process->namespaces[which] : 0;
}

static __always_inline u32 owner_workload(const struct owner *owner, u32 place)
{
	const struct cgroup_class *found = NULL;

	if (owner->process) {
		u64 id = owner->process->cgroup;

		found = bpf_map_lookup_elem(&cgroups, &id);
	}
	return found ? found->workload[place & 1] : UNKNOWN_CLASS;
}

#define OWNER_CAPABILITIES(OWNER, SET) ((OWNER).process ? (OWNER).process->SET : 0)

static __always_inline void set_owner(struct event_room *event, const struct owner *owner)
{
	if (!set_process(event, owner->process))
		event->head.start = owner->start;
	if (!owner->is_other)
		return;
	event->head.tgid = owner->tgid;
	event->head.tid = owner->tid;
	event->head.cgroup = owner->process ? owner->process->cgroup : 0;
}

/* An interrupt in the idle task is nobody's deed. */
static __always_inline void track_socket(struct deeds *deeds, u64 sock, const struct owner *owner)
{
	const struct socket_owner kept = { owner->start, owner->tgid, owner->tid };

	if (!sock || !owner->tgid)
		return;
	if (bpf_map_update_elem(&sockets, &sock, &kept, BPF_ANY))
		count(full);
	note(deeds, TRACING_ACTION_TRACK_SOCK);
}

static __always_inline void untrack_socket(struct deeds *deeds, u64 sock)
{
	bpf_map_delete_elem(&sockets, &sock);
	note(deeds, TRACING_ACTION_UNTRACK_SOCK);
}

/* The sock of a socket. */
static __always_inline u64 sock_of(u64 socket)
{
	return socket ? (u64)PROBE(((const struct socket *)socket)->sk) : 0;
}
