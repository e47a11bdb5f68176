/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Files that a task knows by numbers. */
#pragma once

#include "walk.h"

/* The path of an open file; of none where nothing is open, and then it cannot be read. */
static __always_inline const struct path *path_of_descriptor(s32 number)
{
	const struct files_struct *files = bpf_get_current_task_btf()->files;
	const struct fdtable *table = PROBE(files->fdt);
	const struct file *file = NULL;

	if (number >= 0 && (u32)number < PROBE(table->max_fds))
		bpf_probe_read_kernel(&file, sizeof(file), PROBE(table->fd) + number);
	return &file->f_path;
}
