/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The IR interpreter as an engine: -accel tcg,interp=on runs everything by it;
 * single-stepping runs one instruction by it.
 */
#include <errno.h>

#include "accel/tcg/tcg.h"
#include "tcg/interp/interp.h"
#include "util/bits.h"
#include "util/log.h"

/* Host address of plain RAM that an inline table maps, as emitted code would find it. */
static uint8_t *mapped(struct tcg_cpu *c, uint64_t va, uint32_t memop, bool write)
{
	struct tcg_view *v = c->view;
	const struct tlb_entry *t = write ? &v->w[TLB_INDEX(va)] : &v->r[TLB_INDEX(va)];
	uint64_t size = UINT64_C(1) << (memop & MO_SIZE);

	if (t->tag != (va & ~UINT64_C(0xfff)) || (va & 0xfff) + size > 4096 ||
	    memop & (MO_BE | MO_ALIGN))
		return NULL;
	return (uint8_t *)(uintptr_t)(va + t->addend);
}

static int load(void *opaque, uint64_t va, uint32_t memop, uint64_t *val)
{
	uint8_t *p = mapped(opaque, va, memop, false);

	if (p) {
		switch (memop & MO_SIZE) {	/* what lies above the operand's bits is ignored */
		case MO_8: *val = *p; return 0;
		case MO_16: *val = ld_16(p); return 0;
		case MO_32: *val = ld_32(p); return 0;
		case MO_64: *val = ld_64(p); return 0;
		}
	}
	return access_value(opaque, va, memop & 0xfff, val);
}

static int store(void *opaque, uint64_t va, uint32_t memop, uint64_t val)
{
	uint8_t *p = mapped(opaque, va, memop, true);

	if (p) {
		switch (memop & MO_SIZE) {
		case MO_8: *p = (uint8_t)val; return 0;
		case MO_16: st_16(p, (uint16_t)val); return 0;
		case MO_32: st_32(p, (uint32_t)val); return 0;
		case MO_64: st_64(p, val); return 0;
		}
	}
	return access_value(opaque, va, (memop & 0xfff) | DESC_WRITE, &val);
}

static int amo(void *opaque, uint64_t va, enum ir_amo kind, uint64_t v, uint32_t memop,
	       uint64_t *old)
{
	*old = v;
	return access_value(
		opaque, va,
		(memop & 0xfff) | DESC_WRITE | MO_AMO | (uint32_t)kind << DESC_AMO_SHIFT, old);
}

static int cas(void *opaque, uint64_t va, uint64_t expect, uint64_t new, uint32_t memop,
	       uint64_t *old)
{
	struct tcg_cpu *c = opaque;

	CPU_FAST(c->state)->fparg[0] = expect;
	*old = new;
	return access_value(c, va, (memop & 0xfff) | DESC_WRITE | DESC_CAS, old);
}

static int vec(void *opaque, uint64_t va, uint32_t memop, bool write, uint64_t *val)
{
	return access_value(opaque, va, (memop & 0xfff) | (write ? DESC_WRITE : 0), val);
}

/* A block that died may be the one that runs. */
static bool stop(void *opaque)
{
	struct tcg_cpu *c = opaque;

	return c->isa->coherent_code && atomic_load(&c->tv->n_killed) != c->killed_before;
}

int oracle_run(struct tcg_cpu *c, uint64_t pc, unsigned max_insns)
{
	const struct interp_mem m = { load, store, amo, cas, c, vec, stop };
	struct interp_result r;
	struct ir_block *b;
	uint64_t phys;

	b = max_insns < 64 || c->debug.nr_break ? tcg_ir(c, pc, &phys, max_insns) :
						  tcg_cached_ir(c, pc);
	if (!b)
		return 0;	/* an exception was raised: nothing ran, the state moved on */
	if (log_on(LOG_EXEC) && log_filter(pc))
		log_trace("exec cpu %u pc %016lx key %x\n", c->v->index, (unsigned long)pc, b->key);
	*state_pc(c) = pc;
	c->killed_before = atomic_load(&c->tv->n_killed);
	if (interp_run(b, c->state, &m, &r) < 0)
		return -EINVAL;
	return 0;
}
