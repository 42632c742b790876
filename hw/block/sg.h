/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Guest memory of one disk request, as a controller's scatter list names it: each
 * piece is looked up and bounded once, when it is added.
 */
#ifndef HW_BLOCK_SG_H
#define HW_BLOCK_SG_H

#include <sys/uio.h>

#include "hw/core/dev.h"

enum { SG_MAX = 1024 };			/* pieces; what preadv takes at once */

struct sg {
	struct iovec *iov;		/* owned; kept from one request to the next */
	gpa_t *gpa;
	unsigned nr, cap;
	uint64_t bytes;
};

/*
 * Adds [gpa, gpa + len); to_guest: it will be written. -EFAULT: not RAM; -E2BIG: more than SG_MAX
 * pieces; -ENOMEM. Pieces that follow each other become one.
 */
int  sg_add(struct sg *g, struct dev *d, gpa_t gpa, uint64_t len, bool to_guest);
void sg_clear(struct sg *g);
void sg_free(struct sg *g);
/* The first n bytes were written to: marks them dirty. */
void sg_written(const struct sg *g, struct dev *d, uint64_t n);

#endif
