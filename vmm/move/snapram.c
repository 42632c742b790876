/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vmm/move/snapram.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "util/bits.h"

enum { INDEX_HEAD = 8, INDEX_CHUNK = 16, INDEX_RUN = 8, INDEX_COPY = 8 };

struct chunk {
	uint64_t off;			/* in its file's chunks */
	uint32_t len, crc;
	uint32_t first_copy, nr_copies;
	uint32_t first_ref;
	uint16_t nr;
	uint16_t file;
};

struct snapram {
	struct mem *mem;
	struct snapfile *file;
	unsigned nr_files;
	struct page_packer *packer[SNAP_CHAIN_MAX];
	uint32_t *map[MEM_MAX_BLOCKS];	/* chunk + 1 of each page; 0: zero */
	struct chunk *chunk;
	uint32_t nr_chunks;
	struct page_ref *ref;
	struct { struct page_ref at; uint16_t entry; } *copy;
	size_t nr_refs, nr_copies;
	/* of the chunk that was read last */
	uint8_t *raw;
	struct page_ref got[PAGES_PER_CHUNK];
	const uint8_t *data[PAGES_PER_CHUNK];
	unsigned nr_got;
	struct snap_page *out;
	size_t out_cap;
};

uint32_t snapram_chunks(const struct snapram *r) { return r->nr_chunks; }

int64_t snapram_chunk_of(const struct snapram *r, unsigned block, uint64_t page)
{
	return (int64_t)r->map[block][page] - 1;
}

void snapram_forget(struct snapram *r, unsigned block, uint64_t page)
{
	r->map[block][page] = 0;
}

/* ---- the index ---- */

static int bad_index(const struct snapfile *f, const char *what, struct err *e)
{
	return err_set(e, EINVAL, "%s: the index of its pages is malformed (%s)", f->path, what);
}

/*
 * A file's index is walked twice: to count, then, the arrays being large enough, to store. The
 * first walk leaves the counts in what the second one starts from.
 */
struct counts { size_t chunks, refs, copies; };

static int count(const struct snapfile *f, const uint8_t *data, size_t len, struct counts *c,
		 struct err *e)
{
	size_t at = INDEX_HEAD;
	uint32_t nr = len >= INDEX_HEAD ? ld_le32(data) : 0;
	uint64_t bytes = 0;

	if (len < INDEX_HEAD || ld_le32(data + 4))
		return bad_index(f, "head", e);
	for (uint32_t i = 0; i < nr; i++) {
		const uint8_t *t = data + at;
		uint64_t size;

		if (len - at < INDEX_CHUNK)
			return bad_index(f, "too short", e);
		if (!ld_le16(t + 8) || ld_le16(t + 8) > PAGES_PER_CHUNK ||
		    ld_le32(t) < PAGE_CHUNK_HEAD || ld_le32(t) > PAGE_CHUNK_MAX)
			return bad_index(f, "a chunk's size", e);
		size = INDEX_CHUNK + (uint64_t)ld_le16(t + 10) * INDEX_RUN +
		       (uint64_t)ld_le32(t + 12) * INDEX_COPY;
		if (len - at < size)
			return bad_index(f, "too short", e);
		at += size;
		bytes += ld_le32(t);
		c->refs += ld_le16(t + 8);
		c->copies += ld_le32(t + 12);
	}
	c->chunks += nr;
	if (at != len)
		return bad_index(f, "too long", e);
	if (bytes != f->sec[SNAP_PAGES].len)
		return bad_index(f, "the chunks' sizes", e);
	if (c->chunks >= UINT32_MAX || c->refs > UINT32_MAX || c->copies > UINT32_MAX)
		return bad_index(f, "too much", e);
	return 0;
}

