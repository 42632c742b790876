/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "accel/tcg/check.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "util/bits.h"
#include "util/log.h"

#define FLUSHES 65536		/* remembered per vCPU */
#define L2_NOTES 65536

struct note {			/* where an entry comes from; page NO_PHYS: nowhere */
	uint64_t page, page_size;
	uint64_t seq;		/* flushes seen before */
	uint64_t space;
	uint32_t serial;	/* second level: of the entry */
	uint16_t asid;
	uint8_t view;
	bool global;
};

struct view_notes {		/* one for each entry of a view */
	struct note r[TLB_ENTRIES], w[TLB_ENTRIES], x[256], jc[JC_ALL];
};

struct check_cpu {
	struct tlb_flush flush[FLUSHES];
	uint64_t nr_flush;
	struct note l2[L2_NOTES];
	uint64_t n_hits, n_jumps, n_stale, n_unknown;
	char text[160];
	struct view_notes view[];
};

struct tcg_check {
	struct tcg_view *empty;
	struct check_cpu *cpu[256];
};

/* --- setting up --- */

int check_start(struct tcg_vm *tv, struct err *e)
{
	struct tcg_check *k = calloc(1, sizeof(*k));
	unsigned i;

	if (k)
		k->empty = calloc(1, sizeof(*k->empty));
	if (!k || !k->empty) {
		free(k);
		return err_set(e, ENOMEM, "no memory");
	}
	for (i = 0; i < TLB_ENTRIES; i++)
		k->empty->r[i].tag = k->empty->w[i].tag = TLB_INVALID;
	for (i = 0; i < JC_ALL; i++)
		k->empty->jc[i] = (struct jc_entry){ JC_EMPTY, tv->thunks.find };
	tv->checker = k;
	tv->empty_view = k->empty;
	return 0;
}

static void print_counts(const struct check_cpu *k, unsigned cpu, FILE *f)
{
	fprintf(f, "check: cpu %u: %lu accesses and %lu fetches by cached entries, ", cpu,
		(unsigned long)k->n_hits, (unsigned long)k->n_jumps);
	fprintf(f, "%lu stale before the guest's flush, %lu of unknown age; %lu flushes\n",
		(unsigned long)k->n_stale, (unsigned long)k->n_unknown, (unsigned long)k->nr_flush);
}

void check_info(const struct tcg_vm *tv, FILE *f)
{
	unsigned i;

	for (i = 0; tv->checker && i < ARRAY_SIZE(tv->checker->cpu); i++)
		if (tv->checker->cpu[i])
			print_counts(tv->checker->cpu[i], i, f);
}

void check_vcpu_stop(struct tcg_cpu *c)
{
	struct tcg_check *k = c->tv ? c->tv->checker : NULL;
	size_t size = sizeof(struct check_cpu) +
		      TCG_MAX_CONTEXTS * TCG_MAX_VIEWS * sizeof(struct view_notes);

	if (!k || !k->cpu[c->v->index])
		return;
	print_counts(k->cpu[c->v->index], c->v->index, log_file());
	munmap(k->cpu[c->v->index], size);
	k->cpu[c->v->index] = NULL;
}

void check_stop(struct tcg_vm *tv)
{
	if (!tv->checker)
		return;
	free(tv->checker->empty);
	free(tv->checker);
	tv->checker = NULL;
}

/* Taken from the system page by page: most views are never used. */
static struct check_cpu *of(struct tcg_cpu *c)
{
	struct check_cpu **p = &c->tv->checker->cpu[c->v->index];
	size_t size = sizeof(**p) + TCG_MAX_CONTEXTS * TCG_MAX_VIEWS * sizeof(struct view_notes);

	if (*p)
		return *p;
	*p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
		  -1, 0);
	if (*p == MAP_FAILED)
		abort();
	return *p;
}

static struct view_notes *notes(struct tcg_cpu *c, const struct tcg_view *v)
{
	return &of(c)->view[v - c->views];
}

/* --- where entries come from --- */

static struct note *l2_note(struct check_cpu *k, uint64_t page, unsigned view, uint32_t serial)
{
	uint64_t h = (page >> TLB_PAGE_BITS ^ (uint64_t)view << 60) * UINT64_C(0x9e3779b97f4a7c15);

	return &k->l2[(h + (uint64_t)serial * UINT64_C(0xc2b2ae3d27d4eb4f)) >> 48];
}

