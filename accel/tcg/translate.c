/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From guest pc to a block of host code. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "accel/tcg/debug.h"
#include "accel/tcg/tcg.h"
#include "tcg/build.h"
#include "tcg/opt.h"
#include "util/bits.h"
#include "util/log.h"
#include "util/os.h"
#include "util/scratch.h"

/* Physical page of pc's page through the fetch TLB: 0, or -1 with the exception raised. */
static int fetch_page(struct tcg_cpu *c, uint64_t va, uint64_t *gpa, const uint8_t **host)
{
	struct tcg_view *v = c->view;
	struct tlb_entry *x = &v->x[va >> TLB_PAGE_BITS & 255];
	uint8_t *h;
	uint64_t pa;
	enum fault_kind k;

	if (x->tag == (va & ~UINT64_C(0xfff))) {
		h = mem_ptr(&c->v->vm->machine->mem, x->addend, 1);
		if (h) {
			*gpa = x->addend;
			*host = h;
			return 0;
		}
	}
	k = tlb_fill(c, va, ACCESS_EXEC, c->mode.view, &h, &pa);
	if (!k && !h)
		k = FAULT_ACCESS;	/* no code in device registers */
	if (k) {
		c->isa->mem_fault(c->state, va, ACCESS_EXEC, k);
		return -1;
	}
	*gpa = pa & ~UINT64_C(0xfff);
	*host = h - (va & 0xfff);
	return 0;
}

/* From now on writes to the page are seen: nobody keeps a writable TLB entry for it. */
static void watch_page(struct tcg_cpu *c, uint64_t gpa)
{
	struct tcg_vm *tv = c->tv;
	struct mem *m = &tv->vm->machine->mem;
	uint64_t off;
	struct mem_block *b = mem_block_at_off(m, gpa, &off);
	uint64_t n = off >> MEM_PAGE_BITS;
	_Atomic uint32_t *written = &tv->written[b - m->block][n];
	uint32_t hint;
	unsigned i;

	if (!(atomic_load(&b->watch[n]) & MEM_WATCH_CODE))
		atomic_fetch_or(&b->watch[n], MEM_WATCH_CODE);
	/* also when the bit was set: who set it may not be done yet */
	hint = atomic_load(written);
	if (!hint)
		return;
	if (tv->vm->nr_vcpus > 1)
		world_stop(tv, c, false);
	hint = atomic_load(written);
	for (i = 0; i < tv->vm->nr_vcpus; i++)
		if (tv->vm->vcpu[i] && tv->vm->vcpu[i]->engines[ACCEL_TCG])
			tlb_drop_writable(tv->vm->vcpu[i]->engines[ACCEL_TCG], gpa, hint);
	atomic_store(written, 0);
	if (tv->vm->nr_vcpus > 1)
		world_resume(tv, c);
}

struct source {			/* what a block is made from */
	uint64_t phys, phys2;
	struct ir_fetch fetch;
	bool cross;
	uint8_t joined[16];	/* a crossing instruction, put together */
	uint32_t gen, gen2;
};

/*
 * Before the page is watched: what writes and unwatches it from then on is
 * noticed by blocks_insert.
 */
static uint32_t page_gen(struct tcg_cpu *c, uint64_t gpa)
{
	struct tcg_page *pg = blocks_page(c->tv, gpa, true);

	return pg ? __atomic_load_n(&pg->gen, __ATOMIC_ACQUIRE) : 0;
}

static int find_source(struct tcg_cpu *c, uint64_t pc, struct source *s)
{
	const uint8_t *host, *next;
	uint64_t gpa, gpa2 = 0;
	unsigned left = 4096 - (pc & 0xfff);

	if (fetch_page(c, pc, &gpa, &host) < 0)
		return -1;
	s->gen = page_gen(c, gpa);
	s->gen2 = 0;
	watch_page(c, gpa);
	s->phys = gpa | (pc & 0xfff);
	s->phys2 = NO_PHYS;
	s->cross = false;
	s->fetch.code = host + (pc & 0xfff);
	s->fetch.avail = left;
	if (left >= c->isa->max_insn_len ||
	    c->isa->insn_len(s->fetch.code, left, c->key) <= left)
		return 0;
	if (fetch_page(c, (pc | 0xfff) + 1, &gpa2, &next) < 0)
		return -1;
	s->gen2 = page_gen(c, gpa2);
	watch_page(c, gpa2);
	memcpy(s->joined, s->fetch.code, left);
	/* all that it can have: how long it is may depend on bytes of the second page */
	memcpy(s->joined + left, next, c->isa->max_insn_len - left);
	s->fetch.code = s->joined;
	s->fetch.avail = c->isa->max_insn_len;
	s->phys2 = gpa2;
	s->cross = true;
	return 0;
}

