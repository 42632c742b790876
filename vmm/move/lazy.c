/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vmm/move/lazy.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util/bits.h"
#include "util/os.h"

enum { ZERO_WINDOW = 64 };		/* pages around a fault on one that is zero */

struct lazy {
	struct mem *mem;
	struct snapram *ram;
	void (*failed)(void *opaque, const struct err *e);
	void *opaque;
	int fd;
	pthread_t thread;
	_Atomic bool stop;
	uint64_t *loaded;		/* a bit a chunk */
	uint32_t next;			/* chunks below are loaded */
};

static uint8_t *place(struct mem *m, struct page_ref at)
{
	return m->block[at.block].host + ((uint64_t)at.page << MEM_PAGE_BITS);
}

/* ---- the thread ---- */

static void removed(struct lazy *l, const uint8_t *at, size_t size)
{
	struct mem *m = l->mem;

	for (unsigned i = 0; i < m->nr; i++) {
		uint64_t off = (uint64_t)(at - m->block[i].host);

		if (off >= m->block[i].size)
			continue;
		for (uint64_t p = off; p < off + size && p < m->block[i].size; p += MEM_PAGE_SIZE)
			snapram_forget(l->ram, i, p >> MEM_PAGE_BITS);
	}
}

/*
 * Events that stand in the way of filling are ranges given back; faults may be served later.
 * 1: stopped at such a range, whose pages are not to be filled with what the snapshot had.
 */
static int fill(struct lazy *l, uint8_t *at, const uint8_t *from, size_t size, struct err *e)
{
	struct os_uffd_event ev;
	int r;

	while ((r = os_uffd_fill(l->fd, at, from, size)) == -EAGAIN) {
		/* a fault that is read here is asked again by the wake */
		if (!os_uffd_read(l->fd, &ev))
			os_yield();
		else if (ev.kind == OS_UFFD_REMOVED)
			break;
		else
			os_uffd_wake(l->fd, ev.at, MEM_PAGE_SIZE);
	}
	if (r == -EAGAIN) {
		removed(l, ev.at, ev.size);
		return 1;
	}
	return r < 0 ? err_errno(e, -r, "memory of the guest") : 0;
}

/* Pages in a row, in guest memory and where they come from, go in one step. */
static size_t in_a_row(const struct snap_page *p, int64_t n)
{
	int64_t k = 1;

	while (k < n && p[k].at.block == p->at.block && p[k].at.page == p->at.page + k &&
	       (p->data ? p[k].data == p->data + k * MEM_PAGE_SIZE : !p[k].data))
		k++;
	return (size_t)k;
}

static int load_chunk(struct lazy *l, uint32_t chunk, struct err *e)
{
	const struct snap_page *p;
	int64_t n;
	size_t k;
	int r;

	do {
		r = 0;
		n = snapram_read(l->ram, chunk, &p, e);
		for (; n > 0 && !r; n -= (int64_t)k, p += k) {
			k = in_a_row(p, n);
			r = fill(l, place(l->mem, p->at), p->data, k * MEM_PAGE_SIZE, e);
		}
		if (n < 0 || r < 0)
			return n < 0 ? (int)n : r;
	} while (r);			/* once more, without those that went away */
	l->loaded[chunk / 64] |= BIT(chunk % 64);
	return 0;
}

static int serve_zero(struct lazy *l, unsigned block, uint64_t page, struct err *e)
{
	struct mem_block *b = &l->mem->block[block];
	uint64_t first = align_down(page, ZERO_WINDOW),
		 end = MIN(first + ZERO_WINDOW, b->size >> MEM_PAGE_BITS);
	uint64_t from = page, to = page + 1;
	int r;

	while (from > first && snapram_chunk_of(l->ram, block, from - 1) < 0)
		from--;
	while (to < end && snapram_chunk_of(l->ram, block, to) < 0)
		to++;
	/* whatever went away in between is zero as well */
	do
		r = fill(l, b->host + (from << MEM_PAGE_BITS), NULL,
			 (to - from) << MEM_PAGE_BITS, e);
	while (r > 0);
	return r;
}

