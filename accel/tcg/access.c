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

static uint64_t amo_value(unsigned kind, uint64_t old, uint64_t v, unsigned size)
{
	int64_t so = sext(old, 8 * size), sv = sext(v, 8 * size);
	uint64_t mask = mask_bits(8 * size);

	old &= mask;
	v &= mask;
	switch (kind) {
	case AMO_SWAP: return v;
	case AMO_ADD: return (old + v) & mask;
	case AMO_AND: return old & v;
	case AMO_OR: return old | v;
	case AMO_XOR: return old ^ v;
	case AMO_MINS: return so < sv ? old : v;
	case AMO_MAXS: return so > sv ? old : v;
	case AMO_MINU: return old < v ? old : v;
	default: return old > v ? old : v;
	}
}

/* Aligned. What was there; the store happened if that is `expect`. */
static uint64_t cas(uint8_t *p, unsigned size, uint64_t expect, uint64_t new)
{
#define CAS(T)                                                                             \
	({                                                                                 \
		T e_ = (T)expect;                                                          \
		__atomic_compare_exchange_n((T *)(void *)p, &e_, (T)new, false,            \
					    __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);           \
		(uint64_t)e_;                                                              \
	})
	switch (size) {
	case 1: return CAS(uint8_t);
	case 2: return CAS(uint16_t);
	case 4: return CAS(uint32_t);
	default: return CAS(uint64_t);
	}
#undef CAS
}

static uint64_t amo(uint8_t *p, unsigned size, unsigned kind, uint64_t v)
{
	uint64_t old = 0, seen;

	memcpy(&old, p, size);
	while ((seen = cas(p, size, old, amo_value(kind, old, v, size))) != old)
		old = seen;
	return old;
}

/* The new value of a read-modify-write; false: it stores nothing. */
static bool rmw_value(struct tcg_cpu *c, uint32_t desc, unsigned size, uint64_t old, uint64_t v,
		      uint64_t *new)
{
	*new = v;
	if (desc & DESC_CAS)
		return !((old ^ CPU_FAST(c->state)->fparg[0]) & mask_bits(8 * size));
	*new = amo_value(desc >> DESC_AMO_SHIFT & 15, old, v, size);
	return true;
}

/*
 * Misaligned, or on a device: no host operation does that for all of it at once. The other vCPUs
 * stand still meanwhile (a split lock is the rarest of things); devices see a read and a write.
 */
static int atomic_stopped(struct tcg_cpu *c, uint64_t va, uint32_t desc, uint64_t *val)
{
	unsigned size = 1u << (desc & MO_SIZE);
	bool cross = ((va + size - 1) ^ va) >> TLB_PAGE_BITS, stores;
	uint64_t old = 0, new;
	struct place p, q;
	int r;

	if (locate(c, va, ACCESS_WRITE, &p) < 0 ||
	    (cross && locate(c, (va | 0xfff) + 1, ACCESS_WRITE, &q) < 0))
		return -1;
	world_stop(c->tv, c, true);
	r = cross ? two_pages(c, va, size, false, &old) : one_page(c, va, &p, size, false, &old);
	if (r >= 0) {
		stores = rmw_value(c, desc, size, old, *val, &new);
		if (stores)
			r = cross ? two_pages(c, va, size, true, &new) :
				    one_page(c, va, &p, size, true, &new);
		*val = desc & MO_SIGN ? (uint64_t)sext(old, 8 * size) : old;
	}
	world_resume(c->tv, c);
	return r;
}

static int atomic_access(struct tcg_cpu *c, uint64_t va, uint32_t desc, uint64_t *val)
{
	unsigned size = 1u << (desc & MO_SIZE);
	uint64_t *ra = (uint64_t *)((char *)c->state + c->isa->resv_addr_off);
	uint64_t *rv = (uint64_t *)((char *)c->state + c->isa->resv_val_off), old;
	struct place p;

	if (va & (size - 1))
		return atomic_stopped(c, va, desc, val);
	if (locate(c, va, ACCESS_WRITE, &p) < 0)
		return -1;
	if (!p.host || p.block->flags & MEM_ROM)
		return desc & MO_ALIGN ? raise_fault(c, va, ACCESS_WRITE, FAULT_ACCESS) :
					 atomic_stopped(c, va, desc, val);
	if (desc &
	    DESC_SC) { /* translated code compared the address already; the interpreter too */
		old = cas(p.host, size, *rv, *val);
		*val = !!((old ^ *rv) & mask_bits(8 * size));
		*ra = ~UINT64_C(0);
		wrote(c, &p, size);
		return 0;
	}
	if (desc & DESC_CAS)
		*val = cas(p.host, size, CPU_FAST(c->state)->fparg[0], *val);
	else
		*val = amo(p.host, size, desc >> DESC_AMO_SHIFT & 15, *val);
	wrote(c, &p, size);
	if (desc & MO_SIGN)
		*val = (uint64_t)sext(*val, 8 * size);
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
	if (desc & MO_RMW && (locate(c, va, ACCESS_WRITE, &p) < 0 ||
			      (((va + size - 1) ^ va) >> TLB_PAGE_BITS &&
			       locate(c, (va | 0xfff) + 1, ACCESS_WRITE, &p) < 0)))
		return -1;
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
	if (desc & DESC_FP && c->isa->fp_policy == FP_RISCV)
		*val = size == 4 ? (uint32_t)*val | UINT64_C(0xffffffff00000000) : *val;
	else if (desc & MO_SIGN)
		*val = (uint64_t)sext(*val, 8 * size);
	else
		*val &= mask_bits(8 * size);
	return 0;
}