void check_filled(struct tcg_cpu *c, uint64_t va, enum cpu_access acc, unsigned view,
		  const struct tlb_walk *w)
{
	struct check_cpu *k = of(c);
	struct view_notes *v = notes(c, c->ctx->view[view]);
	struct note n = {
		.page = va & ~UINT64_C(0xfff),
		.page_size = w->page_size,
		.seq = k->nr_flush,
		.space = c->mode.space,
		.asid = c->mode.asid,
		.view = (uint8_t)view,
		.global = w->global,
		.serial = w->global && w->page_size == 4096 ? c->global_serial : c->ctx->serial,
	};

	if (acc == ACCESS_EXEC) {
		v->x[va >> TLB_PAGE_BITS & 255] = n;
		return;
	}
	if (acc == ACCESS_WRITE)
		v->w[TLB_INDEX(va)] = n;
	else
		v->r[TLB_INDEX(va)] = n;
	*l2_note(k, n.page, view, n.serial) = n;
}

static void filled_from_l2(struct tcg_cpu *c, uint64_t page, struct note *to)
{
	struct check_cpu *k = of(c);
	uint32_t serial[2] = { c->ctx->serial, c->global_serial };
	unsigned i;

	*to = (struct note){ .page = NO_PHYS };
	for (i = 0; i < 2; i++) {
		const struct note *n = l2_note(k, page, c->mode.view, serial[i]);

		if (n->page == page && n->view == c->mode.view && n->serial == serial[i])
			*to = *n;
	}
}

void check_jump_fill(struct tcg_cpu *c, uint64_t pc)
{
	struct view_notes *v = notes(c, c->view);
	uint64_t old = c->view->jc[JC_INDEX(pc)].pc;

	if (old != pc && old != JC_EMPTY)
		v->jc[JC_VICTIM(old)] = v->jc[JC_INDEX(pc)];
	/* as old as what is known about its page */
	v->jc[JC_INDEX(pc)] = v->x[pc >> TLB_PAGE_BITS & 255];
}

void check_flushed(struct tcg_cpu *c, const struct tlb_flush *f)
{
	struct check_cpu *k = of(c);

	k->flush[k->nr_flush++ % FLUSHES] = *f;
}

/* --- judging --- */

static bool covers(const struct tlb_flush *f, const struct note *n)
{
	uint64_t lo = n->page & ~(n->page_size - 1), start = f->va & ~UINT64_C(0xfff);
	bool asid = n->asid == f->asid && !(n->global && f->keep_global);
	bool va = start <= lo + (n->page_size - 1) && f->va + (f->len ? f->len : 1) - 1 >= lo;

	switch (f->kind) {
	case FLUSH_ALL: return true;
	case FLUSH_ASID: return asid;
	case FLUSH_VA: return va;
	default: return va && asid;
	}
}

static void print_flush(const struct check_cpu *k, uint64_t seq, const char *what)
{
	static const char *const kinds[] = { "all", "ASID", "address", "address in ASID" };
	const struct tlb_flush *f = &k->flush[seq % FLUSHES];

	log_trace("  %s: number %lu: %s, address %016lx, length %lx, ASID %u%s\n", what,
		  (unsigned long)seq, kinds[f->kind & 3], (unsigned long)f->va,
		  (unsigned long)f->len, f->asid, f->keep_global ? ", not global ones" : "");
}

/* An entry and the page tables disagree: is it the guest's affair? */
static void judge(struct tcg_cpu *c, const char *what, uint64_t va, const struct note *n,
		  uint64_t entry, const struct tlb_walk *w)
{
	struct check_cpu *k = of(c);
	bool foreign = !n->global && (n->asid != c->mode.asid || !n->space != !c->mode.space);
	uint64_t seq, pc = *state_pc(c);

	if (n->page != (va & ~UINT64_C(0xfff)) || !n->page_size || k->nr_flush - n->seq > FLUSHES) {
		k->n_unknown++;
		return;
	}
	for (seq = n->seq; seq < k->nr_flush; seq++)
		if (covers(&k->flush[seq % FLUSHES], n))
			break;
	if (seq == k->nr_flush && !foreign) {
		k->n_stale++;
		return;
	}
	if (k->text[0])
		return;
	if (c->ra)		/* inside a block */
		blocks_pc_at(c, c->ra, &pc);
	snprintf(k->text, sizeof(k->text), "check: %s entry for %016lx outlived %s", what,
		 (unsigned long)va, foreign ? "its address space" : "a flush");
	log_trace("check: cpu %u: %s of %016lx, view %u, space %016lx, pc %016lx\n", c->v->index,
		  what, (unsigned long)va, c->mode.view, (unsigned long)c->mode.space,
		  (unsigned long)pc);
	log_trace(
		"  the entry says %lx; the page tables say %lx, prot %u, fault %u, page size %lx\n",
		(unsigned long)entry, (unsigned long)w->pa, w->prot, w->fault,
		(unsigned long)w->page_size);
	log_trace("  made before flush %lu in space %016lx, ASID %u%s, page size %lx\n",
		  (unsigned long)n->seq, (unsigned long)n->space, n->asid,
		  n->global ? ", global" : "", (unsigned long)n->page_size);
	if (seq < k->nr_flush)
		print_flush(k, seq, "covered by flush");
	if (k->nr_flush)
		print_flush(k, k->nr_flush - 1, "last flush");
	tcg_poke(c);
}

