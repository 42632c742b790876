/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One thread finds what is to be written, in order: zeros and copies fall out. Packing is what
 * takes the time, so a batch of chunks at a time is packed by several threads. The file is the
 * same however many there are.
 */
#include <errno.h>
#include <glib.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "util/bits.h"
#include "util/os.h"
#include "vmm/move/snapram.h"

/* A page whose content is in a chunk; others may be the same. */
struct seen { uint64_t hash; struct page_ref at; uint32_t chunk; uint16_t entry; bool used; };
struct chunk { uint32_t len, crc, first, copies; uint16_t pages; };
struct copy { uint32_t chunk; uint16_t entry; struct page_ref at; };

enum { BATCH = 4, BATCH_MAX = BATCH * SNAPRAM_THREADS_MAX };	/* chunks a thread; of all */

struct packed { uint8_t *data; size_t len; };	/* malloc'ed; NULL: no memory */

struct worker {
	struct saver *s;
	struct page_packer *packer;
	pthread_t thread;
	bool up;
};

struct saver {
	struct mem *mem;
	struct snapwriter *w;
	struct snapram_stats *st;
	struct worker worker[SNAPRAM_THREADS_MAX];	/* the first one's thread is the caller's */
	unsigned threads;
	uint32_t written;		/* chunks; the others are known by their pages only */
	_Atomic uint32_t next;		/* chunk to be packed */
	struct packed packed[BATCH_MAX];
	struct page_ref pending[PAGES_PER_CHUNK];
	unsigned nr_pending;
	bool zeros;			/* to be said, not left out */
	struct seen *seen;		/* open addressing, cap is a power of 2 */
	size_t nr_seen, cap;
	GArray *chunks, *refs, *copies;
};

static const uint8_t *page_at(struct saver *s, struct page_ref at)
{
	return s->mem->block[at.block].host + ((uint64_t)at.page << MEM_PAGE_BITS);
}

static int seen_grow(struct saver *s, struct err *e)
{
	size_t cap = s->cap ? s->cap * 2 : 1 << 14;
	struct seen *t = calloc(cap, sizeof(*t));

	if (!t)
		return err_set(e, ENOMEM, "no memory for finding pages that are the same");
	for (size_t i = 0; i < s->cap; i++) {
		size_t k = s->seen[i].hash;

		if (!s->seen[i].used)
			continue;
		while (t[k & (cap - 1)].used)
			k++;
		t[k & (cap - 1)] = s->seen[i];
	}
	free(s->seen);
	s->seen = t;
	s->cap = cap;
	return 0;
}

static struct chunk *chunk_at(struct saver *s, uint32_t i)
{
	return &g_array_index(s->chunks, struct chunk, i);
}

static void *pack(void *opaque)
{
	struct worker *w = opaque;
	struct saver *s = w->s;
	uint32_t i;

	while ((i = atomic_fetch_add(&s->next, 1)) < s->chunks->len) {
		const struct chunk *c = chunk_at(s, i);
		struct packed *p = &s->packed[i - s->written];
		const uint8_t *data = page_pack(w->packer, s->mem,
						&g_array_index(s->refs, struct page_ref, c->first),
						c->pages, &p->len);

		p->data = malloc(p->len);
		if (p->data)
			memcpy(p->data, data, p->len);
	}
	return NULL;
}

static int write_chunk(struct saver *s, struct chunk *c, const struct packed *p, struct err *e)
{
	if (!p->data)
		return err_set(e, ENOMEM, "no memory for packed pages");
	c->len = (uint32_t)p->len;
	c->crc = ld_le32(p->data + 4);
	s->st->bytes += p->len;
	return snapwriter_put(s->w, p->data, p->len, e);
}

