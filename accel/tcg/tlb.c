/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Address spaces: each (root, ASID) the guest uses has a context with tables of
 * its own, so that switching between them is loading a pointer. Flushes act on
 * the active context at once and are logged for the others, which replay the log
 * when they become active (or are cleared when it is too long).
 *
 * A large guest page is entered as 4 KiB pieces; the span of addresses that large
 * pages cover is kept, and an invalidation inside it clears the context, since
 * one guest instruction must drop all pieces.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "accel/tcg/check.h"
#include "accel/tcg/tcg.h"
#include "util/bits.h"
#include "util/log.h"

/*
 * The fetch table forgets pages that it has no room for; the filter does not.
 * Each half of the address space has half of the bits: a kernel's many pages must
 * not make every invalidation of a user page look as if code were concerned.
 */
static unsigned page_bit(uint64_t page)
{
	return (unsigned)(page >> 63 << 11 |
			  (page >> TLB_PAGE_BITS) * UINT64_C(0x9e3779b97f4a7c15) >> 53);
}

static void jumps_clear(struct tcg_view *v)
{
	unsigned i;

	for (i = 0; i < JC_ALL; i++)
		v->jc[i] = (struct jc_entry){ JC_EMPTY, v->none };
	memset(v->executed, 0, sizeof(v->executed));
	/* pages that are still known come back into the cache without being filled again */
	for (i = 0; i < ARRAY_SIZE(v->x); i++)
		if (v->x[i].tag != TLB_INVALID) {
			unsigned n = page_bit(v->x[i].tag);

			v->executed[n / 64] |= BIT(n % 64);
		}
}

static void view_clear(struct tcg_view *v)
{
	unsigned i;

	if (!v->used)
		return;
	for (i = 0; i < TLB_ENTRIES; i++) {
		v->r[i].tag = TLB_INVALID;
		v->w[i].tag = TLB_INVALID;
	}
	for (i = 0; i < ARRAY_SIZE(v->x); i++)
		v->x[i].tag = TLB_INVALID;
	jumps_clear(v);
	v->used = 0;
}

/* The view for C; translated code sees it too, unless each of its accesses is to be checked. */
static void view_set(struct tcg_cpu *c, struct tcg_view *v)
{
	c->view = v;
	CPU_HEAD(c->state)->view = c->tv->checker ? c->tv->empty_view : v;
}

/* Of entries in the second level from now on. When the numbers run out nothing may have one. */
static uint32_t new_serial(struct tcg_cpu *c)
{
	unsigned i;

	if (c->next_serial == UINT32_MAX) {
		memset(c->l2, 0, L2_SETS * L2_WAYS * sizeof(*c->l2));
		c->next_serial = 0;
		for (i = 0; i < TCG_MAX_CONTEXTS; i++)
			c->contexts[i].serial = ++c->next_serial;
		c->global_serial = ++c->next_serial;
	}
	return ++c->next_serial;
}

static void context_clear(struct tcg_cpu *c, struct tcg_context *x)
{
	unsigned i;

	for (i = 0; i < c->isa->nr_views; i++)
		if (x->view[i] != c->shared[i])
			view_clear(x->view[i]);
	x->serial = new_serial(c);
	x->big_lo[0] = x->big_lo[1] = ~UINT64_C(0);
	x->big_hi[0] = x->big_hi[1] = 0;
	x->stale = false;
	x->flush_pos = c->flush_pos;
	if (x == c->ctx)
		view_set(c, x->view[c->mode.view]);
}

static void shared_clear(struct tcg_cpu *c)
{
	unsigned i;

	for (i = 0; i < c->isa->nr_views; i++)
		if (c->shared[i])
			view_clear(c->shared[i]);
	c->foreign = 0;
	c->shared_lo[0] = c->shared_lo[1] = ~UINT64_C(0);
	c->shared_hi[0] = c->shared_hi[1] = 0;
}

static void view_flush_page(struct tcg_view *v, uint64_t page)
{
	struct tlb_entry *x = &v->x[page >> TLB_PAGE_BITS & 255];
	unsigned i = TLB_INDEX(page);

	if (!v->used)
		return;
	if (v->r[i].tag == page)
		v->r[i].tag = TLB_INVALID;
	if (v->w[i].tag == page)
		v->w[i].tag = TLB_INVALID;
	if (x->tag == page)
		x->tag = TLB_INVALID;
	i = page_bit(page);
	if (v->executed[i / 64] & BIT(i % 64))
		jumps_clear(v);
}

