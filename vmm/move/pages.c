/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A chunk, all numbers little-endian:
 *
 *	0	u32 magic "AMPG"
 *	4	u32 CRC-32C of all that follows
 *	8	u32 length of the chunk, these 16 bytes included
 *	12	u16 number of pages, 1 to 64
 *	14	u8 flags: 1: the contents are a zstd frame; else as they are
 *	15	u8 zero
 *	16	for each page: u32 number, u16 block, u8 kind, u8 number of an earlier entry
 *	...	contents of the pages of kind CONTENT, in order
 */
#include "vmm/move/pages.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifdef HAVE_ZSTD
#include <zstd.h>
#endif

#include "util/bits.h"
#include "util/crc32c.h"

enum { MAGIC = 0x47504d41 };		/* "AMPG" */
enum { COMPRESSED = 1 };
enum kind { ZERO, SAME, CONTENT };
enum { ENTRY = 8, RAW_MAX = PAGES_PER_CHUNK * MEM_PAGE_SIZE };

struct page_packer {
	int level;
	unsigned nr_map;		/* 0: block numbers are this machine's */
	uint16_t map[MEM_MAX_BLOCKS];
	uint8_t raw[RAW_MAX];
	uint8_t out[PAGE_CHUNK_MAX];
#ifdef HAVE_ZSTD
	ZSTD_CCtx *cctx;
	ZSTD_DCtx *dctx;
#endif
};

struct page_packer *page_packer_new(int level, struct err *e)
{
	struct page_packer *p = calloc(1, sizeof(*p));

	if (!p)
		goto no_memory;
	p->level = level;
#ifdef HAVE_ZSTD
	p->cctx = ZSTD_createCCtx();
	p->dctx = ZSTD_createDCtx();
	if (!p->cctx || !p->dctx)
		goto no_memory;
#endif
	return p;
no_memory:
	page_packer_free(p);
	err_set(e, ENOMEM, "no memory for packing pages");
	return NULL;
}

void page_packer_free(struct page_packer *p)
{
	if (!p)
		return;
#ifdef HAVE_ZSTD
	ZSTD_freeCCtx(p->cctx);
	ZSTD_freeDCtx(p->dctx);
#endif
	free(p);
}

/* ---- packing ---- */

bool page_is_zero(const uint8_t *page)
{
	/* a page that is not zero shows it early, nearly always */
	return !ld_64(page) && !memcmp(page, page + 8, MEM_PAGE_SIZE - 8);
}

uint64_t page_hash(const uint8_t *page)
{
	uint64_t h[4] = { 1, 2, 3, 4 };

	for (unsigned i = 0; i < MEM_PAGE_SIZE; i += 32)
		for (unsigned j = 0; j < 4; j++)
			h[j] = (h[j] ^ ld_64(page + i + 8 * j)) * 0x9e3779b97f4a7c15u;
	return h[0] ^ h[1] >> 7 ^ h[2] >> 13 ^ h[3] >> 29;
}

/* Length of the n bytes at p->raw, compressed to `to`; 0: it does not shrink. */
static size_t compress(struct page_packer *p, uint8_t *to, size_t n)
{
#ifdef HAVE_ZSTD
	size_t r;

	if (p->level < 0 || !n)
		return 0;
	r = ZSTD_compressCCtx(p->cctx, to, n - 1, p->raw, n, p->level);
	return ZSTD_isError(r) ? 0 : r;
#else
	return 0;
#endif
}

