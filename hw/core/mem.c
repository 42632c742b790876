/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hw/core/mem.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util/bits.h"
#include "util/log.h"
#include "util/os.h"

/* Where movable blocks are kept that are nowhere: beyond all that an address may be, apart. */
#define LIMBO(i) ((UINT64_C(1) << 63) + ((uint64_t)(i) << 48))

int mem_add(struct mem *m, const char *name, gpa_t base, uint64_t size, unsigned flags,
	    struct err *e)
{
	uint64_t pages = size >> MEM_PAGE_BITS;
	struct mem_block *b;
	unsigned at;
	void *host;
	int fd;

	if (!size || ((base | size) & (MEM_PAGE_SIZE - 1)) || base + size - 1 < base)
		return err_set(e, EINVAL, "memory '%s': bad range %#llx+%#llx", name,
			       (unsigned long long)base, (unsigned long long)size);
	if (m->nr == MEM_MAX_BLOCKS)
		return err_set(e, ENOSPC, "memory '%s': more than %d blocks", name, MEM_MAX_BLOCKS);
	for (at = 0; at < m->nr && m->block[at].base < base; at++)
		;
	if ((at && base - m->block[at - 1].base < m->block[at - 1].size) ||
	    (at < m->nr && m->block[at].base - base < size))
		return err_set(e, EEXIST, "memory '%s': overlaps another block", name);

	host = os_ram_map(size, flags & MEM_MOVABLE ? 0 : base, name, &fd, e);
	if (!host)
		return err_prefix(e, "memory '%s'", name);
	b = &m->block[at];
	memmove(b + 1, b, (m->nr - at) * sizeof(*b));
	memset(b, 0, sizeof(*b));
	b->base = base;
	b->want = MEM_NOWHERE;
	b->size = size;
	b->host = host;
	b->fd = fd;
	b->flags = flags;
	snprintf(b->name, sizeof(b->name), "%s", name);
	b->dirty = calloc((pages + 63) / 64, sizeof(*b->dirty));
	b->watch = calloc(pages, sizeof(*b->watch));
	m->nr++;
	if (!b->dirty || !b->watch)
		return err_set(e, ENOMEM, "memory '%s': no memory for its bitmaps", name);
	return 0;
}

void mem_free(struct mem *m)
{
	for (unsigned i = 0; i < m->nr; i++) {
		struct mem_block *b = &m->block[i];

		os_unmap(b->host, b->size);
		if (b->fd >= 0)
			close(b->fd);
		free((void *)b->dirty);
		free((void *)b->watch);
	}
	m->nr = 0;
	pthread_mutex_destroy(&m->log_lock);
}

void mem_hide(struct mem *m, struct mem_block *b, bool hide)
{
	unsigned old = hide ? atomic_fetch_or(&b->flags, MEM_HIDDEN) :
			      atomic_fetch_and(&b->flags, ~(unsigned)MEM_HIDDEN);

	if (!!(old & MEM_HIDDEN) != hide && m->changed)
		m->changed(m->changed_opaque, b);
}

int mem_add_movable(struct mem *m, const char *name, uint64_t size, unsigned flags,
		    uint8_t **host, struct err *e)
{
	gpa_t base = LIMBO(m->nr);
	int rc = mem_add(m, name, base, size, flags | MEM_MOVABLE | MEM_HIDDEN, e);

	if (!rc)
		*host = mem_block_at(m, base)->host;
	return rc;
}

void mem_move(struct mem *m, const uint8_t *host, gpa_t base)
{
	for (unsigned i = 0; i < m->nr; i++)
		if (m->block[i].host == host && m->block[i].flags & MEM_MOVABLE) {
			atomic_store(&m->block[i].want, base);
			atomic_store(&m->moves, true);
		}
}

/* Another block, hidden or not, is where b shall be. */
static bool in_the_way(struct mem *m, const struct mem_block *b, gpa_t base)
{
	for (unsigned i = 0; i < m->nr; i++) {
		const struct mem_block *o = &m->block[i];

		if (o != b && (base - o->base < o->size || o->base - base < b->size)) {
			log_guest("memory '%s' cannot be at %#llx, where '%s' is", b->name,
				  (unsigned long long)base, o->name);
			return true;
		}
	}
	return false;
}