static bool in_big(const struct tcg_context *x, uint64_t va, uint64_t len)
{
	unsigned h = va >> 63;

	return va < x->big_hi[h] && va + len > x->big_lo[h];
}

static void shared_flush(struct tcg_cpu *c, const struct tlb_flush *f)
{
	uint64_t len = f->len ? f->len : 4096, page;
	unsigned i, h = f->va >> 63;

	if (f->kind == FLUSH_ASID) {
		if (c->foreign || !f->keep_global)
			shared_clear(c);
		return;
	}
	if (f->kind == FLUSH_ALL || len > 64 * 4096 ||
	    (f->va < c->shared_hi[h] && f->va + len > c->shared_lo[h])) {
		shared_clear(c);
		return;
	}
	for (page = f->va & ~UINT64_C(0xfff); page < f->va + len; page += 4096)
		for (i = 0; i < c->isa->nr_views; i++)
			if (c->shared[i])
				view_flush_page(c->shared[i], page);
}

static void context_flush(struct tcg_cpu *c, struct tcg_context *x, const struct tlb_flush *f)
{
	uint64_t len = f->len ? f->len : 4096, page;
	unsigned i;

	if ((f->kind == FLUSH_ASID || f->kind == FLUSH_VA_ASID) && x->asid != f->asid)
		return;
	if (f->kind == FLUSH_ALL || f->kind == FLUSH_ASID || len > 64 * 4096 ||
	    in_big(x, f->va, len)) {
		context_clear(c, x);
		return;
	}
	for (page = f->va & ~UINT64_C(0xfff); page < f->va + len; page += 4096)
		for (i = 0; i < c->isa->nr_views; i++)
			if (x->view[i] != c->shared[i])
				view_flush_page(x->view[i], page);
}

static void l2_flush_page(struct tcg_cpu *c, uint64_t page)
{
	struct l2_entry *e = &c->l2[(page >> TLB_PAGE_BITS & (L2_SETS - 1)) * L2_WAYS];
	unsigned i;

	for (i = 0; i < L2_WAYS; i++)
		if (e[i].va == page)
			e[i].prot = 0;
}

void tlb_flush_local(struct tcg_cpu *c, const struct tlb_flush *f)
{
	uint64_t len = f->len ? f->len : 4096, page;
	struct tlb_flush whole = *f;
	unsigned i;

	if (log_on(LOG_MMU))
		log_trace("mmu: cpu %u flush %s va %016lx length %lx asid %u%s\n", c->v->index,
			  (const char *const[]){ "all", "asid", "va", "va+asid" }[f->kind & 3],
			  (unsigned long)f->va, (unsigned long)f->len, f->asid,
			  f->keep_global ? " keeps global" : "");
	if (c->tv->checker)
		check_flushed(c, f);
	if (c->tv->sabotage == SABOTAGE_FLUSH)
		return;
	/* up to the end: its address is no number here */
	if (f->kind >= FLUSH_VA && f->va + len <= f->va) {
		whole.kind = f->kind == FLUSH_VA ? FLUSH_ALL : FLUSH_ASID;
		f = &whole;
	}
	shared_flush(c, f);
	if (f->kind == FLUSH_ALL || (f->kind == FLUSH_VA && len > 64 * 4096) ||
	    f->kind == FLUSH_ASID) {
		/* global entries belong to no ASID; an ASID flush may keep them */
		if (f->kind != FLUSH_ASID)
			c->global_serial = new_serial(c);
		for (i = 0; i < TCG_MAX_CONTEXTS; i++)
			if (c->contexts[i].valid &&
			    (f->kind != FLUSH_ASID || c->contexts[i].asid == f->asid))
				c->contexts[i].stale = true;
	} else {
		if (len > 64 * 4096)
			c->global_serial = new_serial(c);
		else
			for (page = f->va & ~UINT64_C(0xfff); page < f->va + len; page += 4096)
				l2_flush_page(c, page);
		for (i = 0; i < TCG_MAX_CONTEXTS;
		     i++) /* pieces of large pages in the second level */
			if (c->contexts[i].valid && in_big(&c->contexts[i], f->va, len)) {
				c->global_serial = new_serial(c);
				break;
			}
		c->flush_log[c->flush_pos++ % FLUSH_LOG] = *f;
	}
	if (!c->ctx) /* not run yet: gdb sets breakpoints before the first instruction */
		return;
	if (c->ctx->stale)
		context_clear(c, c->ctx);
	else if (c->ctx->flush_pos != c->flush_pos) {
		context_flush(c, c->ctx, f);
		c->ctx->flush_pos = c->flush_pos;
	}
}

