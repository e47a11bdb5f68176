/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Rules that follow processes by their numbers: who is listed, and with him his children. */
#pragma once

#include "maps.h"
#include "task.h"

/*
 * By number of a process, NAMESPACED added to one in its own pid namespace, and PLACE: rules, as
 * bits.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__type(key, u64);
	__type(value, u64);
	__uint(max_entries, 1);
} listed_numbers SEC(".maps");

#define NAMESPACED (1ULL << 32)
#define PLACED(NUMBER, PLACE) ((NUMBER) | (u64)(PLACE) << PLACE_SHIFT)

static __always_inline u64 rules_of_number(u64 number, u32 place)
{
	u64 key = PLACED(number, place);
	const u64 *rules = bpf_map_lookup_elem(&listed_numbers, &key);

	return rules ? *rules : 0;
}

static __always_inline u64 rules_of_numbers(const struct process *process, u32 place)
{
	u64 rules = rules_of_number(process->tgid, place);

	if (process->number)
		rules |= rules_of_number(process->number | NAMESPACED, place);
	return rules;
}

/* The rules of a process without a record: by its own numbers, and with its parent. */
static __noinline __maybe_unused u64 rules_on_the_spot(u32 tgid, u32 place)
{
	const struct task_struct *task = bpf_get_current_task_btf();
	const struct process *parent;
	u64 rules = rules_of_number(tgid, place);
	u32 number = number_in_namespace();

	count(unknown);
	if (tgid != task->tgid)
		return rules;
	if (number)
		rules |= rules_of_number(number | NAMESPACED, place);
	parent = find_process(PROBE(PROBE(task->real_parent)->tgid));
	return parent ? rules | parent->followed[place & 1] : rules;
}
