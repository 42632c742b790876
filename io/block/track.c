/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which parts of a disk were written: for who copies it while it is in use. A part is marked when
 * the write completes: one that was read before that is read again, one that is read after it has
 * the new bytes. A failed write may have done a part of its work, and counts.
 */
#include <errno.h>
#include <stdlib.h>

#include "io/block/block_int.h"
#include "util/bits.h"

struct track {
	uint64_t granules;
	uint64_t bits[];
};

static uint64_t granules(const struct block *b)
{
	return (b->size + BLOCK_TRACK_GRANULE - 1) / BLOCK_TRACK_GRANULE;
}

int block_track_start(struct block *b, struct err *e)
{
	uint64_t n = granules(b);
	struct track *t;

	if (b->track)
		return err_set(e, EBUSY, "%s: is being copied already", b->cfg.path);
	t = calloc(1, sizeof(*t) + (n + 63) / 64 * 8);
	if (!t)
		return err_set(e, ENOMEM, "no memory for a log of writes");
	t->granules = n;
	pthread_mutex_lock(&b->lock);
	b->track = t;
	pthread_mutex_unlock(&b->lock);
	return 0;
}

void block_track_stop(struct block *b)
{
	struct track *t;

	pthread_mutex_lock(&b->lock);
	t = b->track;
	b->track = NULL;
	pthread_mutex_unlock(&b->lock);
	free(t);
}

static void mark(struct track *t, uint64_t offset, uint64_t bytes)
{
	uint64_t last;

	if (!t || !bytes)
		return;
	last = MIN((offset + bytes - 1) / BLOCK_TRACK_GRANULE, t->granules - 1);
	for (uint64_t g = offset / BLOCK_TRACK_GRANULE; g <= last; g++)
		t->bits[g / 64] |= BIT(g % 64);
}

void block_track_mark(struct block *b, uint64_t offset, uint64_t bytes)
{
	pthread_mutex_lock(&b->lock);
	mark(b->track, offset, bytes);
	pthread_mutex_unlock(&b->lock);
}

void block_track_done(struct block *b, const struct block_req *r)
{
	if (r->op != BLOCK_READ && r->op != BLOCK_FLUSH)
		mark(b->track, r->offset, r->bytes);
}

uint64_t block_track_take(struct block *b, uint64_t *offset, uint64_t max)
{
	uint64_t n = 0, g, at = *offset / BLOCK_TRACK_GRANULE;
	struct track *t;

	pthread_mutex_lock(&b->lock);
	t = b->track;
	for (g = at; t && g < t->granules && n + BLOCK_TRACK_GRANULE <= max; g++) {
		if (!(t->bits[g / 64] & BIT(g % 64))) {
			if (n)
				break;
			continue;
		}
		if (!n)
			at = g;
		t->bits[g / 64] &= ~BIT(g % 64);
		n += BLOCK_TRACK_GRANULE;
	}
	pthread_mutex_unlock(&b->lock);
	*offset = at * BLOCK_TRACK_GRANULE;
	return n ? MIN(n, b->size - *offset) : 0;
}

uint64_t block_track_count(struct block *b)
{
	uint64_t n = 0;

	pthread_mutex_lock(&b->lock);
	for (uint64_t w = 0; b->track && w < (b->track->granules + 63) / 64; w++)
		n += (unsigned)__builtin_popcountll(b->track->bits[w]);
	pthread_mutex_unlock(&b->lock);
	return n * BLOCK_TRACK_GRANULE;
}
