/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Accesses that the inline path does not do: TLB refills that need a walk,
 * devices, accesses across two pages, pages with translated code, faults.
 */
#include <string.h>

#include "accel/tcg/check.h"
#include "accel/tcg/tcg.h"
#include "util/bits.h"
#include "util/log.h"

struct place { uint8_t *host; uint64_t pa; struct mem_block *block; };	/* host NULL: not RAM */

static int raise_fault(struct tcg_cpu *c, uint64_t va, enum cpu_access acc, enum fault_kind k)
{
	uint64_t pc;

	if (c->ra) {	/* in translated code: only a fault needs to know the instruction */
		if (!blocks_pc_at(c, c->ra, &pc))
			__builtin_trap(); /* a memory stub without a side table entry: our bug */
		*state_pc(c) = pc;
	}
	c->isa->mem_fault(c->state, va, acc, k);
	return -1;
}

static int locate(struct tcg_cpu *c, uint64_t va, enum cpu_access acc, struct place *p)
{
	enum fault_kind k = tlb_fill(c, va, acc, c->mode.view, &p->host, &p->pa);

	if (k)
		return raise_fault(c, va, acc, k);
	/* also where it was hidden meanwhile: this access came first */
	p->block = p->host ? mem_block_at(&c->v->vm->machine->mem, p->pa) : NULL;
	return 0;
}

/*
 * RAM at p was written. Blocks die after the store: one translated in between
 * saw the page's old generation.
 */
static void wrote(struct tcg_cpu *c, const struct place *p, unsigned len)
{
	/* not by its address: this access's other half may have moved a device's memory */
	uint64_t off = (uint64_t)(p->host - p->block->host);

	mem_set_dirty(p->block, off >> MEM_PAGE_BITS);
	/* as in mem_mark: the data before the watch byte */
	atomic_thread_fence(memory_order_seq_cst);
	code_written(c->tv, p->block, off, len);
}

static int io_access(struct tcg_cpu *c, uint64_t va, uint64_t pa, unsigned size, bool write,
		     uint64_t *val)
{
	struct space *s = c->v->vm->machine->mmio;
	int r = write ? region_write(s, pa, size, *val) : region_read(s, pa, size, val);

	if (r < 0 && !c->isa->bus_ones)
		return raise_fault(c, va, write ? ACCESS_WRITE : ACCESS_READ, FAULT_ACCESS);
	if (r < 0 && !write)
		*val = mask_bits(8 * size);
	return 0;
}

static int one_page(struct tcg_cpu *c, uint64_t va, struct place *p, unsigned size, bool write,
		    uint64_t *val)
{
	if (!p->host)
		return io_access(c, va, p->pa, size, write, val);
	if (!write) {
		*val = 0;
		switch (size) {		/* whole: other vCPUs must not be seen half way */
		case 1: *val = *p->host; break;
		case 2: *val = ld_16(p->host); break;
		case 4: *val = ld_32(p->host); break;
		default: *val = ld_64(p->host); break;
		}
		return 0;
	}
	if (p->block->flags & MEM_ROM) {	/* flash looks like memory until it is written */
		region_write(c->v->vm->machine->mmio, p->pa, size, *val);
		return 0;
	}
	switch (size) {
	case 1: *p->host = (uint8_t)*val; break;
	case 2: st_16(p->host, (uint16_t)*val); break;
	case 4: st_32(p->host, (uint32_t)*val); break;
	default: st_64(p->host, *val); break;
	}
	wrote(c, p, size);
	return 0;
}

/* Across two pages: both are checked before anything happens; then byte by byte. */
static int two_pages(struct tcg_cpu *c, uint64_t va, unsigned size, bool write, uint64_t *val)
{
	enum cpu_access acc = write ? ACCESS_WRITE : ACCESS_READ;
	uint64_t second = (va | 0xfff) + 1, v = 0, byte;
	unsigned n = (unsigned)(second - va), first, i, k;
	struct place a, b, at;

	if (locate(c, va, acc, &a) < 0 || locate(c, second, acc, &b) < 0)
		return -1;
	/* a device may refuse yet: before anything is written to memory in the first page */
	first = write && a.host && !b.host ? n : 0;
	for (k = 0; k < size; k++) {
		struct place *p;

		i = (k + first) % size;
		p = i < n ? &a : &b;
		at = (struct place){ p->host ? p->host + (i < n ? i : i - n) : NULL,
				     p->pa + (i < n ? i : i - n), p->block };
		byte = *val >> 8 * i & 0xff;
		if (one_page(c, va + i, &at, 1, write, &byte) < 0)
			return -1;
		v |= (byte & 0xff) << 8 * i;
	}
	if (!write)
		*val = v;
	return 0;
}

