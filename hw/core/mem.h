/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Guest memory: RAM and ROM blocks at guest physical addresses, with one dirty
 * bitmap and one watch byte a page. RAM is a shared mapping, so that an engine
 * switch, a snapshot and a KVM slot see the same pages. The blocks are fixed before
 * the first vCPU starts. Movable ones (a display's memory behind a BAR) change their
 * place while others look: who needs an offset takes mem_find_at's, which is inside
 * the block whatever happens, and never computes one from `base` again.
 */
#ifndef HW_CORE_MEM_H
#define HW_CORE_MEM_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/err.h"

typedef uint64_t gpa_t;

#define MEM_PAGE_BITS 12
#define MEM_PAGE_SIZE (1u << MEM_PAGE_BITS)
#define MEM_MAX_BLOCKS 32

enum {
	MEM_ROM = 1,		/* guest writes go to the region mapped there, or are ignored */
	/* Not there for now: accesses go to the region that is mapped beneath (a flash chip that
	 * was sent a command). Changed by mem_hide and mem_settle only. */
	MEM_HIDDEN = 2,
	MEM_MOVABLE = 4,	/* made by mem_add_movable */
};

#define MEM_NOWHERE UINT64_MAX

/* Reasons to be told of a write into a page; one bit each in mem_block.watch[page]. */
enum {
	MEM_WATCH_CODE = 1,		/* an engine holds translations of the page */
};

struct mem_block {
	_Atomic gpa_t base;
	_Atomic gpa_t want;		/* MEM_MOVABLE: where it shall be; MEM_NOWHERE */
	uint64_t size;			/* bytes, multiple of MEM_PAGE_SIZE */
	uint8_t *host;			/* start of the mapping, size bytes */
	int fd;				/* memfd behind it, offset 0; -1: private memory */
	_Atomic unsigned flags;		/* MEM_ROM, MEM_HIDDEN, MEM_MOVABLE */
	char name[24];
	_Atomic uint64_t *dirty;	/* one bit a page, always kept */
	_Atomic uint8_t *watch;		/* MEM_WATCH_* a page */
};

struct mem {
	unsigned nr;
	struct mem_block block[MEM_MAX_BLOCKS];	/* sorted by base; movable ones last */
	_Atomic bool moves;		/* a block is not where it shall be */
	_Atomic bool moving;		/* somebody is at it */
	/* Called after a write that did not come from an engine's own fast path
	 * (DMA, loader, gdb) into a watched page range. Set by the engine. */
	void (*written)(void *opaque, gpa_t gpa, uint64_t len);
	void *written_opaque;
	/* Called after a block's MEM_HIDDEN changed, on the thread that changed it: complete on
	 * return, also for the other vCPUs. Set by the engine's owner. */
	void (*changed)(void *opaque, struct mem_block *b);
	void *changed_opaque;
	pthread_mutex_t log_lock;
	struct mem_log *logs;
};

int  mem_add(struct mem *m, const char *name, gpa_t base, uint64_t size, unsigned flags,
	     struct err *e);
void mem_free(struct mem *m);
/* Takes a block out of the guest's view, or puts it back; any thread, vCPUs may run. */
void mem_hide(struct mem *m, struct mem_block *b, bool hide);

/*
 * Memory of a device whose place the guest chooses. It is nowhere at first; *host is its start,
 * which also names it (blocks move in their table until the machine is complete).
 */
int  mem_add_movable(struct mem *m, const char *name, uint64_t size, unsigned flags,
		     uint8_t **host, struct err *e);
/*
 * Where it shall be (MEM_NOWHERE: out of the guest's view); with any lock. The move itself is
 * mem_settle's: telling the engine means waiting for the other vCPUs, who may be waiting for a
 * device's lock, so none may be held there. The dispatcher calls it after each register write
 * (hw/core/region.c), so a guest finds what it has asked for. A block does not come where
 * another one is; it is tried again with the next move.
 */
void mem_move(struct mem *m, const uint8_t *host, gpa_t base);
void mem_settle_now(struct mem *m);
static inline void mem_settle(struct mem *m)
{
	if (__builtin_expect(atomic_load_explicit(&m->moves, memory_order_acquire), 0))
		mem_settle_now(m);
}

/* The block placed at gpa, hidden or not, and gpa's offset in it; NULL: none. */
static inline struct mem_block *mem_block_at_off(struct mem *m, gpa_t gpa, uint64_t *off)
{
	for (unsigned i = 0; i < m->nr; i++) {
		*off = gpa - atomic_load_explicit(&m->block[i].base, memory_order_relaxed);
		if (*off < m->block[i].size)
			return &m->block[i];
	}
	return NULL;
}
static inline struct mem_block *mem_block_at(struct mem *m, gpa_t gpa)
{
	uint64_t off;

	return mem_block_at_off(m, gpa, &off);
}
/* The block that holds gpa, and gpa's offset in it; or NULL. */
static inline struct mem_block *mem_find_at(struct mem *m, gpa_t gpa, uint64_t *off)
{
	struct mem_block *b = mem_block_at_off(m, gpa, off);

	return b && !(atomic_load_explicit(&b->flags, memory_order_acquire) & MEM_HIDDEN) ? b :
											    NULL;
}
static inline struct mem_block *mem_find(struct mem *m, gpa_t gpa)
{
	uint64_t off;

	return mem_find_at(m, gpa, &off);
}

/* Host pointer to [gpa, gpa+len) inside one block, or NULL. Valid for the VM's life; writers
 * must call mem_mark afterwards. */
void *mem_ptr(struct mem *m, gpa_t gpa, uint64_t len);
/* Marks dirty, and tells the engine where a page is watched. */
void mem_mark(struct mem *m, gpa_t gpa, uint64_t len);
/* Copies; may span blocks; -EFAULT (nothing or a part copied) where there is no RAM. mem_write
 * ignores MEM_ROM when `force` (loaders, gdb). */
int  mem_read(struct mem *m, gpa_t gpa, void *buf, uint64_t len);
int  mem_write(struct mem *m, gpa_t gpa, const void *buf, uint64_t len, bool force);

/*
 * Gives whole pages of RAM back to the host: they read as zero until the guest writes again. Counts
 * as a write of zeros (dirty, engine told). 0; -EINVAL: not whole pages; -EFAULT: not all inside
 * one block of RAM that the guest sees and may write.
 */
int  mem_discard(struct mem *m, gpa_t gpa, uint64_t len);

static inline void mem_set_dirty(struct mem_block *b, uint64_t page)
{
	uint64_t bit = UINT64_C(1) << (page & 63);

	if (!(atomic_load_explicit(&b->dirty[page >> 6], memory_order_relaxed) & bit))
		atomic_fetch_or_explicit(&b->dirty[page >> 6], bit, memory_order_release);
}
/* Takes and clears the dirty bits of pages [first, first+n) of a block into out (n bits; first
 * and n are multiples of 64). */
void mem_take_dirty(struct mem_block *b, uint64_t first, uint64_t n, uint64_t *out);

/*
 * Several look for written pages at once (a migration, an incremental snapshot): each has a log
 * of its own. mem_logs_collect takes the blocks' dirty bits into all of them; accel's
 * vm_dirty_collect calls it at the right moment between the engines' steps. Any thread.
 */
struct mem_log {
	struct mem *mem;
	struct mem_log *next;
	uint64_t *bits[MEM_MAX_BLOCKS];	/* one a page, by index in mem.block; under mem.log_lock */
};

/*
 * For accel's vm_log_new. all: every page counts as written at first; else what has not been
 * collected yet, and what comes. NULL and an error.
 */
struct mem_log *mem_log_new(struct mem *m, bool all, struct err *e);
void mem_log_free(struct mem_log *l);
void mem_logs_collect(struct mem *m);
/* Takes up to n written pages of a block from page *from on, clears them; *from goes on. */
unsigned mem_log_take(struct mem_log *l, unsigned block, uint64_t *from, uint64_t *pages,
		      unsigned n);
uint64_t mem_log_count(struct mem_log *l);	/* written pages in it */

#endif