const char *check_failed(const struct tcg_cpu *c)
{
	const struct check_cpu *k = c->tv->checker->cpu[c->v->index];

	return k && k->text[0] ? k->text : NULL;
}

/* --- uses --- */

/* Guest physical address behind a host address that an entry gave. */
static uint64_t gpa_of(const struct tcg_cpu *c, uint64_t host)
{
	const struct mem *m = &c->v->vm->machine->mem;
	unsigned i;

	for (i = 0; i < m->nr; i++)
		if (host - (uint64_t)(uintptr_t)m->block[i].host < m->block[i].size)
			return m->block[i].base + (host - (uint64_t)(uintptr_t)m->block[i].host);
	return NO_PHYS;
}

static void check_entry(struct tcg_cpu *c, uint64_t va, bool write, const struct tlb_entry *t,
			const struct note *n)
{
	struct tlb_walk w = { 0 };
	uint64_t pa = gpa_of(c, va + t->addend);
	struct mem_block *b;

	of(c)->n_hits++;
	c->isa->walk(c->state, va, write ? ACCESS_WRITE : ACCESS_READ, c->mode.view, &w);
	b = w.fault ? NULL : mem_find(&c->v->vm->machine->mem, w.pa);
	if (!b || pa != w.pa || (write && b->flags & MEM_ROM)) {
		judge(c, write ? "write" : "read", va, n, pa, &w);
		return;
	}
	/* with others running, a page may become watched before its entries are dropped */
	if (write && c->tv->vm->nr_vcpus == 1 && !of(c)->text[0] &&
	    atomic_load(&b->watch[(w.pa - b->base) >> MEM_PAGE_BITS]) & MEM_WATCH_CODE) {
		snprintf(of(c)->text, sizeof(of(c)->text),
			 "check: page %lx of %016lx holds translated code and is "
			 "writable in the TLB",
			 (unsigned long)w.pa & ~0xfffUL, (unsigned long)va);
		tcg_poke(c);
	}
}

bool check_access(struct tcg_cpu *c, uint64_t va, uint64_t desc, uint64_t *addend)
{
	bool write = desc & DESC_WRITE;
	struct tcg_view *v = c->view;
	struct tlb_entry *t = write ? &v->w[TLB_INDEX(va)] : &v->r[TLB_INDEX(va)];
	struct note *n = write ? &notes(c, v)->w[TLB_INDEX(va)] : &notes(c, v)->r[TLB_INDEX(va)];
	uint64_t size =
		desc & DESC_GROUP ? desc >> DESC_LEN_SHIFT : UINT64_C(1) << (desc & MO_SIZE);

	if ((va ^ (va + size - 1)) >> TLB_PAGE_BITS || DESC_MISALIGNED(desc, va))
		return false;
	if (t->tag != (va & ~UINT64_C(0xfff))) {
		if (fast_fill(c->state, va, desc, NULL).status != FILL_FAST)
			return false;
		filled_from_l2(c, va & ~UINT64_C(0xfff), n);
	}
	check_entry(c, va, write, t, n);
	*addend = t->addend;
	return true;
}

static void check_code(struct tcg_cpu *c, uint64_t va, uint64_t phys, const struct note *n,
		       const char *what)
{
	struct tlb_walk w = { 0 };

	of(c)->n_jumps++;
	c->isa->walk(c->state, va, ACCESS_EXEC, c->mode.view, &w);
	if (w.fault || w.pa != phys)
		judge(c, what, va, n, phys, &w);
}

void check_fetch(struct tcg_cpu *c, uint64_t pc)
{
	struct view_notes *k = notes(c, c->view);
	unsigned n = c->view->jc[JC_INDEX(pc)].pc == pc ? JC_INDEX(pc) : JC_VICTIM(pc);
	const struct jc_entry *j = &c->view->jc[n];
	const struct tlb_entry *x = &c->view->x[pc >> TLB_PAGE_BITS & 255];
	struct tb *tb;

	if (x->tag == (pc & ~UINT64_C(0xfff)))
		check_code(c, pc, x->addend | (pc & 0xfff), &k->x[pc >> TLB_PAGE_BITS & 255],
			   "fetch");
	if (j->pc != pc)
		return;
	tb = blocks_find_host(c->tv, j->code);
	if (tb && !tb->dead)
		check_code(c, pc, tb->phys, &k->jc[n], "jump");
}
