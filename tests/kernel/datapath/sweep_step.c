// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// One step of the sweeper at once, without its timer.

#include "sweep.h"

/* Returns 1 where the round is over. */
SEC("tc")
int sweep_once(struct __sk_buff *skb)
{
	u32 zero = 0;
	struct sweeper *element = bpf_map_lookup_elem(&sweeper, &zero);

	return element ? sweep_step(element) : -1;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
