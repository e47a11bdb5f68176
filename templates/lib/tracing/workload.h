/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Whose a task's cgroup is: the class of its workload, at a generation's place. */
#pragma once

#include "maps.h"
#include "rows.h"

/* Who goes on, and who of them does only because it is not known whose the task is. */
struct workload_row {
	struct mask holds;
	struct mask guessed;
};

/* Levels of cgroups that are looked at above one that is not known; the root has number 0. */
#define MOST_LEVELS 16

static u32 class_of_cgroup(u64 id, u32 place)
{
	const struct cgroup_class *found = bpf_map_lookup_elem(&cgroups, &id);

	return found ? found->workload[place & 1] : UNKNOWN_CLASS;
}

/*
 * A cgroup that has no class (the map was full when it was made) is of its parent's workload, as
 * those are that have one; the deepest that is known decides.
 */
__verified_alone u32 class_above(u32 place)
{
	for (u32 i = 0; i < MOST_LEVELS; i++) {
		u64 id = bpf_get_current_ancestor_cgroup_id(MOST_LEVELS - 1 - i);
		u32 class = class_of_cgroup(id, place);

		if (class != UNKNOWN_CLASS)
			return class;
	}
	return UNKNOWN_CLASS;
}

static __always_inline u32 workload_class(u32 place)
{
	u32 class = class_of_cgroup(bpf_get_current_cgroup_id(), place);

	return class == UNKNOWN_CLASS ? class_above(place) : class;
}

/* What keep_class() does, with the row of a workload, which says whom it guesses, too. */
static __always_inline bool keep_workload(struct mask *mask, struct mask *guessed,
					  const struct workload_row *row, u32 table, u32 class,
					  bool *is_unknown)
{
	u32 first;

	if (row) {
		if (!keep(mask, &row->holds))
			return false;
		add(guessed, &row->guessed);
		return true;
	}
	first = find_outgrown(table, class, 2 * WORDS);
	if (!first) {
		*is_unknown = true;
		return true;
	}
	for_each_word(i) {
		mask->word[i] &= list_word(CLASS_PLACE(class), first + i);
		guessed->word[i] |= list_word(CLASS_PLACE(class), first + WORDS + i);
	}
	return !is_empty(mask);
}