const uint8_t *page_pack(struct page_packer *p, struct mem *m, const struct page_ref *pages,
			 unsigned n, size_t *len)
{
	uint64_t hash[PAGES_PER_CHUNK];
	unsigned owner[PAGES_PER_CHUNK], contents = 0;
	uint8_t *payload = p->out + PAGE_CHUNK_HEAD + n * ENTRY;
	size_t size;

	for (unsigned i = 0; i < n; i++) {
		uint8_t *entry = p->out + PAGE_CHUNK_HEAD + i * ENTRY;
		/* the guest may write meanwhile: all is decided on the copy */
		uint8_t *copy = p->raw + (size_t)contents * MEM_PAGE_SIZE;
		unsigned same = 0;

		memcpy(copy, m->block[pages[i].block].host +
		       ((uint64_t)pages[i].page << MEM_PAGE_BITS), MEM_PAGE_SIZE);
		st_le32(entry, pages[i].page);
		st_le16(entry + 4, pages[i].block);
		entry[6] = ZERO;
		entry[7] = 0;
		if (page_is_zero(copy))
			continue;
		hash[contents] = page_hash(copy);
		while (same < contents && (hash[same] != hash[contents] ||
		       memcmp(p->raw + (size_t)same * MEM_PAGE_SIZE, copy, MEM_PAGE_SIZE)))
			same++;
		if (same < contents) {
			entry[6] = SAME;
			entry[7] = (uint8_t)owner[same];
			continue;
		}
		entry[6] = CONTENT;
		owner[contents++] = i;
	}
	size = compress(p, payload, (size_t)contents * MEM_PAGE_SIZE);
	p->out[14] = size ? COMPRESSED : 0;
	if (!size) {
		size = (size_t)contents * MEM_PAGE_SIZE;
		memcpy(payload, p->raw, size);
	}
	*len = PAGE_CHUNK_HEAD + n * ENTRY + size;
	st_le32(p->out, MAGIC);
	st_le32(p->out + 8, (uint32_t)*len);
	st_le16(p->out + 12, (uint16_t)n);
	p->out[15] = 0;
	st_le32(p->out + 4, crc32c(0, p->out + 8, *len - 8));
	return p->out;
}

unsigned page_chunk_zeros(const uint8_t *chunk)
{
	unsigned n = 0;

	for (unsigned i = 0; i < ld_le16(chunk + 12); i++)
		n += chunk[PAGE_CHUNK_HEAD + i * ENTRY + 6] == ZERO;
	return n;
}

/* ---- unpacking: all bytes are hostile ---- */

int64_t page_chunk_len(const uint8_t *data, size_t have)
{
	uint32_t len;

	if (have < PAGE_CHUNK_HEAD)
		return 0;
	len = ld_le32(data + 8);
	if (ld_le32(data) != MAGIC || len < PAGE_CHUNK_HEAD + ENTRY || len > PAGE_CHUNK_MAX)
		return -EINVAL;
	return len;
}

int page_block_here(const struct page_packer *p, const struct mem *m, unsigned number)
{
	if (number >= (p->nr_map ? p->nr_map : m->nr))
		return -1;
	return p->nr_map ? p->map[number] : (int)number;
}

/* Checks all but the contents. The number of pages, or -errno; *contents of them have some. */
static int check(const struct page_packer *p, const struct mem *m, const uint8_t *data, size_t len,
		 struct page_ref *refs, unsigned *contents, struct err *e)
{
	unsigned n;

	if (!len || page_chunk_len(data, len) != (int64_t)len)
		return err_set(e, EINVAL, "not a chunk of pages");
	if (crc32c(0, data + 8, len - 8) != ld_le32(data + 4))
		return err_set(e, EBADMSG, "checksum of a chunk of pages is wrong");
	n = ld_le16(data + 12);
	if (!n || n > PAGES_PER_CHUNK || PAGE_CHUNK_HEAD + n * ENTRY > len ||
	    (data[14] & ~COMPRESSED) || data[15])
		return err_set(e, EINVAL, "header of a chunk of pages is malformed");
	*contents = 0;
	for (unsigned i = 0; i < n; i++) {
		const uint8_t *entry = data + PAGE_CHUNK_HEAD + i * ENTRY, *owner;
		int block = page_block_here(p, m, ld_le16(entry + 4));

		refs[i] = (struct page_ref){ (uint16_t)block, ld_le32(entry) };
		if (block < 0 || refs[i].page >= m->block[block].size >> MEM_PAGE_BITS)
			return err_set(e, EINVAL, "page %u of memory block %u is not in this "
				       "machine", refs[i].page, ld_le16(entry + 4));
		owner = data + PAGE_CHUNK_HEAD + entry[7] * ENTRY;
		if (entry[6] > CONTENT || (entry[6] != SAME && entry[7]) ||
		    (entry[6] == SAME && (entry[7] >= i || owner[6] != CONTENT)))
			return err_set(e, EINVAL, "entry %u of a chunk of pages is malformed", i);
		*contents += entry[6] == CONTENT;
	}
	return (int)n;
}

/* The contents, n bytes; NULL and an error. */
static const uint8_t *expand(struct page_packer *p, bool packed, const uint8_t *from, size_t len,
			     size_t n, struct err *e)
{
	if (!packed) {
		if (len == n)
			return from;
		err_set(e, EINVAL, "a chunk of pages has %zu bytes instead of %zu", len, n);
		return NULL;
	}
#ifdef HAVE_ZSTD
	size_t r = ZSTD_decompressDCtx(p->dctx, p->raw, n, from, len);

	if (!ZSTD_isError(r) && r == n)
		return p->raw;
	err_set(e, EINVAL, "a chunk of pages does not unpack: %s",
		ZSTD_isError(r) ? ZSTD_getErrorName(r) : "too short");
#else
	err_set(e, ENOTSUP, "compressed pages: ambi was built without zstd");
#endif
	return NULL;
}