/* Instructions of the block before one, not the first, that has a breakpoint; 0: none has. */
static unsigned before_break(const struct tcg_cpu *c, const struct ir_block *b)
{
	unsigned i, j, n = 0;

	for (i = 0; i < b->nr_ops; i++) {
		if (b->ops[i].op != IR_INSN)
			continue;
		for (j = 0; n && j < c->debug.nr_break; j++)
			if ((uint64_t)b->ops[i].imm == c->debug.brk[j])
				return n;
		n++;
	}
	return 0;
}

static void make_ir(struct tcg_cpu *c, struct ir_block *b, uint64_t pc, uint32_t key,
		    const struct source *s, unsigned max_insns)
{
	do {
		ir_begin(b, c->isa, pc, key & ~KEY_SAFE);
		b->view = c->mode.view;
		b->env = &c->v->env;
		b->cross = s->cross;
		b->max_insns = s->cross ? 1 : max_insns;
		c->isa->translate(b, &s->fetch);
		/* what has a breakpoint begins a block, which the engine's loop stops before */
		max_insns = c->debug.nr_break ? before_break(c, b) : 0;
	} while (max_insns);
	c->n_insns += b->nr_insns;
}

struct ir_block *tcg_ir(struct tcg_cpu *c, uint64_t pc, uint64_t *phys, unsigned max_insns)
{
	static _Thread_local struct ir_block *b;
	struct source s;

	if (!b)
		b = scratch_alloc(sizeof(*b));
	if (find_source(c, pc, &s) < 0)
		return NULL;
	*phys = s.phys;
	make_ir(c, b, pc, c->key, &s, max_insns);
	if (!c->tv->lock)	/* which prints what it emits */
		debug_guest(c, b, s.fetch.code, s.fetch.avail);
	return b;
}

static struct ir_block *unpack(const struct tb *tb)
{
	static _Thread_local struct ir_block *b;
	const struct ir_block *head = tb->ir;
	const char *p = (const char *)tb->ir + offsetof(struct ir_block, ops);

	if (!b)
		b = scratch_alloc(sizeof(*b));
	memcpy(b, head, offsetof(struct ir_block, ops));
	memcpy(b->ops, p, b->nr_ops * sizeof(b->ops[0]));
	memcpy(b->vals, p + b->nr_ops * sizeof(b->ops[0]), b->nr_vals * sizeof(b->vals[0]));
	return b;
}

static struct tb *pack(struct tcg_cpu *c, const struct ir_block *b, const struct source *s)
{
	size_t head = offsetof(struct ir_block, ops), ops = b->nr_ops * sizeof(b->ops[0]);
	size_t vals = b->nr_vals * sizeof(b->vals[0]);
	struct tcg_region *r = blocks_region(c, false);
	struct tb *tb;
	char *p;

	if (r->arena_cap - r->arena_used < sizeof(*tb) + head + ops + vals + 64)
		r = blocks_region(c, true);
	tb = region_alloc(r, sizeof(*tb));
	p = region_alloc(r, head + ops + vals);
	memcpy(p, b, head);
	memcpy(p + head, b->ops, ops);
	memcpy(p + head + ops, b->vals, vals);
	*tb = (struct tb){ .phys = s->phys,
			   .phys2 = s->phys2,
			   .pc = b->pc,
			   .key = c->key,
			   .ir = p,
			   .region = r,
			   .bytes = (uint16_t)(b->end - b->pc),
			   .insns = (uint16_t)b->nr_insns };
	return tb;
}

struct ir_block *tcg_cached_ir(struct tcg_cpu *c, uint64_t pc)
{
	static _Thread_local struct ir_block *b;
	struct source s;
	struct tb *tb = fast_find(c, pc, c->key);

	if (!b)
		b = scratch_alloc(sizeof(*b));
	while (!tb) {
		if (find_source(c, pc, &s) < 0)
			return NULL;
		tb = fast_find(c, pc, c->key);
		if (tb)
			break;
		make_ir(c, b, pc, c->key, &s, 64);
		debug_guest(c, b, s.fetch.code, s.fetch.avail);
		tb = blocks_insert(c, pack(c, b, &s), s.gen, s.gen2);
		c->n_translated++;
	}
	return unpack(tb);
}

/* A page that two virtual addresses show (a shared library) gets translations that serve both. */
static bool want_pcrel(struct tcg_cpu *c, uint64_t pc, const struct source *s)
{
	struct tcg_page *pg = blocks_page(c->tv, s->phys, false);
	struct tb *tb, *next;

	if (s->cross || c->debug.nr_break || !pg)
		return false;
	if (c->tv->pcrel || pg->pcrel)
		return true;
	pthread_mutex_lock(&c->tv->blocks_lock);
	if (!pg->first)
		pg->vpage = pc >> TLB_PAGE_BITS;
	/*
	 * those of the first address could not be linked to the new ones: they
	 * are made again too
	 */
	pg->pcrel |= pg->vpage != pc >> TLB_PAGE_BITS;
	for (tb = pg->pcrel ? pg->first : NULL; tb; tb = next) {
		unsigned w = (tb->phys ^ s->phys) >> MEM_PAGE_BITS ? 1 : 0;

		next = tb->page_next[w];
		if (tb->phys2 == NO_PHYS)
			blocks_kill(c->tv, tb);
	}
	pthread_mutex_unlock(&c->tv->blocks_lock);
	return pg->pcrel;
}