/* All chunks that are known and not written yet. */
static int batch(struct saver *s, struct err *e)
{
	uint32_t n = s->chunks->len - s->written;
	int r = 0;

	atomic_store(&s->next, s->written);
	/* who can't have another thread goes without it */
	for (unsigned i = 1; i < MIN(s->threads, n); i++)
		s->worker[i].up = !pthread_create(&s->worker[i].thread, NULL, pack, &s->worker[i]);
	pack(&s->worker[0]);
	for (unsigned i = 1; i < s->threads; i++) {
		if (s->worker[i].up)
			pthread_join(s->worker[i].thread, NULL);
		s->worker[i].up = false;
	}
	for (uint32_t i = 0; i < n; i++) {
		if (!r)
			r = write_chunk(s, chunk_at(s, s->written + i), &s->packed[i], e);
		free(s->packed[i].data);
		s->packed[i].data = NULL;
	}
	s->written += n;
	return r;
}

/* The pages that wait are a chunk. */
static int flush(struct saver *s, struct err *e)
{
	struct chunk c = { .pages = (uint16_t)s->nr_pending, .first = s->refs->len };

	g_array_append_val(s->chunks, c);
	g_array_append_vals(s->refs, s->pending, s->nr_pending);
	s->nr_pending = 0;
	return s->chunks->len - s->written == s->threads * BATCH ? batch(s, e) : 0;
}

static int add(struct saver *s, struct page_ref at, struct err *e)
{
	const uint8_t *page = page_at(s, at);
	bool zero = page_is_zero(page);
	struct seen *t;
	size_t k;

	s->st->pages++;
	s->st->zero += zero;
	if (zero && !s->zeros)
		return 0;
	if (!zero) {
		uint64_t hash = page_hash(page);

		if (s->nr_seen * 2 >= s->cap && seen_grow(s, e) < 0)
			return -e->code;
		for (k = hash; (t = &s->seen[k & (s->cap - 1)])->used; k++)
			if (t->hash == hash &&
			    !memcmp(page_at(s, t->at), page, MEM_PAGE_SIZE)) {
				struct copy c = { t->chunk, t->entry, at };

				g_array_append_val(s->copies, c);
				s->st->same++;
				return 0;
			}
		*t = (struct seen){ hash, at, s->chunks->len, (uint16_t)s->nr_pending, true };
		s->nr_seen++;
		s->st->content++;
	}
	s->pending[s->nr_pending++] = at;
	return s->nr_pending == PAGES_PER_CHUNK ? flush(s, e) : 0;
}

static int add_block(struct saver *s, unsigned i, const uint64_t *bits, struct err *e)
{
	uint64_t pages = s->mem->block[i].size >> MEM_PAGE_BITS;

	for (uint64_t w = 0; w < (pages + 63) / 64; w++)
		for (uint64_t left = bits[w]; left; left &= left - 1) {
			uint64_t page = w * 64 + (unsigned)__builtin_ctzll(left);
			int r = add(s, (struct page_ref){ (uint16_t)i, (uint32_t)page }, e);

			if (r < 0)
				return r;
		}
	return 0;
}

static int pages_save(struct saver *s, uint64_t *const *bits, struct err *e)
{
	int r = snapwriter_begin(s->w, SNAP_PAGES, e);

	for (unsigned i = 0; !r && i < s->mem->nr; i++) {
		struct mem_block *b = &s->mem->block[i];
		uint64_t *used;

		if (bits) {
			r = add_block(s, i, bits[i], e);
			continue;
		}
		used = calloc((b->size / MEM_PAGE_SIZE + 63) / 64, 8);
		if (!used)
			return err_set(e, ENOMEM, "no memory for a bitmap");
		os_pages_used(b->host, b->size, b->fd, used);
		r = add_block(s, i, used, e);
		free(used);
	}
	if (!r && s->nr_pending)
		r = flush(s, e);
	return r ? r : batch(s, e);
}

static void put16(GByteArray *out, unsigned a, unsigned b)
{
	uint8_t raw[4];

	st_le16(raw, (uint16_t)a);
	st_le16(raw + 2, (uint16_t)b);
	g_byte_array_append(out, raw, 4);
}

