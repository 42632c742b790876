/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * RAM on its way: pages are told apart by the block's name and the page's number in it, packed
 * into chunks of up to PAGES_PER_CHUNK. A chunk says of each page: zero, the same as another
 * one of the chunk, or content; contents are compressed together by zstd. A CRC-32C covers a
 * chunk's header and payload. Unpacking is given hostile bytes.
 */
#ifndef VMM_MOVE_PAGES_H
#define VMM_MOVE_PAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hw/core/mem.h"
#include "util/err.h"

enum {
	PAGES_PER_CHUNK = 64,		/* 256 KiB before compression */
	PAGE_CHUNK_HEAD = 16,		/* bytes that page_chunk_len needs */
	/* No chunk is longer: contents that do not shrink are stored as they are. */
	PAGE_CHUNK_MAX = PAGE_CHUNK_HEAD + PAGES_PER_CHUNK * (8 + (int)MEM_PAGE_SIZE),
};

struct page_ref { uint16_t block; uint32_t page; };	/* index in mem.block; page number */

struct page_packer;			/* buffers and zstd contexts of one thread */
struct page_packer *page_packer_new(int level, struct err *e);	/* level -1: not compressed */
void page_packer_free(struct page_packer *p);
/*
 * Packs n pages (1 to PAGES_PER_CHUNK) as they are now. The result stays p's until the next call.
 * Never fails for what the pages hold.
 */
const uint8_t *page_pack(struct page_packer *p, struct mem *m, const struct page_ref *pages,
			 unsigned n, size_t *len);
unsigned page_chunk_zeros(const uint8_t *chunk);	/* of page_pack: pages that are zero */
bool page_is_zero(const uint8_t *page);
/* Length of the chunk at data, from its header: 0: more than `have` bytes are needed to know;
 * -EINVAL: not a chunk, or longer than one can be. */
int64_t page_chunk_len(const uint8_t *data, size_t have);
/*
 * The blocks that a sender's chunks speak of: their names and sizes in the order of its numbers,
 * malloc'ed. page_blocks_load has p's page_unpack translate those numbers into this machine's; an
 * error where a block is missing here, has another size, or is left over. Without it the numbers
 * are this machine's own.
 */
uint8_t *page_blocks_save(const struct mem *m, size_t *len, struct err *e);
int page_blocks_load(struct page_packer *p, const struct mem *m, const uint8_t *data, size_t len,
		     struct err *e);
/*
 * Unpacks into host memory: put() is called for each page with its 4 KiB (zero: NULL), in order;
 * nothing is put before the whole chunk is checked. What put() returns other than 0 ends it. A
 * page_ref is this machine's. data is one whole chunk.
 */
int page_unpack(struct page_packer *p, const struct mem *m, const uint8_t *data, size_t len,
		int (*put)(void *opaque, struct page_ref at, const uint8_t *page), void *opaque,
		struct err *e);
/* A block's number in page_blocks_load's table as this machine's; -1: there is none. */
int page_block_here(const struct page_packer *p, const struct mem *m, unsigned number);
/* Of 4 KiB; to find pages that may be the same. */
uint64_t page_hash(const uint8_t *page);

#endif
