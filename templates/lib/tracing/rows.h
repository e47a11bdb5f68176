/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Rows of classes for which the array of a dimension has no room (CLASS_ROOM): in the list. */
#pragma once

#include "lists.h"
#include "mask.h"

/* Where the row of a class begins, of so many words, in one of the generation's tables; or 0. */
static __noinline __maybe_unused u32 find_outgrown(u32 table, u32 class, u32 words)
{
	const struct list_index *index = find_index(CLASS_PLACE(class));
	u32 first;

	if (!index || !index->rows)
		return 0;
	first = list_word(CLASS_PLACE(class), index->rows + table);
	return first ? first + (CLASS_NUMBER(class) - CLASS_ROOM) * words : 0;
}

/*
 * Keep those whom the row of a class has; false when none is left.  ROW is from the array, NULL for
 * a class that has its row in the list, of TABLE.  Where it is nowhere, nobody knows.
 */
static __always_inline bool keep_class(struct mask *mask, const struct mask *row, u32 table,
				       u32 class, bool *is_unknown)
{
	u32 first;

	if (row)
		return keep(mask, row);
	first = find_outgrown(table, class, WORDS);
	if (!first) {
		*is_unknown = true;
		return true;
	}
	for_each_word(i)
		mask->word[i] &= list_word(CLASS_PLACE(class), first + i);
	return !is_empty(mask);
}
