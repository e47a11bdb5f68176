/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Binaries of processes that the records do not tell: the map was full, the process began before
 * the sensor, its path is longer than a record has room for.  Slow, and rare.
 */
#pragma once

#include "binaries.h"
#include "walk.h"

/* Not even the task itself tells: whoever asks may be meant, and what denies does. */
#define UNDECIDED_CLASS (~0U)

struct text_reading {
	struct reading reading;
	const struct text *text;
};

static long read_text_byte(u32 index, void *context)
{
	struct text_reading *reading = context;
	u32 at = reading->reading.at;

	if (at >= TEXT_SIZE)
		return 1;
	read_byte(&reading->reading, reading->text->bytes[at & (TEXT_SIZE - 1)]);
	return 0;
}

static __noinline u32 class_of_text(const struct text *text, u32 place)
{
	struct text_reading reading = { .text = text };

	if (!text || !begin_reading(&reading.reading, place & 1))
		return UNDECIDED_CLASS;
	reading.reading.at = text->start;
	bpf_loop(TEXT_SIZE + 1, read_text_byte, &reading, 0);
	return class_at_end(&reading.reading);
}

/* The class of the binary that the task runs; a thread of the kernel runs none. */
__verified_alone u32 class_on_the_spot(u32 place)
{
	const struct mm_struct *memory = PROBE(bpf_get_current_task_btf()->mm);
	const struct file *file;
	u32 class = UNDECIDED_CLASS;
	struct event_room *event;
	struct texts *texts;

	if (!memory)
		return UNKNOWN_CLASS;
	count(unknown);
	file = PROBE(memory->exe_file);
	event = file ? start_event(EVENT_KIND_HOOK, 0) : NULL;
	if (!event)
		return class;
	texts = texts_of(event);
	if (texts && read_path(&texts->at[0], (u64)PROBE(file->f_path.dentry),
			       (u64)PROBE(file->f_path.mnt)))
		class = class_of_text(&texts->at[0], place);
	leave_event(event);
	return class;
}

static __always_inline struct process *parent_of_task(void)
{
	const struct task_struct *parent = PROBE(bpf_get_current_task_btf()->real_parent);

	return find_process(PROBE(parent->tgid));
}

/* The class of what started the task: that of its parent's record. */
__verified_alone u32 parent_class_on_the_spot(u32 place)
{
	const struct process *parent = parent_of_task();

	if (!PROBE(bpf_get_current_task_btf()->mm))
		return UNKNOWN_CLASS;
	count(unknown);
	return parent ? parent->binary[place & 1] : UNDECIDED_CLASS;
}

/* The rules that follow the task: by its own binary, and with its parent. */
static __always_inline u64 followed_on_the_spot(u32 class, u32 place)
{
	const struct process *parent = parent_of_task();

	return rules_of_class(class) | (parent ? parent->followed[place & 1] : 0);
}
