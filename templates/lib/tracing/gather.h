/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * How far reading a buffer has come, which may be in several pieces: who reads it in steps, or
 * goes on behind what an event shows, knows from here what comes next.
 */
#pragma once

#include "rooms.h"
#include "socket.h"

/* Bytes of one chunk: there is room for one behind the last place of a text. */
#define CHUNK_SIZE 128

/*
 * It is kept behind the text and not on the stack: the verifier knows nothing of what is there, so
 * that to it all steps are alike, and it looks at each once.
 */
struct gather {
	u64 vector; /* the next struct iovec */
	u64 pieces; /* how many there still are */
	u64 from; /* of this piece: what is still to be read */
	u64 left;
	u64 skipped; /* bytes that were taken already */
	u64 wanted;
	u64 end;
};

_Static_assert(CHUNK_SIZE + sizeof(struct gather) <= NAME_SIZE, "room behind a text");

static __always_inline struct gather *gather_of(struct text *text)
{
	return (struct gather *)(text->bytes + TEXT_SIZE + CHUNK_SIZE);
}

/* Go over to the next piece, of which there is one; false where it cannot be read. */
static __always_inline bool next_piece(struct gather *gather)
{
	struct {
		u64 base;
		u64 length;
	} piece;

	if (READ_ANY(&piece, sizeof(piece), gather->vector))
		return false;
	gather->pieces--;
	gather->vector += sizeof(piece);
	if (gather->skipped >= piece.length) {
		gather->skipped -= piece.length;
		return true;
	}
	gather->from = piece.base + gather->skipped;
	gather->left = piece.length - gather->skipped;
	gather->skipped = 0;
	return true;
}