/* 16 or 32 bytes: both ends may be accessed before anything is; then by eights. */
static int access_vector(struct tcg_cpu *c, uint64_t va, uint32_t desc, uint64_t *val)
{
	enum cpu_access acc = desc & DESC_WRITE ? ACCESS_WRITE : ACCESS_READ;
	unsigned size = 1u << (desc & MO_SIZE), i;
	struct place p;

	if (desc & MO_ALIGN && va & (size - 1))
		return raise_fault(c, va, acc, FAULT_ALIGN);
	if (locate(c, va, acc, &p) < 0 ||
	    ((va ^ (va + size - 1)) >> 12 &&
	     locate(c, (va + size - 1) & ~UINT64_C(0xfff), acc, &p) < 0))
		return -1;
	for (i = 0; i < size / 8; i++)
		if (access_place(c, va + 8 * i, MO_64 | (desc & DESC_WRITE), &val[i], NULL) < 0)
			return -1;
	return 0;
}

int access_value(struct tcg_cpu *c, uint64_t va, uint32_t desc, uint64_t *val)
{
	if ((desc & MO_SIZE) > MO_64)
		return access_vector(c, va, desc, val);
	return access_place(c, va, desc, val, NULL);
}

/*
 * A store into the very block that executes it: what follows in the block would be the old code.
 * The instruction is begun again, alone, by the interpreter; the block dies of it.
 */
static bool hits_running(struct tcg_cpu *c, const struct place *p, unsigned size)
{
	struct tb *tb;
	uint64_t pc, lo;

	if (!c->ra || !p->host ||
	    !(atomic_load(&p->block->watch[(p->host - p->block->host) >> MEM_PAGE_BITS]) &
	      MEM_WATCH_CODE))
		return false;
	tb = blocks_find_host(c->tv, c->ra);
	if (!tb || !blocks_pc_at(c, c->ra, &pc))
		return false;
	lo = tb->phys;
	if (!(p->pa < lo + tb->bytes && p->pa + size > lo))
		return false;
	*state_pc(c) = pc;
	c->interpret_one = true;
	return true;
}