void tlb_flush_everything(struct tcg_cpu *c)
{
	tlb_flush_local(c, &(struct tlb_flush){ .kind = FLUSH_ALL });
}

/* Replays what was flushed while the context was not active. */
static void context_catch_up(struct tcg_cpu *c, struct tcg_context *x)
{
	uint64_t p;

	if (x->stale || c->flush_pos - x->flush_pos > FLUSH_LOG) {
		context_clear(c, x);
		return;
	}
	for (p = x->flush_pos; p != c->flush_pos && x->flush_pos != c->flush_pos; p++)
		context_flush(c, x, &c->flush_log[p % FLUSH_LOG]);
	x->flush_pos = c->flush_pos;
}

static struct tcg_context *context_for(struct tcg_cpu *c, const struct cpu_mode *m)
{
	struct tcg_context *x, *old = NULL;
	unsigned i;

	for (i = 0; i < TCG_MAX_CONTEXTS; i++) {
		x = &c->contexts[i];
		if (x->valid && x->space == m->space)
			return x;
		if (!old || !x->valid || (old->valid && x->last_use < old->last_use))
			old = x;
	}
	old->stale = true;
	old->valid = true;
	old->space = m->space;
	old->asid = m->asid;
	return old;
}

void tlb_mode_update(struct tcg_cpu *c)
{
	struct tcg_context *x = c->ctx;
	struct tcg_view *v;

	c->mode_dirty = false;
	c->isa->mode(c->state, &c->mode);
	c->key = c->mode.key;
	if (!x || !x->valid || x->space != c->mode.space)
		x = context_for(c, &c->mode);
	c->ctx = x;
	x->last_use = ++c->use_clock;
	if (x->stale || x->flush_pos != c->flush_pos)
		context_catch_up(c, x);
	if (c->shared[c->mode.view] && c->shared_space != c->mode.space) {
		/* untranslated addresses share nothing with translated ones */
		if (c->foreign || !c->shared_space || !c->mode.space)
			shared_clear(c);
		c->shared_space = c->mode.space;
	}
	v = x->view[c->mode.view];
	/* addresses say nothing of the mode */
	if (v->jc_key != c->key && !c->mode.single) {
		if (v->used)
			jumps_clear(v);
		v->jc_key = c->key;
	}
	view_set(c, v);
}

void tlb_clear_jumps(struct tcg_cpu *c)
{
	unsigned i, j;

	for (i = 0; i < TCG_MAX_CONTEXTS; i++)
		for (j = 0; j < c->isa->nr_views; j++)
			if (c->contexts[i].view[j]->used)
				jumps_clear(c->contexts[i].view[j]);
}

/* Virtual page by which a page was last made writable, as tcg_vm.written keeps it. */
static uint32_t hint_of(uint64_t va)
{
	return (uint32_t)(va >> TLB_PAGE_BITS & (WRITTEN_MANY >> 1)) << 1 | 1;
}

static void drop_hinted(struct tcg_cpu *c, uint64_t gpa, const uint8_t *host, uint32_t hint)
{
	uint64_t page = (uint64_t)(hint >> 1) << TLB_PAGE_BITS;
	struct l2_entry *e = &c->l2[(page >> TLB_PAGE_BITS & (L2_SETS - 1)) * L2_WAYS];
	unsigned i, j;

	for (i = 0; i < TCG_MAX_CONTEXTS; i++)
		for (j = 0; j < c->isa->nr_views; j++) {
			struct tcg_view *v = c->contexts[i].view[j];
			struct tlb_entry *t = &v->w[TLB_INDEX(page)];

			if (v->used && t->tag + t->addend == (uint64_t)(uintptr_t)host)
				t->tag = TLB_INVALID;
		}
	for (i = 0; i < L2_WAYS; i++)
		if (e[i].pa == gpa)
			e[i].prot &= ~PROT_W;
}

