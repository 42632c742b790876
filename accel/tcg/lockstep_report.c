/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * After a difference: the block is translated and run again from the same state
 * with one instruction, two, ..., until it differs; the last one is to blame.
 */
#include "accel/tcg/lockstep.h"

#include <stdlib.h>
#include <string.h>

#include "accel/tcg/debug.h"
#include "util/bits.h"
#include "util/log.h"
#include "util/scratch.h"

static void go_back(struct lock_cpu *lc, const char *start)
{
	struct tcg_cpu *c = lc->c;
	struct cpu_head *h = CPU_HEAD(c->state);
	uint32_t poll = atomic_load(&h->poll);

	dry_undo(&lc->dry);
	memcpy(h, start, sizeof(*h) + c->v->vm->isa->state_size);
	atomic_store(&h->poll, poll);
	c->want_safe = false;
	tlb_mode_update(c);
}

/* Least number of instructions that differ; the whole block when no smaller one does. */
static struct tb *bisect(struct lock_cpu *lc, uint64_t pc, bool safe, unsigned insns)
{
	size_t size = sizeof(struct cpu_head) + lc->c->v->vm->isa->state_size;
	char *start = malloc(size);
	struct tcg_cpu *c = lc->c;
	struct tb *tb = NULL;
	unsigned n;

	if (!start)
		return NULL;
	memcpy(start, lc->orig, size);
	for (n = 1; n <= insns; n++) {
		go_back(lc, start);
		lock_kill(c, pc, safe);
		c->max_insns = n;
		c->tv->lock_runs = 0;
		tb = tcg_block(c, pc, safe);
		if (!tb || lock_run_block(lc, tb) == LOCK_DIFFERS)
			break;
	}
	c->max_insns = 0;
	free(start);
	return n <= insns ? tb : NULL;
}

static void print_regs(const struct lock_cpu *lc, FILE *f)
{
	const struct tcg_cpu *c = lc->c;
	const struct cpu_head *h = CPU_HEAD(c->state), *w = CPU_HEAD(lc->want->state);
	const struct reg *r;

	fprintf(f, "  %-12s %-18s %-18s %s\n", "", "before", "interpreter", "emitted code");
	for (r = c->v->vm->isa->regs; r->name; r++) {
		uint64_t want = isa_reg_get(r, lc->want->state), got = isa_reg_get(r, c->state);

		if (want != got)
			fprintf(f, "  %-12s %016lx   %016lx   %016lx\n",
				r->gdb_name ? r->gdb_name : r->name,
				(unsigned long)isa_reg_get(r, lock_orig(lc)), (unsigned long)want,
				(unsigned long)got);
	}
	if (h->fp_flags != w->fp_flags)
		fprintf(f, "  %-12s %02x                 %02x                 %02x\n", "fp flags",
			CPU_HEAD(lock_orig(lc))->fp_flags, w->fp_flags, h->fp_flags);
	if (h->leave != w->leave)
		fprintf(f, "  %-12s %-18u %-18u %u\n", "leaves for", CPU_HEAD(lock_orig(lc))->leave,
			w->leave, h->leave);
}

static void print_memory(const struct lock_cpu *lc, FILE *f)
{
	const struct dry_access *a;
	uint64_t seen;

	a = dry_missing(lc->want, &seen);
	if (!a)
		return;
	fprintf(f, "  memory at %016lx, %u bytes: before %lx, ", (unsigned long)a->va, a->len,
		(unsigned long)a->old);
	fprintf(f, "interpreter %lx, emitted code %lx\n", (unsigned long)a->val,
		(unsigned long)seen);
}

static unsigned guest_bytes(const struct tcg_cpu *c, const struct tb *tb, uint64_t pc, uint8_t *buf,
			    unsigned n)
{
	struct mem *m = &c->v->vm->machine->mem;
	unsigned i;

	for (i = 0; i < n; i++) {
		uint64_t off = (pc + i - tb->phys) & 0xfff,
			 left = 4096 - (tb->phys & 0xfff); /* blocks are shorter than a page */
		const uint8_t *p = mem_ptr(m,
					   off < left           ? tb->phys + off :
					   tb->phys2 == NO_PHYS ? NO_PHYS :
								  tb->phys2 + (off - left),
					   1);

		if (!p)
			break;
		buf[i] = *p;
	}
	return i;
}

static void text_of(const struct tcg_cpu *c, const struct tb *tb, uint64_t pc, char *text, size_t n)
{
	const struct isa *isa = c->v->vm->isa;
	uint8_t bytes[16];
	unsigned k = guest_bytes(c, tb, pc, bytes, sizeof(bytes));

	snprintf(text, n, "?");
	if (isa->disasm && k)
		isa->disasm(pc, bytes, k, text, n);
}

/* pc of the last instruction of the block; *first: its first operation. */
static uint64_t last_insn(const struct ir_block *b, unsigned *first)
{
	unsigned i = b->nr_ops;

	while (i-- > 0)
		if (b->ops[i].op == IR_INSN)
			break;
	*first = i;
	return (uint64_t)b->ops[i].imm;
}

void lock_report(struct lock_cpu *lc, uint64_t pc, bool safe, unsigned insns, char *text, size_t n)
{
	static _Thread_local struct ir_block *b;
	struct tcg_cpu *c = lc->c;
	struct tb *tb, *whole;
	char insn[128];
	FILE *f = log_file();
	uint64_t at;
	unsigned first, i;

	if (!b)
		b = scratch_alloc(sizeof(*b));
	fprintf(f, "lockstep: cpu %u: the block at %016lx (%u instructions%s) differs\n",
		c->v->index, (unsigned long)pc, insns, safe ? ", safe variant" : "");
	print_regs(lc, f);
	print_memory(lc, f);
	if (lc->dry.end == DRY_REFUSED)
		fprintf(f, "  the interpreter refuses its IR\n");
	tb = bisect(lc, pc, safe, insns);
	if (!tb) {
		fprintf(f, "lockstep: it does not differ when it is run again, whole or in part\n");
		snprintf(text, n, "lockstep: the block at %016lx differed once", (unsigned long)pc);
		whole = fast_find(c, pc, c->key | (safe ? KEY_SAFE : 0));
		lock_load_ir(lc, b);
		ir_print(b, f);
		if (whole)
			debug_host_code(whole->rw, whole->size, (uint64_t)(uintptr_t)whole->code);
		return;
	}
	lock_load_ir(lc, b);
	at = last_insn(b, &first) + pc - b->pc;
	text_of(c, tb, at, insn, sizeof(insn));
	fprintf(f, "lockstep: first difference with instruction %u: %016lx: %s\n", b->nr_insns,
		(unsigned long)at, insn);
	print_regs(lc, f);
	print_memory(lc, f);
	fprintf(f, " ir:\n");
	for (i = first; i < b->nr_ops; i++)
		ir_print_op(b, &b->ops[i], f);
	debug_host_last(tb, b->nr_insns);
	snprintf(text, n, "lockstep: emitted code differs from the interpreter at %016lx: %s",
		 (unsigned long)at, insn);
}