/* A page's place here; and it comes from this chunk, unless a newer file has it. */
static int take(struct snapram *r, unsigned file, uint32_t first_chunk, uint32_t chunk,
		unsigned number, uint64_t page, struct page_ref *at, struct err *e)
{
	const struct snapfile *f = &r->file[file];
	int block = page_block_here(r->packer[file], r->mem, number);
	uint32_t *map;

	if (block < 0 || page >= r->mem->block[block].size >> MEM_PAGE_BITS)
		return bad_index(f, "a page that does not exist", e);
	map = &r->map[block][page];
	if (*map > first_chunk)
		return bad_index(f, "a page comes twice", e);
	*map = chunk + 1;
	*at = (struct page_ref){ (uint16_t)block, (uint32_t)page };
	return 0;
}

/* Files are taken the oldest first: what comes later replaces. */
static int store(struct snapram *r, unsigned file, const uint8_t *data, struct err *e)
{
	const uint8_t *t = data + INDEX_HEAD;
	uint32_t first = r->nr_chunks, nr = ld_le32(data);
	uint64_t off = 0;

	for (uint32_t i = 0; i < nr; i++) {
		struct chunk *c = &r->chunk[r->nr_chunks];
		unsigned runs = ld_le16(t + 10), pages = 0;
		int rc;

		*c = (struct chunk){ .off = off, .len = ld_le32(t), .crc = ld_le32(t + 4),
				     .nr = ld_le16(t + 8), .nr_copies = ld_le32(t + 12),
				     .first_ref = (uint32_t)r->nr_refs,
				     .first_copy = (uint32_t)r->nr_copies, .file = (uint16_t)file };
		off += c->len;
		t += INDEX_CHUNK;
		for (; runs; runs--, t += INDEX_RUN) {
			unsigned n = ld_le16(t + 2);

			if (!n || n > c->nr - pages)
				return bad_index(&r->file[file], "a run of pages", e);
			pages += n;
			for (unsigned k = 0; k < n; k++) {
				rc = take(r, file, first, r->nr_chunks, ld_le16(t),
					  ld_le32(t + 4) + (uint64_t)k, &r->ref[r->nr_refs++], e);
				if (rc < 0)
					return rc;
			}
		}
		if (pages != c->nr)
			return bad_index(&r->file[file], "a run of pages", e);
		for (uint32_t k = 0; k < c->nr_copies; k++, t += INDEX_COPY) {
			r->copy[r->nr_copies].entry = ld_le16(t + 2);
			if (ld_le16(t + 2) >= c->nr)
				return bad_index(&r->file[file], "a copy of a page", e);
			rc = take(r, file, first, r->nr_chunks, ld_le16(t), ld_le32(t + 4),
				  &r->copy[r->nr_copies++].at, e);
			if (rc < 0)
				return rc;
		}
		r->nr_chunks++;
	}
	return 0;
}

/* The blocks of one file, and its index; *data is the caller's. */
static int open_file(struct snapram *r, unsigned i, uint8_t **data, struct counts *c,
		     struct err *e)
{
	struct snapfile *f = &r->file[i];
	size_t len;
	uint8_t *blocks = snapfile_read(f, SNAP_BLOCKS, &len, e);
	int rc = blocks ? 0 : -e->code;

	if (!rc) {
		r->packer[i] = page_packer_new(0, e);
		rc = r->packer[i] ? page_blocks_load(r->packer[i], r->mem, blocks, len, e) :
				    -e->code;
		if (rc < 0)
			err_prefix(e, "%s", f->path);
	}
	free(blocks);
	if (rc < 0)
		return rc;
	*data = snapfile_read(f, SNAP_INDEX, &len, e);
	return *data ? count(f, *data, len, c, e) : -e->code;
}

static int alloc(struct snapram *r, const struct counts *c, struct err *e)
{
	bool ok;

	r->chunk = calloc(c->chunks + 1, sizeof(*r->chunk));
	r->ref = calloc(c->refs + 1, sizeof(*r->ref));
	r->copy = calloc(c->copies + 1, sizeof(*r->copy));
	r->raw = malloc(PAGE_CHUNK_MAX);
	ok = r->chunk && r->ref && r->copy && r->raw;
	for (unsigned i = 0; ok && i < r->mem->nr; i++) {
		r->map[i] = calloc(r->mem->block[i].size >> MEM_PAGE_BITS, sizeof(**r->map));
		ok = r->map[i];
	}
	return ok ? 0 : err_set(e, ENOMEM, "no memory for the index of a snapshot's pages");
}

