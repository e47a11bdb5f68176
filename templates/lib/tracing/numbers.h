/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Rules that follow processes by their numbers: who is listed, and with him his children. */
#pragma once

#include "lists.h"
#include "task.h"

/*
 * The list has by number of a process, in their order, the rules as bits.  A number that one has
 * in its own pid namespace stands there with NAMESPACED.
 */
#define NAMESPACED (1ULL << 32)

/* Halvings of a list that find every number in it. */
#define NUMBER_STEPS 32

/* Who is looked for is not before BEGIN, nor is he at END or behind it. */
struct number_search {
	void *list;
	u64 number;
	u64 rules;
	u32 first;
	u32 begin;
	u32 end;
};

static long halve_numbers(u32 step, struct number_search *search)
{
	u32 middle = (search->begin + search->end) / 2;
	u64 found;

	if (search->begin >= search->end)
		return 1;
	found = word_of(search->list, search->first + 2 * middle);
	if (found == search->number) {
		search->rules = word_of(search->list, search->first + 2 * middle + 1);
		return 1;
	}
	if (found < search->number)
		search->begin = middle + 1;
	else
		search->end = middle;
	return 0;
}

/* Verified on its own: it is called from callbacks of callbacks. */
__verified_alone u64 rules_of_number(u64 number, u32 place)
{
	const struct list_index *index = find_index(place & 1);
	struct number_search search = { .number = number, .list = find_list(place & 1) };

	if (!index || !search.list)
		return 0;
	search.first = index->numbers;
	search.end = index->number_count;
	bpf_loop(NUMBER_STEPS, halve_numbers, &search, 0);
	return search.rules;
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