static void put32(GByteArray *out, uint32_t v)
{
	uint8_t raw[4];

	st_le32(raw, v);
	g_byte_array_append(out, raw, 4);
}

/* Length of the run that begins at refs[i]. */
static unsigned run(const struct page_ref *refs, unsigned i, unsigned n)
{
	unsigned k = 1;

	while (i + k < n && refs[i + k].block == refs[i].block &&
	       refs[i + k].page == refs[i].page + k)
		k++;
	return k;
}

static int by_chunk(const void *a, const void *b)
{
	const struct copy *x = a, *y = b;

	return x->chunk < y->chunk ? -1 : x->chunk > y->chunk;
}

static int index_save(struct saver *s, struct err *e)
{
	g_autoptr(GByteArray) out = g_byte_array_new();
	const struct copy *c;
	unsigned at = 0;
	int r;

	g_array_sort(s->copies, by_chunk);
	c = (const struct copy *)(void *)s->copies->data;
	put32(out, s->chunks->len);
	put32(out, 0);
	for (unsigned i = 0; i < s->chunks->len; i++) {
		const struct chunk *ch = &g_array_index(s->chunks, struct chunk, i);
		const struct page_ref *refs = &g_array_index(s->refs, struct page_ref, ch->first);
		unsigned runs = 0, end = at;

		for (unsigned j = 0; j < ch->pages; j += run(refs, j, ch->pages))
			runs++;
		while (end < s->copies->len && c[end].chunk == i)
			end++;
		put32(out, ch->len);
		put32(out, ch->crc);
		put16(out, ch->pages, runs);
		put32(out, end - at);
		for (unsigned j = 0, n; j < ch->pages; j += n) {
			n = run(refs, j, ch->pages);
			put16(out, refs[j].block, n);
			put32(out, refs[j].page);
		}
		for (; at < end; at++) {
			put16(out, c[at].at.block, c[at].entry);
			put32(out, c[at].at.page);
		}
	}
	r = snapwriter_begin(s->w, SNAP_INDEX, e);
	return r ? r : snapwriter_put(s->w, out->data, out->len, e);
}

static int blocks_save(struct saver *s, struct err *e)
{
	size_t len;
	uint8_t *table = page_blocks_save(s->mem, &len, e);
	int r = table ? snapwriter_begin(s->w, SNAP_BLOCKS, e) : -ENOMEM;

	if (!r)
		r = snapwriter_put(s->w, table, len, e);
	free(table);
	return r;
}

int snapram_save(struct mem *m, struct snapwriter *w, uint64_t *const *bits, int level,
		 unsigned threads, struct snapram_stats *st, struct err *e)
{
	struct saver s = { .mem = m, .w = w, .st = st, .zeros = bits != NULL };
	int r;

	*st = (struct snapram_stats){ 0 };
	for (; s.threads < MIN(threads, (unsigned)SNAPRAM_THREADS_MAX); s.threads++) {
		struct page_packer *p = page_packer_new(level, s.threads ? NULL : e);

		if (!p)
			break;
		s.worker[s.threads] = (struct worker){ .s = &s, .packer = p };
	}
	if (!s.threads)
		return -e->code;
	s.chunks = g_array_new(FALSE, FALSE, sizeof(struct chunk));
	s.refs = g_array_new(FALSE, FALSE, sizeof(struct page_ref));
	s.copies = g_array_new(FALSE, FALSE, sizeof(struct copy));
	r = blocks_save(&s, e);
	if (!r)
		r = pages_save(&s, bits, e);
	if (!r)
		r = index_save(&s, e);
	g_array_free(s.chunks, TRUE);
	g_array_free(s.refs, TRUE);
	g_array_free(s.copies, TRUE);
	free(s.seen);
	for (unsigned i = 0; i < s.threads; i++)
		page_packer_free(s.worker[i].packer);
	return r;
}