void tlb_drop_writable(struct tcg_cpu *c, uint64_t gpa, uint32_t hint)
{
	struct mem *m = &c->v->vm->machine->mem;
	const uint8_t *host = gpa == NO_PHYS ? NULL : mem_ptr(m, gpa & ~UINT64_C(0xfff), 1);
	unsigned i, j, k;

	if (gpa != NO_PHYS && hint != WRITTEN_MANY) {
		drop_hinted(c, gpa, host, hint);
		return;
	}
	for (i = 0; i < TCG_MAX_CONTEXTS; i++)
		for (j = 0; j < c->isa->nr_views; j++) {
			struct tcg_view *v = c->contexts[i].view[j];

			if (!v->used || (i && v == c->shared[j]))
				continue;
			for (k = 0; k < TLB_ENTRIES; k++)
				if (gpa == NO_PHYS ||
				    v->w[k].tag + v->w[k].addend == (uint64_t)(uintptr_t)host)
					v->w[k].tag = TLB_INVALID;
		}
	for (i = 0; i < L2_SETS * L2_WAYS; i++)
		if (gpa == NO_PHYS || c->l2[i].pa == (gpa & ~UINT64_C(0xfff)))
			c->l2[i].prot &= ~PROT_W;
}

/* Notes, for all to see, that an entry with a writable mapping of the page is about to exist. */
static void announce_writable(_Atomic uint32_t *written, uint64_t va)
{
	uint32_t old = atomic_load(written), hint = hint_of(va);

	while (old != hint && old != WRITTEN_MANY)
		if (atomic_compare_exchange_weak(written, &old, old ? WRITTEN_MANY : hint))
			return;
}

static void l2_insert(struct tcg_cpu *c, uint64_t page, unsigned view, const struct tlb_walk *w,
		      unsigned prot, uint64_t addend)
{
	unsigned set = page >> TLB_PAGE_BITS & (L2_SETS - 1), i;
	uint32_t serial = w->global && w->page_size == 4096 ? c->global_serial : c->ctx->serial;
	struct l2_entry *e = &c->l2[set * L2_WAYS];

	for (i = 0; i < L2_WAYS; i++)
		if (e[i].va == page && e[i].view == view && e[i].serial == serial)
			break;
	if (i == L2_WAYS)
		for (i = 0; i < L2_WAYS; i++)
			if (!e[i].prot)
				break;
	if (i == L2_WAYS)
		i = c->l2_victim[set]++ % L2_WAYS;
	e[i] = (struct l2_entry){ .va = page,
				  .addend = addend,
				  .pa = w->pa & ~UINT64_C(0xfff),
				  .serial = serial,
				  .view = (uint8_t)view,
				  .prot = (uint8_t)prot,
				  .global = w->global };
}