static int serve(struct lazy *l, const struct os_uffd_event *ev, struct err *e)
{
	struct mem *m = l->mem;

	if (ev->kind == OS_UFFD_REMOVED) {
		removed(l, ev->at, ev->size);
		return 0;
	}
	for (unsigned i = 0; i < m->nr; i++) {
		uint64_t off = (uint64_t)(ev->at - m->block[i].host);
		int64_t chunk;

		if (off >= m->block[i].size)
			continue;
		chunk = snapram_chunk_of(l->ram, i, off >> MEM_PAGE_BITS);
		if (chunk < 0)
			return serve_zero(l, i, off >> MEM_PAGE_BITS, e);
		if (!(l->loaded[chunk / 64] & BIT(chunk % 64)) &&
		    load_chunk(l, (uint32_t)chunk, e) < 0)
			return -e->code;
		/* came in the meantime; or was given back in it, and is asked for again */
		os_uffd_wake(l->fd, ev->at, MEM_PAGE_SIZE);
	}
	return 0;
}

static void *lazy_thread(void *opaque)
{
	struct lazy *l = opaque;
	struct os_uffd_event ev;
	struct err e = { 0 };
	int r = 0;

	os_thread_name("lazy");
	while (!r && !atomic_load(&l->stop)) {
		if (os_uffd_read(l->fd, &ev)) {
			r = serve(l, &ev, &e);
			continue;
		}
		while (l->next < snapram_chunks(l->ram) &&
		       l->loaded[l->next / 64] & BIT(l->next % 64))
			l->next++;
		if (l->next == snapram_chunks(l->ram))
			break;
		r = load_chunk(l, l->next, &e);
	}
	if (r < 0)
		l->failed(l->opaque, &e);
	/* what is missing now is zero: the kernel's own business */
	for (unsigned i = 0; i < l->mem->nr; i++)
		os_uffd_remove(l->fd, l->mem->block[i].host, l->mem->block[i].size);
	close(l->fd);
	return NULL;
}

struct lazy *lazy_start(struct mem *m, struct snapram *r,
			void (*failed)(void *opaque, const struct err *e), void *opaque,
			struct err *e)
{
	struct lazy *l = calloc(1, sizeof(*l));
	int rc;

	if (l)
		l->loaded = calloc(snapram_chunks(r) / 64 + 1, 8);
	if (!l || !l->loaded) {
		err_set(e, ENOMEM, "no memory");
		goto fail;
	}
	l->mem = m;
	l->ram = r;
	l->failed = failed;
	l->opaque = opaque;
	l->fd = os_uffd_new(e);
	if (l->fd < 0)
		goto fail;
	for (unsigned i = 0; i < m->nr; i++)
		if (os_uffd_add(l->fd, m->block[i].host, m->block[i].size, e) < 0)
			goto fail_close;
	rc = pthread_create(&l->thread, NULL, lazy_thread, l);
	if (!rc)
		return l;
	err_errno(e, rc, "a thread for a guest's memory");
fail_close:
	close(l->fd);			/* and all ranges with it */
fail:
	if (l)
		free(l->loaded);
	free(l);
	return NULL;
}

void lazy_finish(struct lazy *l)
{
	if (!l)
		return;
	pthread_join(l->thread, NULL);
	free(l->loaded);
	free(l);
}

void lazy_end(struct lazy *l)
{
	if (l)
		atomic_store(&l->stop, true);
	lazy_finish(l);
}

/* ---- all at once ---- */

int lazy_verify(struct snapram *r, struct err *e)
{
	for (uint32_t i = 0; i < snapram_chunks(r); i++) {
		const struct snap_page *p;
		int64_t n = snapram_read(r, i, &p, e);

		if (n < 0)
			return (int)n;
	}
	return 0;
}

int lazy_load_all(struct mem *m, struct snapram *r, struct err *e)
{
	for (uint32_t i = 0; i < snapram_chunks(r); i++) {
		const struct snap_page *p;
		int64_t n = snapram_read(r, i, &p, e);

		if (n < 0)
			return (int)n;
		for (; n > 0; n--, p++)
			if (p->data)
				memcpy(place(m, p->at), p->data, MEM_PAGE_SIZE);
	}
	return 0;
}
