/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Logs of written pages: several readers of what the blocks' dirty bits say once. */
#include "hw/core/mem.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "util/bits.h"

static uint64_t nr_words(const struct mem_block *b)
{
	return ((b->size >> MEM_PAGE_BITS) + 63) / 64;
}

static void set_all(uint64_t *bits, const struct mem_block *b)
{
	uint64_t pages = b->size >> MEM_PAGE_BITS;

	memset(bits, 0xff, pages / 64 * 8);
	if (pages % 64)
		bits[pages / 64] = BIT(pages % 64) - 1;
}

struct mem_log *mem_log_new(struct mem *m, bool all, struct err *e)
{
	struct mem_log *l = calloc(1, sizeof(*l));

	if (!l)
		goto no_memory;
	l->mem = m;
	for (unsigned i = 0; i < m->nr; i++) {
		l->bits[i] = calloc(nr_words(&m->block[i]), sizeof(uint64_t));
		if (!l->bits[i])
			goto no_memory;
		if (all)
			set_all(l->bits[i], &m->block[i]);
	}
	pthread_mutex_lock(&m->log_lock);
	l->next = m->logs;
	m->logs = l;
	pthread_mutex_unlock(&m->log_lock);
	return l;
no_memory:
	if (l)
		for (unsigned i = 0; i < m->nr; i++)
			free(l->bits[i]);
	free(l);
	err_set(e, ENOMEM, "no memory for a log of written pages");
	return NULL;
}

void mem_log_free(struct mem_log *l)
{
	struct mem *m;

	if (!l)
		return;
	m = l->mem;
	pthread_mutex_lock(&m->log_lock);
	for (struct mem_log **p = &m->logs; *p; p = &(*p)->next)
		if (*p == l) {
			*p = l->next;
			break;
		}
	pthread_mutex_unlock(&m->log_lock);
	for (unsigned i = 0; i < m->nr; i++)
		free(l->bits[i]);
	free(l);
}

void mem_logs_collect(struct mem *m)
{
	pthread_mutex_lock(&m->log_lock);
	for (unsigned i = 0; i < m->nr; i++) {
		struct mem_block *b = &m->block[i];

		for (uint64_t w = 0; w < nr_words(b); w++) {
			uint64_t bits = atomic_load_explicit(&b->dirty[w], memory_order_relaxed);

			if (!bits)
				continue;
			bits = atomic_exchange(&b->dirty[w], 0);
			for (struct mem_log *l = m->logs; l; l = l->next)
				l->bits[i][w] |= bits;
		}
	}
	pthread_mutex_unlock(&m->log_lock);
}

unsigned mem_log_take(struct mem_log *l, unsigned block, uint64_t *from, uint64_t *pages,
		      unsigned n)
{
	const struct mem_block *b = &l->mem->block[block];
	uint64_t *bits = l->bits[block], w = *from / 64;
	unsigned found = 0;

	pthread_mutex_lock(&l->mem->log_lock);
	for (uint64_t keep = *from % 64; w < nr_words(b) && found < n; keep = 0) {
		uint64_t left = keep ? bits[w] & ~(BIT(keep) - 1) : bits[w];

		while (left && found < n) {
			unsigned bit = (unsigned)__builtin_ctzll(left);

			pages[found++] = w * 64 + bit;
			left &= left - 1;
			bits[w] &= ~BIT(bit);
		}
		if (!left)
			w++;
	}
	pthread_mutex_unlock(&l->mem->log_lock);
	*from = found == n && n ? pages[n - 1] + 1 : nr_words(b) * 64;
	return found;
}

uint64_t mem_log_count(struct mem_log *l)
{
	uint64_t n = 0;

	pthread_mutex_lock(&l->mem->log_lock);
	for (unsigned i = 0; i < l->mem->nr; i++)
		for (uint64_t w = 0; w < nr_words(&l->mem->block[i]); w++)
			n += (unsigned)__builtin_popcountll(l->bits[i][w]);
	pthread_mutex_unlock(&l->mem->log_lock);
	return n;
}
