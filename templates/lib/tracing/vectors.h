/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Buffers in several pieces: arrays of struct iovec, and the kernel's iterators over such.  They
 * are read as one string of bytes, a chunk at a time.
 */
#pragma once

#include "gather.h"
#include "kernel.h"
#include "walk.h"

/* Pieces and chunks that are looked at. */
#define MOST_CHUNKS 128
/* Pieces that a vector can have (UIO_MAXIOV). */
#define MOST_PIECES 1024

struct iovec {
	u64 iov_base;
	u64 iov_len;
} __of_kernel;

enum iter_type { ITER_IOVEC, ITER_KVEC, ITER_UBUF };

struct iov_iter {
	u8 iter_type;
	u64 iov_offset;
	u64 count;
	u64 nr_segs;
	const struct iovec *iov; /* __iov since 6.4, like kvec */
	const struct iovec *__iov;
	void *ubuf;
} __of_kernel;

/* The number that an enumerator has in the kernel that runs; 255 where there is none. */
#define kernel_enumerator(TYPE, NAME)                                                     \
	(__builtin_preserve_enum_value(*(enum TYPE *)NAME, 0) ?                           \
		 __builtin_preserve_enum_value(*(enum TYPE *)NAME, 1) : 255)

struct gathering {
	struct text *text;
};

static long gather_chunk(u32 index, void *context)
{
	struct text *text = ((struct gathering *)context)->text;
	struct gather *gather = gather_of(text);
	u64 size = gather->left, end = gather->end;

	if (!gather->wanted || (!size && !gather->pieces))
		return 1;
	if (!size) {
		if (next_piece(gather))
			return 0;
		text->flags |= VALUE_IS_UNREADABLE;
		return 1;
	}
	if (end >= TEXT_SIZE) {
		text->flags |= VALUE_IS_CUT;
		return 1;
	}
	if (size > gather->wanted)
		size = gather->wanted;
	if (size > TEXT_SIZE - end)
		size = TEXT_SIZE - end;
	if (size > CHUNK_SIZE)
		size = CHUNK_SIZE;
	hide(size);
	size &= 2 * CHUNK_SIZE - 1;
	if (size > CHUNK_SIZE)
		return 1;
	if (READ_ANY(&text->bytes[end & (TEXT_SIZE - 1)], size, gather->from)) {
		text->flags |= VALUE_IS_UNREADABLE;
		return 1;
	}
	gather->from += size;
	gather->left -= size;
	gather->wanted -= size;
	gather->end = end + size;
	return 0;
}

static __always_inline bool read_pieces(struct text *text, const struct gather *begin)
{
	struct gathering gathering = { text };

	text->start = 0;
	text->flags = 0;
	text->is_read = 1;
	text->whole = begin->wanted == ~0ULL ? 0 : begin->wanted;
	*gather_of(text) = *begin;
	if (bpf_loop(MOST_CHUNKS, gather_chunk, &gathering, 0) == MOST_CHUNKS)
		text->flags |= VALUE_IS_CUT;
	/* What could be read before is of use to nobody who compares. */
	text->end = text->flags & VALUE_IS_UNREADABLE ? 0 : gather_of(text)->end;
	return !(text->flags & VALUE_IS_UNREADABLE);
}

/* At most SIZE bytes of COUNT structures of type iovec, of the kernel or of a program. */
static __noinline __maybe_unused bool read_vector(struct text *text, u64 at, u64 count, u64 size)
{
	struct gather gather = { .vector = at, .pieces = count, .wanted = size };

	return text ? read_pieces(text, &gather) : false;
}

/* What an iterator still has before it; of pages, folios and pipes nothing. */
static __noinline __maybe_unused bool read_iterator(struct text *text, u64 at)
{
	const struct iov_iter *iterator = (void *)at;
	struct gather gather = {};
	u8 type;

	if (!text)
		return false;
	type = PROBE(iterator->iter_type);
	gather.wanted = PROBE(iterator->count);
	gather.skipped = PROBE(iterator->iov_offset);
	if (type == kernel_enumerator(iter_type, ITER_UBUF)) {
		gather.from = (u64)PROBE(iterator->ubuf) + gather.skipped;
		gather.left = gather.wanted;
	} else if (type == kernel_enumerator(iter_type, ITER_IOVEC) ||
		   type == kernel_enumerator(iter_type, ITER_KVEC)) {
		gather.pieces = PROBE(iterator->nr_segs);
		gather.vector = kernel_has(iov_iter, __iov) ? (u64)PROBE(iterator->__iov) :
							      (u64)PROBE(iterator->iov);
	}
	return read_pieces(text, &gather);
}
