/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What was decided at the entry of a function, kept for the program at its return, which tells
 * of it together with what was returned.
 */
#pragma once

#include "act.h"
#include "mask.h"
#include "turn.h"

/* Of one call: who matched, whose decision it is, what was done. */
struct verdict {
	struct mask mask;
	struct mask decided;
	struct mask guessed; /* of mask, those of whom the workload is not known */
	struct deeds deeds;
	u32 is_unknown;
};

/*
 * The frame is where the trampoline has the arguments, which are the same at entry and return.
 * A record lives from one to the other.
 */
struct verdict_key {
	u64 thread;
	u64 frame;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__type(key, struct verdict_key);
	__type(value, struct verdict);
	__uint(max_entries, 256);
} verdicts SEC(".maps");

static __always_inline void keep_verdict(u64 frame, const struct verdict *verdict)
{
	struct verdict_key key = { bpf_get_current_pid_tgid(), frame };

	bpf_map_update_elem(&verdicts, &key, verdict, BPF_ANY);
	keep_decision(frame, verdict->deeds.place);
}

static __always_inline bool take_verdict(u64 frame, struct verdict *verdict)
{
	struct verdict_key key = { bpf_get_current_pid_tgid(), frame };
	const struct verdict *found = bpf_map_lookup_elem(&verdicts, &key);

	if (!found)
		return false;
	*verdict = *found;
	bpf_map_delete_elem(&verdicts, &key);
	forget_decision(frame);
	return true;
}
