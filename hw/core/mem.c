/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hw/core/mem.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util/bits.h"
#include "util/os.h"

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

	host = os_ram_map(size, base, name, &fd, e);
	if (!host)
		return err_prefix(e, "memory '%s'", name);
	b = &m->block[at];
	memmove(b + 1, b, (m->nr - at) * sizeof(*b));
	memset(b, 0, sizeof(*b));
	b->base = base;
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
}

void mem_hide(struct mem *m, struct mem_block *b, bool hide)
{
	unsigned old = hide ? atomic_fetch_or(&b->flags, MEM_HIDDEN) :
			      atomic_fetch_and(&b->flags, ~(unsigned)MEM_HIDDEN);

	if (!!(old & MEM_HIDDEN) != hide && m->changed)
		m->changed(m->changed_opaque, b);
}

void *mem_ptr(struct mem *m, gpa_t gpa, uint64_t len)
{
	struct mem_block *b = mem_find(m, gpa);

	if (!b || len > b->size - (gpa - b->base))
		return NULL;
	return b->host + (gpa - b->base);
}

void mem_mark(struct mem *m, gpa_t gpa, uint64_t len)
{
	struct mem_block *b = mem_find(m, gpa);
	uint64_t first, last;
	bool watched = false;

	if (!b || !len)
		return;
	len = MIN(len, b->size - (gpa - b->base));
	first = (gpa - b->base) >> MEM_PAGE_BITS;
	last = (gpa - b->base + len - 1) >> MEM_PAGE_BITS;
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
		struct mem_block *b = mem_find(m, gpa);
		uint64_t n;

		if (!b)
			return -EFAULT;
		n = MIN(len, b->size - (gpa - b->base));
		memcpy(to, b->host + (gpa - b->base), n);
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
		struct mem_block *b = mem_find(m, gpa);
		uint64_t n;

		if (!b)
			return -EFAULT;
		n = MIN(len, b->size - (gpa - b->base));
		if (force || !(b->flags & MEM_ROM)) {
			memcpy(b->host + (gpa - b->base), from, n);
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
	struct mem_block *b = mem_find(m, gpa);
	int rc;

	if ((gpa | len) & (MEM_PAGE_SIZE - 1))
		return -EINVAL;
	if (!b || (b->flags & MEM_ROM) || len > b->size - (gpa - b->base))
		return -EFAULT;
	rc = os_discard(b->host + (gpa - b->base), len, b->fd >= 0);
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
