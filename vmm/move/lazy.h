/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * RAM of a snapshot that comes when it is touched: a thread answers the faults of whoever touches
 * a page that is missing (vCPUs, devices' threads, the kernel on their behalf) and brings the rest
 * in meanwhile. Where the host does not permit that, or on demand, all of it at once.
 */
#ifndef VMM_MOVE_LAZY_H
#define VMM_MOVE_LAZY_H

#include "vmm/move/snapram.h"

struct lazy;

/*
 * m's blocks are empty: nothing was touched since they were discarded. r is borrowed and used by
 * the thread until lazy_finish or lazy_end. failed() is called by the thread when a page cannot be
 * had: whoever waits for it goes on waiting, so it must not return to them; it ends the process.
 * NULL and an error; -EPERM in e->code: the host does not permit it.
 */
struct lazy *lazy_start(struct mem *m, struct snapram *r,
			void (*failed)(void *opaque, const struct err *e), void *opaque,
			struct err *e);
/* Waits until all is there, and frees it. NULL is allowed. */
void lazy_finish(struct lazy *l);
/* At once: what is missing reads as zero; nobody may look at it any more. Frees it. */
void lazy_end(struct lazy *l);

/* All at once into m's blocks, which are zero. */
int  lazy_load_all(struct mem *m, struct snapram *r, struct err *e);
/* Reads and checks all chunks. */
int  lazy_verify(struct snapram *r, struct err *e);

#endif