int page_unpack(struct page_packer *p, const struct mem *m, const uint8_t *data, size_t len,
		int (*put)(void *opaque, struct page_ref at, const uint8_t *page), void *opaque,
		struct err *e)
{
	struct page_ref refs[PAGES_PER_CHUNK];
	const uint8_t *at[PAGES_PER_CHUNK], *from;
	unsigned contents = 0;
	int n = check(p, m, data, len, refs, &contents, e), r = 0;
	size_t head;

	if (n < 0)
		return n;
	head = PAGE_CHUNK_HEAD + (size_t)n * ENTRY;
	from = expand(p, data[14] & COMPRESSED, data + head, len - head,
		      (size_t)contents * MEM_PAGE_SIZE, e);
	if (!from)
		return -e->code;
	for (int i = 0; !r && i < n; i++) {
		const uint8_t *entry = data + PAGE_CHUNK_HEAD + i * ENTRY;

		at[i] = NULL;
		if (entry[6] == SAME) {
			at[i] = at[entry[7]];
		} else if (entry[6] == CONTENT) {
			at[i] = from;
			from += MEM_PAGE_SIZE;
		}
		r = put(opaque, refs[i], at[i]);
	}
	return r;
}

/* ---- the table of blocks: u16 number; each: u64 size, u8 length of the name, name ---- */

uint8_t *page_blocks_save(const struct mem *m, size_t *len, struct err *e)
{
	uint8_t *out = malloc(2 + m->nr * (9 + sizeof(m->block[0].name))), *to = out + 2;

	if (!out) {
		err_set(e, ENOMEM, "no memory for the table of memory blocks");
		return NULL;
	}
	st_le16(out, (uint16_t)m->nr);
	for (unsigned i = 0; i < m->nr; i++) {
		size_t n = strlen(m->block[i].name);

		st_le64(to, m->block[i].size);
		to[8] = (uint8_t)n;
		memcpy(to + 9, m->block[i].name, n);
		to += 9 + n;
	}
	*len = (size_t)(to - out);
	return out;
}

/* The first one of that name that was not taken yet; -1. */
static int block_find(const struct mem *m, const char *name, uint64_t taken)
{
	for (unsigned i = 0; i < m->nr; i++)
		if (!(taken & BIT(i)) && !strcmp(m->block[i].name, name))
			return (int)i;
	return -1;
}

int page_blocks_load(struct page_packer *p, const struct mem *m, const uint8_t *data, size_t len,
		     struct err *e)
{
	unsigned nr = len >= 2 ? ld_le16(data) : 0;
	uint64_t seen = 0;
	size_t at = 2;

	if (!nr || nr > MEM_MAX_BLOCKS)
		return err_set(e, EINVAL, "table of memory blocks is malformed");
	for (unsigned i = 0; i < nr; i++) {
		char name[sizeof(m->block[0].name)];
		size_t n;
		int b;

		n = len - at >= 9 ? data[at + 8] : sizeof(name);
		if (n >= sizeof(name) || len - at - 9 < n || memchr(data + at + 9, '\0', n))
			return err_set(e, EINVAL, "table of memory blocks is malformed");
		memcpy(name, data + at + 9, n);
		name[n] = '\0';
		b = block_find(m, name, seen);
		if (b < 0)
			return err_set(e, EINVAL, "memory block '%s' is not in this machine", name);
		if (m->block[b].size != ld_le64(data + at))
			return err_set(e, EINVAL, "memory block '%s' has %llu KiB, here %llu", name,
				       (unsigned long long)ld_le64(data + at) >> 10,
				       (unsigned long long)m->block[b].size >> 10);
		seen |= BIT(b);
		p->map[i] = (uint16_t)b;
		at += 9 + n;
	}
	if (at != len)
		return err_set(e, EINVAL, "table of memory blocks is malformed");
	for (unsigned i = 0; i < m->nr; i++)
		if (!(seen & BIT(i)))
			return err_set(e, EINVAL, "this machine's memory block '%s' is missing "
				       "there", m->block[i].name);
	p->nr_map = nr;
	return 0;
}