/* The same of a store over the edge of two pages; what it cannot write to is found again. */
static bool halves_hit_running(struct tcg_cpu *c, uint64_t va, unsigned size)
{
	unsigned done = 0, n = MIN(0x1000 - (unsigned)(va & 0xfff), size);
	struct place p;

	for (; done < size; done += n, n = size - done) {
		if (tlb_fill(c, va + done, ACCESS_WRITE, c->mode.view, &p.host, &p.pa))
			return false;
		p.block = p.host ? mem_block_at(&c->v->vm->machine->mem, p.pa) : NULL;
		if (hits_running(c, &p, n))
			return true;
	}
	return false;
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
	enum cpu_access acc;
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
	if (!((va ^ (va + size - 1)) >> TLB_PAGE_BITS) && !DESC_MISALIGNED(desc, va) &&
	    !c->debug.nr_watch) {
		acc = write || desc & MO_RMW ? ACCESS_WRITE : ACCESS_READ;
		k = tlb_fill(c, va, acc, c->mode.view, &host, &pa);
		if (!k && acc == ACCESS_WRITE && !write)	/* it may be read, then */
			k = tlb_fill(c, va, ACCESS_READ, c->mode.view, &host, &pa);
		if (k) {
			raise_fault(c, va, acc, k);
			return (struct emit_fill){ 0, FILL_LEAVE };
		}
		if (t->tag == page)
			return (struct emit_fill){ t->addend, FILL_FAST };
		place = (struct place){ host, pa,
					host ? mem_block_at(&c->v->vm->machine->mem, pa) : NULL };
		known = &place;
		if (write && c->isa->coherent_code && hits_running(c, &place, (unsigned)size))
			return (struct emit_fill){ 0, FILL_LEAVE };
	} else if (write && c->isa->coherent_code && !DESC_MISALIGNED(desc, va) &&
		   halves_hit_running(c, va, (unsigned)size)) {
		return (struct emit_fill){ 0, FILL_LEAVE };
	}
	if (size > 8 ? access_vector(c, va, (uint32_t)desc, f->slow_vec) < 0 :
		       access_place(c, va, (uint32_t)desc, &f->slow_val, known) < 0)
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

/* --- for helpers --- */

static struct tcg_cpu *of_env(struct cpu_env *env)
{
	return container_of(env, struct vcpu, env)->engines[ACCEL_TCG];
}

/*
 * Helpers may look through another view than the code's (a descriptor table in ring 3): the
 * machinery above works on the mode's, which is exchanged for the time.
 */
unsigned access_swap_view(struct tcg_cpu *c, unsigned view)
{
	unsigned old = c->mode.view;

	c->mode.view = (uint8_t)view;
	c->view = c->ctx->view[view];
	return old;
}

static uint8_t *inline_host(struct tcg_cpu *c, uint64_t va, enum cpu_access acc, unsigned size)
{
	const struct tlb_entry *t = acc == ACCESS_WRITE ? &c->view->w[TLB_INDEX(va)] :
							  &c->view->r[TLB_INDEX(va)];

	if (t->tag != (va & ~UINT64_C(0xfff)) || (va & 0xfff) + size > 4096)
		return NULL;
	return (uint8_t *)(uintptr_t)(va + t->addend);
}

int access_env_mem(struct cpu_env *env, gva_t va, unsigned view, unsigned size, bool write,
		   uint64_t *val)
{
	struct tcg_cpu *c = of_env(env);
	unsigned old = access_swap_view(c, view);
	/* the interpreter and lockstep come here with the state's pc, too: no return address */
	const void *ra = c->ra;
	int r;

	c->ra = NULL;
	r = access_place(c, va, (uint32_t)__builtin_ctz(size) | (write ? DESC_WRITE : 0), val,
			 NULL);
	c->ra = ra;
	if (r < 0)
		tlb_mode_update(c);	/* a fault may have changed the mode */
	else
		access_swap_view(c, old);
	return r;
}

void *access_env_host(struct cpu_env *env, gva_t va, unsigned view, enum cpu_access acc,
		      unsigned size)
{
	struct tcg_cpu *c = of_env(env);
	unsigned old = access_swap_view(c, view);
	uint8_t *host = c->tv->checker || c->debug.nr_watch ? NULL : inline_host(c, va, acc, size),
		*h;
	uint64_t pa;

	if (!host && !c->tv->checker && !c->debug.nr_watch && !tlb_fill(c, va, acc, view, &h, &pa))
		host = inline_host(c, va, acc, size);
	access_swap_view(c, old);
	return host;
}

int access_env_cas(struct cpu_env *env, gva_t va, unsigned view, unsigned size,
		   const void *expect, const void *new, void *old)
{
	struct tcg_cpu *c = of_env(env);
	uint64_t seen[2] = { 0, 0 }, want[2] = { 0, 0 };
	unsigned step = size < 8 ? size : 8, i;
	uint32_t mo = (uint32_t)__builtin_ctz(step);
	uint8_t bytes[16];
	struct place p;
	unsigned before = access_swap_view(c, view);
	uint8_t *host = size == 16 && !(va & 15) ? inline_host(c, va, ACCESS_WRITE, 16) : NULL;

	c->ra = NULL;
	if (host && emit_cas16(host, expect, new, old)) {
		access_swap_view(c, before);
		return 0;
	}
	if (locate(c, va, ACCESS_WRITE, &p) < 0 ||
	    ((va ^ (va + size - 1)) >> TLB_PAGE_BITS &&
	     locate(c, (va | 0xfff) + 1, ACCESS_WRITE, &p) < 0)) {
		tlb_mode_update(c);
		return -1;
	}
	host = size == 16 && !(va & 15) ? inline_host(c, va, ACCESS_WRITE, 16) : NULL;
	if (host && emit_cas16(host, expect, new, old)) {
		access_swap_view(c, before);
		return 0;
	}
	memcpy(want, expect, size);
	memcpy(bytes, new, size);
	world_stop(c->tv, c, true);
	for (i = 0; i < size; i += step)
		if (access_place(c, va + i, mo, &seen[i / 8], NULL) < 0)
			break;
	if (i >= size && !memcmp(seen, want, size))
		for (i = 0; i < size; i += step) {
			memcpy(&want[0], bytes + i, step);
			if (access_place(c, va + i, mo | DESC_WRITE, &want[0], NULL) < 0)
				break;
		}
	world_resume(c->tv, c);
	if (i < size) {
		tlb_mode_update(c);
		return -1;
	}
	memcpy(old, seen, size);
	access_swap_view(c, before);
	return 0;
}