static struct tb *translate(struct tcg_cpu *c, uint64_t pc, uint32_t key, struct source *s)
{
	static _Thread_local struct ir_block *b;
	static _Thread_local struct emit_block *eb;
	struct tcg_vm *tv = c->tv;
	struct tcg_region *r = blocks_region(c, false);
	bool pcrel = want_pcrel(c, pc, s);
	unsigned max = c->max_insns ? c->max_insns : tv->block_insns ? tv->block_insns : 64, i;
	struct tb *tb;
	int err;

	if (!b)
		b = scratch_alloc(sizeof(*b));
	if (!eb)
		eb = scratch_alloc(sizeof(*eb));
	for (;;) {
		make_ir(c, b, pc, key, s, max);
		debug_guest(c, b, s->fetch.code, s->fetch.avail);
		if (tv->sabotage)
			sabotage_block(b, tv->sabotage);
		ir_optimize(b);
		if (REGION_EXITS - r->nr_exits < EMIT_MAX_EXITS ||
		    r->arena_cap - r->arena_used < 16384) {
			r = blocks_region(c, true);
			continue;
		}
		eb->rw = r->rw + r->used;
		eb->rx_delta = tv->delta;
		eb->cap = REGION_SIZE - r->used;
		eb->thunks = &tv->thunks;
		eb->smp = true;	/* with one vCPU, too: devices read rings on threads of their own */
		eb->safe = key & KEY_SAFE;
		eb->alone = tv->unchained;
		eb->pcrel = pcrel;
		eb->first_exit = r->index * REGION_EXITS + r->nr_exits;
		err = emit_block(b, eb);
		if (!err)
			break;
		if (err == -ENOSPC) {
			r = blocks_region(c, true);
		} else if (max > 1) {
			max /= 2;
		} else {
			/*
			 * whatever a guest puts together must not end the VM:
			 * the interpreter can
			 */
			log_guest("an instruction at %016lx is too much for the emitter",
				  (unsigned long)pc);
			c->interpret_one = true;
			return NULL;
		}
	}
	tb = region_alloc(r, sizeof(*tb));
	*tb = (struct tb){ .phys = s->phys,
			   .phys2 = s->phys2,
			   .pc = pcrel ? pc & 0xfff : pc,
			   .key = key | (pcrel ? KEY_PCREL : 0),
			   .entry = eb->rw + eb->entry + tv->delta,
			   .bytes = (uint16_t)(b->end - pc),
			   .insns = (uint16_t)b->nr_insns,
			   .code = eb->rw + tv->delta,
			   .rw = eb->rw,
			   .size = (uint32_t)eb->size,
			   .invalid = eb->invalid,
			   .first_exit = r->nr_exits,
			   .nr_exits = (uint16_t)eb->nr_exits,
			   .nr_faults = (uint16_t)eb->nr_faults,
			   .loops = eb->loops,
			   .region = r };
	tb->faults = region_alloc(r, eb->nr_faults * sizeof(*tb->faults));
	memcpy(tb->faults, eb->faults, eb->nr_faults * sizeof(*tb->faults));
	for (i = 0; i < eb->nr_exits; i++) {
		struct tcg_exit *x = &r->exits[r->nr_exits + i];

		*x = (struct tcg_exit){ tb, eb->exits[i].field, eb->exits[i].stub,
					eb->exits[i].target };
	}
	debug_host(c, tb, b, eb);
	r->nr_exits += eb->nr_exits;
	r->used = align_up(r->used + eb->size, 16);
	return tb;
}

struct tb *tcg_block(struct tcg_cpu *c, uint64_t pc, bool safe)
{
	uint32_t key = c->key | (safe ? KEY_SAFE : 0);
	struct tb *tb = fast_find(c, pc, key), *in;
	struct source s;
	uint64_t t0;

	if (tb)
		return tb;
	for (;;) {
		if (find_source(c, pc, &s) < 0)
			return NULL;
		tb = fast_find(c, pc, key);	/* the page was not in the fetch TLB before */
		if (tb)
			return tb;
		t0 = c->tv->stats ? os_thread_cpu_ns() : 0;
		tb = translate(c, pc, key, &s);
		if (!tb)
			return NULL;
		in = blocks_insert(c, tb, s.gen, s.gen2);
		c->t_translate += c->tv->stats ? os_thread_cpu_ns() - t0 : 0;
		c->n_translated++;
		if (in)
			return in;
	}
}