#define ATOMIC(T, ST)                                                                        \
	static T amo_##T(T *p, unsigned kind, T v)                                           \
	{                                                                                    \
		T old = __atomic_load_n(p, __ATOMIC_SEQ_CST), new;                           \
		do {                                                                         \
			switch (kind) {                                                      \
			case AMO_SWAP: new = v; break;                                       \
			case AMO_ADD: new = old + v; break;                                  \
			case AMO_AND: new = old &v; break;                                   \
			case AMO_OR: new = old | v; break;                                   \
			case AMO_XOR: new = old ^ v; break;                                  \
			case AMO_MINS: new = (ST)old < (ST)v ? old : v; break;               \
			case AMO_MAXS: new = (ST)old > (ST)v ? old : v; break;               \
			case AMO_MINU: new = old < v ? old : v; break;                       \
			default: new = old > v ? old : v; break;                             \
			}                                                                    \
		} while (!__atomic_compare_exchange_n(p, &old, new, false, __ATOMIC_SEQ_CST, \
						      __ATOMIC_SEQ_CST));                    \
		return old;                                                                  \
	}
ATOMIC(uint32_t, int32_t)
ATOMIC(uint64_t, int64_t)

static uint64_t cas(uint8_t *p, bool wide, uint64_t expect, uint64_t new)
{
	uint32_t e32 = (uint32_t)expect;

	if (wide) {
		__atomic_compare_exchange_n((uint64_t *)(void *)p, &expect, new, false,
					    __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
		return expect;
	}
	__atomic_compare_exchange_n((uint32_t *)(void *)p, &e32, (uint32_t) new, false,
				    __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
	return e32;
}

static int atomic_access(struct tcg_cpu *c, uint64_t va, uint32_t desc, uint64_t *val)
{
	bool wide = (desc & MO_SIZE) == MO_64;
	uint64_t *ra = (uint64_t *)((char *)c->state + c->isa->resv_addr_off);
	uint64_t *rv = (uint64_t *)((char *)c->state + c->isa->resv_val_off), old;
	struct place p;

	if (locate(c, va, ACCESS_WRITE, &p) < 0)
		return -1;
	if (!p.host || p.block->flags & MEM_ROM)
		return raise_fault(c, va, ACCESS_WRITE, FAULT_ACCESS);
	if (desc &
	    DESC_SC) { /* translated code compared the address already; the interpreter too */
		old = cas(p.host, wide, *rv, *val);
		*val = wide ? old != *rv : (uint32_t)old != (uint32_t)*rv;
		*ra = ~UINT64_C(0);
		wrote(c, &p, wide ? 8 : 4);
		return 0;
	}
	if (desc & DESC_CAS)
		*val = cas(p.host, wide, CPU_FAST(c->state)->fparg[0], *val);
	else if (wide)
		*val = amo_uint64_t((uint64_t *)(void *)p.host, desc >> DESC_AMO_SHIFT & 15, *val);
	else
		*val = amo_uint32_t((uint32_t *)(void *)p.host, desc >> DESC_AMO_SHIFT & 15,
				    (uint32_t)*val);
	wrote(c, &p, wide ? 8 : 4);
	if (!wide && desc & MO_SIGN)
		*val = (uint64_t)(int64_t)(int32_t)*val;
	return 0;
}

static void swap_bytes(uint64_t *v, unsigned size)
{
	*v = __builtin_bswap64(*v) >> (64 - 8 * size);
}

static void note_watch(struct tcg_cpu *c, uint64_t va, unsigned size, bool write)
{
	unsigned i;

	for (i = 0; i < c->debug.nr_watch; i++)
		if (va < c->debug.watch[i].addr + c->debug.watch[i].len &&
		    va + size > c->debug.watch[i].addr &&
		    (write ? c->debug.watch[i].write : c->debug.watch[i].read)) {
			c->watch_hit = c->debug.watch[i].addr;
			c->watch_access = write ? ACCESS_WRITE : ACCESS_READ;
			c->watch_pending = true;
			tcg_poke(c);	/* reported after the instruction, as debuggers expect */
		}
}

/* known: where va lies, when the caller walked already */
static int access_place(struct tcg_cpu *c, uint64_t va, uint32_t desc, uint64_t *val,
			struct place *known)
{
	unsigned size = 1u << (desc & MO_SIZE);
	bool write = desc & DESC_WRITE;
	struct place p;
	int r;

	c->n_slow++;
	if (c->debug.nr_watch)
		note_watch(c, va, size, write);
	if (desc & MO_ALIGN && va & (size - 1))
		return raise_fault(c, va, write ? ACCESS_WRITE : ACCESS_READ, FAULT_ALIGN);
	if (desc & (MO_AMO | DESC_SC | DESC_CAS))
		return atomic_access(c, va, desc, val);
	if (write && desc & MO_BE)
		swap_bytes(val, size);
	if (((va + size - 1) ^ va) >> TLB_PAGE_BITS)
		r = two_pages(c, va, size, write, val);
	else if (known)
		r = one_page(c, va, known, size, write, val);
	else
		r = locate(c, va, write ? ACCESS_WRITE : ACCESS_READ, &p) < 0 ? -1 :
			one_page(c, va, &p, size, write, val);
	if (r < 0 || write)
		return r;
	if (desc & MO_BE)
		swap_bytes(val, size);
	if (desc & DESC_FP)
		*val = size == 4 ? (uint32_t)*val | UINT64_C(0xffffffff00000000) : *val;
	else if (desc & MO_SIGN)
		*val = (uint64_t)sext(*val, 8 * size);
	else
		*val &= mask_bits(8 * size);
	return 0;
}

int access_value(struct tcg_cpu *c, uint64_t va, uint32_t desc, uint64_t *val)
{
	return access_place(c, va, desc, val, NULL);
}

static struct emit_fill slow(void *state, uint64_t va, uint64_t desc)
{
	struct tcg_cpu *c = tcg_of(state);
	struct cpu_fast *f = CPU_FAST(state);
	struct tcg_view *view = c->view;
	bool write = desc & DESC_WRITE;
	struct tlb_entry *t = write ? &view->w[TLB_INDEX(va)] : &view->r[TLB_INDEX(va)];
	uint64_t page = va & ~UINT64_C(0xfff), pa, size = UINT64_C(1) << (desc & MO_SIZE);
	struct place place, *known = NULL;
	enum fault_kind k;
	uint8_t *host;
	uint64_t addend;

	if (c->tv->checker && check_access(c, va, desc, &addend))
		return (struct emit_fill){ addend, FILL_FAST };
	if (desc & DESC_GROUP) {
		/*
		 * only an entry that serves the whole group helps; faults are
		 * found again one by one
		 */
		struct tlb_walk w = { 0 };

		c->isa->walk(c->state, va, write ? ACCESS_WRITE : ACCESS_READ, c->mode.view, &w);
		if (w.fault)
			return (struct emit_fill){ 0, FILL_DONE };
		tlb_fill(c, va, write ? ACCESS_WRITE : ACCESS_READ, c->mode.view, &host, &pa);
		if (t->tag == page)
			return (struct emit_fill){ t->addend, FILL_FAST };
		return (struct emit_fill){ 0, FILL_DONE };
	}
	if (!((va ^ (va + size - 1)) >> TLB_PAGE_BITS) && !(desc & MO_ALIGN && va & (size - 1)) &&
	    !c->debug.nr_watch) {
		k = tlb_fill(c, va, write ? ACCESS_WRITE : ACCESS_READ, c->mode.view, &host, &pa);
		if (k) {
			raise_fault(c, va, write ? ACCESS_WRITE : ACCESS_READ, k);
			return (struct emit_fill){ 0, FILL_LEAVE };
		}
		if (t->tag == page)
			return (struct emit_fill){ t->addend, FILL_FAST };
		place = (struct place){ host, pa,
					host ? mem_block_at(&c->v->vm->machine->mem, pa) : NULL };
		known = &place;
	}
	if (access_place(c, va, (uint32_t)desc, &f->slow_val, known) < 0)
		return (struct emit_fill){ 0, FILL_LEAVE };
	return (struct emit_fill){ 0, FILL_DONE };
}

struct emit_fill slow_access(void *state, uint64_t va, uint64_t desc, const void *ra)
{
	struct tcg_cpu *c = tcg_of(state);
	struct emit_fill r;

	c->ra = ra;
	r = slow(state, va, desc);
	c->ra = NULL;
	return r;
}
