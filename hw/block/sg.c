/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hw/block/sg.h"

#include <errno.h>
#include <stdlib.h>

#include "hw/core/machine.h"
#include "util/bits.h"

static int grow(struct sg *g)
{
	unsigned cap = MIN(MAX(g->cap * 2, 16u), (unsigned)SG_MAX);
	struct iovec *iov;
	gpa_t *gpa;

	if (g->cap == SG_MAX)
		return -E2BIG;
	iov = realloc(g->iov, cap * sizeof(*iov));
	if (!iov)
		return -ENOMEM;
	g->iov = iov;
	gpa = realloc(g->gpa, cap * sizeof(*gpa));
	if (!gpa)
		return -ENOMEM;
	g->gpa = gpa;
	g->cap = cap;
	return 0;
}

int sg_add(struct sg *g, struct dev *d, gpa_t gpa, uint64_t len, bool to_guest)
{
	struct iovec *last = g->nr ? &g->iov[g->nr - 1] : NULL;
	uint8_t *p;
	int ret;

	if (!len)
		return 0;
	/* A device may read ROM, but never write it. */
	p = to_guest ? dma_map(d, gpa, len) : mem_ptr(&d->machine->mem, gpa, len);
	if (!p)
		return -EFAULT;
	if (last && (uint8_t *)last->iov_base + last->iov_len == p &&
	    g->gpa[g->nr - 1] + last->iov_len == gpa) {
		last->iov_len += len;
	} else {
		ret = g->nr == g->cap ? grow(g) : 0;
		if (ret < 0)
			return ret;
		g->iov[g->nr] = (struct iovec){ p, len };
		g->gpa[g->nr++] = gpa;
	}
	g->bytes += len;
	return 0;
}

void sg_clear(struct sg *g)
{
	g->nr = 0;
	g->bytes = 0;
}

void sg_free(struct sg *g)
{
	free(g->iov);
	free(g->gpa);
	*g = (struct sg){ 0 };
}

void sg_written(const struct sg *g, struct dev *d, uint64_t n)
{
	for (unsigned i = 0; i < g->nr && n; i++) {
		uint64_t len = MIN(n, (uint64_t)g->iov[i].iov_len);

		dma_done(d, g->gpa[i], len);
		n -= len;
	}
}