static void settle(struct mem *m)
{
	/* First all that leave: blocks may change places. */
	for (unsigned i = 0; i < m->nr; i++) {
		struct mem_block *b = &m->block[i];

		if (!(b->flags & MEM_MOVABLE) || b->flags & MEM_HIDDEN || b->base == b->want)
			continue;
		mem_hide(m, b, true);
		b->base = LIMBO(i);
	}
	for (unsigned i = 0; i < m->nr; i++) {
		struct mem_block *b = &m->block[i];
		gpa_t want = b->want;

		if (!(b->flags & MEM_MOVABLE) || !(b->flags & MEM_HIDDEN) || want == MEM_NOWHERE ||
		    in_the_way(m, b, want))
			continue;
		b->base = want;
		mem_hide(m, b, false);
	}
}

void mem_settle_now(struct mem *m)
{
	/* Not waited for: who is at it waits for all vCPUs, and looks again afterwards. */
	while (atomic_load(&m->moves) && !atomic_exchange(&m->moving, true)) {
		atomic_store(&m->moves, false);
		settle(m);
		atomic_store(&m->moving, false);
	}
}

void *mem_ptr(struct mem *m, gpa_t gpa, uint64_t len)
{
	uint64_t off;
	struct mem_block *b = mem_find_at(m, gpa, &off);

	if (!b || len > b->size - off)
		return NULL;
	return b->host + off;
}

void mem_mark(struct mem *m, gpa_t gpa, uint64_t len)
{
	uint64_t first, last, off;
	struct mem_block *b = mem_find_at(m, gpa, &off);
	bool watched = false;

	if (!b || !len)
		return;
	len = MIN(len, b->size - off);
	first = off >> MEM_PAGE_BITS;
	last = (off + len - 1) >> MEM_PAGE_BITS;
	/* The data must be visible before the watch byte is looked at: an engine sets
	 * the byte first and reads the page afterwards. */
	atomic_thread_fence(memory_order_seq_cst);
	for (uint64_t p = first; p <= last; p++) {
		mem_set_dirty(b, p);
		watched |= atomic_load_explicit(&b->watch[p], memory_order_relaxed) != 0;
	}
	if (watched && m->written)
		m->written(m->written_opaque, gpa, len);
}

int mem_read(struct mem *m, gpa_t gpa, void *buf, uint64_t len)
{
	uint8_t *to = buf;

	while (len) {
		uint64_t n, off;
		struct mem_block *b = mem_find_at(m, gpa, &off);

		if (!b)
			return -EFAULT;
		n = MIN(len, b->size - off);
		memcpy(to, b->host + off, n);
		gpa += n;
		to += n;
		len -= n;
	}
	return 0;
}

int mem_write(struct mem *m, gpa_t gpa, const void *buf, uint64_t len, bool force)
{
	const uint8_t *from = buf;

	while (len) {
		uint64_t n, off;
		struct mem_block *b = mem_find_at(m, gpa, &off);

		if (!b)
			return -EFAULT;
		n = MIN(len, b->size - off);
		if (force || !(b->flags & MEM_ROM)) {
			memcpy(b->host + off, from, n);
			mem_mark(m, gpa, n);
		}
		gpa += n;
		from += n;
		len -= n;
	}
	return 0;
}

int mem_discard(struct mem *m, gpa_t gpa, uint64_t len)
{
	uint64_t off;
	struct mem_block *b = mem_find_at(m, gpa, &off);
	int rc;

	if ((gpa | len) & (MEM_PAGE_SIZE - 1))
		return -EINVAL;
	if (!b || (b->flags & MEM_ROM) || len > b->size - off)
		return -EFAULT;
	rc = os_discard(b->host + off, len, b->fd >= 0);
	if (!rc)
		mem_mark(m, gpa, len);
	return rc;
}

void mem_take_dirty(struct mem_block *b, uint64_t first, uint64_t n, uint64_t *out)
{
	uint64_t words = ((b->size >> MEM_PAGE_BITS) + 63) / 64, w = first / 64;

	for (uint64_t i = 0; i < n / 64; i++)
		out[i] = w + i < words ? atomic_exchange(&b->dirty[w + i], 0) : 0;
}