struct snapram *snapram_open(struct mem *m, struct snapfile *file, unsigned nr, struct err *e)
{
	struct snapram *r = calloc(1, sizeof(*r));
	uint8_t *data[SNAP_CHAIN_MAX] = { NULL };
	struct counts c = { 0 };
	int rc = 0;

	if (!r || !nr || nr > SNAP_CHAIN_MAX) {
		err_set(e, r ? EINVAL : ENOMEM, "snapshot: %s", r ? "chain too long" : "no memory");
		free(r);
		return NULL;
	}
	r->mem = m;
	r->file = file;
	r->nr_files = nr;
	for (unsigned i = 0; i < nr && !rc; i++)
		rc = open_file(r, i, &data[i], &c, e);
	if (!rc)
		rc = alloc(r, &c, e);
	for (unsigned i = nr; i-- && !rc;)
		rc = store(r, i, data[i], e);
	for (unsigned i = 0; i < nr; i++)
		free(data[i]);
	if (!rc)
		return r;
	snapram_free(r);
	return NULL;
}

void snapram_free(struct snapram *r)
{
	if (!r)
		return;
	for (unsigned i = 0; i < r->nr_files; i++)
		page_packer_free(r->packer[i]);
	for (unsigned i = 0; i < r->mem->nr; i++)
		free(r->map[i]);
	free(r->chunk);
	free(r->ref);
	free(r->copy);
	free(r->raw);
	free(r->out);
	free(r);
}

/* ---- chunks ---- */

static int got_page(void *opaque, struct page_ref at, const uint8_t *page)
{
	struct snapram *r = opaque;

	r->got[r->nr_got] = at;
	r->data[r->nr_got++] = page;
	return 0;
}

static bool mine(const struct snapram *r, uint32_t chunk, struct page_ref at)
{
	return r->map[at.block][at.page] == chunk + 1;
}

int64_t snapram_read(struct snapram *r, uint32_t chunk, const struct snap_page **pages,
		     struct err *e)
{
	const struct chunk *c = &r->chunk[chunk];
	struct snapfile *f = &r->file[c->file];
	size_t want = (size_t)c->nr + c->nr_copies, n = 0;
	int rc = snapfile_read_at(f, SNAP_PAGES, c->off, r->raw, c->len, e);

	if (rc < 0)
		return rc;
	r->nr_got = 0;
	if (ld_le32(r->raw + 4) != c->crc)
		rc = err_set(e, EBADMSG, "another chunk of pages than the index says");
	else
		rc = page_unpack(r->packer[c->file], r->mem, r->raw, c->len, got_page, r, e);
	if (rc < 0)
		return err_prefix(e, "%s: damaged", f->path);
	for (unsigned i = 0; i < r->nr_got; i++)
		if (r->nr_got != c->nr || r->got[i].block != r->ref[c->first_ref + i].block ||
		    r->got[i].page != r->ref[c->first_ref + i].page)
			return err_set(e, EBADMSG, "%s: damaged (a chunk has other pages than the "
				       "index says)", f->path);
	if (want > r->out_cap) {
		free(r->out);
		r->out = calloc(want, sizeof(*r->out));
		r->out_cap = r->out ? want : 0;
		if (!r->out)
			return err_set(e, ENOMEM, "no memory for a chunk of pages");
	}
	for (unsigned i = 0; i < c->nr; i++)
		if (mine(r, chunk, r->got[i]))
			r->out[n++] = (struct snap_page){ r->got[i], r->data[i] };
	for (uint32_t i = 0; i < c->nr_copies; i++) {
		struct page_ref at = r->copy[c->first_copy + i].at;

		if (mine(r, chunk, at))
			r->out[n++] = (struct snap_page){ at,
				r->data[r->copy[c->first_copy + i].entry] };
	}
	*pages = r->out;
	return (int64_t)n;
}