enum fault_kind tlb_fill(struct tcg_cpu *c, uint64_t va, enum cpu_access acc, unsigned view,
			 uint8_t **host, uint64_t *pa)
{
	struct mem *m = &c->v->vm->machine->mem;
	struct tcg_view *v = c->ctx->view[view];
	uint64_t page = va & ~UINT64_C(0xfff), off, addend;
	struct mem_block *b;
	struct tlb_walk w = { 0 };
	uint8_t *base;
	unsigned prot;

	c->isa->walk(c->state, va, acc, view, &w);
	if (log_on(LOG_MMU) && log_filter(va))
		log_trace("mmu: cpu %u walk %s va %016lx view %u -> %s pa %lx %c%c%c size %lx%s\n",
			  c->v->index, (const char *const[]){ "read", "write", "exec" }[acc],
			  (unsigned long)va, view,
			  (const char *const[]){ "ok", "page fault", "access fault",
						 "misaligned" }[w.fault & 3],
			  (unsigned long)w.pa, w.prot & PROT_R ? 'r' : '-',
			  w.prot & PROT_W ? 'w' : '-', w.prot & PROT_X ? 'x' : '-',
			  (unsigned long)w.page_size, w.global ? " global" : "");
	if (w.fault)
		return w.fault;
	*pa = w.pa;
	*host = NULL;
	b = mem_find_at(m, w.pa, &off);
	if (!b)
		return FAULT_NONE;
	*host = b->host + off;
	base = *host - (va & 0xfff);
	addend = (uint64_t)(uintptr_t)base - page;
	prot = w.prot;
	if (w.page_size > 4096) {
		uint64_t lo = va & ~(w.page_size - 1), hi = lo + w.page_size;
		unsigned h = va >> 63;

		hi = hi ? hi : ~UINT64_C(0);
		c->ctx->big_lo[h] = MIN(c->ctx->big_lo[h], lo);
		c->ctx->big_hi[h] = MAX(c->ctx->big_hi[h], hi);
		if (v == c->shared[view]) {
			c->shared_lo[h] = MIN(c->shared_lo[h], lo);
			c->shared_hi[h] = MAX(c->shared_hi[h], hi);
		}
	}
	if (v == c->shared[view] && !w.global)
		c->foreign |= 1u << view;
	if (c->tv->checker)
		check_filled(c, va, acc, view, &w);
	if (acc == ACCESS_EXEC) {
		struct tlb_entry *x = &v->x[page >> TLB_PAGE_BITS & 255];

		x->tag = page;
		x->addend = w.pa & ~UINT64_C(0xfff);
		v->executed[page_bit(page) / 64] |= BIT(page_bit(page) % 64);
		v->used = 1;
		return FAULT_NONE;
	}
	if (w.page_size < 4096 || c->debug.nr_watch)
		return FAULT_NONE;	/* each access is looked at */
	if (b->flags & MEM_ROM || (off | 0xfff) >= b->size)
		prot &= ~PROT_W;
	if (acc == ACCESS_WRITE && prot & PROT_W) {
		uint64_t n = off >> MEM_PAGE_BITS;

		/*
		 * first announce the entry, then look for code: the translator
		 * does it the other way round. Nothing is announced in vain: that
		 * would make the next translation from the page stop all CPUs.
		 */
		if (!(atomic_load(&b->watch[n]) & MEM_WATCH_CODE))
			announce_writable(&c->tv->written[b - m->block][n], page);
		if (atomic_load(&b->watch[n]) & MEM_WATCH_CODE)
			prot &= ~PROT_W;
		else
			mem_set_dirty(b, n);
	} else {
		prot &= ~PROT_W;
	}
	if (acc == ACCESS_WRITE && !(prot & PROT_W))
		return FAULT_NONE;
	l2_insert(c, page, view, &w, prot & (PROT_R | PROT_W), addend);
	if (acc == ACCESS_WRITE) {
		v->w[TLB_INDEX(va)] = (struct tlb_entry){ page, addend };
	} else {
		v->r[TLB_INDEX(va)] = (struct tlb_entry){ page, addend };
	}
	v->used = 1;
	return FAULT_NONE;
}

int tlb_cpu_init(struct tcg_cpu *c, struct err *e)
{
	size_t size = c->isa->nr_views * sizeof(struct tcg_view) * TCG_MAX_CONTEXTS;
	unsigned i, j;

	c->views = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (c->views == MAP_FAILED)
		return err_errno(e, errno, "TLB tables");
	c->l2 = calloc(L2_SETS * L2_WAYS, sizeof(*c->l2));
	if (!c->l2)
		return err_set(e, ENOMEM, "second-level TLB");
	for (i = 0; i < TCG_MAX_CONTEXTS; i++) {
		struct tcg_context *x = &c->contexts[i];

		for (j = 0; j < c->isa->nr_views; j++) {
			struct tcg_view *v = &c->views[i * c->isa->nr_views + j];

			if (c->isa->shared_views >> j & 1) {
				if (!i)
					c->shared[j] = v;
				x->view[j] = c->shared[j];
			} else {
				x->view[j] = v;
			}
			v->index = (uint8_t)j;
			v->none = c->tv->thunks.find;
			v->used = 1;	/* zeroes are not empty */
		}
		x->stale = true;
	}
	shared_clear(c);
	c->global_serial = ++c->next_serial;
	return 0;
}

void tlb_cpu_free(struct tcg_cpu *c)
{
	if (c->views && c->views != MAP_FAILED)
		munmap(c->views, c->isa->nr_views * sizeof(struct tcg_view) * TCG_MAX_CONTEXTS);
	free(c->l2);
}
