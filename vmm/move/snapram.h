/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * RAM in snapshot files: chunks of pages, and an index that says which pages each one has. A page
 * of an incremental snapshot that is in none of its chunks is as in its parent; of a full one it
 * is zero. Index, all numbers little-endian:
 *
 *	u32 number of chunks, u32 zero
 *	chunk	u32 bytes, u32 CRC-32C (its own), u16 pages, u16 runs, u32 copies
 *		runs	u16 block, u16 pages, u32 first one's number: the chunk's pages in order
 *		copies	u16 block, u16 entry of the chunk, u32 number: pages that are the same as
 *			one of the chunk's
 *
 * The chunks lie in the section "PAGE" in this order, without gaps.
 */
#ifndef VMM_MOVE_SNAPRAM_H
#define VMM_MOVE_SNAPRAM_H

#include "vmm/move/pages.h"
#include "vmm/move/snapfile.h"

struct snapram_stats {
	uint64_t pages;			/* looked at: touched, or written since the parent */
	uint64_t zero, same, content;	/* of these */
	uint64_t bytes;			/* of the chunks */
};

enum { SNAPRAM_THREADS_MAX = 16 };

/*
 * Writes the sections of the blocks, the chunks and the index. The guest is frozen. bits: by block
 * the pages to be written; NULL: all that are not zero. threads: at least 1; those that pack.
 */
int snapram_save(struct mem *m, struct snapwriter *w, uint64_t *const *bits, int level,
		 unsigned threads, struct snapram_stats *st, struct err *e);

struct snapram;

/*
 * RAM of a chain of snapshots, file[0] the one that is wanted, each one followed by its parent, the
 * last one full; borrowed. Everything but the chunks themselves is checked. Used by one thread at
 * a time.
 */
struct snapram *snapram_open(struct mem *m, struct snapfile *file, unsigned nr, struct err *e);
void snapram_free(struct snapram *r);
uint32_t snapram_chunks(const struct snapram *r);		/* numbered from 0 */
/* The chunk that has a page; -1: it is zero. */
int64_t snapram_chunk_of(const struct snapram *r, unsigned block, uint64_t page);
/* It is zero from now on, whatever the files say. */
void snapram_forget(struct snapram *r, unsigned block, uint64_t page);

struct snap_page { struct page_ref at; const uint8_t *data; };	/* NULL: zero */
/*
 * Reads a chunk and checks it: the pages that are to come from it, valid until the next call. How
 * many (0: newer snapshots have them all), or -errno.
 */
int64_t snapram_read(struct snapram *r, uint32_t chunk, const struct snap_page **pages,
		     struct err *e);

#endif
