/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Whose a task's cgroup is: the class of its workload, at this generation's place. */
#pragma once

#include "mask.h"
#include "maps.h"

/* Who goes on, and who of them does only because it is not known whose the task is. */
struct workload_row {
	struct mask holds;
	struct mask guessed;
};

/* Levels of cgroups that are looked at above one that is not known; the root has number 0. */
#define MOST_LEVELS 16

static u32 class_of_cgroup(u64 id)
{
	const struct cgroup_class *found = bpf_map_lookup_elem(&cgroups, &id);

	return found ? found->workload[service.column & 1] : UNKNOWN_CLASS;
}

/*
 * A cgroup that has no class (the map was full when it was made) is of its parent's workload, as
 * those are that have one; the deepest that is known decides.
 */
__verified_alone u32 class_above(void)
{
	for (u32 i = 0; i < MOST_LEVELS; i++) {
		u32 class = class_of_cgroup(bpf_get_current_ancestor_cgroup_id(MOST_LEVELS - 1 - i));

		if (class != UNKNOWN_CLASS)
			return class;
	}
	return UNKNOWN_CLASS;
}

static __always_inline u32 workload_class(void)
{
	u32 class = class_of_cgroup(bpf_get_current_cgroup_id());

	return class == UNKNOWN_CLASS ? class_above() : class;
}
