/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Translations that outlive a stay with another engine. Nobody tells us then what the guest
 * writes, so each page with code is remembered by a hash of its bytes, and compared when the
 * guest comes back. (A dirty log would cost the other engine a fault for each page that is
 * written; there are few pages with code, and reading them all takes a millisecond or two.)
 */
#include "accel/tcg/tcg.h"

#include <string.h>

#include "util/bits.h"

/* Four lanes, so that multiplications overlap. Not for adversaries: a guest only harms itself. */
static uint64_t page_hash(const uint8_t *p)
{
	static const uint64_t k = UINT64_C(0x9e3779b97f4a7c15);
	uint64_t h[4] = { 1, 2, 3, 4 };

	for (unsigned i = 0; i < MEM_PAGE_SIZE; i += 32)
		for (unsigned j = 0; j < 4; j++) {
			h[j] = (h[j] ^ ld_64(p + i + 8 * j)) * k;
			h[j] ^= h[j] >> 29;
		}
	for (unsigned j = 1; j < 4; j++)
		h[0] = (h[0] ^ h[j]) * k + (h[0] >> 31);
	return h[0];
}

typedef void page_fn(struct tcg_vm *tv, struct mem_block *b, uint64_t page, struct tcg_page *pg,
		     void *opaque);

static void each_page(struct tcg_vm *tv, page_fn *fn, void *opaque)
{
	struct mem *m = &tv->vm->machine->mem;

	for (unsigned i = 0; i < m->nr; i++)
		for (uint64_t n = 0; tv->pages[i] && n < m->block[i].size >> MEM_PAGE_BITS; n++) {
			struct tcg_page *pg = tv->pages[i][n];

			if (pg && pg->first)
				fn(tv, &m->block[i], n, pg, opaque);
		}
}

static void remember(struct tcg_vm *tv, struct mem_block *b, uint64_t page, struct tcg_page *pg,
		     void *opaque)
{
	pg->hash = page_hash(b->host + (page << MEM_PAGE_BITS));
}

static void compare(struct tcg_vm *tv, struct mem_block *b, uint64_t page, struct tcg_page *pg,
		    void *opaque)
{
	struct unpark_report *rep = opaque;

	rep->pages++;
	if (pg->hash == page_hash(b->host + (page << MEM_PAGE_BITS)))
		return;
	rep->dropped++;
	code_written(tv, b, page << MEM_PAGE_BITS, MEM_PAGE_SIZE);
}

void tcg_park(struct vm *vm)
{
	each_page(vm->engines[ACCEL_TCG], remember, NULL);
}

void tcg_unpark(struct vm *vm, struct unpark_report *rep)
{
	*rep = (struct unpark_report){ 0 };
	each_page(vm->engines[ACCEL_TCG], compare, rep);
	/* page tables, too, may be others now */
	for (unsigned i = 0; i < vm->nr_vcpus; i++)
		if (vm->vcpu[i]->engines[ACCEL_TCG])
			tlb_flush_everything(vm->vcpu[i]->engines[ACCEL_TCG]);
}
